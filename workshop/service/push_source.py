"""From what the instructor names to files with the paths they get in seats."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from workshop.core.changes import FileList, is_junk
from workshop.errors import UsageError
from workshop.model.image import Source
from workshop.model.names import DEFINITION_FILES
from workshop.ports.build import Report
from workshop.service.baseline import Baseline
from workshop.service.pushed import Push, fact_of
from workshop.service.reports import PushSource
from workshop.service.rooms import FoundRoom
from workshop.service.wiring import Wiring

if TYPE_CHECKING:
    from workshop.model.definition import WorkshopDefinition

_ENVIRONMENT = ("binder/", ".binder/", "requirements.txt", "environment.yml", "apt.txt", "pyproject.toml", "postBuild")


@dataclass(frozen=True, slots=True)
class Named:
    """Local files by the paths they get in seats."""

    files: dict[str, Path] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    commit: str = ""


async def named_files(
    wiring: Wiring, room: FoundRoom, source: PushSource, base: Baseline, earlier: Iterable[Push], *, report: Report
) -> Named:
    """
    Raises:
        UsageError: there is nothing to push, or it is not clear where a file belongs.
        SourceError: the repository cannot be had.
    """
    if source.newer or source.ref:
        if source.files:
            raise UsageError("Push files, or a newer commit: not both.", hint="Call it twice.")
        return await _newer_commit(wiring, room, source, base, earlier, report=report)
    if not source.files:
        raise UsageError("There is nothing to push.", hint="Name files or folders, or ask for the newer commit.")
    files: dict[str, Path] = {}
    notes: list[str] = []
    for name in source.files:
        for path, file in _local(Path(name).expanduser(), room, source.into, base.files, notes).items():
            if path in files and files[path] != file:
                raise UsageError(f"{files[path]} and {file} would both become {path}.", hint="Push them one by one.")
            files[path] = file
    if not files:
        raise UsageError(f"There are no files in {', '.join(source.files)}.")
    return Named(files, tuple(notes))


def _local(file: Path, room: FoundRoom, into: str, known: FileList, notes: list[str]) -> dict[str, Path]:
    """
    Raises:
        UsageError: there is no such file, or several places in the seats could be meant.
    """
    if not file.exists():
        raise UsageError(f"There is no file or folder {file}.")
    whole = file.resolve()
    if into:
        target = posixpath.join(clean(into), whole.name)
    else:
        target = _in_repository(whole, room) or _by_name(whole, known, notes)
    if not whole.is_dir():
        return {target: whole}
    above = "" if target in (".", "") else f"{target}/"
    found = {}
    for inner in sorted(whole.rglob("*")):
        relative = inner.relative_to(whole).as_posix()
        if (
            inner.is_file()
            and not is_junk(relative)
            and ".git" not in inner.relative_to(whole).parts
            and relative not in DEFINITION_FILES
        ):
            found[f"{above}{relative}"] = inner
    return found


def clean(path: str) -> str:
    """A path below the seat's home.

    Raises:
        UsageError: it leads out of it.
    """
    normal = posixpath.normpath(path)
    if path.startswith(("/", "~")) or normal == ".." or normal.startswith("../"):
        raise UsageError(f"{path!r} is not a folder inside a seat's home.", hint="Give it relative: `notebooks`.")
    return "" if normal == "." else normal


def _in_repository(file: Path, room: FoundRoom) -> str:
    """The file's path in the workshop's own folder, where the workshop is a folder of this machine."""
    root = Path(room.classroom.repository)
    if not room.classroom.repository or not root.is_absolute():
        return ""
    folder = _definition(room).source.folder
    root = (root / folder).resolve() if folder else root.resolve()
    if file == root:
        return "."
    return file.relative_to(root).as_posix() if file.is_relative_to(root) else ""


def _by_name(file: Path, known: FileList, notes: list[str]) -> str:
    """Where the image has a file of this name, if that is one place; else the home folder."""
    if file.is_dir() or file.name in known:
        return file.name
    places = [path for path in known if posixpath.basename(path) == file.name]
    if len(places) > 1:
        raise UsageError(
            f"The seats have {file.name} in several places: {', '.join(places[:4])}.",
            hint="Say which folder with `--into`.",
        )
    if places:
        notes.append(f"{file.name} goes to {places[0]}, where the repository has it.")
        return places[0]
    return file.name


def _definition(room: FoundRoom) -> WorkshopDefinition:
    from workshop.model.definition import WorkshopDefinition

    text = room.classroom.definition
    return WorkshopDefinition.model_validate_json(text) if text else WorkshopDefinition(title=room.classroom.workshop)


async def _newer_commit(
    wiring: Wiring, room: FoundRoom, source: PushSource, base: Baseline, earlier: Iterable[Push], *, report: Report
) -> Named:
    definition = _definition(room)
    resolved = await wiring.sources.resolve(
        room.classroom.repository,
        ref=source.ref or definition.source.ref,
        folder=definition.source.folder,
        report=report,
    )
    root = Path(resolved.folder)
    there = {
        file.relative_to(root).as_posix(): file
        for file in sorted(root.rglob("*"))
        if file.is_file() and not file.is_symlink() and ".git" not in file.relative_to(root).parts
    }
    pushed_before = {path for push in earlier for path in push.files}
    kept_out = _kept_out(wiring, room, resolved)
    files = {
        path: file
        for path, file in there.items()
        if path in pushed_before or (_differs(path, file, base.files) and (path in base.files or not kept_out(path)))
    }
    notes = list(resolved.notes) + _notes(files, there, base.files)
    if not files:
        raise UsageError(
            f"Commit {resolved.commit[:12]} has nothing that the seats do not have.",
            hint="Is it pushed to the repository? `workshop check` shows the commit that is found.",
        )
    return Named(files, tuple(notes), resolved.commit)


def _kept_out(wiring: Wiring, room: FoundRoom, source: Source) -> Callable[[str], bool]:
    """Tells which files the seats lack because their image was to be without them: solutions, or the class's PIN."""
    if room.classroom.runtime == "process":
        return DEFINITION_FILES.__contains__  # nothing else is left out of its environments
    from workshop.images.context import kept_out

    return kept_out(Path(source.folder), wiring.sources.detect(source).binder_dir)


def _differs(path: str, file: Path, known: FileList) -> bool:
    before = known.get(path)
    return not is_junk(path) and (
        before is None or before.size != file.stat().st_size or not fact_of(file).same_as(before)
    )


def _notes(files: Mapping[str, Path], there: Mapping[str, Path], known: FileList) -> list[str]:
    notes = []
    if any(path.startswith(_ENVIRONMENT) for path in files):
        notes.append("The environment's files have changed: packages in open seats stay as they are.")
    notebooks = [path for path in known if path.endswith(".ipynb") and path not in there]
    if notebooks:
        notes.append(f"No longer in the repository, and left in the seats: {', '.join(sorted(notebooks)[:5])}.")
    return notes
