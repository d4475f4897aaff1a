"""Images that were built here, and images as files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from workshop.cli.confirm import confirm
from workshop.cli.diagnostics import ExitCode
from workshop.cli.options import runtime_option, settings_options, verb, yes_option
from workshop.cli.session import Session
from workshop.errors import UsageError
from workshop.model.amounts import format_size

if TYPE_CHECKING:
    from workshop.model.image import Image

WORDS = {"prune": (0, ""), "export": (2, "IMAGE FILE"), "import": (1, "FILE")}
"""How many words an action takes, and what they are called."""


@verb("images")
@click.argument("action", required=False, type=click.Choice(list(WORDS)))
@click.argument("words", required=False, nargs=-1, metavar="[IMAGE] [FILE]")
@runtime_option
@settings_options("images_kept")
@yes_option
def images_command(session: Session, action: str | None, words: tuple[str, ...], *, yes: bool) -> int:
    """Images that were built here.

    \b
    images prune              remove all but the newest of each workshop that nothing uses
    images export IMAGE FILE  write one into a file, to carry it to a machine without a network
    images import FILE        load such a file, when it is whole; `up` then needs no network

    IMAGE is a name, a digest or its beginning, or a workshop's name for its newest image. FILE is compressed if it
    ends in .gz; a folder gets a file named after the image.
    """
    count, called = WORDS.get(action or "", (0, ""))
    if len(words) != count:
        what = f"takes {called}" if count else "takes nothing more"
        raise UsageError(f"`images {action}` {what}.", hint="`workshop images --help` shows how.")
    match action:
        case "prune":
            return _prune(session, yes=yes)
        case "export":
            return _export(session, words[0], Path(words[1]).expanduser(), yes=yes)
        case "import":
            return _import(session, Path(words[0]).expanduser())
    with session.talk() as talk:
        found = talk.run(talk.service.images(runtime=session.flags.get("runtime", "")))
    from workshop.present import documents, tables

    session.output.document(documents.images_document(found))
    session.output.text(tables.image_table(found) if found else "No images. `workshop build FILE` makes one.")
    return ExitCode.DONE


def _export(session: Session, wanted: str, to: Path, *, yes: bool) -> int:
    with session.talk() as talk:
        image = talk.run(talk.service.find_image(wanted))
        file = talk.service.export_file(image, to)
        if file.exists() and not confirm(session, f"Replace {file}?", yes=yes):
            return session.nothing_done()
        with session.progress() as report:
            talk.run(talk.service.export_image(image, file, report=report))
    size = file.stat().st_size
    session.output.document({**_carried(image), "file": str(file.absolute()), "size_bytes": size})
    session.output.text(f"{image.reference} is in {file}, {format_size(size)}.")
    session.output.text("On the other machine: `workshop images import` with this file, then `workshop up`.")
    return ExitCode.DONE


def _import(session: Session, file: Path) -> int:
    with session.talk() as talk, session.progress() as report:
        images = talk.run(talk.service.import_images(file, report=report))
    session.output.document({"images": [{**_carried(image), "cached": image.cached} for image in images]})
    for image in images:
        how = "was here already" if image.cached else "is here now"
        session.output.text(f"{image.reference} {how}, {format_size(image.size_bytes)}")
        session.output.text(f"digest {image.digest}")
    return ExitCode.DONE


def _carried(image: Image) -> dict[str, object]:
    return {"image": image.reference, "digest": image.digest, "commit": image.commit, "workshop": image.workshop}


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
