"""The class over time: a line every half minute, for plots and for the report. Counts and sums, no names."""

from __future__ import annotations

import asyncio
import json
import logging
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from time import monotonic
from typing import TYPE_CHECKING, Any

from workshop.model.seat import Activity
from workshop.service.reports import ClassHistory, Sample
from workshop.service.room_folder import existing, room_folder
from workshop.service.wiring import Wiring

if TYPE_CHECKING:
    from workshop.service.room import Room

log = logging.getLogger(__name__)

FILE = "samples.jsonl"
EVERY = 30.0
LOOK_EVERY = 5.0
ACTIVE = (Activity.OPEN, Activity.RUNNING, Activity.OUT_OF_MEMORY, Activity.PROCESS_LIMIT)
MOST = 2000
"""Samples that are handed out at most; older ones are thinned, never the newest."""


class Sampler:
    """Writes the class's samples while a gateway runs, and answers `history`."""

    def __init__(self, wiring: Wiring, room: Room, *, every: float = EVERY, look_every: float = LOOK_EVERY) -> None:
        self._wiring = wiring
        self._room = room
        self._every = every
        self._look_every = look_every
        self._highest: dict[int, int] = {}
        room.verbs["history"] = self._answer

    async def run(self) -> None:
        written = monotonic()
        while True:
            self.look()
            if monotonic() - written >= self._every:
                written = monotonic()
                await asyncio.to_thread(self.write)
            await asyncio.sleep(self._look_every)

    def look(self) -> None:
        """Remember the highest memory of each seat since the last sample."""
        for number, seat in self._room.facts.seats.items():
            if seat.usage is not None and seat.usage.memory_bytes is not None:
                self._highest[number] = max(self._highest.get(number, 0), seat.usage.memory_bytes)

    def write(self) -> None:
        """Add one line to the class's file."""
        picture = self._room.snapshot()
        highest, self._highest = self._highest, {}
        document = {
            "at": int(picture.taken_at.timestamp()) if picture.taken_at else 0,
            "ready": picture.ready,
            "joined": sum(seat.claimed or seat.first_seen is not None for seat in picture.seats),
            "active": sum(seat.activity in ACTIVE for seat in picture.seats),
            "help": sum(seat.help_since is not None for seat in picture.seats),
            "cpu": round(sum(seat.cpu_percent or 0 for seat in picture.seats)),
            "memory": {str(number): value for number, value in sorted(highest.items())},
        }
        line = json.dumps(document, separators=(",", ":")).encode() + b"\n"
        file = room_folder(self._wiring, self._room.classroom.uid) / FILE
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            os.write(descriptor, line)
        finally:
            os.close(descriptor)

    async def _answer(self, _arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        lines = await asyncio.to_thread(_lines, self._wiring, self._room.classroom.uid)
        return {"samples": _thinned(lines)}


def _lines(wiring: Wiring, uid: str) -> list[dict[str, Any]]:
    folder = existing(wiring, uid)
    if folder is None or not (folder / FILE).is_file():
        return []
    found = []
    for line in (folder / FILE).read_text("utf-8").splitlines():
        try:
            found.append(json.loads(line))
        except ValueError:
            continue  # cut off when the gateway was killed
    return found


def _thinned(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """At most `MOST` lines, the newest tenth of them whole."""
    while len(lines) > MOST:
        tail = len(lines) // 10
        lines = lines[:-tail][::2] + lines[-tail:]
    return lines


def read_history(wiring: Wiring, uid: str) -> ClassHistory:
    """The samples that are kept on this machine."""
    return history_of(_thinned(_lines(wiring, uid)))


def history_of(lines: list[dict[str, Any]]) -> ClassHistory:
    samples = []
    for line in lines:
        memory = {int(number): int(value) for number, value in line.get("memory", {}).items()}
        samples.append(
            Sample(
                at=datetime.fromtimestamp(line["at"], UTC),
                ready=line["ready"],
                joined=line["joined"],
                active=line["active"],
                help=line.get("help", 0),
                cpu_percent=float(line["cpu"]),
                memory_bytes=sum(memory.values()),
                seats=memory,
            )
        )
    return ClassHistory(tuple(samples))
