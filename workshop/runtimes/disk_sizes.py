"""How much each seat has written: slow to find out, so measured seldom, one seat at a time, behind the scenes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable

from workshop.errors import WorkshopError

MAX_AGE = 60.0
"""Seconds after which a size is measured again."""


class DiskSizes:
    """Known sizes by the runtime's own id of a seat, renewed by one task that ends when all are fresh.

    Args:
        measure: how many bytes the seat with this id has written; None when it is gone.
    """

    def __init__(self, measure: Callable[[str], Awaitable[int | None]], *, max_age: float = MAX_AGE) -> None:
        self._measure = measure
        self._max_age = max_age
        self._known: dict[str, tuple[int, float]] = {}
        self._task: asyncio.Task[None] | None = None

    def get(self, object_id: str) -> int | None:
        known = self._known.get(object_id)
        return known[0] if known else None

    def renew(self, object_ids: Iterable[str]) -> None:
        """Have these measured soon, where what is known is too old; returns at once."""
        ids = tuple(object_ids)
        if self._task is not None and not self._task.done():
            return
        now = time.monotonic()
        old = [name for name in ids if name not in self._known or now - self._known[name][1] > self._max_age]
        for gone in self._known.keys() - set(ids):
            if now - self._known[gone][1] > 10 * self._max_age:
                del self._known[gone]
        if old:
            self._task = asyncio.create_task(self._measure_all(old))

    async def _measure_all(self, object_ids: list[str]) -> None:
        for object_id in object_ids:
            try:
                size = await self._measure(object_id)
            except WorkshopError:
                return  # the engine is away: whoever reads usage hears of that itself
            if size is not None:
                self._known[object_id] = (size, time.monotonic())

    async def aclose(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
