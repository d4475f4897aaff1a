"""Copies of participants' own files every ten minutes, the last three of each seat, to restore a seat from."""

from __future__ import annotations

import asyncio
import json
import logging
import shutil
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from workshop.core.changes import State, compare, fingerprint, worth_collecting
from workshop.core.reduce import state_of
from workshop.engines.dead_programs import remove_partials
from workshop.errors import RuntimeUnreachable, UsageError, WorkshopError
from workshop.model.amounts import format_size
from workshop.model.events import Warned
from workshop.model.seat import SeatRecord, SeatState, seat_name
from workshop.ports.build import Report
from workshop.ports.remote import remote_of
from workshop.service import rooms, seat_files
from workshop.service.acts import each, gateway_of, records_of, refresh
from workshop.service.archive import archive_file, take
from workshop.service.baseline import Baseline, baseline
from workshop.service.reports import ActReport, SeatSnapshot
from workshop.service.restoring import put_archive
from workshop.service.room_folder import existing, room_folder, write_json
from workshop.service.wiring import Wiring

if TYPE_CHECKING:
    from workshop.service.room import Room

log = logging.getLogger(__name__)

SNAPSHOTS = "snapshots"
EVERY = 600.0
KEPT = 3
LARGEST = 2 * 1024**3
"""A seat whose own files are larger is not copied by itself; `collect` takes it."""
ROOM_LEFT = 2 * 1024**3
"""Bytes that have to stay free where snapshots are kept."""
STAMP = "%Y%m%dT%H%M%SZ"


