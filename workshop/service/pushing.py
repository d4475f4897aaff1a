"""Push files to seats: a plan first, then each seat for itself; seats that are down get them when they return."""

from __future__ import annotations

import asyncio
import json
import logging
import tarfile
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence

from workshop.core.changes import FileFact
from workshop.core.push_plan import FileStep, Step, plan_seat, tell
from workshop.errors import RuntimeUnreachable, SeatFailed, UsageError, WorkshopError
from workshop.model.amounts import counted
from workshop.model.events import Noted
from workshop.model.seat import SeatRecord, seat_name
from workshop.ports.build import Report
from workshop.ports.remote import remote_of
from workshop.service import inside, pushed, rooms, seat_files
from workshop.service.baseline import Baseline, baseline
from workshop.service.push_source import Named, named_files
from workshop.service.pushed import Push
from workshop.service.reports import PushReport, PushSource, SeatPush
from workshop.service.seat_files import Listing
from workshop.service.tar_files import PIECE
from workshop.service.wiring import Wiring

log = logging.getLogger(__name__)

AT_ONCE = 6
TRIES = 3
"""Rounds for a seat whose files change while they are replaced."""


async def push_plan(
    wiring: Wiring, room: rooms.FoundRoom, source: PushSource, *, seats: Sequence[int] | None, report: Report
) -> PushReport:
    """What a push would do in each seat; nothing is written."""
    base = await baseline(wiring, room)
    earlier = pushed.pushes(wiring, room.classroom.uid)
    named = await named_files(wiring, room, source, base, earlier, report=report)
    new = {path: pushed.fact_of(file) for path, file in named.files.items()}
    known = pushed.versions(base.files, earlier)
    stamp = f"{wiring.clock().astimezone():%H%M}"

    async def one(record: SeatRecord) -> SeatPush:
        if record.state not in seat_files.RUNNING:
            return SeatPush(record.number, waits=True)
        listing = await _listing(room, record, new)
        return SeatPush(record.number, plan_seat(new, listing.files, known, stamp=stamp))

    return await _each(room, seats, named, one, planned=True)


async def push(
    wiring: Wiring, room: rooms.FoundRoom, source: PushSource, *, seats: Sequence[int] | None, report: Report
) -> PushReport:
    """Keep the files, then put them into each seat. Safe to repeat: what a seat has is left alone."""
    base = await baseline(wiring, room)
    uid = room.classroom.uid
    named = await named_files(wiring, room, source, base, pushed.pushes(wiring, uid), report=report)
    kept = await asyncio.to_thread(pushed.keep, wiring, uid, named.files, wiring.clock())
    wiring.store.record(uid, "push", counted(len(kept.files), "file"))

    async def one(record: SeatRecord) -> SeatPush:
        if record.state not in seat_files.RUNNING:
            kept.waits(record.number)
            return SeatPush(record.number, waits=True)
        result = await put(wiring, room, record, base, kept)
        report(Noted(f"seat {seat_name(record.number)}: {result.sentence}"))
        return result

    return await _each(room, seats, named, one, planned=False)


async def _each(
    room: rooms.FoundRoom,
    seats: Sequence[int] | None,
    named: Named,
    one: Callable[[SeatRecord], Awaitable[SeatPush]],
    *,
    planned: bool,
) -> PushReport:
    """
    Raises:
        UsageError: there is no such seat.
    """
    records = {record.number: record for record in await room.runtime.seats(room.classroom)}
    unknown = sorted(set(seats or ()) - records.keys())
    if unknown:
        raise UsageError(f"Classroom {room.classroom.name} has no seat {', '.join(map(seat_name, unknown))}.")
    gate = asyncio.Semaphore(AT_ONCE)

    async def guarded(record: SeatRecord) -> SeatPush:
        async with gate:
            try:
                return await one(record)
            except RuntimeUnreachable:
                raise
            except WorkshopError as error:
                return SeatPush(record.number, error=error.message)

    chosen = [records[number] for number in (seats if seats is not None else sorted(records))]
    results = tuple(await asyncio.gather(*(guarded(record) for record in chosen)))
    return PushReport(room.classroom.name, tuple(sorted(named.files)), results, planned, named.notes, named.commit)


async def _listing(room: rooms.FoundRoom, record: SeatRecord, new: Mapping[str, FileFact]) -> Listing:
    quick = await seat_files.quick_listing(room, record, wanted=new)
    return quick or await seat_files.streamed_listing(room, record.number)


