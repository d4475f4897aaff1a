"""Warns before the machine that the seats run on is full: a full disk stops every seat."""

from __future__ import annotations

import asyncio
import logging

from workshop.errors import WorkshopError
from workshop.model.amounts import format_size
from workshop.model.events import Warned
from workshop.model.snapshot import EngineFacts
from workshop.service.room import Room

log = logging.getLogger(__name__)

EVERY = 60.0
LEAST_DISK = 0.10
LEAST_MEMORY = 0.05


class HostWatch:
    def __init__(self, room: Room, *, every: float = EVERY) -> None:
        self._room = room
        self._every = every

    async def run(self) -> None:
        while True:
            try:
                self.tell(await self._room.runtime.facts())
            except WorkshopError as error:
                log.info("the engine was not asked how full it is: %s", error.message)
            await asyncio.sleep(self._every)

    def tell(self, facts: EngineFacts) -> None:
        """Warn of what is nearly full, and take back what is not any more."""
        for key, text in (("disk", disk_warning(facts)), ("memory", memory_warning(facts))):
            if text != dict(self._room.facts.warnings).get(key, ""):
                self._room.report(Warned(key, text))


def disk_warning(facts: EngineFacts) -> str:
    free, total = facts.disk_free_bytes, facts.disk_total_bytes
    if free is None or not total or free >= total * LEAST_DISK:
        return ""
    return (
        f"The seats' disk is nearly full: {format_size(free)} of {format_size(total)} are free. "
        "`workshop images prune` makes room."
    )


def memory_warning(facts: EngineFacts) -> str:
    free = facts.memory_free_bytes
    if free is None or free >= facts.memory_bytes * LEAST_MEMORY:
        return ""
    return f"The machine's memory is nearly full: {format_size(free)} of {format_size(facts.memory_bytes)} are free."
