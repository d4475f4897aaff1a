"""Who is here: the browsers that hold connections to each seat open at this moment."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from workshop.gateway.guest import Guest


class Presence:
    """Counts connections by seat and browser. A browser is present while it has at least one."""

    def __init__(self) -> None:
        self._open: dict[int, Counter[Guest]] = {}
        self._dirty: set[int] = set()
        self._stirred = asyncio.Event()

    @contextmanager
    def here(self, number: int, guest: Guest) -> Iterator[None]:
        """Hold one connection of this guest for as long as the block runs."""
        seat = self._open.setdefault(number, Counter())
        seat[guest] += 1
        if seat[guest] == 1:
            self._stir(number)
        try:
            yield
        finally:
            seat[guest] -= 1
            if not seat[guest]:
                del seat[guest]
                self._stir(number)
            if not seat:
                self._open.pop(number, None)

    def browsers(self, number: int) -> int:
        """How many different browsers of participants are at the seat now."""
        return sum(not guest.instructor for guest in self._open.get(number, ()))

    def is_visited(self, number: int) -> bool:
        """Whether the instructor is at the seat now."""
        return any(guest.instructor for guest in self._open.get(number, ()))

    def _stir(self, number: int) -> None:
        self._dirty.add(number)
        self._stirred.set()

    async def stirred(self) -> frozenset[int]:
        """Wait until a browser came or went; the seats where one did."""
        await self._stirred.wait()
        self._stirred.clear()
        changed, self._dirty = frozenset(self._dirty), set()
        return changed
