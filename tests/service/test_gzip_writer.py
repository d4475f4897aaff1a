"""Collected work is compressed where that helps, and a gzip file for every program either way."""

from __future__ import annotations

import gzip
import io
import os
import subprocess
import zlib
from pathlib import Path

import pytest

from workshop.service import gzip_writer
from workshop.service.gzip_writer import GzipWriter

DENSE = os.urandom(300_000)
WORDS = b"one line of text, and another one\n" * 20_000


def packed(*pieces: bytes) -> bytes:
    sink = io.BytesIO()
    with GzipWriter(sink) as writer:
        for piece in pieces:
            writer.write(piece)
    return sink.getvalue()


@pytest.mark.parametrize(
    "pieces",
    [
        (),
        (b"",),
        (b"x",),
        (DENSE,),
        (WORDS,),
        (WORDS, DENSE, b"tail", WORDS, b"end"),
        (b"head", DENSE, DENSE),
        (bytes(70_000),),
    ],
    ids=["nothing", "empty", "one byte", "dense", "text", "mixed", "head and dense", "zeros"],
)
def test_what_goes_in_comes_out(pieces: tuple[bytes, ...], tmp_path: Path) -> None:
    whole = packed(*pieces)
    assert gzip.decompress(whole) == b"".join(pieces)
    file = tmp_path / "whole.gz"
    file.write_bytes(whole)
    if whole:
        told = subprocess.run(["gzip", "-dc", str(file)], capture_output=True, check=True)
        assert told.stdout == b"".join(pieces)


def test_text_is_compressed_and_what_cannot_be_is_stored() -> None:
    assert len(packed(WORDS)) < len(WORDS) / 20
    assert len(DENSE) < len(packed(DENSE)) < len(DENSE) + 100
    mixed = packed(DENSE, WORDS)
    assert DENSE[1000:60_000] in mixed, "as it is"
    assert len(mixed) < len(DENSE) + len(WORDS) / 20


def test_it_is_the_same_without_the_fast_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gzip_writer, "_GzipFile", gzip.GzipFile)
    monkeypatch.setattr(gzip_writer, "_crc32", zlib.crc32)
    monkeypatch.setattr(gzip_writer, "_compress", zlib.compress)
    assert gzip.decompress(packed(WORDS, DENSE, WORDS)) == WORDS + DENSE + WORDS


def test_the_sink_stays_open() -> None:
    sink = io.BytesIO()
    GzipWriter(sink).close()
    assert not sink.closed
