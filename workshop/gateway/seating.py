"""Who gets which seat: the own one first, then the next free one, then a spare."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime

from workshop.errors import StateError
from workshop.gateway.seatmap import SeatMap
from workshop.model.events import SeatClaimed
from workshop.ports.room import ReportFact, RoomView
from workshop.ports.store import Store

log = logging.getLogger(__name__)


class Seating:
    """Claims of one classroom. Nothing is created here: a claim only says whose an existing seat is."""

    def __init__(
        self,
        room: RoomView,
        store: Store,
        seats: SeatMap,
        report: ReportFact,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._room = room
        self._store = store
        self._seats = seats
        self._report = report
        self._now = now

    def own(self, browser: str) -> int | None:
        """The seat this browser came to last."""
        numbers = self._store.seats_of(self._room.classroom.uid, browser)
        return next((number for number in numbers if self._seats.knows(number)), None)

    def take(self, browser: str) -> int | None:
        """The browser's own seat, else the next free one; None when all are taken."""
        number = self._store.claim_first(self._room.classroom.uid, self._room.joinable(), browser)
        if number is not None:
            self._report(SeatClaimed(number, self._now()))
        return number

    def come(self, number: int, browser: str) -> None:
        """A browser came with the seat's code or cookie. The second one is welcome, and remembered as such.

        Who has the code is let in although it cannot be written down.
        """
        uid = self._room.classroom.uid
        try:
            first = self._store.claim(uid, number, browser)
            if not first:
                self._store.also_opened(uid, number, browser)
        except StateError as error:
            log.warning("a browser's seat is not remembered: %s", error.message)
            first = True
        if first:
            self._report(SeatClaimed(number, self._now()))

    def free(self) -> int:
        """How many seats could be given out now."""
        taken = {claim.number for claim in self._store.claims(self._room.classroom.uid)}
        return sum(number not in taken for number in self._room.joinable())

    def pin(self) -> str:
        """What the join page asks for, as it was set last."""
        changed = self._store.room_state(self._room.classroom.uid).pin
        return self._room.classroom.pin if changed is None else changed
