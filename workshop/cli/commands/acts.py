"""Verbs on single seats and on the class as a whole: restart, reset, move, extend, say."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import click

from workshop.cli.confirm import confirm
from workshop.cli.diagnostics import ExitCode
from workshop.cli.options import as_span, name_argument, runtime_option, seats_argument, verb, yes_option
from workshop.cli.session import Session
from workshop.model.seat import seat_name

if TYPE_CHECKING:
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


@verb("extend", context_settings={"ignore_unknown_options": True})
@runtime_option
@name_argument
@click.argument("span", metavar="SPAN", callback=as_span)
def extend_command(session: Session, name: str, span: timedelta) -> int:
    """Move the end of the class by SPAN: 30m, 1h30m; -15m ends it earlier."""
    with session.talk() as talk:
        ends = talk.run(talk.service.extend(name, span))
    from workshop.present.documents import rfc3339

    session.output.document({"classroom": name, "ends": rfc3339(ends)})
    session.output.text(f"{name} ends at {ends.astimezone():%H:%M on %d %B %Y}.")
    return ExitCode.DONE


@verb("say")
@runtime_option
@name_argument
@click.argument("text")
def say_command(session: Session, name: str, text: str) -> int:
    """Show TEXT on every seat's page."""
    with session.talk() as talk:
        talk.run(talk.service.say(name, text))
    session.output.document({"classroom": name, "said": text})
    session.output.text(f"Said to {name}.")
    return ExitCode.DONE


def tell_results(session: Session, report: ActReport) -> int:
    """A line for each seat; partly done when some failed, failed when all did."""
    session.output.document(
        {
            "verb": report.verb,
            "results": [
                {"seat": seat_name(result.number), "ok": result.ok, "detail": result.detail}
                for result in report.results
            ],
        }
    )
    for result in report.results:
        mark = "ok    " if result.ok else "FAILED"
        session.output.text(f"{seat_name(result.number)}  {mark}  {result.detail}")
    if not report.failed:
        return ExitCode.DONE
    return ExitCode.PARTLY if len(report.failed) < len(report.results) else ExitCode.FAILED
