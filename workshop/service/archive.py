"""Take a seat's files out, whole, into one compressed archive with a manifest beside it."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from workshop.errors import WorkshopError
from workshop.model.events import Noted
from workshop.model.seat import seat_name
from workshop.ports.build import Report
from workshop.service import rooms
from workshop.service.wiring import Wiring

AT_ONCE = 4


@dataclass(frozen=True, slots=True)
class Archived:
    """One seat's archive, or why there is none."""

    number: int
    file: Path | None
    size_bytes: int = 0
    sha256: str = ""
    error: str = ""


async def archive_seat(wiring: Wiring, room: rooms.FoundRoom, number: int) -> Path:
    """The seat's home in `<state>/archive/<classroom>/`, named by seat and time.

    Raises:
        WorkshopError: its files cannot be read.
    """
    folder = wiring.state_dir / "archive" / room.classroom.name
    stamp = wiring.clock().strftime("%Y%m%dT%H%M%S")
    file = folder / f"seat-{seat_name(number)}-{stamp}.tar.gz"
    await write_archive(room, number, file)
    return file


async def write_archive(room: rooms.FoundRoom, number: int, file: Path) -> tuple[int, str]:
    """Stream the seat's home into `file`, in constant memory; its size in bytes and its sha256.

    The file appears under its name only when it is whole.
    """
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    partial = file.with_name(file.name + ".part")
    try:
        with partial.open("wb") as raw:
            os.fchmod(raw.fileno(), 0o600)
            with gzip.GzipFile(fileobj=raw, mode="wb", compresslevel=1, mtime=0) as packed:
                async for chunk in room.runtime.read_files(room.classroom, number, "."):
                    await asyncio.to_thread(packed.write, chunk)
        size, digest = await asyncio.to_thread(_digest, partial)
        partial.replace(file)
    finally:
        partial.unlink(missing_ok=True)
    return size, digest


def _digest(file: Path) -> tuple[int, str]:
    with file.open("rb") as stream:
        return file.stat().st_size, hashlib.file_digest(stream, "sha256").hexdigest()


async def collect_seats(
    wiring: Wiring, room: rooms.FoundRoom, numbers: Sequence[int], folder: Path, *, report: Report
) -> tuple[Archived, ...]:
    """One archive for each seat in `folder`, and `manifest.json`, where a seat that cannot be read has its error."""
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(number: int) -> Archived:
        async with gate:
            file = folder / f"seat-{seat_name(number)}.tar.gz"
            try:
                size, digest = await write_archive(room, number, file)
            except (WorkshopError, OSError) as error:
                text = error.message if isinstance(error, WorkshopError) else str(error)
                report(Noted(f"seat {seat_name(number)}: {text}", level="error"))
                return Archived(number, None, error=text)
            wiring.store.record(room.classroom.uid, "collected", digest, seat=number)
            report(Noted(f"seat {seat_name(number)}: {size} bytes"))
            return Archived(number, file, size, digest)

    results = tuple(await asyncio.gather(*(one(number) for number in numbers)))
    write_manifest(folder, room, results, wiring.clock())
    return results


def write_manifest(folder: Path, room: rooms.FoundRoom, results: Sequence[Archived], at: datetime) -> None:
    """`manifest.json`: what was collected, with sizes, digests and errors; no codes and no names."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    document = {
        "classroom": room.classroom.name,
        "workshop": room.classroom.workshop,
        "commit": room.classroom.commit,
        "collected": at.isoformat(),
        "seats": [
            {
                "seat": seat_name(result.number),
                "file": result.file.name if result.file else None,
                "bytes": result.size_bytes,
                "sha256": result.sha256,
                "error": result.error or None,
            }
            for result in results
        ],
    }
    temporary = folder / "manifest.json.part"
    temporary.write_text(json.dumps(document, indent=2))
    temporary.replace(folder / "manifest.json")