async def put(wiring: Wiring, room: rooms.FoundRoom, record: SeatRecord, base: Baseline, kept: Push) -> SeatPush:
    """Put one push into one running seat.

    Raises:
        SeatFailed: the seat takes no files.
    """
    others = [other for other in pushed.pushes(wiring, room.classroom.uid) if other.id != kept.id]
    known = pushed.versions(base.files, others)
    done: dict[str, FileStep] = {}
    for _ in range(TRIES):
        left = {path: fact for path, fact in kept.files.items() if path not in done}
        quick = await seat_files.quick_listing(room, record, wanted=left)
        listing = quick or await seat_files.streamed_listing(room, record.number)
        steps = plan_seat(left, listing.files, known, stamp=kept.stamp)
        done |= {step.path: step for step in steps if step.step is Step.SAME}
        work = [step for step in steps if step.step is not Step.SAME]
        if not work:
            break
        if quick is None:
            await _write_plainly(room, record.number, kept, work)
            done |= {step.path: step for step in work}
            break
        for step, word in zip(work, await _apply(room, record.number, kept, work), strict=True):
            if word in ("done", "same"):
                done[step.path] = step
            elif word != "changed":
                raise SeatFailed(f"{step.target} could not be written: {word}.")
    missing = kept.files.keys() - done.keys()
    if missing:
        raise SeatFailed(f"{', '.join(sorted(missing))}: something else is in the way, or it changes all the time.")
    result = SeatPush(record.number, tuple(done[path] for path in sorted(done)))
    wiring.store.record(room.classroom.uid, "pushed", tell(result.steps), seat=record.number)
    return result


async def _apply(room: rooms.FoundRoom, number: int, kept: Push, work: Sequence[FileStep]) -> list[str]:
    """Stage the files in the seat, and have each moved to its place if what is there is still what was planned for.

    Raises:
        SeatFailed: the seat takes no files.
    """
    stage = f"{inside.STAGE}{kept.id}"
    plan = [{"from": f"{n}", "to": step.target, "expect": step.expected} for n, step in enumerate(work)]
    files = {str(n): step.path for n, step in enumerate(work)}
    await room.runtime.write_files(room.classroom, number, stage, _staged(kept, files, json.dumps(plan).encode()))
    answer = await seat_files.ask(room, number, {"do": "apply", "stage": stage}, timeout=120)
    if answer is None:
        raise SeatFailed(f"Seat {seat_name(number)} ended while it was given files.", hint="Push again.")
    return [str(word) for word in answer["results"]]


async def _write_plainly(room: rooms.FoundRoom, number: int, kept: Push, work: Sequence[FileStep]) -> None:
    """For seats that cannot run anything: the files where they belong, as they were planned a moment ago."""
    files = {step.target: step.path for step in work}
    await room.runtime.write_files(room.classroom, number, ".", _staged(kept, files, b""))


async def _staged(kept: Push, files: Mapping[str, str], plan: bytes) -> AsyncIterator[bytes]:
    """A tar stream of pushed files, by the names they get, one piece in memory at a time."""
    for name, path in files.items():
        source = kept.content(path)
        info = tarfile.TarInfo(name)
        info.size, info.mode, info.mtime = source.stat().st_size, kept.modes[path], int(source.stat().st_mtime)
        yield info.tobuf(tarfile.PAX_FORMAT)
        with source.open("rb") as stream:
            while piece := await asyncio.to_thread(stream.read, PIECE):
                yield piece
        yield bytes(-info.size % tarfile.BLOCKSIZE)
    if plan:
        info = tarfile.TarInfo("plan.json")
        info.size, info.mode = len(plan), 0o600
        yield info.tobuf(tarfile.PAX_FORMAT) + plan + bytes(-len(plan) % tarfile.BLOCKSIZE)
    yield bytes(2 * tarfile.BLOCKSIZE)


async def catch_up(wiring: Wiring, room: rooms.FoundRoom, record: SeatRecord) -> tuple[SeatPush, ...]:
    """Give a seat that is back what was pushed while it was away.

    Raises:
        WorkshopError: it could not be given; it goes on waiting.
    """
    owed = [push for push in pushed.pushes(wiring, room.classroom.uid) if record.number in push.waiting()]
    if not owed:
        return ()
    base = await baseline(wiring, room)
    results = []
    for push_ in owed:
        results.append(await put(wiring, room, record, base, push_))
        push_.arrived(record.number)
    return tuple(results)


async def hand_out_owed(wiring: Wiring, room: rooms.FoundRoom) -> None:
    """Give seats that are back what they missed, where the gateway cannot: pushes are kept on this machine.

    What cannot be given now goes on waiting.
    """
    if remote_of(room.runtime) is None:
        return  # the gateway of this machine looks for such seats all the time
    waiting = {number for push_ in pushed.pushes(wiring, room.classroom.uid) for number in push_.waiting()}
    if not waiting:
        return
    for record in await room.runtime.seats(room.classroom):
        if record.number in waiting and record.state in seat_files.RUNNING:
            try:
                await catch_up(wiring, room, record)
            except SeatFailed as error:
                log.warning("seat %s did not get its files: %s", record.number, error.message)
