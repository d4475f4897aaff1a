"""Pushes as this machine keeps them: the files, what they are, and which seats still wait for them."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import shutil
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from workshop.core.changes import FileFact, Kind
from workshop.service import inside
from workshop.service.room_folder import existing, room_folder, write_json
from workshop.service.wiring import Wiring

PUSHES = "pushes"


@dataclass(frozen=True, slots=True)
class Push:
    """One push: files under the paths they get in seats."""

    folder: Path
    id: str
    stamp: str
    """Hour and minute, for the names of files that are put beside changed ones."""
    files: dict[str, FileFact]
    modes: dict[str, int]

    def content(self, path: str) -> Path:
        return self.folder / self.files[path].content

    def waiting(self) -> tuple[int, ...]:
        """Seats that get it when they are back."""
        names = os.listdir(self.folder)
        return tuple(sorted(int(name.removeprefix("waits-")) for name in names if name.startswith("waits-")))

    def waits(self, number: int) -> None:
        (self.folder / f"waits-{number}").touch(mode=0o600)

    def arrived(self, number: int) -> None:
        (self.folder / f"waits-{number}").unlink(missing_ok=True)


def fact_of(file: Path) -> FileFact:
    """What a local file is, as seats list theirs."""
    size = file.stat().st_size
    with file.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    return FileFact(Kind.FILE, size, digest, inside.cells_of(str(file), size))


def keep(wiring: Wiring, uid: str, sources: Mapping[str, Path], at: datetime) -> Push:
    """Copy the files to where they stay until the class is forgotten. The same files again are the same push.

    Args:
        sources: local files by the paths they get in seats.
    """
    files = {path: fact_of(source) for path, source in sources.items()}
    for push in reversed(pushes(wiring, uid)):
        if {path: fact.content for path, fact in push.files.items()} == {p: f.content for p, f in files.items()}:
            return push
        if push.files.keys() & files.keys():
            break  # something else was pushed there since: this is a new turn
    modes = {path: source.stat().st_mode & 0o777 for path, source in sources.items()}
    name = f"{at:%Y%m%dT%H%M%S%f}-{secrets.token_hex(3)}"
    stamp = f"{at.astimezone():%H%M}"
    parent = room_folder(wiring, uid, PUSHES)
    partial = parent / f".{name}"
    partial.mkdir(mode=0o700)
    try:
        for path, source in sources.items():
            shutil.copyfile(source, partial / files[path].content)
        document = {
            "stamp": stamp,
            "files": {path: [fact.size, fact.content, fact.cells, modes[path]] for path, fact in files.items()},
        }
        write_json(partial / "push.json", document)
        partial.rename(parent / name)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return Push(parent / name, name, stamp, files, modes)


def pushes(wiring: Wiring, uid: str) -> tuple[Push, ...]:
    """The classroom's pushes, oldest first."""
    folder = existing(wiring, uid, PUSHES)
    found = []
    for place in sorted(folder.iterdir()) if folder else ():
        if place.name.startswith(".") or not (place / "push.json").is_file():
            continue
        document = json.loads((place / "push.json").read_text("utf-8"))
        files = {
            path: FileFact(Kind.FILE, size, content, cells)
            for path, (size, content, cells, _mode) in document["files"].items()
        }
        modes = {path: entry[3] for path, entry in document["files"].items()}
        found.append(Push(place, place.name, document["stamp"], files, modes))
    return tuple(found)


def versions(baseline: Mapping[str, FileFact], earlier: Iterable[Push]) -> dict[str, list[FileFact]]:
    """By path, what nobody in the class has made: the image's files and everything that was pushed."""
    known: defaultdict[str, list[FileFact]] = defaultdict(list)
    for path, fact in baseline.items():
        known[path].append(fact)
    for push in earlier:
        for path, fact in push.files.items():
            known[path].append(fact)
    return known


def owe(wiring: Wiring, uid: str, numbers: Collection[int]) -> None:
    """Seats made afresh get every push again."""
    for push in pushes(wiring, uid):
        for number in numbers:
            push.waits(number)
