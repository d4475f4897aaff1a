"""What happened in a class."""

from __future__ import annotations

import click

from workshop.cli.diagnostics import ExitCode
from workshop.cli.options import name_argument, runtime_option, verb
from workshop.cli.session import Session


@verb("events")
@runtime_option
@name_argument
@click.option("--tail", metavar="N", type=click.IntRange(1), help="Only the last N.")
def events_command(session: Session, name: str, *, tail: int | None) -> int:
    """What happened in the class so far, oldest first: seats and counts, no names and no codes.

    What happens to several seats within a minute is one event.
    """
    with session.talk() as talk:
        happened = talk.run(talk.service.events(name))
    from workshop.present import documents, tables

    shown = happened[-tail:] if tail else happened
    session.output.document(documents.events_document(name, shown))
    session.output.text(tables.event_table(shown))
    return ExitCode.DONE
