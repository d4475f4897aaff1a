"""Write a workshop.yaml, also from a mybinder.org link."""

from __future__ import annotations

from pathlib import Path

import click

from workshop.cli.diagnostics import ExitCode
from workshop.cli.options import WholeNumber, verb
from workshop.cli.session import Session
from workshop.errors import UsageError, WorkshopError

FILE_NAME = "workshop.yaml"


@verb("init")
@click.argument("source", metavar="[LINK|PATH]", default=".")
@click.option("--to", type=click.Path(path_type=Path), help="The file to write, instead of workshop.yaml.")
@click.option("--title", help="The workshop's title.")
@click.option("--seats", type=WholeNumber(1, 2000), help="How many seats.")
@click.option("--force", is_flag=True, help="Replace a file that is there.")
def init_command(
    session: Session, source: str, *, to: Path | None, title: str | None, seats: int | None, force: bool
) -> int:
    """Write a workshop.yaml: for a folder into that folder, for a Git or mybinder.org link into this one."""
    folder = Path(source).expanduser()
    local = folder.is_dir()
    file = to or (folder / FILE_NAME if local else Path(FILE_NAME))
    if file.is_dir():
        file /= FILE_NAME
    if file.exists() and not force:
        hint = "Edit it, write elsewhere with --to, or replace it with --force."
        raise UsageError(f"{file} is there already.", hint=hint)
    with session.talk() as talk:
        found = talk.run(talk.service.load(source))
    definition = found.definition
    changes: dict[str, object] = {}
    if local:
        changes["source"] = definition.source.model_copy(update={"repository": _as_seen_from(file, folder)})
    if title:
        changes["title"] = title
    if seats:
        changes["seats"] = seats
    from workshop.config.definition import load_definition
    from workshop.config.rendering import render_definition

    text = render_definition(definition.model_copy(update=changes))
    written = load_definition(text).definition  # a title that is too long, say, is told before anything is written
    _write(file, text)
    session.output.document({"file": str(file.absolute()), "title": written.title})
    if found.repository != found.shown:
        session.output.text(
            "The credentials in the address are not written down: from now on git's own are used (a credential helper)."
        )
    session.output.text(f"Wrote {file}. Next: `workshop check {file}`.")
    return ExitCode.DONE


def _as_seen_from(file: Path, folder: Path) -> str:
    """The folder as the definition names it: relative where it is below the file, so that both can move together."""
    try:
        return str(folder.resolve().relative_to(file.resolve().parent))
    except ValueError:
        return str(folder.resolve())


def _write(file: Path, text: str) -> None:
    from workshop.config.user_file import write_user_file

    try:
        write_user_file(file, text)
    except OSError as error:
        reason = f"{file} cannot be written: {error.strerror}."
        raise WorkshopError(reason, hint="Name another place with --to.") from error