class SnapshotKeeper:
    """Takes snapshots while a gateway runs, one seat after the other."""

    def __init__(self, wiring: Wiring, room: Room, *, every: float = EVERY) -> None:
        self._wiring = wiring
        self._room = room
        self._every = every
        room.verbs["snapshots"] = self._tell
        room.verbs["put-snapshot"] = self._put

    async def _tell(self, _arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        """All there are, for a machine that has not taken them."""
        uid = self._room.classroom.uid
        found = [one for number in self._room.facts.seats for one in of_seat(self._wiring, uid, number)]
        return {"snapshots": [[one.number, one.id, one.files, one.size_bytes] for one in found]}

    async def _put(self, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        """Put one back into its seat."""
        found = rooms.FoundRoom(self._room.classroom, self._room.runtime)
        number = int(arguments["seat"])
        one = _choose(of_seat(self._wiring, self._room.classroom.uid, number), number, str(arguments["snapshot"]))
        assert one.file is not None, "kept on this machine"
        await put_archive(found, number, one.file)
        return {}

    async def run(self) -> None:
        while True:
            await asyncio.sleep(self._every)
            await self.take_all()

    async def take_all(self) -> int:
        """Snapshots of the seats whose own files have changed since the last one; how many were taken."""
        if not self._has_room():
            return 0
        found = rooms.FoundRoom(self._room.classroom, self._room.runtime)
        taken = 0
        base = await baseline(self._wiring, found)
        for number, seat in sorted(self._room.facts.seats.items()):
            used = seat.claimed or seat.first_seen is not None
            if not used or seat.record is None or state_of(seat) is not SeatState.READY:
                continue
            try:
                taken += await take_snapshot(self._wiring, found, seat.record, base) is not None
            except (WorkshopError, OSError) as error:
                log.warning("no snapshot of seat %s: %s", number, error)
                if isinstance(error, RuntimeUnreachable):
                    return taken
        return taken

    def _has_room(self) -> bool:
        free = shutil.disk_usage(room_folder(self._wiring, self._room.classroom.uid)).free
        text = "" if free > ROOM_LEFT else f"No snapshots are taken: only {format_size(free)} are free on this disk."
        if text or "snapshots" in dict(self._room.facts.warnings):
            self._room.report(Warned("snapshots", text))
        return not text


async def take_snapshot(
    wiring: Wiring, room: rooms.FoundRoom, record: SeatRecord, base: Baseline
) -> SeatSnapshot | None:
    """A copy of what differs from the image; None when nothing does, or nothing since the last snapshot."""
    uid, number = room.classroom.uid, record.number
    last = max(of_seat(wiring, uid, number), key=lambda snapshot: snapshot.id, default=None)
    quick = await seat_files.quick_listing(room, record, baseline=base.files)
    if quick is not None:
        changes = compare(base.files, quick.files)
        own = sum(change.fact.size for change in changes if change.state in (State.NEW, State.CHANGED))
        if own > LARGEST:
            log.warning("no snapshot of seat %s: its own files are %s", number, format_size(own))
            return None
        if not worth_collecting(changes) or (last is not None and _fingerprint(last) == fingerprint(changes)):
            return None
    folder = room_folder(wiring, uid, SNAPSHOTS, seat_name(number))
    at = wiring.clock()
    name = f"{at:{STAMP}}.tar.gz"
    remove_partials(folder, "*")
    taken = await take(room, number, base.files, folder / name, quick=quick)
    if not worth_collecting(taken.changes) or (last is not None and _fingerprint(last) == fingerprint(taken.changes)):
        taken.file.unlink()
        return None
    own_files = [change for change in taken.changes if change.state in (State.NEW, State.CHANGED)]
    document = {"at": at.isoformat(), "files": len(own_files), "fingerprint": fingerprint(taken.changes)}
    write_json(taken.file.with_name(f"{at:{STAMP}}.json"), document)
    for old in sorted(folder.glob("*.tar.gz"))[:-KEPT]:
        old.unlink()
        old.with_name(old.name.replace(".tar.gz", ".json")).unlink(missing_ok=True)
    return SeatSnapshot(number, f"{at:{STAMP}}", at, len(own_files), taken.size_bytes, taken.file)


def of_seat(wiring: Wiring, uid: str, number: int) -> tuple[SeatSnapshot, ...]:
    """A seat's snapshots, oldest first."""
    folder = existing(wiring, uid, SNAPSHOTS, seat_name(number))
    found = []
    for file in sorted(folder.glob("*.tar.gz")) if folder else ():
        described = file.with_name(file.name.replace(".tar.gz", ".json"))
        if described.is_file():
            document = json.loads(described.read_text("utf-8"))
            at = datetime.fromisoformat(document["at"])
            name = file.name.removesuffix(".tar.gz")
            found.append(SeatSnapshot(number, name, at, document["files"], file.stat().st_size, file))
    return tuple(found)


def _fingerprint(snapshot: SeatSnapshot) -> str:
    assert snapshot.file is not None, "kept on this machine"
    described = snapshot.file.with_name(f"{snapshot.id}.json")
    return str(json.loads(described.read_text("utf-8"))["fingerprint"])


async def list_snapshots(
    wiring: Wiring, room: rooms.FoundRoom, seats: Sequence[int] | None
) -> tuple[SeatSnapshot, ...]:
    """Snapshots of a class, by seat, oldest first: of this machine, or of the one where its gateway runs."""
    numbers = seats if seats is not None else [record.number for record in await room.runtime.seats(room.classroom)]
    there = await _kept(wiring, room)
    return tuple(snapshot for number in numbers for snapshot in there.get(number, ()))


async def _kept(wiring: Wiring, room: rooms.FoundRoom) -> dict[int, tuple[SeatSnapshot, ...]]:
    """The class's snapshots by seat, wherever its gateway keeps them; those kept elsewhere have no file here."""
    if remote_of(room.runtime) is None:
        uid, records = room.classroom.uid, await room.runtime.seats(room.classroom)
        return {record.number: of_seat(wiring, uid, record.number) for record in records}
    answer = await (await gateway_of(wiring, room)).act("snapshots", {})
    found: dict[int, tuple[SeatSnapshot, ...]] = {}
    for number, name, files, size in answer["snapshots"]:
        at = datetime.strptime(name, STAMP).replace(tzinfo=UTC)
        found[number] = (*found.get(number, ()), SeatSnapshot(number, name, at, files, size, None))
    return found


async def restore(
    wiring: Wiring, room: rooms.FoundRoom, seats: Sequence[int], *, snapshot: str, report: Report
) -> ActReport:
    """Put the files of a snapshot back into their seats; what is there now is archived first.

    Raises:
        UsageError: there is no such seat, or no such snapshot.
    """
    await records_of(room, seats)
    there = await _kept(wiring, room)
    chosen = {number: _choose(there.get(number, ()), number, snapshot) for number in seats}
    base = await baseline(wiring, room)

    async def one(number: int) -> str:
        kept = archive_file(wiring, room, number)
        await take(room, number, base.files, kept)
        file = chosen[number].file
        if file is not None:
            await put_archive(room, number, file)
        else:
            arguments = {"seat": number, "snapshot": chosen[number].id}
            await (await gateway_of(wiring, room)).act("put-snapshot", arguments)
        wiring.store.record(room.classroom.uid, "restore", chosen[number].id, seat=number)
        at = chosen[number].at.astimezone()
        return f"{chosen[number].files} files as of {at:%H:%M}; what was there is in {kept}"

    result = await each("restored", seats, one, report)
    await refresh(wiring, room)
    return result


def _choose(there: Sequence[SeatSnapshot], number: int, wanted: str) -> SeatSnapshot:
    found = [snapshot for snapshot in there if not wanted or snapshot.id == wanted]
    if found:
        return found[-1]
    if there:
        raise UsageError(
            f"Seat {seat_name(number)} has no snapshot {wanted!r}.",
            hint=f"There are: {', '.join(snapshot.id for snapshot in there)}.",
        )
    raise UsageError(
        f"Seat {seat_name(number)} has no snapshots.",
        hint="They are taken every ten minutes while the gateway runs, where files have changed.",
    )
