"""Rooms kept in this process, without an HTTP front: for the fake runtime, whose seats nobody else can see."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from typing import TYPE_CHECKING, Any

from workshop.errors import GatewayFailed
from workshop.model.classroom import Classroom
from workshop.model.snapshot import Snapshot
from workshop.ports.build import Report, ignore_events
from workshop.service.addressing import DoorMover
from workshop.service.duties import Duties
from workshop.service.room import Room

if TYPE_CHECKING:
    from workshop.service.wiring import Wiring


class NearClient:
    """Talks to a room in this process as `ControlClient` does to one elsewhere."""

    def __init__(self, room: Room, open_: Callable[[], bool]) -> None:
        self.room = room
        self._open = open_

    async def alive(self) -> bool:
        return self._open()

    async def snapshot(self) -> Snapshot:
        self._still_open()
        return self.room.snapshot()

    async def changes(self) -> AsyncIterator[Snapshot]:
        async for picture in self.room.changes():
            self._still_open()
            yield picture

    async def act(self, verb: str, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        self._still_open()
        return await self.room.act(verb, arguments)

    def _still_open(self) -> None:
        if not self._open():
            raise GatewayFailed("The gateway has ended.")


class NearDoors:
    """Rooms by uid, each with its tasks; give it to `Wiring` and then call `attach`."""

    def __init__(self) -> None:
        self._wiring: Wiring | None = None
        self._rooms: dict[str, tuple[NearClient, asyncio.Task[None]]] = {}

    def attach(self, wiring: Wiring) -> None:
        self._wiring = wiring

    async def ensure(self, classroom: Classroom, *, report: Report = ignore_events) -> Classroom:
        if classroom.uid in self._rooms:
            return classroom
        assert self._wiring is not None, "attach() was not called"
        room = Room(
            classroom,
            self._wiring.runtime(classroom.runtime),
            self._wiring.store,
            clock=self._wiring.clock,
            stop=lambda: None,
        )
        room.verbs["door"] = DoorMover(room).asked
        task = asyncio.create_task(_run(room, Duties(self._wiring, room)))
        self._rooms[classroom.uid] = (NearClient(room, lambda: classroom.uid in self._rooms), task)
        return classroom

    async def client(self, classroom: Classroom) -> NearClient | None:
        found = self._rooms.get(classroom.uid)
        return found[0] if found else None

    def hangs(self, classroom: Classroom) -> bool:
        return False

    async def stop(self, classroom: Classroom) -> bool:
        found = self._rooms.pop(classroom.uid, None)
        if found is None:
            return False
        _client, task = found
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return True

    async def aclose(self) -> None:
        for uid in list(self._rooms):
            _client, task = self._rooms.pop(uid)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def _run(room: Room, duties: Duties) -> None:
    """The room and its duties, until cancelled or until the class has ended itself."""
    running = asyncio.create_task(room.run())
    try:
        await room.until_listed()
        await duties.run()
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        room.write_notes()
