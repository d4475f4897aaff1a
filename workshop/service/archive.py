"""Take a seat's files out into one compressed archive: what differs from the image, or everything."""

from __future__ import annotations

import asyncio
import hashlib
import tarfile
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import IO, cast

from workshop.core.changes import Change, FileFact, FileList, Kind, State, compare, is_junk, reading_plan
from workshop.errors import SeatFailed
from workshop.model.seat import seat_name
from workshop.service.rooms import FoundRoom
from workshop.service.seat_files import Listing
from workshop.service.tar_files import PIECE, ArchiveFile, Members, in_thread, link_fact
from workshop.service.wiring import Wiring

SPOOLED = 8 * 1024 * 1024
"""Bytes of a file held in memory until it is known whether it differs; longer ones wait on the disk."""


@dataclass(frozen=True, slots=True)
class Taken:
    """What an archive holds, and how the seat stood against its image then."""

    file: Path
    size_bytes: int
    sha256: str
    changes: tuple[Change, ...]
    errors: dict[str, str] = field(default_factory=dict)
    """Paths that are not in the archive although they should be, and why."""


async def archive_seat(wiring: Wiring, room: FoundRoom, number: int) -> Path:
    """The seat's whole home in an archive of its own.

    Raises:
        WorkshopError: its files cannot be read.
    """
    file = archive_file(wiring, room, number)
    await take(room, number, {}, file, everything=True)
    return file


def archive_file(wiring: Wiring, room: FoundRoom, number: int, *, mark: str = "") -> Path:
    """Where what a seat has now is kept: in `<state>/archive/<classroom>/`, named by seat and time.

    The name is new: nothing that was saved is replaced by what is saved after it.

    Args:
        mark: at the end of the name: what it was kept for.
    """
    folder = wiring.state_dir / "archive" / room.classroom.name
    stem = f"seat-{seat_name(number)}-{wiring.clock():%Y%m%dT%H%M%S}{mark}"
    names = (stem, *(f"{stem}-{count}" for count in range(2, 10_000)))
    return next(file for name in names if not (file := folder / f"{name}.tar.gz").exists())


async def take(
    room: FoundRoom,
    number: int,
    baseline: FileList,
    file: Path,
    *,
    everything: bool = False,
    quick: Listing | None = None,
) -> Taken:
    """Stream the seat's files into `file`, in constant memory. The file appears under its name when it is whole.

    Args:
        everything: also what is as the image gave it, and caches.
        quick: what the seat itself has listed: then only the files that differ are read.

    Raises:
        SeatFailed: the seat's files cannot be read.
        OSError: the archive cannot be written.
    """
    with ArchiveFile(file) as archive:
        missing: tuple[str, ...] = ()
        gathering = _Gathering(archive, baseline, everything=everything)
        if quick is None or everything or quick.has_closed_folders:
            await in_thread(room.runtime.read_files(room.classroom, number, "."), gathering.compared)
            files = gathering.seen
        else:
            wanted = _wanted(baseline, quick)
            missing = await _read_wanted(room, number, gathering, wanted, quick)
            files = {path: fact for path, fact in quick.files.items() if path not in missing} | gathering.seen
        for path in gathering.postponed:
            await in_thread(
                room.runtime.read_files(room.classroom, number, path), partial(gathering.chosen, {path: 0}), path=path
            )
            files = files | gathering.seen
        size, digest = await asyncio.to_thread(archive.finish)
    changes = compare(baseline, files, everything=everything)
    errors = gathering.odd | dict.fromkeys(missing, "gone while the seat was read")
    return Taken(file, size, digest, changes, errors)


def _wanted(baseline: FileList, quick: Listing) -> dict[str, int]:
    """Sizes of the files that differ, and of those that the seat's own user cannot read."""
    differ = {
        change.path: change.fact.size
        for change in compare(baseline, quick.files)
        if change.state in (State.NEW, State.CHANGED)
    }
    return differ | dict.fromkeys(quick.errors, 0)


async def _read_wanted(
    room: FoundRoom, number: int, gathering: _Gathering, wanted: Mapping[str, int], quick: Listing
) -> tuple[str, ...]:
    """Read the wanted files; those that were gone when it came to them."""
    for path in reading_plan(wanted, quick.files):
        stream = room.runtime.read_files(room.classroom, number, path)
        try:
            await in_thread(stream, partial(gathering.chosen, wanted), path=path)
        except SeatFailed:
            if path == ".":
                raise
    missing = wanted.keys() - gathering.seen.keys() - set(gathering.postponed) - gathering.odd.keys()
    if missing:
        rest = dict.fromkeys(missing, 0)
        whole = room.runtime.read_files(room.classroom, number, ".")
        await in_thread(whole, partial(gathering.chosen, rest))
    return tuple(sorted(missing - gathering.seen.keys() - set(gathering.postponed) - gathering.odd.keys()))


class _Gathering:
    """Puts members of a seat's streams into an archive. Runs in a thread."""

    def __init__(self, archive: ArchiveFile, baseline: FileList, *, everything: bool) -> None:
        self._archive = archive
        self._baseline = baseline
        self._everything = everything
        self.seen: dict[str, FileFact] = {}
        self.postponed: list[str] = []
        """Hard links whose file is not in the archive: their content has to be asked for."""
        self.odd: dict[str, str] = {}

    def chosen(self, wanted: Mapping[str, int], members: Members) -> None:
        """Write the wanted ones, whatever they are by now."""
        for path, member in members:
            if path in wanted and path not in self.seen and not member.isdir():
                self._write(path, member, members, compare_first=False)

    def compared(self, members: Members) -> None:
        """Write those that differ from the image, or all."""
        for path, member in members:
            if not member.isdir() and (self._everything or not is_junk(path)):
                self._write(path, member, members, compare_first=not self._everything)

    def _write(self, path: str, member: tarfile.TarInfo, members: Members, *, compare_first: bool) -> None:
        before = self._baseline.get(path) if compare_first else None
        if member.issym():
            fact = link_fact(member.linkname)
            self.seen[path] = fact if fact.same_as(before) else self._archive.add_link(path, member)
        elif member.islnk():
            self._write_hard_link(path, member, members.path_of(member.linkname))
        elif not member.isreg():
            self.odd[path] = "neither a file nor a link"
        elif before is None or before.kind is not Kind.FILE or before.size != member.size:
            self.seen[path] = self._archive.add_file(path, member, members.content(member))
        else:
            self.seen[path] = self._write_if_different(path, member, members, before)

    def _write_hard_link(self, path: str, member: tarfile.TarInfo, target: str) -> None:
        if target in self._archive.written:
            self.seen[path] = self._archive.add_hard_link(path, member, target)
            return
        fact = self.seen.get(target)
        if fact is not None and fact.same_as(self._baseline.get(path)):
            self.seen[path] = fact
        elif path not in self.postponed:
            self.postponed.append(path)

    def _write_if_different(self, path: str, member: tarfile.TarInfo, members: Members, before: FileFact) -> FileFact:
        digest = hashlib.sha256()
        with tempfile.SpooledTemporaryFile(max_size=SPOOLED) as spool:
            for piece in members.content(member):
                digest.update(piece)
                spool.write(piece)
            if digest.hexdigest() == before.content:
                return before
            spool.seek(0)
            pieces = iter(partial(cast("IO[bytes]", spool).read, PIECE), b"")
            return self._archive.add_file(path, member, pieces)
