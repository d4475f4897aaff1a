"""Move a participant to a new seat under the same number: link, code and files stay, everything else is new.

What is begun is written down before it is done: a move that is killed at any moment is finished by the next one, or
by the gateway.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import logging
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any

from workshop.core.changes import State
from workshop.core.provision import provision_one
from workshop.errors import RuntimeUnreachable, SeatFailed, WorkshopError
from workshop.model.seat import SeatRecord, SeatState, seat_name
from workshop.ports.build import Report, ignore_events
from workshop.service import rooms, seat_files
from workshop.service.acts import each, records_of, refresh
from workshop.service.archive import archive_file, take
from workshop.service.baseline import baseline
from workshop.service.reports import ActReport
from workshop.service.restoring import deleted_as_json, deleted_from_json, put_archive, remove_deleted
from workshop.service.room_folder import existing, room_folder
from workshop.service.wiring import Wiring

log = logging.getLogger(__name__)

MOVES = "moves"
PATIENCE = 180.0
"""Seconds that a move waits for another one of the same seat."""
LOOK_AGAIN = 0.2


async def move(wiring: Wiring, room: rooms.FoundRoom, seats: Sequence[int], *, report: Report) -> ActReport:
    records = await records_of(room, seats)

    async def one(number: int) -> str:
        deadline = monotonic() + PATIENCE
        while True:
            with _Move.begin(wiring, room.classroom.uid, number) as begun:
                if begun is not None:
                    return await _finished_or_moved(wiring, room, records[number], begun, report=report)
            if monotonic() > deadline:
                raise SeatFailed(f"Seat {seat_name(number)} is being moved already.")
            await asyncio.sleep(LOOK_AGAIN)  # the gateway finishes one that was killed, or somebody else moves it

    result = await each("moved", seats, one, report)
    await refresh(wiring, room, result)
    return result


async def _finished_or_moved(
    wiring: Wiring, room: rooms.FoundRoom, before: SeatRecord, begun: _Move, *, report: Report
) -> str:
    """
    Args:
        before: the seat as it was when the move was asked for.
    """
    now = (await records_of(room, [before.number]))[before.number]
    if begun.archive is not None and now.generation >= begun.generation:
        new = await provision_one(room.runtime, room.classroom, now.number, generation=begun.generation, report=report)
        await begun.deliver(room, new)
    elif now.generation == before.generation:
        return await _move(wiring, room, now, begun, report=report)
    return "an earlier move was finished: its files are back"


async def _move(wiring: Wiring, room: rooms.FoundRoom, old: SeatRecord, begun: _Move, *, report: Report) -> str:
    number = old.number
    begun.write(old.generation + 1, None, [])
    paused = await _paused(room, old)
    try:
        base = await baseline(wiring, room)
        file = archive_file(wiring, room, number, mark="-moved")
        taken = await take(room, number, base.files, file)
        begun.write(old.generation + 1, file, deleted_as_json(taken.changes))
        try:
            new = await provision_one(
                room.runtime, room.classroom, number, generation=old.generation + 1, report=report
            )
        except SeatFailed as error:
            raise SeatFailed(f"{error.message} Its files are in {file}.") from error
    except BaseException:
        await _leave_as_it_was(room, old, begun, thaw=paused)
        raise
    if old.memory_limit > room.classroom.limits.memory_bytes:
        await room.runtime.set_memory(room.classroom, number, old.memory_limit)
    await begun.deliver(room, new)
    wiring.store.record(room.classroom.uid, "move", "a new seat under the same link", seat=number)
    kept = sum(change.state in (State.NEW, State.CHANGED) for change in taken.changes)
    return f"a new seat with {kept} own files"


async def _paused(room: rooms.FoundRoom, old: SeatRecord) -> bool:
    """Freeze the old seat, so that nothing is saved after its files were read; where the runtime can."""
    if old.state not in seat_files.RUNNING:
        return False
    try:
        await room.runtime.pause(room.classroom, old.number, paused=True)
    except RuntimeUnreachable:
        raise
    except WorkshopError as error:
        log.info("seat %s is moved without a pause: %s", old.number, error.message)
        return False
    return True


async def _leave_as_it_was(room: rooms.FoundRoom, old: SeatRecord, begun: _Move, *, thaw: bool) -> None:
    """After a failure: the old seat goes on if it is still there. With its successor there, the move stays open."""
    records = {record.number: record for record in await room.runtime.seats(room.classroom)}
    now = records.get(old.number)
    if now is not None and now.generation > old.generation:
        return
    if thaw and now is not None and now.state is SeatState.PAUSED:
        await room.runtime.pause(room.classroom, old.number, paused=False)
    begun.done()


@dataclass(slots=True)
class _Move:
    """What is written down of a move that is under way."""

    file: Path
    generation: int = 0
    """The new seat's."""
    archive: Path | None = None
    deleted: Sequence[Sequence[str]] = ()

    @classmethod
    @contextlib.contextmanager
    def begin(cls, wiring: Wiring, uid: str, number: int) -> Iterator[_Move | None]:
        """Hold the seat's move; None when another process has it in hand."""
        file = room_folder(wiring, uid, MOVES) / f"{number}.json"
        descriptor = os.open(file, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield None
                return
            found = cls(file)
            found._read()
            yield found
            if file.exists() and not file.stat().st_size:
                file.unlink()
        finally:
            os.close(descriptor)

    def _read(self) -> None:
        try:
            document: dict[str, Any] = json.loads(self.file.read_text("utf-8"))
        except (ValueError, FileNotFoundError):  # empty, or killed while it was written: nothing had been made then
            return
        self.generation = int(document["generation"])
        self.archive = Path(document["archive"]) if document["archive"] else None
        self.deleted = document["deleted"]

    def write(self, generation: int, archive: Path | None, deleted: Sequence[Sequence[str]]) -> None:
        self.generation, self.archive, self.deleted = generation, archive, deleted
        document = {"generation": generation, "archive": str(archive) if archive else None, "deleted": deleted}
        self.file.write_text(json.dumps(document), "utf-8")

    def done(self) -> None:
        self.file.unlink(missing_ok=True)

    async def deliver(self, room: rooms.FoundRoom, record: SeatRecord) -> None:
        """Give the new seat the files of the old."""
        assert self.archive is not None
        await remove_deleted(room, record, deleted_from_json(self.deleted))
        await put_archive(room, record.number, self.archive)
        self.done()


def interrupted(wiring: Wiring, uid: str) -> tuple[int, ...]:
    """Seats whose move was begun and is not finished."""
    folder = existing(wiring, uid, MOVES)
    names = os.listdir(folder) if folder else ()
    return tuple(sorted(int(name.removesuffix(".json")) for name in names if name.endswith(".json")))


async def finish(wiring: Wiring, room: rooms.FoundRoom, record: SeatRecord) -> None:
    """Finish a move that was killed: files into the new seat, or the old one goes on.

    Raises:
        WorkshopError: it cannot be finished now.
    """
    if record.number not in interrupted(wiring, room.classroom.uid):
        return
    with _Move.begin(wiring, room.classroom.uid, record.number) as begun:
        if begun is None:
            return
        if begun.archive is not None and record.generation >= begun.generation:
            new = await provision_one(
                room.runtime, room.classroom, record.number, generation=begun.generation, report=ignore_events
            )
            await begun.deliver(room, new)
            log.info("the move of seat %s was finished", record.number)
            return
        if record.state is SeatState.PAUSED and begun.generation:
            await room.runtime.pause(room.classroom, record.number, paused=False)
        begun.done()
