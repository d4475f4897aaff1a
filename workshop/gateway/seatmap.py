"""What requests need of the classroom, looked up once for each change instead of once for each request."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import secrets
from collections.abc import Callable
from urllib.parse import urlsplit

from workshop.gateway.origin import Origin, inside, networks
from workshop.gateway.settings import GatewaySettings
from workshop.model.classroom import Classroom, Door
from workshop.model.parts import all_numbers, numbers_of, parts_of
from workshop.model.snapshot import Snapshot
from workshop.ports.room import RoomView, Upstream

LOOK_EVERY = 1.0
"""Seconds between two looks at what changes without a snapshot (a teardown begun by another process)."""
CHANGES_APART = 0.05
"""Seconds between two pictures, at least: a room that fills in a rush is one change, not two hundred."""


class SeatMap:
    """Seats by number and by code, and who may not come in."""

    def __init__(self, room: RoomView, settings: GatewaySettings) -> None:
        self._room = room
        self._trusted = networks(settings.trusted_proxies)
        self._refused = networks(settings.refused_networks)
        self._seat_hosts: frozenset[str] = frozenset()
        self._own: frozenset[int] = frozenset()
        self._salt = secrets.token_bytes(16)
        self._by_code: dict[bytes, int] = {}
        self._upstreams: dict[int, Upstream] = {}
        self._listeners: list[Callable[[Snapshot], None]] = []
        self._door: Door | None = None
        self.closing = False
        self.refresh(room.snapshot())

    @property
    def classroom(self) -> Classroom:
        return self._room.classroom

    def on_change(self, listener: Callable[[Snapshot], None]) -> None:
        """Call `listener` with each new picture; it must not block."""
        self._listeners.append(listener)

    def refresh(self, snapshot: Snapshot) -> None:
        """Take over a new picture."""
        self.snapshot = snapshot
        classroom = snapshot.classroom
        self._own = frozenset(numbers_of(classroom))
        numbers = {seat.number for seat in snapshot.seats} | self._own
        # codes of seats that are elsewhere are known too: who comes with one is sent on
        for number in (numbers | set(all_numbers(classroom))) - set(self._by_code.values()):
            self._by_code[self._mark(classroom.code(number))] = number
        upstreams = {number: self._room.upstream(number) for number in numbers}
        self._upstreams = {number: upstream for number, upstream in upstreams.items() if upstream}
        hosts = {urlsplit(upstream.endpoint).hostname or "" for upstream in self._upstreams.values()}
        self._seat_hosts = frozenset(host for host in hosts if host and not _is_loopback(host))
        if classroom.door != self._door:
            self._door = classroom.door
            self.origin = Origin(classroom.door, self._trusted)
        self.closing = self._room.closing
        for listener in self._listeners:
            listener(snapshot)

    async def follow(self) -> None:
        """Keep up with the room until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._follow_changes())
            group.create_task(self._look())

    async def _follow_changes(self) -> None:
        async for snapshot in self._room.changes():
            self.refresh(snapshot)
            await asyncio.sleep(CHANGES_APART)

    async def _look(self) -> None:
        while True:
            await asyncio.sleep(LOOK_EVERY)
            if self._room.closing != self.closing:
                self.refresh(self._room.snapshot())

    def knows(self, number: int) -> bool:
        """Whether there is, or was, a seat of this number here."""
        if number in self._upstreams or number in self._own:
            return True
        return not parts_of(self.classroom) and number in self._by_code.values()

    def upstream(self, number: int) -> Upstream | None:
        """Where the seat answers; None while it has no server that is ready."""
        upstream = self._upstreams.get(number)
        if upstream is None or not upstream.ready:
            upstream = self._room.upstream(number)  # it may have become ready since the last picture
        return upstream if upstream and upstream.ready else None

    def number_of(self, code: str) -> int | None:
        """The seat whose code this is. Looked up by a salted digest, so that timing tells nothing of near misses."""
        return self._by_code.get(self._mark(code))

    def _mark(self, code: str) -> bytes:
        return hmac.digest(self._salt, code.encode(), hashlib.sha256)

    def refuses(self, address: str) -> bool:
        """Whether an address is a seat's own: seats have no business at the students' door."""
        return address in self._seat_hosts or bool(self._refused and inside(address, self._refused))


def _is_loopback(host: str) -> bool:
    return host == "localhost" or inside(host, networks(("127.0.0.0/8", "::1")))
