"""A classroom with one seat in which nothing changes, for measuring what stands in front of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any

from workshop.model.classroom import Classroom
from workshop.model.seat import Seat, SeatState
from workshop.model.snapshot import Snapshot
from workshop.ports.room import Upstream


class StillRoom:
    """Implements `ports.room.RoomView`."""

    closing = False

    def __init__(self, classroom: Classroom, upstream: Upstream) -> None:
        self.classroom = classroom
        self._upstream = upstream

    def snapshot(self) -> Snapshot:
        seat = Seat(1, self.classroom.code(1), self.classroom.link(1), SeatState.READY)
        return Snapshot(self.classroom, (seat,), gateway=True)

    async def changes(self) -> AsyncIterator[Snapshot]:
        yield self.snapshot()
        await asyncio.Event().wait()

    def upstream(self, number: int) -> Upstream | None:
        return self._upstream if number == 1 else None

    def joinable(self) -> tuple[int, ...]:
        return (1,)

    async def act(self, verb: str, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        return {}
