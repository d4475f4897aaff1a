"""What the process that holds a gateway does for its class beside serving, each duty for itself."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from workshop.errors import WorkshopError
from workshop.service.class_clock import ClassClock
from workshop.service.deliveries import Deliveries
from workshop.service.ending import end_when_over
from workshop.service.host_watch import HostWatch
from workshop.service.progress import ProgressReader
from workshop.service.room import Room
from workshop.service.samples import Sampler
from workshop.service.snapshots import SnapshotKeeper
from workshop.service.tunnelling import TunnelKeeper
from workshop.service.wall_watch import WallWatch
from workshop.service.wiring import Wiring

log = logging.getLogger(__name__)

AGAIN_AFTER = 10.0
"""Seconds after which a duty that failed is taken up again: a class never ends because a copy could not be written."""


Ending = Callable[[Wiring, Room, ClassClock], Awaitable[None]]


class Duties:
    """Clock, snapshots, progress, deliveries, samples, the tunnel, the seats' walls and a look at the machine.

    Args:
        ending: waits for the end of the class and ends it.
        collects: whether that fetches the work first.
    """

    def __init__(self, wiring: Wiring, room: Room, *, ending: Ending = end_when_over, collects: bool = True) -> None:
        self._wiring = wiring
        self._room = room
        self._ending = ending
        self.clock = ClassClock(room, at_end=wiring.setting("at_end") or "collect", collects=collects)
        self._duties: list[tuple[str, Callable[[], Awaitable[None]]]] = [
            ("clock", self.clock.run),
            ("snapshots", SnapshotKeeper(wiring, room).run),
            ("deliveries", Deliveries(wiring, room).run),
            ("samples", Sampler(wiring, room).run),
            ("host", HostWatch(room).run),
            ("walls", WallWatch(room).run),
            ("tunnel", TunnelKeeper(room).run),
        ]
        if room.rules.privacy != "strict":
            self._duties.append(("progress", ProgressReader(wiring, room).run))

    async def run(self) -> None:
        """Returns when the class is over and everything of it is gone."""
        tasks = [asyncio.create_task(_kept_up(name, duty)) for name, duty in self._duties]
        try:
            await self._ending(self._wiring, self._room, self.clock)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


async def _kept_up(name: str, duty: Callable[[], Awaitable[None]]) -> None:
    """Run a duty; when it fails, say so in the log and take it up again."""
    while True:
        try:
            await duty()
        except WorkshopError as error:
            log.warning("%s: %s", name, error.message)
        except Exception:
            log.exception("%s failed", name)
        await asyncio.sleep(AGAIN_AFTER)
