"""The end of a class when nobody is at the keyboard: collect, then remove; what cannot be collected is kept."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence

from workshop.errors import UnknownClassroom, WorkshopError
from workshop.model.events import Warned
from workshop.ports.build import ignore_events
from workshop.service import rooms
from workshop.service.class_clock import ClassClock
from workshop.service.room import Room
from workshop.service.wiring import Wiring

log = logging.getLogger(__name__)

PAUSES = (60.0, 300.0, 900.0, 1800.0)
"""Seconds between tries to end a class; the last one repeats until it is done."""
Sleep = Callable[[float], Awaitable[None]]


async def end_when_over(
    wiring: Wiring,
    room: Room,
    clock: ClassClock,
    *,
    end: Callable[[Wiring, Room], Awaitable[bool]] | None = None,
    sleep: Sleep = asyncio.sleep,
) -> None:
    """Wait until the grace has passed, close the door, collect, remove. Returns when the class is gone.

    A failure loses nothing: the seats stay, the instructor is told why, and it is tried again. A class that is
    extended meanwhile opens its door again.

    Args:
        end: what ends the class, true when it is gone; collecting to this machine and removing by default.
    """
    end = end or collect_and_remove
    tries = 0
    while True:
        await clock.until_over()
        room.set_over(True)
        log.info("the class %s is over", room.classroom.name)
        room.write_notes()
        if await end(wiring, room):
            return
        await sleep(PAUSES[min(tries, len(PAUSES) - 1)])
        tries += 1
        if not clock.is_over:
            room.set_over(False)
            room.report(Warned("end", ""))


async def collect_and_remove(wiring: Wiring, room: Room) -> bool:
    """Whether the class is gone."""
    from workshop.service import closing, collecting  # at the end of the class: what opens one does not wait for it

    name = room.classroom.name
    try:
        found = await rooms.find(wiring, room.classroom.uid, called=name)
        folder = collecting.default_folder(wiring, found.classroom)
        report = await closing.down(
            wiring, found, collect_to=folder, discard=False, report=ignore_events, from_gateway=True
        )
    except UnknownClassroom:
        return True
    except WorkshopError as error:
        reason, details = error.message, error.details
    else:
        log.info("classroom %s ended: removed %s", name, report.removal.removed)
        if not report.removal.left:
            return True
        reason = f"{len(report.removal.left)} objects could not be removed."
        details = tuple(f"{left.kind} {left.name}: {left.reason}" for left in report.removal.left)
    return not_ended(room, reason, details)


def not_ended(room: Room, reason: str, details: Sequence[str] = ()) -> bool:
    """Say why the class is still there; False, for `end_when_over`."""
    name, uid = room.classroom.name, room.classroom.uid
    log.error("the class %s was not ended: %s %s", name, reason, "; ".join(details))
    room.keep(lambda: room.store.record(uid, "end-failed", reason))
    room.report(Warned("end", f"The class is over and was not removed: {reason} It is tried again."))
    return False
