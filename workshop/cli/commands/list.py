"""Classrooms on every runtime that answers."""

from __future__ import annotations

from workshop.cli.diagnostics import ExitCode
from workshop.cli.options import runtime_option, verb
from workshop.cli.session import Session


@verb("list")
@runtime_option
def list_command(session: Session) -> int:
    """Classrooms on every runtime that answers, found by their labels."""
    with session.talk() as talk:
        rooms = talk.run(talk.service.classrooms())
        silent = talk.service.unreachable()
    from workshop.present import documents, tables

    session.output.document(documents.list_document(rooms))
    session.output.text(tables.room_table(rooms) if rooms else "No classrooms. `workshop up FILE` opens one.")
    for sentence in silent:
        session.diagnostics.note(f"not asked: {sentence}")
    return ExitCode.DONE
