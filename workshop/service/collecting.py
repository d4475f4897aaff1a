"""Collect the class's work: an archive for each seat and one manifest, picked up where an earlier run stopped."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from time import monotonic

from workshop.core.changes import Change, State, compare, fingerprint, is_junk, worth_collecting
from workshop.engines.dead_programs import remove_partials
from workshop.errors import RuntimeUnreachable, UsageError, WorkshopError
from workshop.model.amounts import counted, format_size
from workshop.model.classroom import Classroom
from workshop.model.events import Noted, StepFinished, StepStarted
from workshop.model.parts import class_uid
from workshop.model.seat import SeatRecord, seat_name
from workshop.model.snapshot import Snapshot
from workshop.ports.build import Report
from workshop.service import noting, rooms, seat_files, watching
from workshop.service.archive import take
from workshop.service.baseline import Baseline, baseline
from workshop.service.manifest import Manifest, whose
from workshop.service.reports import CollectedSeat, CollectReport, UncollectedWork
from workshop.service.wiring import Wiring

log = logging.getLogger(__name__)

AT_ONCE = 4
ASKED_AT_ONCE = 6
UNKNOWN = "This machine does not know who came to which seat (its state is newer than the class)."


async def collect(
    wiring: Wiring,
    room: rooms.FoundRoom,
    *,
    to: Path | None,
    seats: Sequence[int] | None,
    everything: bool,
    report: Report,
) -> CollectReport:
    """
    Raises:
        UsageError: there is no such seat, or the folder holds another class's work.
    """
    there = {record.number for record in await room.runtime.seats(room.classroom)}
    unknown = sorted(set(seats or ()) - there)
    if unknown:
        raise UsageError(
            f"Classroom {room.classroom.name} has no seat {', '.join(seat_name(number) for number in unknown)}.",
            hint=f"Its last seat is {seat_name(max(there))}." if there else "It has no seats.",
        )
    if seats is not None:
        numbers = tuple(seats)
    else:
        numbers = seats_with_work(wiring, room, await watching.status(wiring, room), there)
        if not rooms.knows_who_came(wiring, room):
            report(Noted(f"{UNKNOWN} Every seat is collected.", level="warning"))
    folder = to or default_folder(wiring, room.classroom)
    return await collect_seats(wiring, room, numbers, folder, everything=everything, report=report)


def default_folder(wiring: Wiring, classroom: Classroom) -> Path:
    """The same for every collection of one class, so that the next one goes on where the last one stopped."""
    folder = rooms.collections(wiring) / f"{classroom.name}-{classroom.created:%Y%m%d-%H%M}"
    uid = class_uid(classroom)
    return folder if whose(folder) in ("", uid) else folder.with_name(f"{folder.name}-{uid[:6]}")


def seats_with_work(wiring: Wiring, room: rooms.FoundRoom, picture: Snapshot, there: set[int]) -> tuple[int, ...]:
    """Seats that may hold somebody's work: those that were used; all of them where nobody here knows which were."""
    if not rooms.knows_who_came(wiring, room):
        return tuple(sorted(there))
    used = {seat.number for seat in picture.seats if seat.claimed or seat.first_seen is not None}
    return tuple(sorted((used & there) | set(used_seats(wiring, room, there))))


def used_seats(wiring: Wiring, room: rooms.FoundRoom, there: set[int]) -> tuple[int, ...]:
    """Seats that somebody has or had."""
    uid = room.classroom.uid
    used = {claim.number for claim in wiring.store.claims(uid)}
    used |= {number for number, note in wiring.store.notes(uid).items() if note.first_seen is not None}
    used |= _last_lines(wiring, uid, "free").keys()
    return tuple(sorted(used & there))


async def collect_seats(
    wiring: Wiring,
    room: rooms.FoundRoom,
    numbers: Sequence[int],
    folder: Path,
    *,
    everything: bool = False,
    report: Report,
) -> CollectReport:
    """Archives and manifest in `folder`; a seat that cannot be read has its error there, and stops no other."""
    began = monotonic()
    manifest = Manifest.open(folder, room, wiring.clock)
    base = await baseline(wiring, room)
    if not base.known:
        report(Noted("The image could not be read: every file of a seat is taken.", level="warning"))
    records = {record.number: record for record in await room.runtime.seats(room.classroom)}
    chosen = [number for number in numbers if number in records]
    report(StepStarted("collect", f"Collecting {counted(len(chosen), 'seat')} into {folder}", total=len(chosen)))
    gate = asyncio.Semaphore(AT_ONCE)
    handed_on = {number: at for number, (at, _) in _last_lines(wiring, room.classroom.uid, "free", "reset").items()}

    async def one(number: int) -> CollectedSeat:
        async with gate:
            result = await _collect_seat(
                wiring, room, records[number], base, manifest, handed_on=handed_on.get(number), everything=everything
            )
            level = "error" if result.error else "info"
            report(Noted(f"seat {seat_name(number)}: {result.sentence}", level=level))
            return result

    results = tuple(await asyncio.gather(*(one(number) for number in chosen)))
    failed = sum(bool(result.error) for result in results)
    text = f"{len(results) - failed} of {len(results)} seats collected into {folder}"
    report(StepFinished("collect", text, monotonic() - began))
    return CollectReport(room.classroom.name, folder, results)


