"""A participant's files as one zip, made while it is sent: nothing waits on a disk, and memory stays constant."""

from __future__ import annotations

import stat
import tarfile
import zipfile
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import aclosing
from datetime import UTC, datetime
from typing import IO, cast

from workshop.core.changes import is_junk
from workshop.model.classroom import Classroom
from workshop.ports.runtime import Runtime
from workshop.runtimes.chunks import Feed, pull
from workshop.service.tar_files import PIECE, members_of

LEVEL = 1
"""Of compression: at the end of a class the whole room asks at the same moment."""
_EARLIEST, _LATEST = 315_532_800, 2**32 - 1
"""Moments (seconds since 1970) between which a zip can say how old a file is: from 1980 to 2106."""


async def zipped(runtime: Runtime, classroom: Classroom, number: int) -> AsyncGenerator[bytes, None]:
    """All files that the seat's file browser shows, running or not; links are stored as links.

    Raises:
        SeatFailed: the seat's files cannot be read.
    """
    packer = _Packer()
    paths = ["."]
    for path in paths:  # grows by the hard links whose content was not in the first stream
        stream = runtime.read_files(classroom, number, path)
        async with aclosing(_packed(packer, stream, path)) as pieces:
            async for piece in pieces:
                yield piece
        if path == ".":
            paths += packer.postponed
    yield packer.finish()


async def _packed(packer: _Packer, stream: AsyncIterator[bytes], path: str) -> AsyncGenerator[bytes, None]:
    whole = cast("AsyncGenerator[bytes, None]", stream)
    async with aclosing(whole), Feed(whole) as feed, aclosing(pull(packer.pack(feed, path))) as pieces:
        async for piece in pieces:
            yield piece


class _Packer:
    """Writes members of a seat's streams into a zip, a piece at a time. Runs in threads, one after the other."""

    def __init__(self) -> None:
        self._out = _Outlet()
        self._zip = zipfile.ZipFile(cast("IO[bytes]", self._out), "w", zipfile.ZIP_DEFLATED, compresslevel=LEVEL)
        self.postponed: list[str] = []
        """Hard links: their content has to be asked for under their own name."""

    def pack(self, feed: Feed, path: str) -> Iterator[bytes]:
        """The next pieces of the zip.

        Args:
            path: what the stream was asked for.

        Raises:
            SeatFailed: the stream is damaged or ended early.
        """
        with members_of(feed, path) as members:
            for name, member in members:
                if _is_hidden(name) or is_junk(name):
                    continue
                if member.islnk():
                    self.postponed.append(name)
                elif member.isreg():
                    with self._zip.open(_entry(name, member), "w") as entry:
                        for piece in members.content(member):
                            entry.write(piece)
                            yield from self._out.full()
                elif member.issym():
                    self._zip.writestr(_entry(name, member), member.linkname)

    def finish(self) -> bytes:
        """The last piece."""
        self._zip.close()
        return self._out.take()


def _is_hidden(name: str) -> bool:
    """Whether a file browser does not show it: a dot begins its own name, or that of a folder above it."""
    return name.startswith(".") or "/." in name


def _entry(name: str, member: tarfile.TarInfo) -> zipfile.ZipInfo:
    changed = datetime.fromtimestamp(min(max(member.mtime, _EARLIEST), _LATEST), UTC)
    readable = name.encode("utf-8", "replace").decode()  # names that are no UTF-8 come with surrogates
    info = zipfile.ZipInfo(readable, changed.timetuple()[:6])
    kind, mode = (stat.S_IFLNK, 0o777) if member.issym() else (stat.S_IFREG, (member.mode & 0o777) | 0o600)
    info.external_attr = (kind | mode) << 16
    info.compress_type = zipfile.ZIP_DEFLATED
    info.file_size = 0 if member.issym() else member.size  # large ones need another form from their beginning on
    return info


class _Outlet:
    """A file that can only be written to, and is emptied from time to time."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._size = 0

    def write(self, data: bytes) -> int:
        self._pieces.append(bytes(data))
        self._size += len(data)
        return len(data)

    def flush(self) -> None:
        """Nothing is kept back here."""

    def full(self) -> Iterator[bytes]:
        """What was written, once it is worth a piece of its own."""
        if self._size >= PIECE:
            yield self.take()

    def take(self) -> bytes:
        data = b"".join(self._pieces)
        self._pieces, self._size = [], 0
        return data
