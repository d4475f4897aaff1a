"""How far participants are: counts of cells from saved notebooks, the newest change of a file, restarts of kernels.

One short script inside a seat, and only in seats where something has happened; only counts leave the seat.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from time import monotonic
from typing import TYPE_CHECKING, Any

from workshop.core.changes import JUNK
from workshop.core.facts import SeatFacts, identity
from workshop.core.reduce import state_of
from workshop.model.events import FilesChanged, KernelsRestarted, ProgressRead
from workshop.model.seat import Progress, SeatState, seat_name
from workshop.service import seat_files
from workshop.service.baseline import Baseline, baseline
from workshop.service.room_folder import room_folder, write_json
from workshop.service.rooms import FoundRoom
from workshop.service.wiring import Wiring

if TYPE_CHECKING:
    from workshop.service.room import Room

log = logging.getLogger(__name__)

FILE = "progress.json"
EVERY = 15.0
TICK = 3.0
TROUBLED_EVERY = 4.0
TROUBLED_FOR = 15.0
"""After a full memory or a refused process, a seat is looked at more often: its kernel is being restarted."""
QUIET_EVERY = 120.0
"""Seats with a browser and no sign of work are looked at this often: a file may have been written by a program."""
RESTARTED_AFTER = 2.5
"""Seconds between a kernel's connection file and its process, above which the process is not the first one: the
server looks for dead kernels every three seconds."""
SHARE = 0.05
"""The part of the time that looking may take: a slow machine is looked at less often."""
MEMORY_ROOM = 0.95
PIDS_ROOM = 0.9
"""A seat at its limits is left alone: even a short script could be what breaks it."""


@dataclass(slots=True)
class _Seen:
    """What the last look at one seat found."""

    life: str = ""
    at: float = float("-inf")
    active: datetime | None = None
    newest: float = 0.0
    trouble: tuple[datetime | None, datetime | None] = (None, None)
    troubled_at: float = float("-inf")
    kernels: dict[str, int] = field(default_factory=dict)
    stamps: dict[str, list[int]] = field(default_factory=dict)
    notebooks: dict[str, Progress] = field(default_factory=dict)


class ProgressReader:
    """Looks into seats while a gateway runs. Not made where the class's privacy is strict."""

    def __init__(self, wiring: Wiring, room: Room, *, tick: float = TICK, every: float = EVERY) -> None:
        self._wiring = wiring
        self._room = room
        self._tick = tick
        self._every = every
        self._seen: dict[int, _Seen] = {}
        self._baseline: Baseline | None = None
        room.verbs["notebooks"] = self._tell

    async def _tell(self, _arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        """What `_write` keeps, for a machine on which it is not kept."""
        return {"notebooks": self._notebooks()}

    async def run(self) -> None:
        while True:
            began = monotonic()
            await self.look()
            spent = monotonic() - began
            await asyncio.sleep(max(self._tick, spent / SHARE))

    async def look(self) -> int:
        """Look into each seat that is due; how many were."""
        due = [number for number, seat in sorted(self._room.facts.seats.items()) if self._is_due(number, seat)]
        if due and self._baseline is None:
            self._baseline = await baseline(self._wiring, self._found)
        changed = False
        try:
            for number in due:
                changed |= await self._look_into(number)
        finally:
            if changed:
                self._write()
        return len(due)

    @property
    def _found(self) -> FoundRoom:
        return FoundRoom(self._room.classroom, self._room.runtime)

    def _is_due(self, number: int, seat: SeatFacts) -> bool:
        used = seat.claimed or seat.first_seen is not None
        if not used or seat.record is None or state_of(seat) is not SeatState.READY or not self._has_room(seat):
            return False
        seen = self._seen.setdefault(number, _Seen())
        now = monotonic()
        if seen.life != identity(seat.record):
            seen.at = float("-inf")
        trouble = (seat.oom_at, seat.pid_limit_at)
        if trouble != seen.trouble:
            seen.trouble, seen.troubled_at = trouble, now
        if now - seen.troubled_at < TROUBLED_FOR:
            return now - seen.at >= TROUBLED_EVERY
        there = seat.pulse is not None and seat.pulse.browsers > 0
        moved = seat.last_active != seen.active or (seat.pulse is not None and seat.pulse.busy > 0)
        return now - seen.at >= (self._every if moved else QUIET_EVERY if there else 10 * QUIET_EVERY)

    def _has_room(self, seat: SeatFacts) -> bool:
        limits, usage = self._room.classroom.limits, seat.usage
        if usage is None or seat.record is None:
            return True
        memory = seat.record.memory_limit or limits.memory_bytes
        if usage.memory_bytes is not None and usage.memory_bytes > memory * MEMORY_ROOM:
            return False
        return usage.pids is None or usage.pids <= limits.pids * PIDS_ROOM

    async def _look_into(self, number: int) -> bool:
        """Whether the seat's notebooks are further than they were."""
        seat = self._room.facts.seats.get(number)
        if seat is None or seat.record is None:
            return False
        seen, life = self._seen[number], identity(seat.record)
        if seen.life != life:
            seen = self._seen[number] = _Seen(life=life, trouble=seen.trouble, troubled_at=seen.troubled_at)
        seen.active, seen.at = seat.last_active, monotonic()
        order = {"do": "look", "junk": JUNK, "known": seen.stamps}
        answer = await seat_files.ask(self._found, number, order, timeout=20)
        if answer is None:
            return False
        try:
            return self._take(number, seat, seen, answer)
        except (*seat_files.NONSENSE, OSError) as error:  # the last of a time that no clock has
            log.info("seat %s answered nonsense: %s", seat_name(number), type(error).__name__)
            return False

    def _take(self, number: int, seat: SeatFacts, seen: _Seen, answer: Mapping[str, Any]) -> bool:
        """Report what the seat's answer says."""
        now = self._room.clock()
        newest = float(answer["newest"])
        if newest > seen.newest:
            seen.newest = newest
            self._room.report(FilesChanged(number, min(now, datetime.fromtimestamp(newest, UTC))))
        found = {str(name): (int(pid), float(late)) for name, (pid, late) in answer["kernels"].items()}
        kernels = {name: pid for name, (pid, _) in found.items()}
        restarted = sum(
            seen.kernels[name] != pid if name in seen.kernels else late > RESTARTED_AFTER
            for name, (pid, late) in found.items()
        )
        # a kernel that is just being restarted is not there: its last process is remembered
        seen.kernels |= kernels
        if restarted:
            self._room.report(KernelsRestarted(number, now, restarted))
        for path, counted in answer["notebooks"].items():
            seen.stamps[path] = counted["stamp"]
            seen.notebooks[path] = self._progress(path, counted, seen.notebooks.get(path))
        there = set(answer["there"])
        seen.notebooks = {path: found for path, found in seen.notebooks.items() if path in there}
        began = seat.first_seen.timestamp() if seat.first_seen else now.timestamp()
        touched = tuple(
            found
            for path, found in sorted(seen.notebooks.items())
            if found.run or found.error_since or seen.stamps[path][0] / 1e9 > began
        )
        if touched == seat.progress:
            return False
        self._room.report(ProgressRead(number, touched))
        return True

    def _write(self) -> None:
        """Keep what the class's report says; where the disk is full, what is kept at the next change has it all."""
        try:
            write_json(room_folder(self._wiring, self._room.classroom.uid) / FILE, self._notebooks())
        except OSError as error:
            log.warning("how far the class is was not written down: %s", error.strerror)

    def _notebooks(self) -> list[dict[str, Any]]:
        """How far the class is with the repository's own notebooks: other names may be people's."""
        entries: dict[str, list[Progress]] = {}
        for seat in self._room.facts.seats.values():
            for entry in seat.progress:
                if self._baseline is not None and entry.notebook in self._baseline.files:
                    entries.setdefault(entry.notebook, []).append(entry)
        return [
            {
                "notebook": path,
                "seats": len(found),
                "share": sum(entry.run / entry.cells for entry in found if entry.cells) / len(found),
                "errors": sum(entry.error_since is not None for entry in found),
            }
            for path, found in sorted(entries.items())
        ]

    def _progress(self, path: str, counted: Mapping[str, Any], before: Progress | None) -> Progress:
        base = self._baseline or Baseline()
        nobodys = base.runs.get(path, frozenset())
        found = Progress(path, int(counted["cells"]), sum(digest not in nobodys for digest in counted["run"]))
        error = counted["error"]
        if not error or error[0] in nobodys:
            return found
        if before is not None and before.error_since is not None:
            return replace(found, error_since=before.error_since)  # the same trouble, tried again
        at = _moment(str(error[1])) or datetime.fromtimestamp(counted["stamp"][0] / 1e9, UTC)
        return replace(found, error_since=min(at, self._room.clock()))


def _moment(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
