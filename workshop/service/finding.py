"""From what the user names to a workshop: files, folders, Git URLs, mybinder.org links.

Definitions are imported when one is read: the terminal UI's first screen waits for this module.
"""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path

from workshop.errors import UsageError
from workshop.images.links import Link, parse_link
from workshop.model.amounts import capitalised
from workshop.model.classroom import Classroom, Ui
from workshop.model.names import DEFINITION_FILES, slug
from workshop.service.reports import Workshop, WorkshopEntry
from workshop.service.wiring import Wiring


async def load(wiring: Wiring, file: str) -> Workshop:
    """The workshop that `file` names.

    Raises:
        DefinitionError: with every problem of the definition.
        UsageError: there is nothing of that name.
        SourceError: a link that names nothing that can be fetched.
    """
    workshop = _named(file)
    workshop = replace(workshop, definition=wiring.settled(workshop.definition))
    if len(workshop.definition.targets) == 1:
        from workshop.service.spread import targeting

        return targeting.in_one_place(workshop)
    return workshop


def as_recorded(classroom: Classroom) -> Workshop:
    """The workshop that a class was opened with, from what is recorded with the class."""
    from workshop.model.definition import WorkshopDefinition

    definition, shown = WorkshopDefinition.model_validate_json(classroom.definition), classroom.repository
    source = definition.source
    return Workshop(definition, shown, shown, source.ref, source.folder, None, slug(definition.title))


def lasting(workshop: Workshop, length: timedelta | None) -> Workshop:
    """The workshop with another length of its classes, whatever its definition says of their end; None for its own."""
    if length is None:
        return workshop
    times = workshop.definition.times.model_copy(update={"length": length, "end": None})
    return replace(workshop, definition=workshop.definition.model_copy(update={"times": times}))


def _named(file: str) -> Workshop:
    path = Path(file).expanduser()
    if path.is_dir():
        for name in DEFINITION_FILES:
            if (path / name).is_file():
                return _from_file(path / name)
        return _from_folder(path)
    if path.is_file():
        return _from_file(path)
    link = parse_link(file)
    if link.is_local:
        raise UsageError(
            f"There is no file, folder or repository {file!r}.",
            hint=f"On GitHub it would be https://github.com/{file}."
            if re.fullmatch(r"[\w-]+/[\w.-]+", file)
            else "Name a workshop.yaml, a folder with notebooks, a Git URL or a mybinder.org link.",
        )
    return _from_link(link)


def _from_file(path: Path) -> Workshop:
    """Apply what a link in `source.repository` says, and make a folder's path absolute."""
    from workshop.config.definition import load_definition

    path = path.resolve()
    definition = load_definition(path).definition
    source = definition.source
    local = path.parent / Path(source.repository).expanduser()
    link = parse_link(source.repository)
    if local.exists() or link.is_local:
        repository = str(local.resolve())
        return Workshop(definition, repository, repository, source.ref, source.folder, path, slug(definition.title))
    changes: dict[str, object] = {"source": source.model_copy(update={"repository": link.shown})}
    if link.open_path and not definition.open:
        changes["open"] = link.open_path
    if link.ui and "ui" not in definition.model_fields_set:
        changes["ui"] = Ui(link.ui)
    return Workshop(
        definition.model_copy(update=changes),
        link.repository,
        link.shown,
        source.ref or link.ref,
        source.folder or link.folder,
        path,
        slug(definition.title),
    )


def _from_folder(path: Path) -> Workshop:
    from workshop.model.definition import SourcePart, WorkshopDefinition

    folder = str(path.resolve())
    title = title_of(path.resolve().name)
    definition = WorkshopDefinition(title=title, source=SourcePart(repository=folder))
    return Workshop(definition, folder, folder, "", "", None, slug(title))


def _from_link(link: Link) -> Workshop:
    from workshop.model.definition import SourcePart, WorkshopDefinition

    title = title_of(link.name)
    definition = WorkshopDefinition(
        title=title,
        source=SourcePart(repository=link.shown, ref=link.ref, folder=link.folder),
        open=link.open_path,
        ui=Ui(link.ui) if link.ui else Ui.LAB,
    )
    return Workshop(definition, link.repository, link.shown, link.ref, link.folder, None, slug(title))


def title_of(name: str) -> str:
    """A folder's or repository's name as a title: `python-basics` → `Python basics`."""
    words = re.sub(r"[-_.]+", " ", name).strip()
    return capitalised(words)[:80] or "Workshop"


def known_workshops(wiring: Wiring) -> tuple[WorkshopEntry, ...]:
    """Workshops used before, newest first, then the bundled samples."""
    entries = [
        WorkshopEntry(title=title, file=file, last_used=used)
        for file, title, used in wiring.recent.entries()
        if "://" in file or Path(file).exists()
    ]
    seen = {entry.file.removesuffix("/workshop.yaml") for entry in entries}
    for folder in sorted(wiring.samples.iterdir()) if wiring.samples.is_dir() else ():
        if (folder / "workshop.yaml").is_file() and str(folder) not in seen:
            entries.append(WorkshopEntry(title=_title_of_sample(folder), file=str(folder), sample=True))
    return tuple(entries)


@cache
def _title_of_sample(folder: Path) -> str:
    """The title in a sample's file. Only that: checking the whole of it takes half of the start-up time."""
    import yaml

    written = yaml.safe_load((folder / "workshop.yaml").read_text("utf-8"))
    return str(written.get("title") or title_of(folder.name)) if isinstance(written, dict) else title_of(folder.name)


def used_now(wiring: Wiring, workshop: Workshop, at: datetime) -> None:
    """Remember a workshop for the home screen."""
    file = str(workshop.path) if workshop.path else workshop.shown
    wiring.recent.add(file, workshop.definition.title, at)
