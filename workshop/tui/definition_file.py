"""Where a definition is written, and how."""

from __future__ import annotations

from pathlib import Path

from workshop.errors import WorkshopError
from workshop.model.definition import WorkshopDefinition
from workshop.service import Workshop

FILE_NAME = "workshop.yaml"


def default_file(workshop: Workshop) -> Path:
    """Where a workshop's definition is kept: where it came from, in its folder, or below the folder one is in."""
    if workshop.path is not None:
        return workshop.path
    if Path(workshop.repository).is_dir():
        return Path(workshop.repository) / FILE_NAME
    return Path.cwd() / workshop.slug / FILE_NAME


def write_definition(file: Path, definition: WorkshopDefinition, repository: str) -> None:
    """Write the definition; a local repository is named as seen from the file, so that both can move together.

    Raises:
        DefinitionError: the definition would not be read again.
        WorkshopError: the file cannot be written.
    """
    from workshop.config.definition import load_definition
    from workshop.config.rendering import render_definition
    from workshop.config.user_file import write_user_file

    if Path(repository).is_dir():
        source = definition.source.model_copy(update={"repository": _as_seen_from(file, Path(repository))})
        definition = definition.model_copy(update={"source": source})
    text = render_definition(definition)
    load_definition(text)
    try:
        write_user_file(file, text)
    except OSError as error:
        raise WorkshopError(f"{file} cannot be written: {error.strerror}.", hint="Choose another place.") from error


def _as_seen_from(file: Path, folder: Path) -> str:
    try:
        return str(folder.resolve().relative_to(file.resolve().parent))
    except ValueError:
        return str(folder.resolve())
