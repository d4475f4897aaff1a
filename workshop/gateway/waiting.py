"""The waiting room: people for whom there is no seat yet, in the order they came."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic, time

PATIENCE = 20.0
"""Seconds without a word from its page before somebody is passed over."""
FORGOTTEN = 300.0
"""Seconds before such a place is given up."""
PEOPLE_AT_MOST = 5000


@dataclass(slots=True)
class _Person:
    since: float
    """Wall clock: lets a new gateway restore the order from what the pages tell."""
    seen: float


class WaitingRoom:
    """Places by browser. A seat is given only in answer to the page of the person it is for."""

    def __init__(
        self,
        changed: Callable[[int], None],
        *,
        clock: Callable[[], float] = monotonic,
        wall: Callable[[], float] = time,
    ) -> None:
        self._changed = changed
        self._clock = clock
        self._wall = wall
        self._people: dict[str, _Person] = {}
        self._told = 0

    def arrive(self, browser: str, since: float | None = None) -> float:
        """Take a place, or keep the one there is; since when it is held.

        Args:
            since: when this browser came to the gateway that ran before this one.
        """
        now = self._clock()
        person = self._people.get(browser)
        if person is None:
            if len(self._people) >= PEOPLE_AT_MOST:
                self.sweep(0)
            person = self._people[browser] = _Person(min(since or self._wall(), self._wall()), now)
        person.seen = now
        self._tell()
        return person.since

    def place(self, browser: str) -> int | None:
        """1 for the first in line; people whose page is silent are passed over."""
        me = self._people.get(browser)
        if me is None:
            return None
        now = self._clock()
        ahead = sum(
            now - person.seen <= PATIENCE and (person.since, name) < (me.since, browser)
            for name, person in self._people.items()
            if name != browser
        )
        return ahead + 1

    def leave(self, browser: str) -> None:
        if self._people.pop(browser, None) is not None:
            self._tell()

    def sweep(self, silent: float = FORGOTTEN) -> None:
        """Give up the places of pages that were not heard of for this long."""
        limit = self._clock() - max(silent, PATIENCE)
        for browser in [name for name, person in self._people.items() if person.seen < limit]:
            del self._people[browser]
        self._tell()

    @property
    def count(self) -> int:
        now = self._clock()
        return sum(now - person.seen <= PATIENCE for person in self._people.values())

    def _tell(self) -> None:
        if self.count != self._told:
            self._told = self.count
            self._changed(self._told)
