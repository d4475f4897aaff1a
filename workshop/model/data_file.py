"""A file of `data:` on this machine, on its way into seats."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

DATA_PATH = "/data"
"""Where seats in containers see the files."""
DATA_VARIABLE = "WORKSHOP_DATA"
"""Names the folder in every seat, also where it is another one."""
SUMS = "SHA256SUMS"
"""Written last beside the files: where it is right, they are all there. `sha256sum -c` reads it."""


@dataclass(frozen=True, slots=True)
class DataFile:
    """A file that seats see under `/data`."""

    name: str
    """Its name below `/data`."""
    path: Path
    """Where it is on this machine; read-only."""
    sha256: str
    size_bytes: int


def sums_text(files: Iterable[DataFile]) -> str:
    """What `SHA256SUMS` says."""
    return "".join(f"{file.sha256}  {file.name}\n" for file in sorted(files, key=lambda file: file.name))


def data_key(sums: Iterable[tuple[str, str]]) -> str:
    """Twelve hex digits that stand for a set of names with their checksums; empty for none."""
    rows = sorted(sums)
    return hashlib.sha256(repr(rows).encode()).hexdigest()[:12] if rows else ""
