"""Tar streams between a seat and this machine, in constant memory.

Names in a stream begin with the last part of the path that was asked for (`notebooks/a.ipynb` for `notebooks`),
or with `./` for the home folder itself, on every runtime alike.
"""

from __future__ import annotations

import posixpath
import tarfile
import time
from collections.abc import Iterable, Iterator

from workshop.errors import UsageError

BLOCK = tarfile.BLOCKSIZE
_PAX_KINDS = (tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE)
_NAME_KINDS = (tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK)
_BODILESS_KINDS = (
    tarfile.LNKTYPE,
    tarfile.SYMTYPE,
    tarfile.DIRTYPE,
    tarfile.CHRTYPE,
    tarfile.BLKTYPE,
    tarfile.FIFOTYPE,
)
_OWNER_KEYS = (b"uid", b"gid", b"uname", b"gname")
_LARGEST_HEADER = 1024 * 1024


def relative_path(path: str) -> str:
    """A path below a seat's home, cleaned: `.` for the home folder itself.

    Raises:
        UsageError: it is absolute or leads out of the home folder.
    """
    clean = posixpath.normpath(path or ".")
    if path.startswith(("/", "~")) or clean == ".." or clean.startswith("../") or "\0" in path:
        raise UsageError(
            f"{path!r} is not a path inside a seat's home folder.",
            hint="Give it relative to the home folder, like `notebooks/day1.ipynb`.",
        )
    return clean


def owned(pieces: Iterable[bytes], uid: int, gid: int) -> Iterator[bytes]:
    """The same tar stream with every member owned by `uid` and `gid`, folders that it only implies included.

    The engine unpacks as root and believes the stream; its own switch for this looks the user up on the wrong machine.
    Folders that are implied by a member's name come with mode 755, as those that the engine would make itself.

    Raises:
        UsageError: the stream is no tar stream.
    """
    source = _Blocks(pieces)
    known = {"", "."}
    held: list[bytes] = []  # headers that belong to the next member
    said: dict[bytes, bytes] = {}  # what they say of it
    while (header := source.take(BLOCK)) and len(header) == BLOCK:
        if not any(header):
            yield header
            yield from source.rest()
            return
        size, kind = _size(header), header[156:157]
        padded = -(-size // BLOCK) * BLOCK
        if kind in _PAX_KINDS + _NAME_KINDS and size <= _LARGEST_HEADER:
            body = source.take(padded)[:size]
            if kind in _NAME_KINDS:
                said[b"path"] = body.rstrip(b"\0") if kind == tarfile.GNUTYPE_LONGNAME else said.get(b"path", b"")
            else:
                body = _without_owner(body, said)
            held += (_owned_header(header, uid, gid, size=len(body)), body + bytes(-len(body) % BLOCK))
            continue
        name = (said.get(b"path") or _name(header)).decode("utf-8", "surrogateescape")
        yield from _implied(name, known, uid, gid)
        if kind == tarfile.DIRTYPE:
            known.add(posixpath.normpath(name))
        yield from held
        yield _owned_header(header, uid, gid)
        if said.get(b"size", b"").isdigit():
            padded = -(-int(said[b"size"]) // BLOCK) * BLOCK
        held, said = [], {}
        yield from source.pass_on(0 if kind in _BODILESS_KINDS else padded)
    if header:
        raise UsageError("What was to be written ends in the middle of a tar stream.")


def _implied(name: str, known: set[str], uid: int, gid: int) -> Iterator[bytes]:
    """Entries for the folders above a member that had none so far."""
    missing = []
    above = posixpath.dirname(posixpath.normpath(name))
    while above not in known and above != "/":
        known.add(above)
        missing.append(above)
        above = posixpath.dirname(above)
    for folder in reversed(missing):
        yield _folder(folder, uid, gid)


def _folder(name: str, uid: int, gid: int) -> bytes:
    info = tarfile.TarInfo(name)
    info.type, info.mode, info.uid, info.gid, info.mtime = tarfile.DIRTYPE, 0o755, uid, gid, int(time.time())
    return info.tobuf(tarfile.PAX_FORMAT, errors="surrogateescape")


def _size(header: bytes) -> int:
    stored = sum(header[:148]) + sum(header[156:]) + 8 * ord(" ")
    try:
        if stored != tarfile.nti(header[148:156]):  # type: ignore[attr-defined]
            raise UsageError("What was to be written is not a tar stream.")
        return int(tarfile.nti(header[124:136]))  # type: ignore[attr-defined]
    except tarfile.HeaderError as error:
        raise UsageError("What was to be written is not a tar stream.") from error


def _name(header: bytes) -> bytes:
    name, prefix = header[:100].rstrip(b"\0"), header[345:500].rstrip(b"\0")
    return prefix + b"/" + name if prefix and header[257:263] == b"ustar\0" else name


def folders(path: str, uid: int, gid: int) -> bytes:
    """A tar of the folders that lead to `path`, one entry each."""
    parts = path.split("/")
    entries = [_folder("/".join(parts[:depth]), uid, gid) for depth in range(1, len(parts) + 1)]
    return b"".join(entries) + bytes(2 * BLOCK)


def _owned_header(header: bytes, uid: int, gid: int, *, size: int | None = None) -> bytes:
    changed = bytearray(header)
    changed[108:116] = b"%07o\0" % uid
    changed[116:124] = b"%07o\0" % gid
    if size is not None:
        changed[124:136] = b"%011o\0" % size
    changed[265:329] = bytes(64)
    changed[148:156] = b" " * 8
    changed[148:156] = b"%06o\0 " % sum(changed)
    return bytes(changed)


def _without_owner(records: bytes, said: dict[bytes, bytes]) -> bytes:
    """Extended header records (`LENGTH KEY=VALUE\\n`) but those that name an owner; name and size are put in `said`."""
    kept = b""
    while records:
        digits, _, _ = records.partition(b" ")
        if not digits.isdigit() or not 0 < int(digits) <= len(records):
            raise UsageError("What was to be written is not a tar stream.")
        record, records = records[: int(digits)], records[int(digits) :]
        key, _, value = record[len(digits) + 1 :].partition(b"=")
        if key in (b"path", b"size"):
            said[key] = value.removesuffix(b"\n")
        if key not in _OWNER_KEYS:
            kept += record
    return kept


class _Blocks:
    """Pieces of any size as runs of exactly the size asked for."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = iter(pieces)
        self._held = b""

    def take(self, size: int) -> bytes:
        parts, have = [self._held], len(self._held)
        while have < size and (piece := next(self._pieces, None)) is not None:
            parts.append(piece)
            have += len(piece)
        joined = b"".join(parts)
        self._held = joined[size:]
        return joined[:size]

    def pass_on(self, size: int) -> Iterator[bytes]:
        while size > 0:
            if not self._held:
                piece = next(self._pieces, None)
                if piece is None:
                    raise UsageError("What was to be written ends in the middle of a tar stream.")
                self._held = piece
            part, self._held = self._held[:size], self._held[size:]
            size -= len(part)
            yield part

    def rest(self) -> Iterator[bytes]:
        if self._held:
            yield self._held
            self._held = b""
        yield from self._pieces
