"""Two lists of files compared: what a participant has made of what the image gave. Pure."""

from __future__ import annotations

import hashlib
import json
import posixpath
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import translate

JUNK = (
    "*/.ipynb_checkpoints/*", "*/__pycache__/*", "*.pyc", "*/.virtual_documents/*", "*/.~*.ipynb", "*/.nfs*",
    "*/.jupyter_ystore.db*", "*/.pytest_cache/*", "*/.mypy_cache/*", "*/.ruff_cache/*", "*/.Rproj.user/*",
    "/.cache/*", "/.npm/*", "/.conda/*", "/.jupyter/lab/workspaces/*", "/.jupyter/migrated",
    "/.ipython/README", "/.ipython/*/history.sqlite*", "/.ipython/*/db/*", "/.ipython/*/pid/*", "/.ipython/*/log/*",
    "/.ipython/*/security/*", "/.ipython/*/startup/README",
    "/.local/share/jupyter/runtime/*", "/.local/share/jupyter/nbsignatures.db*",
    "/.local/share/jupyter/notebook_secret", "/.local/share/jupyter/nbconvert/*", "/.local/share/Trash/*",
    "/.local/share/code-server/*", "/.local/share/rstudio/*", "/.local/state/*", "/.vscode-server/*",
    "/.config/code-server/*", "/.config/rstudio/*", "/.config/matplotlib/*", "/.rstudio/*", "/.julia/logs/*",
    "/.bash_history", "/.python_history", "/.lesshst", "/.viminfo", "/.wget-hsts", "/.sudo_as_admin_successful",
    "*/.git/index", "*/.git/*.lock", "*/.git/FETCH_HEAD", "*/.git/ORIG_HEAD", "*/.git/gc.log",
    "/.workshop-*",
)  # fmt: skip
"""Caches and traces of programs, by pattern on the path with a slash before it: nobody's work."""

_IS_JUNK = re.compile("|".join(translate(pattern) for pattern in JUNK)).match
_UPDATED = re.compile(r"\.updated-\d{4}(?:-\d+)?$")


class Kind(StrEnum):
    """What stands under a path. Folders are not listed: they are where files are."""

    FILE = "file"
    LINK = "link"


@dataclass(frozen=True, slots=True)
class FileFact:
    """One file of a seat or an image."""

    kind: Kind = Kind.FILE
    size: int = 0
    content: str = ""
    """The sha256 of a file, the target of a link."""
    cells: str = ""
    """Of a notebook, where somebody asked: a digest of its cells and outputs, without what editors add."""

    def same_as(self, other: FileFact | None) -> bool:
        return other is not None and self.kind is other.kind and self.content == other.content


FileList = Mapping[str, FileFact]
"""By path, relative to the seat's home, with slashes."""


class State(StrEnum):
    """How a file stands against the image."""

    NEW = "new"
    CHANGED = "changed"
    DELETED = "deleted"
    SAME = "same"


@dataclass(frozen=True, slots=True)
class Change:
    """One path that differs (or, where everything was asked for, any path)."""

    path: str
    state: State
    fact: FileFact


def is_junk(path: str) -> bool:
    """Whether a path is a cache or a program's trace. Folders are meant with a slash at their end."""
    return _IS_JUNK(f"/{path}") is not None


def compare(baseline: FileList, found: FileList, *, everything: bool = False) -> tuple[Change, ...]:
    """What differs from `baseline`, in the order of paths.

    Args:
        everything: files that are as they were, and junk, are listed too.
    """
    changes = []
    for path in sorted(baseline.keys() | found.keys()):
        if not everything and is_junk(path):
            continue
        before, now = baseline.get(path), found.get(path)
        if now is None:
            assert before is not None
            changes.append(Change(path, State.DELETED, before))
        elif now.same_as(before):
            if everything:
                changes.append(Change(path, State.SAME, now))
        else:
            changes.append(Change(path, State.NEW if before is None else State.CHANGED, now))
    return tuple(changes)


def fingerprint(changes: Iterable[Change]) -> str:
    """The same for the same work, whenever and however it was read."""
    lines = [[change.path, change.state, change.fact.kind, change.fact.content] for change in changes]
    return hashlib.sha256(json.dumps(sorted(lines)).encode()).hexdigest()


def worth_collecting(changes: Iterable[Change]) -> bool:
    """Whether there is anything that teardown would lose: a deletion alone is nothing."""
    return any(change.state in (State.NEW, State.CHANGED) for change in changes)


PIECES = 24
"""Paths that are read one by one, at most; more are quicker in one stream of everything."""


def reading_plan(wanted: Mapping[str, int], found: FileList) -> tuple[str, ...]:
    """Which paths to ask a runtime for, so that the wanted files (with their sizes) come with little beside them.

    `(".",)` is the whole home. A folder all of whose files are wanted is asked for at once.
    """
    if not wanted:
        return ()
    total = sum(fact.size for fact in found.values())
    paths = _joined(wanted, found)
    if len(paths) > PIECES or sum(wanted.values()) > total * 0.8:
        return (".",)
    return paths


def _joined(wanted: Mapping[str, int], found: FileList) -> tuple[str, ...]:
    """The wanted paths, with folders for those of which everything is wanted."""
    rest: dict[str, int] = {}
    for path in found:
        if path not in wanted:
            for folder in _folders(path):
                rest[folder] = rest.get(folder, 0) + 1
    asked: set[str] = set()
    for path in wanted:
        whole = next((folder for folder in reversed(_folders(path)) if folder and folder not in rest), "")
        asked.add(whole or path)
    return tuple(sorted(asked))


def _folders(path: str) -> list[str]:
    """The folders a path lies in, nearest first."""
    found = []
    while path := posixpath.dirname(path):
        found.append(path)
    return found


def beside(path: str, stamp: str, taken: Iterable[str]) -> str:
    """`analysis.ipynb` as `analysis.updated-1405.ipynb`; numbered where that is taken."""
    folder, name = posixpath.split(path)
    stem, dot, ending = name.rpartition(".")
    if not stem:
        stem, dot, ending = name, "", ""
    there = set(taken)
    for number in range(1, 1000):
        mark = f".updated-{stamp}" + (f"-{number}" if number > 1 else "")
        candidate = posixpath.join(folder, f"{stem}{mark}{dot}{ending}")
        if candidate not in there:
            return candidate
    raise ValueError(f"{path} has been updated a thousand times within one minute")


def is_beside(candidate: str, path: str) -> bool:
    """Whether `candidate` is what `beside` makes of `path`, at any time."""
    folder, name = posixpath.split(path)
    other_folder, other = posixpath.split(candidate)
    stem, dot, ending = name.rpartition(".")
    if not stem:
        stem, dot, ending = name, "", ""
    tail = f"{dot}{ending}"
    if folder != other_folder or not other.startswith(f"{stem}.updated-") or not other.endswith(tail):
        return False
    middle = other[: len(other) - len(tail)] if tail else other
    return bool(_UPDATED.search(middle)) and _UPDATED.sub("", middle) == stem
