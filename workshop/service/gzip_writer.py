"""A gzip file that compresses what can be compressed and stores the rest, such as pictures and archives.

Each stretch is a gzip member of its own: a file of several members is a gzip file like any other (RFC 1952, 2.2).
"""

from __future__ import annotations

import gzip
import io
import struct
import zlib
from collections.abc import Callable
from typing import IO, Any, Protocol, cast

try:  # Intel's ISA-L is eight times as fast as zlib at the same ratio; where it has no build, zlib does it.
    from isal import igzip, isal_zlib

    _GzipFile: Any = igzip.IGzipFile
    _crc32: Callable[..., int] = isal_zlib.crc32
    _compress: Callable[..., bytes] = isal_zlib.compress
except ImportError:
    _GzipFile, _crc32, _compress = gzip.GzipFile, zlib.crc32, zlib.compress

LEVEL = 1
PROBE = 16 * 1024
"""Bytes in the middle of a piece that are compressed to see whether the piece can be."""
SMALL = 64 * 1024
"""Pieces below this are written as the ones before: they decide nothing."""
WORTH = 0.95
"""Compressed size as a part of the whole from which compressing is given up."""
BLOCK = 65535
_HEAD = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"


class Sink(Protocol):
    """Where the bytes go."""

    def write(self, data: bytes, /) -> int: ...


class GzipWriter(io.RawIOBase):
    """
    Args:
        sink: takes the gzip file; it stays open.
    """

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._member: Any = None
        self._stores = False

    def writable(self) -> bool:
        return True

    def write(self, data: Any, /) -> int:
        piece = memoryview(data).cast("B")
        stores = _is_dense(piece) if len(piece) >= SMALL else self._stores
        if self._member is None or stores != self._stores:
            self._end_member()
            self._stores = stores
            self._member = _Stored(self._sink) if stores else _compressing(self._sink)
        self._member.write(piece)
        return len(piece)

    def close(self) -> None:
        if not self.closed:
            self._end_member()
            super().close()

    def _end_member(self) -> None:
        if self._member is not None:
            self._member.close()
            self._member = None


class _Stored:
    """A gzip member whose blocks hold the bytes as they are (RFC 1951, 3.2.4)."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._crc = 0
        self._size = 0
        sink.write(_HEAD)

    def write(self, piece: memoryview) -> None:
        self._crc = _crc32(piece, self._crc)
        self._size += len(piece)
        parts: list[bytes | memoryview] = []
        for start in range(0, len(piece), BLOCK):
            block = piece[start : start + BLOCK]
            parts += (struct.pack("<BHH", 0, len(block), len(block) ^ 0xFFFF), block)
        self._sink.write(b"".join(parts))

    def close(self) -> None:
        self._sink.write(struct.pack("<BHHLL", 1, 0, 0xFFFF, self._crc & 0xFFFFFFFF, self._size & 0xFFFFFFFF))


def _compressing(sink: Sink) -> Any:
    return _GzipFile(filename="", fileobj=cast("IO[bytes]", sink), mode="wb", compresslevel=LEVEL, mtime=0)


def _is_dense(piece: memoryview) -> bool:
    """Whether compressing gains too little."""
    middle = max(0, len(piece) // 2 - PROBE // 2)
    probe = piece[middle : middle + PROBE]
    return len(_compress(probe, LEVEL)) > WORTH * len(probe)
