"""Slows down who tries codes or PINs: 60 wrong ones a minute and address are free, then one try a second.

A whole room can share one address, behind a router, a reverse proxy or a cluster's entrance. So a right code passes at
once although its address is being slowed: who tries `FLOOD` codes a minute for a day has a chance of 1 in 380 to hit
one of 200 seats. Above `FLOOD`, right ones wait as well. A PIN is short, and always waits.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from time import monotonic

FREE_TRIES = 60
FLOOD = 6000
"""Wrong tries of one address within `WINDOW`, above which no code of it is looked at before it has waited."""
WINDOW = 60.0
SLOW_SECONDS = 1.0
"""Between two tries of an address that used up its free ones."""
WAITING_AT_MOST = 20
"""Slowed tries of one address at once; more are turned away."""
ADDRESSES_KEPT = 4096


class TooManyTries(Exception):
    """More tries wait than are worth waiting for."""


@dataclass(slots=True)
class _Address:
    started: float
    wrong: int = 0
    waiting: int = 0
    gate: asyncio.Lock = field(default_factory=asyncio.Lock)


class Attempts:
    """Counts the wrong tries of one kind (codes, PINs) by address."""

    def __init__(self, *, clock: Callable[[], float] = monotonic, slow_seconds: float = SLOW_SECONDS) -> None:
        self._clock = clock
        self._slow_seconds = slow_seconds
        self._addresses: OrderedDict[str, _Address] = OrderedDict()

    async def admit(self, address: str) -> None:
        """Call before a try is looked at: returns at once, or after a wait when the address is being slowed.

        Raises:
            TooManyTries: too many tries of this address wait already.
        """
        entry = self._addresses.get(address)
        if entry is None or self._fresh(entry).wrong < FREE_TRIES:
            return
        if entry.waiting >= WAITING_AT_MOST:
            raise TooManyTries
        entry.waiting += 1
        try:
            async with entry.gate:
                await asyncio.sleep(self._slow_seconds)
        finally:
            entry.waiting -= 1

    def is_flood(self, address: str) -> bool:
        """Whether so many wrong tries come from the address that a right one must wait as well."""
        entry = self._addresses.get(address)
        return entry is not None and self._fresh(entry).wrong >= FLOOD

    def wrong(self, address: str) -> None:
        """Count a wrong try."""
        entry = self._addresses.pop(address, None) or _Address(self._clock())
        self._fresh(entry).wrong += 1
        self._addresses[address] = entry
        while len(self._addresses) > ADDRESSES_KEPT:
            self._addresses.popitem(last=False)

    def _fresh(self, entry: _Address) -> _Address:
        if self._clock() - entry.started >= WINDOW:
            entry.started, entry.wrong = self._clock(), 0
        return entry
