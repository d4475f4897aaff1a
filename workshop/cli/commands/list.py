"""Classrooms on every runtime that answers."""

from __future__ import annotations

from workshop.cli.diagnostics import ExitCode
from workshop.cli.options import runtime_option, verb
from workshop.cli.session import Session


@verb("list")
@runtime_option
def list_command(session: Session) -> int:
    """Classrooms on every runtime that answers, found by their labels.

    Where the runtime that was asked for does not answer, what the others have is listed, and the exit code is 3.
    """
    with session.talk() as talk:
        rooms = talk.run(talk.service.classrooms())
        silent, in_vain = talk.service.unreachable(), talk.service.asked_in_vain()
    from workshop.present import documents, tables

    if in_vain is not None and not rooms:
        raise in_vain
    session.output.document(documents.list_document(rooms, silent))
    session.output.text(tables.room_table(rooms) if rooms else "No classrooms. `workshop up FILE` opens one.")
    for sentence in silent:
        session.diagnostics.note(f"not asked: {sentence}")
    return ExitCode.DONE if in_vain is None else ExitCode.UNREACHABLE
