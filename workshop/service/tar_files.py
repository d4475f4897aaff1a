"""Tar streams of seats as members with paths, and archives that appear under their name only when they are whole."""

from __future__ import annotations

import asyncio
import hashlib
import io
import os
import posixpath
import tarfile
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import aclosing, contextmanager
from pathlib import Path
from typing import IO, Any, TypeVar, cast

from workshop.core.changes import FileFact, Kind
from workshop.errors import SeatFailed
from workshop.runtimes.chunks import Feed
from workshop.service.gzip_writer import GzipWriter
from workshop.service.inside import LARGEST_NOTEBOOK

T = TypeVar("T")

PIECE = 1024 * 1024
_END = bytes(tarfile.BLOCKSIZE)


async def in_thread(stream: AsyncIterator[bytes], work: Callable[[Members], T], *, path: str = ".") -> T:
    """Run `work` on the members of a tar stream, in a thread, one piece of the stream in memory at a time.

    Args:
        path: what the stream was asked for: members get paths relative to the seat's home.

    Raises:
        SeatFailed: the stream is damaged or ended early.
    """
    async with aclosing(cast("AsyncGenerator[bytes, None]", stream)), Feed(stream) as feed:
        return await asyncio.to_thread(_work, feed, work, path)


def _work(feed: Feed, work: Callable[[Members], T], path: str) -> T:
    with members_of(feed, path) as members:
        return work(members)


@contextmanager
def members_of(feed: Feed, path: str = ".") -> Iterator[Members]:
    """The members of a stream, for a thread that reads them in the block; at its end the stream was whole.

    Args:
        path: what the stream was asked for.

    Raises:
        SeatFailed: the stream is damaged or ended early.
    """
    try:
        members = Members(feed, path)
        yield members
        members.finish()
    except tarfile.TarError as error:
        raise SeatFailed(f"What was read of the seat is damaged: {error}.") from error


class Members:
    """The members of one stream, each with its path; read each before asking for the next."""

    def __init__(self, feed: Feed, path: str = ".") -> None:
        self._source = _Tail(feed)
        self._above = "" if path == "." else posixpath.dirname(path)
        self._tar: Any = tarfile.TarFile.open(mode="r|", fileobj=cast("IO[bytes]", self._source), bufsize=PIECE)

    def __iter__(self) -> Iterator[tuple[str, tarfile.TarInfo]]:
        while (member := self._tar.next()) is not None:
            self._tar.members = []  # a list of all would grow with the seat
            path = self.path_of(member.name)
            if path:
                yield path, member

    def path_of(self, name: str) -> str:
        """A member's path below the home folder; empty for the folder itself and for what leads out of it."""
        clean = posixpath.normpath(posixpath.join(self._above, name))
        return "" if clean == "." or clean.startswith(("/", "../")) or clean == ".." else clean

    def content(self, member: tarfile.TarInfo) -> Iterator[bytes]:
        """The bytes of the member that was read last.

        Raises:
            SeatFailed: the stream ends in the middle of it.
        """
        stream = self._tar.extractfile(member)
        assert stream is not None
        left = member.size
        while left:
            piece = stream.read(min(PIECE, left))
            if not piece:
                raise SeatFailed(f"What was read of the seat ended in the middle of {member.name}.")
            left -= len(piece)
            yield piece

    def finish(self) -> None:
        """
        Raises:
            SeatFailed: the stream was cut off between two members.
        """
        while self._source.read(PIECE):
            pass
        if self._source.tail != _END:
            raise SeatFailed("What was read of the seat ended early.", hint="Run the same command again.")


class _Tail:
    """Passes a stream on and remembers its last block: a whole tar stream ends with zeros."""

    def __init__(self, feed: Feed) -> None:
        self._feed = feed
        self.tail = b""

    def read(self, size: int = -1) -> bytes:
        data = self._feed.read(size)
        if data:
            self.tail = (self.tail + data[-tarfile.BLOCKSIZE :])[-tarfile.BLOCKSIZE :]
        return data


