"""Put the files of an archive back into a seat."""

from __future__ import annotations

import asyncio
import gzip
import json
import tarfile
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import IO, Any, cast

from workshop.core.changes import Change, FileFact, Kind, State
from workshop.errors import SeatFailed
from workshop.model.seat import SeatRecord
from workshop.service import inside, seat_files
from workshop.service.rooms import FoundRoom
from workshop.service.tar_files import PIECE


async def put_archive(room: FoundRoom, number: int, file: Path) -> None:
    """Unpack an archive of ours into the seat's home; what is there under the same paths is replaced.

    Raises:
        SeatFailed: the archive cannot be read, or the seat takes no files.
    """
    try:
        await room.runtime.write_files(room.classroom, number, ".", _unpacked(file))
    except (OSError, EOFError) as error:
        raise SeatFailed(f"The archive {file} cannot be read: {error}.") from error


async def _unpacked(file: Path) -> AsyncIterator[bytes]:
    """The tar stream in an archive, one piece in memory at a time."""
    stream = await asyncio.to_thread(_open, file)
    try:
        while piece := await asyncio.to_thread(stream.read, PIECE):
            yield piece
    finally:
        stream.close()


def _open(file: Path) -> IO[bytes]:
    try:
        from isal import igzip
    except ImportError:
        return cast("IO[bytes]", gzip.open(file, "rb"))
    opened: Any = igzip.open
    return cast("IO[bytes]", opened(file, "rb"))


async def remove_deleted(room: FoundRoom, record: SeatRecord, changes: Sequence[Change]) -> None:
    """Take out of a fresh seat what the participant had deleted, where it is still as the image gave it.

    A seat that cannot do it by itself keeps these files: nothing is lost by that.
    """
    deleted = [change for change in changes if change.state is State.DELETED]
    if not deleted or record.state not in seat_files.RUNNING:
        return
    stage = f"{inside.STAGE}removal"
    plan = [{"to": change.path, "expect": change.fact.content, "remove": True} for change in deleted]
    await room.runtime.write_files(room.classroom, record.number, stage, _one_file("plan.json", plan))
    await seat_files.ask(room, record.number, {"do": "apply", "stage": stage})


async def _one_file(name: str, document: object) -> AsyncIterator[bytes]:
    data = json.dumps(document).encode()
    info = tarfile.TarInfo(name)
    info.size, info.mode = len(data), 0o600
    yield info.tobuf(tarfile.PAX_FORMAT) + data + bytes(-len(data) % tarfile.BLOCKSIZE) + bytes(2 * tarfile.BLOCKSIZE)


def deleted_as_json(changes: Sequence[Change]) -> list[list[str]]:
    return [[change.path, change.fact.kind, change.fact.content] for change in changes if change.state is State.DELETED]


def deleted_from_json(entries: Sequence[Sequence[str]]) -> tuple[Change, ...]:
    return tuple(Change(path, State.DELETED, FileFact(Kind(kind), 0, content)) for path, kind, content in entries)
