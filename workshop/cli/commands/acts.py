"""What is done to seats, with a result for each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from workshop.cli.confirm import can_ask, confirm
from workshop.cli.diagnostics import ExitCode
from workshop.cli.options import as_size, name_argument, runtime_option, seat_argument, seats_argument, verb, yes_option
from workshop.cli.session import Session
from workshop.model.seat import LABEL_LONGEST, seat_name

if TYPE_CHECKING:
    from workshop.model.snapshot import Snapshot
    from workshop.service.reports import ActReport


@verb("restart")
@runtime_option
@name_argument
@seats_argument
def restart_command(session: Session, name: str, seats: tuple[int, ...]) -> int:
    """Stop and start seats; files, link and code stay. Kernels end: what is in memory is lost."""
    with session.talk() as talk, session.progress() as report:
        return tell_results(session, talk.run(talk.service.restart(name, seats, report=report)))


@verb("reset")
@runtime_option
@name_argument
@seats_argument
@yes_option
def reset_command(session: Session, name: str, seats: tuple[int, ...], *, yes: bool) -> int:
    """Fresh seats under the same links; the files are archived first."""
    which = ", ".join(seat_name(number) for number in seats)
    losing = (f"seat {seat_name(number)}: its files as they are now (an archive is kept)" for number in seats)
    if not confirm(session, f"Reset {which} of {name}?", yes=yes, losing=losing):
        return session.nothing_done()
    with session.talk() as talk, session.progress() as report:
        return tell_results(session, talk.run(talk.service.reset(name, seats, report=report)))


@verb("move")
@runtime_option
@name_argument
@seats_argument
def move_command(session: Session, name: str, seats: tuple[int, ...]) -> int:
    """New seats under the same numbers, links and codes, with the participants' own files."""
    with session.talk() as talk, session.progress() as report:
        return tell_results(session, talk.run(talk.service.move(name, seats, report=report)))


def _as_label(ctx: click.Context, param: click.Parameter, text: str) -> str:
    text = text.strip()
    if len(text) > LABEL_LONGEST:
        raise click.BadParameter(f"{len(text)} signs are too many: at most {LABEL_LONGEST}.", ctx, param)
    return text


@verb("pause")
@runtime_option
@name_argument
@seats_argument
def pause_command(session: Session, name: str, seats: tuple[int, ...]) -> int:
    """Freeze seats: cells stop where they are and go on with `resume`; nothing is lost."""
    return _act(session, name, "pause", seats)


@verb("resume")
@runtime_option
@name_argument
@seats_argument
def resume_command(session: Session, name: str, seats: tuple[int, ...]) -> int:
    """Let seats that were paused go on."""
    return _act(session, name, "resume", seats)


@verb("free")
@runtime_option
@name_argument
@seats_argument
@yes_option
def free_command(session: Session, name: str, seats: tuple[int, ...], *, yes: bool) -> int:
    """Take seats from the browsers that have them, for the next ones to come. Files stay: `reset` clears them."""
    with session.talk() as talk:
        if not yes:
            losing = _taken(talk.run(talk.service.status(name)), seats) if can_ask(session) else []
            which = ", ".join(seat_name(number) for number in seats)
            if not confirm(session, f"Free {which} of {name}?", yes=False, losing=losing):
                return session.nothing_done()
        return tell_results(session, talk.run(talk.service.act(name, "free", seats)))


@verb("label")
@runtime_option
@name_argument
@seat_argument
@click.argument("text", metavar="TEXT", callback=_as_label)
def label_command(session: Session, name: str, seat: int, text: str) -> int:
    """Give a seat a name or a note, shown in `status` and in the terminal UI; an empty TEXT takes it away.

    It never leaves this machine: it is in no report and in nothing that is collected.
    """
    return _act(session, name, "label", (seat,), text=text)


@verb("memory")
@runtime_option
@name_argument
@seats_argument
@click.argument("size", metavar="SIZE", callback=as_size)
def memory_command(session: Session, name: str, seats: tuple[int, ...], size: int) -> int:
    """Set the memory limit of seats to SIZE (1536M, 2GB) while they run. Nothing is restarted."""
    return _act(session, name, "memory", seats, bytes=size)


@verb("helped")
@runtime_option
@name_argument
@seats_argument
def helped_command(session: Session, name: str, seats: tuple[int, ...]) -> int:
    """Take seats out of the help queue. `workshop status` shows the queue, the longest wait first."""
    return _act(session, name, "help-done", seats)


def _act(session: Session, name: str, act: str, seats: tuple[int, ...], **arguments: Any) -> int:
    """An act of an instant: its results alone are told."""
    with session.talk() as talk:
        return tell_results(session, talk.run(talk.service.act(name, act, seats, **arguments)))


def _taken(picture: Snapshot, numbers: tuple[int, ...]) -> list[str]:
    """Who loses what when these seats are freed."""
    seats = [seat for number in numbers if (seat := picture.seat(number)) is not None]
    lines = [f"seat {seat.name}: {'taken by a browser, which loses it' if seat.claimed else 'free'}" for seat in seats]
    return [*lines, "The next one to come sees the files that are in it; `workshop reset` clears them."]


def tell_results(session: Session, report: ActReport) -> int:
    """A line for each seat; partly done when some failed, failed when all did."""
    session.output.document(
        {
            "verb": report.verb,
            "results": [
                {"seat": seat_name(result.number), "ok": result.ok, "detail": result.detail}
                | ({"hint": result.hint} if result.hint else {})
                for result in report.results
            ],
        }
    )
    for result in report.results:
        mark = "ok    " if result.ok else "FAILED"
        session.output.text(f"{seat_name(result.number)}  {mark}  {result.detail}")
    for hint in dict.fromkeys(result.hint for result in report.failed if result.hint):
        session.diagnostics.hint(hint)
    if not report.failed:
        return ExitCode.DONE
    return ExitCode.PARTLY if len(report.failed) < len(report.results) else ExitCode.FAILED
