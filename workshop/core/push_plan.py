"""What a push does in one seat: untouched copies are replaced, changed ones kept with the new file beside them. Pure.

The rules are those of nbgitpuller where it has them (research/features.md, 3.10): the participant wins, and a deleted
file comes back. It never merges.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from workshop.core.changes import FileFact, FileList, Kind, beside, is_beside


class Step(StrEnum):
    """What becomes of one pushed file in one seat."""

    REPLACE = "replaced"
    NEW = "new"
    BESIDE = "beside"
    SAME = "there already"


@dataclass(frozen=True, slots=True)
class FileStep:
    """One pushed file in one seat."""

    path: str
    """Where the file belongs."""
    step: Step
    target: str
    """Where it is put: `path`, or the name beside it."""
    expected: str | None = None
    """The sha256 of what is replaced; None where nothing may be."""


def plan_seat(
    pushed: Mapping[str, FileFact], found: FileList, known: Mapping[str, Sequence[FileFact]], *, stamp: str
) -> tuple[FileStep, ...]:
    """The steps for one seat, in the order of paths.

    Args:
        pushed: the new files by their paths.
        found: what the seat has under these paths, and beside them.
        known: versions that nobody in the class has made: the image's, and those of earlier pushes.
        stamp: hour and minute for the names of files that are put beside.
    """
    return tuple(_step(path, pushed[path], found, known.get(path, ()), stamp) for path in sorted(pushed))


def _step(path: str, new: FileFact, found: FileList, known: Sequence[FileFact], stamp: str) -> FileStep:
    there = found.get(path)
    if there is None:
        return FileStep(path, Step.NEW, path)
    if there.same_as(new):
        return FileStep(path, Step.SAME, path)
    if there.kind is Kind.FILE and any(there.same_as(version) for version in known):
        return FileStep(path, Step.REPLACE, path, there.content)
    if only_opened(there, new):
        return FileStep(path, Step.SAME, path)
    if any(only_opened(there, version) for version in known):
        return FileStep(path, Step.REPLACE, path, there.content)
    for name, fact in found.items():
        if fact.same_as(new) and is_beside(name, path):
            return FileStep(path, Step.SAME, name)
    return FileStep(path, Step.BESIDE, beside(path, stamp, found))


def only_opened(found: FileFact, version: FileFact) -> bool:
    """Whether a notebook has that version's cells and outputs: an editor writes kernel and language into the rest."""
    return bool(found.cells) and found.cells == version.cells


def tell(steps: Iterable[FileStep]) -> str:
    """`28 replaced, 2 beside`."""
    counts = Counter(step.step for step in steps)
    return ", ".join(f"{counts[step]} {step.value}" for step in Step if counts[step]) or "nothing to do"
