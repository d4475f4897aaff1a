"""Collect the class's work: an archive for each seat and one manifest, picked up where an earlier run stopped."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import logging
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from time import monotonic
from typing import Any

from workshop.core.changes import Change, Kind, State, compare, fingerprint, is_junk, worth_collecting
from workshop.errors import RuntimeUnreachable, UsageError, WorkshopError
from workshop.model.amounts import counted, format_size
from workshop.model.classroom import Classroom
from workshop.model.events import Noted, StepFinished, StepStarted
from workshop.model.parts import class_uid, parts_of
from workshop.model.seat import SeatRecord, seat_name
from workshop.model.snapshot import Snapshot
from workshop.ports.build import Report
from workshop.service import noting, rooms, seat_files, watching
from workshop.service.archive import Taken, take
from workshop.service.baseline import Baseline, baseline
from workshop.service.reports import CollectedSeat, CollectReport, UncollectedWork
from workshop.service.tar_files import remove_partials, sha256_of
from workshop.service.wiring import Wiring

log = logging.getLogger(__name__)

AT_ONCE = 4
ASKED_AT_ONCE = 6
MANIFEST = "manifest.json"
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
    return folder if _whose(folder) in ("", uid) else folder.with_name(f"{folder.name}-{uid[:6]}")


def _whose(folder: Path) -> str:
    """The uid of the class whose work is in a folder; empty where there is none that can be read."""
    try:
        return str(json.loads((folder / MANIFEST).read_text("utf-8"))["classroom_uid"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""


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
    used |= {seat for _at, kind, _text, seat in wiring.store.history(uid, limit=100_000) if kind == "free" and seat}
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
    manifest = _Manifest.open(folder, room, wiring.clock)
    base = await baseline(wiring, room)
    if not base.known:
        report(Noted("The image could not be read: every file of a seat is taken.", level="warning"))
    records = {record.number: record for record in await room.runtime.seats(room.classroom)}
    chosen = [number for number in numbers if number in records]
    report(StepStarted("collect", f"Collecting {counted(len(chosen), 'seat')} into {folder}", total=len(chosen)))
    gate = asyncio.Semaphore(AT_ONCE)
    lines = wiring.store.history(room.classroom.uid, limit=100_000)
    handed = {seat: at for at, kind, _text, seat in lines if kind in ("free", "reset") and seat is not None}

    async def one(number: int) -> CollectedSeat:
        async with gate:
            result = await _collect_seat(
                wiring, room, records[number], base, manifest, handed_on=handed.get(number), everything=everything
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
    manifest: _Manifest,
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


class _Manifest:
    """`manifest.json`: what was collected, with sizes, digests and errors. No codes and no names.

    Written again after each seat, whole or not at all: whenever a collection ends, it is true.
    """

    def __init__(
        self, folder: Path, room: rooms.FoundRoom, seats: dict[str, dict[str, Any]], clock: Callable[[], datetime]
    ) -> None:
        self.folder = folder
        self._room = room
        self._seats = seats
        self._earlier: dict[str, dict[str, Any]] = {}
        """Archives of seats that have changed hands since, by file."""
        self._clock = clock
        self.refusal = ""
        """Why nothing can be put into the folder: every seat's reason."""

    @classmethod
    def open(cls, folder: Path, room: rooms.FoundRoom, clock: Callable[[], datetime]) -> _Manifest:
        """
        Raises:
            UsageError: the folder holds the work of another class, or cannot be written.
        """
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise UsageError(f"{folder} cannot be made: {error.strerror}.", hint="Name another folder.") from error
        file = folder / MANIFEST
        if not file.exists():
            return cls._begun(folder, room, clock)
        try:
            document = json.loads(file.read_text("utf-8"))
            of, seats = document["classroom_uid"], {entry["seat"]: entry for entry in document["seats"]}
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise UsageError(
                f"{file} is there and is not a manifest of collected work.", hint="Name another folder."
            ) from error
        if of != class_uid(room.classroom):
            raise UsageError(
                f"{folder} holds the collected work of another class ({document.get('classroom')}).",
                hint="Name another folder: collected work is never overwritten by another class's.",
            )
        found = cls(folder, room, seats, clock)
        found._earlier = {entry["file"]: entry for entry in document.get("earlier", ())}
        return found

    @classmethod
    def _begun(cls, folder: Path, room: rooms.FoundRoom, clock: Callable[[], datetime]) -> _Manifest:
        """A first manifest, before there is any archive: one without a manifest is somebody else's.

        Raises:
            UsageError: there is one.
        """
        if there := sorted(folder.glob("seat-*.tar.gz")):
            raise UsageError(
                f"{there[0]} is there, and no {MANIFEST} that says whose work it is.", hint="Name another folder."
            )
        begun = cls(folder, room, {}, clock)
        try:
            with _sole_writer(folder):
                if not (folder / MANIFEST).exists():
                    begun._write(room.classroom)
        except OSError as error:
            begun.refusal = f"{MANIFEST} cannot be written: {error.strerror}"
        return begun

    def set_aside(self, number: int, since: datetime | None) -> None:
        """Keep a seat's archive under another name, if it is from before the seat changed hands.

        Args:
            since: when the seat was last freed or made anew; None for never.

        Raises:
            OSError: it cannot be renamed.
        """
        entry = self._seats.get(seat_name(number))
        if since is None or not entry or not entry.get("file") or datetime.fromisoformat(entry["collected"]) > since:
            return
        old = self.folder / entry["file"]
        if not old.is_file():
            return
        stamp = datetime.fromisoformat(entry["collected"]).strftime("%Y%m%dT%H%M%S")
        kept = old.with_name(f"seat-{seat_name(number)}-{stamp}.tar.gz")
        old.rename(kept)
        self._earlier[kept.name] = {**entry, "file": kept.name}
        del self._seats[seat_name(number)]

    async def still_true(self, number: int, file: Path, content: str) -> CollectedSeat | None:
        """The entry of a seat whose files are as they were and whose archive is whole; None when it has to be made."""
        entry = self._seats.get(seat_name(number))
        if not entry or entry.get("content") != content or entry.get("file") != file.name or not file.is_file():
            return None
        if file.stat().st_size != entry["bytes"] or await asyncio.to_thread(sha256_of, file) != entry["sha256"]:
            return None
        if entry.get("error"):
            return self._put(number, {**entry, "error": None}, unchanged=True)
        return _collected(number, self.folder, entry, unchanged=True)

    def add(self, record: SeatRecord, taken: Taken) -> CollectedSeat:
        entry = {
            "seat": seat_name(record.number),
            "file": taken.file.name,
            "bytes": taken.size_bytes,
            "sha256": taken.sha256,
            "state": record.state.value,
            "collected": self._clock().isoformat(timespec="seconds"),
            "content": fingerprint(taken.changes),
            "error": None,
            "files": [_file_entry(change) for change in taken.changes if change.path not in taken.errors],
            "not_taken": [{"path": path, "reason": reason} for path, reason in sorted(taken.errors.items())],
        }
        return self._put(record.number, entry)

    def failed(self, record: SeatRecord, reason: str) -> CollectedSeat:
        """Note the error; an archive of an earlier run stays, and stays listed."""
        before = self._seats.get(seat_name(record.number), {})
        entry: dict[str, Any] = {"seat": seat_name(record.number), "file": None, "bytes": 0, "sha256": "", "files": []}
        return self._put(record.number, {**entry, **before, "state": record.state.value, "error": reason})

    def _put(self, number: int, entry: dict[str, Any], *, unchanged: bool = False) -> CollectedSeat:
        classroom = self._room.classroom
        try:
            with _sole_writer(self.folder):
                if parts_of(classroom) and (self.folder / MANIFEST).exists():
                    # gateways of other parts, which end at the same time, may have written here meanwhile
                    written = json.loads((self.folder / MANIFEST).read_text("utf-8"))
                    self._seats |= {other["seat"]: other for other in written["seats"]}
                    self._earlier |= {other["file"]: other for other in written.get("earlier", ())}
                self._seats[entry["seat"]] = entry
                self._write(classroom)
        except OSError as error:
            entry = {**entry, "error": entry["error"] or f"{MANIFEST} cannot be written: {error.strerror}"}
        return _collected(number, self.folder, entry, unchanged=unchanged)

    def _write(self, classroom: Classroom) -> None:
        document = {
            "classroom": classroom.name,
            "classroom_uid": class_uid(classroom),
            "workshop": classroom.workshop,
            "commit": classroom.commit,
            "collected": self._clock().isoformat(timespec="seconds"),
            "seats": [self._seats[seat] for seat in sorted(self._seats)],
            "earlier": [self._earlier[file] for file in sorted(self._earlier)],
        }
        partial = self.folder / f"{MANIFEST}.{os.getpid()}.part"
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
                json.dump(document, stream, indent=1)
            partial.replace(self.folder / MANIFEST)
        finally:
            partial.unlink(missing_ok=True)


