"""Images that were built here."""

from __future__ import annotations

import click

from workshop.cli.confirm import confirm
from workshop.cli.diagnostics import ExitCode
from workshop.cli.options import runtime_option, settings_options, verb, yes_option
from workshop.cli.session import Session


@verb("images")
@click.argument("action", required=False, type=click.Choice(["prune"]))
@runtime_option
@settings_options("images_kept")
@yes_option
def images_command(session: Session, action: str | None, *, yes: bool) -> int:
    """Images that were built here. `images prune` removes all but the newest of each workshop that nothing uses."""
    if action == "prune":
        return _prune(session, yes=yes)
    with session.talk() as talk:
        found = talk.run(talk.service.images(runtime=session.flags.get("runtime", "")))
    from workshop.present import documents, tables

    session.output.document(documents.images_document(found))
    session.output.text(tables.image_table(found) if found else "No images. `workshop build FILE` makes one.")
    return ExitCode.DONE


def _prune(session: Session, *, yes: bool) -> int:
    with session.talk() as talk:
        keep = talk.service.wiring.config.images_kept
        if not confirm(session, f"Remove our images beyond the newest {keep} of each workshop?", yes=yes):
            return session.nothing_done()
        with session.progress() as report:
            removal = talk.run(talk.service.prune_images(keep=keep, report=report))
    from workshop.present.documents import removal_document
    from workshop.present.removal import removal_sentence

    session.output.document(removal_document(removal))
    session.output.text(removal_sentence(removal))
    return session.told_removal(removal)
