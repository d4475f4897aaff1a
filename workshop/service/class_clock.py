"""Keeps a class's clock while its gateway runs: reminders to students, and the moment when the class is over."""

from __future__ import annotations

import asyncio
import logging
from datetime import datetime, timedelta

from workshop.core.class_clock import (
    LAST_GRACE,
    REMINDERS,
    Phase,
    closing_text,
    over_text,
    overslept,
    phase_of,
    reminder_due,
    reminder_text,
)
from workshop.model.events import ClockSet, Warned
from workshop.service.room import Room

log = logging.getLogger(__name__)

TICK = 1.0


class ClassClock:
    """
    Args:
        at_end: `collect` or `nothing`: whether the class ends by itself.
        collects: whether its work is fetched when it does.
    """

    def __init__(self, room: Room, *, at_end: str, collects: bool = True, tick: float = TICK) -> None:
        self._room = room
        self._tick = tick
        self._collects = collects
        self._ends_itself = at_end == room.rules.at_end == "collect"
        self._grace = room.rules.grace
        self._over = asyncio.Event()
        self._looked: datetime | None = None
        self._closes: datetime | None = None
        """Until when a class is left open whose end was slept through."""

    @property
    def is_over(self) -> bool:
        """Whether the class is to be collected and removed now."""
        now = self._room.clock()
        over = self._ends_itself and phase_of(now, self._room.ends, self._grace) is Phase.OVER
        return over and (self._closes is None or now >= self._closes)

    def rest_of_grace(self) -> timedelta | None:
        """How long the class stays after its end, once that has come; None before, and when it does not end itself."""
        now, ends = self._room.clock(), self._room.ends
        if self._closes is not None and self._closes > now:
            return self._closes - now
        if not self._ends_itself or ends is None or phase_of(now, ends, self._grace) is not Phase.GRACE:
            return None
        return ends + self._grace - now

    async def run(self) -> None:
        while True:
            self.look()
            await asyncio.sleep(self._tick)

    async def until_over(self) -> None:
        """Wait for the moment; `run` has to run beside it."""
        await self._over.wait()

    def look(self) -> None:
        """Take over an end that was moved without this process, and remind students when it is time."""
        room = self._room
        state = room.store.room_state(room.classroom.uid)
        if state.ends is not None and state.ends != room.facts.ends:
            room.report(ClockSet(state.ends))
        self._look_for_sleep(room.clock())
        self._tell_the_instructor()
        if self.is_over:
            self._over.set()
        else:
            self._over.clear()
        ends = room.ends
        given = _given(state.reminded, ends.isoformat() if ends else "")
        minutes = reminder_due(room.clock(), ends, given)
        if minutes is None or ends is None:
            return
        # every earlier reminder is over too: a class that was shortened gets one, not all
        passed = sorted((*given, *(other for other in REMINDERS if other >= minutes)), reverse=True)
        words = " ".join(str(minute) for minute in dict.fromkeys(passed))
        room.store.set_room_state(room.classroom.uid, reminded=f"{ends.isoformat()} {words}")
        room.say(reminder_text(room.clock(), ends))
        log.info("students were reminded: the class ends in %s minutes", minutes)

    def _look_for_sleep(self, now: datetime) -> None:
        """Give everybody a last few minutes when the end came while this machine slept."""
        room = self._room
        last, self._looked = self._looked, now
        on = phase_of(now, room.ends, self._grace) is not Phase.OVER  # it was extended, or the clock set back
        if self._closes is not None and (on or now >= self._closes):
            self._closes = None
        if self._ends_itself and overslept(last, now, room.ends, self._grace):
            self._closes = now + LAST_GRACE
            room.say(closing_text(self._closes))
            log.info("the end of the class passed unseen since %s; it closes at %s", last, self._closes)

    def _tell_the_instructor(self) -> None:
        """Say what comes, as long as something can be done about it."""
        there = self.rest_of_grace() is not None
        text = over_text(self._grace, self._closes, collects=self._collects) if there else ""
        if text != dict(self._room.facts.warnings).get("over", ""):
            self._room.report(Warned("over", text))


def _given(reminded: str, ends: str) -> frozenset[int]:
    """The reminders that were given for this end; none when the end has moved."""
    of, _, minutes = reminded.partition(" ")
    return frozenset(int(word) for word in minutes.split()) if of == ends else frozenset()
