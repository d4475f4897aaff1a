"""The room check: where devices test the network of the room, and what they found."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from workshop.cli.diagnostics import ExitCode
from workshop.cli.options import name_argument, runtime_option, verb
from workshop.cli.session import Session
from workshop.cli.way_in import way_in

if TYPE_CHECKING:
    from workshop.cli.session import Talk
    from workshop.model.room_check import RoomCheck
    from workshop.model.snapshot import Snapshot


@verb("roomcheck")
@runtime_option
@name_argument
@click.option("--follow", "-f", is_flag=True, help="Go on, a line for each device, until Ctrl-C.")
def roomcheck_command(session: Session, name: str, *, follow: bool) -> int:
    """The link and QR code of the page with which a phone or laptop tests its way here, and what devices found.

    Each device loads the page, keeps a WebSocket open for ten seconds, fetches 1 MB and compares clocks; it needs no
    seat.
    """
    with session.talk() as talk:
        snapshot = talk.run(talk.service.status(name))
        link = snapshot.classroom.check_url()
        session.output.document(_document(snapshot, link))
        session.output.text("\n".join(way_in(session, "Room check", link, beside=2)))
        _tell(session, snapshot.checks)
        if not snapshot.gateway:
            session.diagnostics.warning("The gateway does not run: the page does not answer. `workshop up` starts it.")
        if follow and not session.output.as_json:
            talk.run(_follow(session, talk, name, len(snapshot.checks)))
        elif not snapshot.checks:
            session.output.text("No device has tested yet.")
    return ExitCode.DONE


async def _follow(session: Session, talk: Talk, name: str, told: int) -> None:
    """A line for each new result, as long as the classroom is there."""
    last: RoomCheck | None = None
    async for snapshot in talk.service.watch(name):
        checks = snapshot.checks
        # the oldest go when there are many: what was told is found again by the last one
        begin = checks.index(last) + 1 if last in checks else min(told, len(checks))
        _tell(session, checks[begin:])
        last, told = (checks[-1], len(checks)) if checks else (None, 0)


def _tell(session: Session, checks: tuple[RoomCheck, ...]) -> None:
    for check in checks:
        session.output.text(f"{check.at.astimezone():%H:%M:%S}  {'ok  ' if check.ok else 'BAD '}  {check.sentence()}")


def _document(snapshot: Snapshot, link: str) -> dict[str, object]:
    from workshop.present.documents import rfc3339

    return {
        "classroom": snapshot.classroom.name,
        "link": link,
        "devices": [
            {
                "at": rfc3339(check.at),
                "device": "phone" if check.phone else "laptop",
                "trouble": check.trouble.value,
                "sentence": check.sentence(),
                "load_ms": check.load_ms,
                "echo_ms": check.echo_ms,
                "echoes": check.echoes,
                "lost": check.lost,
                "download_mbit": check.download_mbit,
                "clock_seconds": check.clock_seconds,
            }
            for check in snapshot.checks
        ],
    }
