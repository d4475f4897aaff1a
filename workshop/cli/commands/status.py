"""Seats of a class: state, link, activity, resources."""

from __future__ import annotations

from workshop.cli.diagnostics import ExitCode
from workshop.cli.options import name_argument, runtime_option, verb
from workshop.cli.session import Session


@verb("status")
@runtime_option
@name_argument
def status_command(session: Session, name: str) -> int:
    """Seats of a class: state, link, activity, resources. Looking changes nothing that is looked at."""
    with session.talk() as talk:
        snapshot = talk.run(talk.service.status(name))
        ascii_only = talk.ascii_only
    from workshop.present import documents, tables

    session.output.document(documents.status_document(snapshot))
    session.output.text(tables.seat_table(snapshot, ascii_only=ascii_only))
    session.output.text(tables.summary_line(snapshot))
    if asking := tables.help_line(snapshot):
        session.output.text(asking)
    for warning in (*snapshot.warnings, *((snapshot.stale,) if snapshot.stale else ())):
        session.diagnostics.warning(warning)
    return ExitCode.DONE