@contextlib.contextmanager
def _sole_writer(folder: Path) -> Iterator[None]:
    """Hold the manifest of a folder while it is read and written again; the folder itself is the lock."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _file_entry(change: Change) -> dict[str, Any]:
    entry: dict[str, Any] = {"path": change.path, "state": change.state.value}
    if change.state is State.DELETED:
        return entry
    if change.fact.kind is Kind.LINK:
        return entry | {"link": change.fact.content}
    return entry | {"bytes": change.fact.size, "sha256": change.fact.content}


def _collected(number: int, folder: Path, entry: Mapping[str, Any], *, unchanged: bool) -> CollectedSeat:
    states = [file["state"] for file in entry.get("files", ())]
    return CollectedSeat(
        number=number,
        file=folder / entry["file"] if entry.get("file") else None,
        size_bytes=int(entry["bytes"]),
        new=states.count(State.NEW),
        changed=states.count(State.CHANGED),
        deleted=states.count(State.DELETED),
        not_taken=tuple(f"{item['path']}: {item['reason']}" for item in entry.get("not_taken", ())),
        unchanged=unchanged,
        error=entry.get("error") or "",
    )


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
    found: dict[int, str] = {}
    for _at, kind, text, seat in wiring.store.history(uid, limit=100_000):
        if kind == "collected" and seat is not None:
            found[seat] = text
    return found


def summary(report: CollectReport) -> str:
    """One sentence about a collection."""
    kept = [seat for seat in report.seats if not seat.error]
    size = format_size(sum(seat.size_bytes for seat in kept))
    sentence = f"{counted(len(kept), 'seat')} collected, {size}, in {report.folder}."
    again = sum(seat.unchanged for seat in kept)
    return f"{sentence} {again} were there already." if again else sentence