async def _collect_seat(
    wiring: Wiring,
    room: rooms.FoundRoom,
    record: SeatRecord,
    base: Baseline,
    manifest: Manifest,
    *,
    handed_on: datetime | None,
    everything: bool,
) -> CollectedSeat:
    """
    Args:
        handed_on: when the seat was last freed or made anew.
    """
    if manifest.refusal:
        return manifest.failed(record, manifest.refusal)
    number = record.number
    file = manifest.folder / f"seat-{seat_name(number)}.tar.gz"
    remove_partials(manifest.folder, file.name)
    try:
        quick = await seat_files.quick_listing(room, record, baseline=base.files, everything=everything)
        if quick is not None and not quick.errors:
            listed = compare(base.files, quick.files, everything=everything)
            kept = await manifest.still_true(number, file, fingerprint(listed))
            if kept is not None:
                own = compare(base.files, quick.files)
                noting.done(wiring.store, room.classroom.uid, number, "collected", fingerprint(own))
                return kept
        manifest.set_aside(number, handed_on)
        taken = await take(room, number, base.files, file, everything=everything, quick=quick)
    except RuntimeUnreachable:
        raise
    except WorkshopError as error:
        return manifest.failed(record, error.message)
    except OSError as error:
        return manifest.failed(record, f"{error.strerror}: {error.filename or file}")
    own = tuple(change for change in taken.changes if _is_own(change))
    noting.done(wiring.store, room.classroom.uid, number, "collected", fingerprint(own))
    return manifest.add(record, taken)


def _is_own(change: Change) -> bool:
    return change.state is not State.SAME and not is_junk(change.path)


# What teardown would lose


async def uncollected(wiring: Wiring, room: rooms.FoundRoom, numbers: Sequence[int]) -> UncollectedWork:
    """Which of these seats hold work that the last collection has not: by comparing files, never by a guess."""
    records = {record.number: record for record in await room.runtime.seats(room.classroom)}
    asked = [number for number in numbers if number in records]
    if not asked:
        return UncollectedWork()
    base = await baseline(wiring, room)
    last = last_collected(wiring, room.classroom.uid)
    gate = asyncio.Semaphore(ASKED_AT_ONCE)

    async def one(number: int) -> tuple[int, str]:
        async with gate:
            try:
                listing = await seat_files.listing(room, records[number], baseline=base.files)
            except RuntimeUnreachable:
                raise
            except WorkshopError as error:
                return number, error.message
        changes = compare(base.files, listing.files)
        lost = worth_collecting(changes) and fingerprint(changes) != last.get(number)
        return (number, "") if lost else (0, "")

    found = await asyncio.gather(*(one(number) for number in asked))
    return UncollectedWork(
        changed=tuple(number for number, reason in found if number and not reason),
        unsure=tuple((number, reason) for number, reason in found if number and reason),
    )


def last_collected(wiring: Wiring, uid: str) -> dict[int, str]:
    """The fingerprint of each seat's work as it was collected last, by number."""
    return {number: text for number, (_, text) in _last_lines(wiring, uid, "collected").items()}


def _last_lines(wiring: Wiring, uid: str, *kinds: str) -> dict[int, tuple[datetime, str]]:
    """When the history last had a line of these kinds, and its text, by seat."""
    lines = wiring.store.history(uid, limit=100_000)
    return {seat: (at, text) for at, kind, text, seat in lines if kind in kinds and seat is not None}


def summary(report: CollectReport) -> str:
    """One sentence about a collection."""
    kept = [seat for seat in report.seats if not seat.error]
    size = format_size(sum(seat.size_bytes for seat in kept))
    sentence = f"{counted(len(kept), 'seat')} collected, {size}, in {report.folder}."
    again = sum(seat.unchanged for seat in kept)
    return f"{sentence} {again} were there already." if again else sentence
