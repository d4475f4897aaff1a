"""Seats that were down get what they missed when they are back: pushes, and files that an interrupted move kept."""

from __future__ import annotations

import asyncio
import logging
from time import monotonic
from typing import TYPE_CHECKING

from workshop.core.facts import identity
from workshop.core.reduce import state_of
from workshop.errors import WorkshopError
from workshop.model.seat import SeatState
from workshop.service import moving, pushed, pushing
from workshop.service.rooms import FoundRoom
from workshop.service.wiring import Wiring

if TYPE_CHECKING:
    from workshop.service.room import Room

log = logging.getLogger(__name__)

LOOK_EVERY = 2.0
AGAIN_AFTER = 30.0


class Deliveries:
    """Looks for seats that wait for files and are ready."""

    def __init__(self, wiring: Wiring, room: Room, *, every: float = LOOK_EVERY) -> None:
        self._wiring = wiring
        self._room = room
        self._every = every
        self._not_before: dict[str, float] = {}

    async def run(self) -> None:
        while True:
            for number in await asyncio.to_thread(self.owed):
                await self._deliver(number)
            await asyncio.sleep(self._every)

    def owed(self) -> tuple[int, ...]:
        """Numbers of seats that something waits for."""
        uid = self._room.classroom.uid
        waiting = {number for push in pushed.pushes(self._wiring, uid) for number in push.waiting()}
        return tuple(sorted(waiting | set(moving.interrupted(self._wiring, uid))))

    def _reachable(self, number: int) -> tuple[SeatState, ...]:
        """States in which a seat can be given what it waits for; one that a killed move has made is started for it."""
        moved = number in moving.interrupted(self._wiring, self._room.classroom.uid)
        return (SeatState.READY, SeatState.PAUSED, *([SeatState.CREATING] if moved else []))

    async def _deliver(self, number: int) -> None:
        seat = self._room.facts.seats.get(number)
        if seat is None or seat.record is None or state_of(seat) not in self._reachable(number):
            return
        life = identity(seat.record)
        if monotonic() < self._not_before.get(life, 0):
            return
        found = FoundRoom(self._room.classroom, self._room.runtime)
        try:
            await moving.finish(self._wiring, found, seat.record)
            if seat.record.state is SeatState.PAUSED:
                return
            for result in await pushing.catch_up(self._wiring, found, seat.record):
                log.info("seat %s: %s", number, result.sentence)
        except WorkshopError as error:
            self._not_before[life] = monotonic() + AGAIN_AFTER
            log.warning("seat %s did not get its files: %s", number, error.message)
