"""Remove what classes left behind, from labels alone."""

from __future__ import annotations

import click

from workshop.cli.confirm import can_ask, confirm
from workshop.cli.options import runtime_option, verb, verbose_option, yes_option
from workshop.cli.session import Session
from workshop.model.amounts import counted


@verb("cleanup")
@runtime_option
@click.option("--all", "everything", is_flag=True, help="Every classroom, also one that is on or another's.")
@click.option("--discard", is_flag=True, help="Lose the work in their seats instead of keeping it.")
@yes_option
@verbose_option
def cleanup_command(session: Session, *, everything: bool, discard: bool, yes: bool, verbose: bool) -> int:
    """Remove classes past their end and what interrupted ones left, from labels alone, on every runtime.

    Work in their seats is collected first, as `workshop collect NAME` does it; a class whose work cannot be saved
    stays. What somebody else opened on the same engine goes only when it is past its end, or with `--all`.
    """
    agreed: frozenset[str] | None = None
    with session.talk() as talk:
        if not yes:
            asked = can_ask(session)
            rooms = talk.run(talk.service.cleanup_plan(everything=everything)) if asked else ()
            losing = [
                f"{room.name} ({room.workshop}, {room.runtime}, {counted(room.seats, 'seat')}) {room.detail}"
                for room in rooms
            ]
            question = _question(len(rooms)) if asked else "Remove what classes left behind?"
            if not confirm(session, question, yes=False, losing=losing):
                return session.nothing_done()
            agreed = frozenset(room.uid for room in rooms)
        with session.progress(verbose=verbose) as report:
            removal = talk.run(
                talk.service.cleanup(everything=everything, discard=discard, agreed=agreed, report=report)
            )
    from workshop.present.documents import removal_document
    from workshop.present.removal import removal_sentence

    session.output.document(removal_document(removal))
    session.output.text(removal_sentence(removal))
    return session.told_removal(removal)


def _question(rooms: int) -> str:
    if not rooms:
        return "Remove objects that belong to no classroom, if there are any?"
    return f"Remove {counted(rooms, 'classroom')}, and objects that belong to none?"
