"""Looks after the rules that keep seats from the machine they run on: a restart of its firewall takes them away."""

from __future__ import annotations

import asyncio
import logging

from workshop.errors import WorkshopError
from workshop.model.events import Warned
from workshop.ports.runtime import WalledRuntime
from workshop.service.room import Room

log = logging.getLogger(__name__)

EVERY = 15.0


class WallWatch:
    """Has missing rules put back, and warns when that cannot be done any more.

    What could not be closed from the beginning was said when the class was opened.
    """

    def __init__(self, room: Room, *, every: float = EVERY) -> None:
        self._room = room
        self._every = every
        self._at_first: str | None = None

    async def run(self) -> None:
        runtime = self._room.runtime
        if not isinstance(runtime, WalledRuntime):
            await asyncio.Event().wait()
            return
        while True:
            if not self._room.closing:
                await self._look(runtime)
            await asyncio.sleep(self._every)

    async def _look(self, runtime: WalledRuntime) -> None:
        try:
            text = await runtime.keep_walls(self._room.classroom)
        except WorkshopError as error:
            log.info("the seats' walls were not looked at: %s", error.message)
            return
        if self._at_first is None:
            self._at_first = text
        told = "" if text == self._at_first else text
        if told != dict(self._room.facts.warnings).get("wall", ""):
            self._room.report(Warned("wall", told))
