"""Copies that the gateway takes of participants' files: list them, and put one back."""

from __future__ import annotations

import click

from workshop.cli.commands.acts import tell_results
from workshop.cli.confirm import confirm
from workshop.cli.diagnostics import ExitCode
from workshop.cli.options import name_argument, runtime_option, seats_argument, verb, yes_option
from workshop.cli.session import Session
from workshop.model.amounts import format_size
from workshop.model.seat import seat_name


@verb("snapshots")
@runtime_option
@name_argument
def snapshots_command(session: Session, name: str) -> int:
    """Copies of participants' own files: taken every ten minutes, the last three of each seat."""
    with session.talk() as talk:
        found = talk.run(talk.service.snapshots(name))
    session.output.document(
        {
            "classroom": name,
            "snapshots": [
                {
                    "seat": seat_name(snapshot.number),
                    "id": snapshot.id,
                    "at": snapshot.at.isoformat(),
                    "files": snapshot.files,
                    "bytes": snapshot.size_bytes,
                }
                for snapshot in found
            ],
        }
    )
    for snapshot in found:
        files = "1 file" if snapshot.files == 1 else f"{snapshot.files} files"
        session.output.text(
            f"{seat_name(snapshot.number)}  {snapshot.at.astimezone():%H:%M}  {snapshot.id}  "
            f"{files}, {format_size(snapshot.size_bytes)}"
        )
    if not found:
        session.output.text("There are none: they are taken every ten minutes, of seats whose files have changed.")
    return ExitCode.DONE


@verb("restore")
@runtime_option
@name_argument
@seats_argument
@click.option("--snapshot", default="", metavar="ID", help="One of `workshop snapshots`; the latest by default.")
@yes_option
def restore_command(session: Session, name: str, seats: tuple[int, ...], *, snapshot: str, yes: bool) -> int:
    """Put the files of a snapshot back into seats; what is there now is archived first."""
    which = ", ".join(seat_name(number) for number in seats)
    losing = (f"seat {seat_name(number)}: files that were changed since (an archive is kept)" for number in seats)
    if not confirm(session, f"Restore {which} of {name}?", yes=yes, losing=losing):
        return session.nothing_done()
    with session.talk() as talk, session.progress() as report:
        return tell_results(session, talk.run(talk.service.restore(name, seats, snapshot=snapshot, report=report)))