def facts_of(
    members: Members, *, notebook: Callable[[str, bytes], None] | None = None
) -> tuple[dict[str, FileFact], dict[str, str]]:
    """Every file and link with its digest or target, and the paths of what is neither.

    Args:
        notebook: is shown each notebook that is not too large.
    """
    files: dict[str, FileFact] = {}
    odd: dict[str, str] = {}
    for path, member in members:
        if member.isdir():
            continue
        if member.issym():
            files[path] = link_fact(member.linkname)
        elif member.islnk():
            target = files.get(members.path_of(member.linkname))
            if target is None:
                odd[path] = "a hard link to a file that was not read"
            else:
                files[path] = target
        elif member.isreg():
            digest = hashlib.sha256()
            kept: list[bytes] | None = (
                [] if notebook and path.endswith(".ipynb") and member.size <= LARGEST_NOTEBOOK else None
            )
            for piece in members.content(member):
                digest.update(piece)
                if kept is not None:
                    kept.append(piece)
            if notebook and kept is not None:
                notebook(path, b"".join(kept))
            files[path] = FileFact(Kind.FILE, member.size, digest.hexdigest())
        else:
            odd[path] = "neither a file nor a link"
    return files, odd


def link_fact(target: str) -> FileFact:
    return FileFact(Kind.LINK, 0, target)


class ArchiveFile:
    """A `.tar.gz` under construction. Use as a context manager; without `finish` nothing is left of it.

    Owners are left out: whoever unpacks it owns the files.
    """

    def __init__(self, file: Path) -> None:
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._file = file
        self._partial = file.with_name(f"{file.name}.{os.getpid()}.part")
        descriptor = os.open(self._partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        self._raw = _Digesting(os.fdopen(descriptor, "wb"))
        self._packed = GzipWriter(self._raw)
        self._buffer = io.BufferedWriter(self._packed, PIECE)
        self.written: dict[str, FileFact] = {}

    def __enter__(self) -> ArchiveFile:
        return self

    def __exit__(self, *_: object) -> None:
        self._raw.close()
        self._partial.unlink(missing_ok=True)

    def add_file(self, path: str, member: tarfile.TarInfo, content: Iterator[bytes]) -> FileFact:
        """Write a file, whose digest is taken on the way."""
        self._begin(path, member, size=member.size)
        digest = hashlib.sha256()
        for piece in content:
            digest.update(piece)
            self._put(piece)
        self._put(bytes(-member.size % tarfile.BLOCKSIZE))
        fact = self.written[path] = FileFact(Kind.FILE, member.size, digest.hexdigest())
        return fact

    def add_link(self, path: str, member: tarfile.TarInfo) -> FileFact:
        self._begin(path, member, size=0)
        fact = self.written[path] = link_fact(member.linkname)
        return fact

    def add_hard_link(self, path: str, member: tarfile.TarInfo, target: str) -> FileFact:
        """Another name of a file that is in the archive already."""
        self._begin(path, member.replace(linkname=target, deep=False), size=0)
        fact = self.written[path] = self.written[target]
        return fact

    def _begin(self, path: str, member: tarfile.TarInfo, *, size: int) -> None:
        info = tarfile.TarInfo(path)
        info.type, info.linkname, info.size = member.type, member.linkname, size
        info.mode = (member.mode & 0o777) | 0o600
        info.mtime = int(member.mtime)
        self._put(info.tobuf(tarfile.PAX_FORMAT))

    def _put(self, data: bytes) -> None:
        self._buffer.write(data)

    def finish(self) -> tuple[int, str]:
        """Give the archive its name; its size and sha256."""
        self._put(bytes(2 * tarfile.BLOCKSIZE))
        self._buffer.close()  # closes the compressor too
        self._raw.close()
        self._partial.replace(self._file)
        return self._raw.size, self._raw.digest.hexdigest()


class _Digesting:
    """A file that knows the digest of what was written to it."""

    def __init__(self, file: IO[bytes]) -> None:
        self._stream = file
        self.digest = hashlib.sha256()
        self.size = 0

    def write(self, data: bytes) -> int:
        self.digest.update(data)
        self.size += len(data)
        return self._stream.write(data)

    def flush(self) -> None:
        self._stream.flush()

    def close(self) -> None:
        self._stream.close()


def sha256_of(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
