"""Classrooms whose gateway is a real process, without any seat: what a gateway does by itself is quick to see."""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from tests.gateway.conftest import until
from tests.support.ports import free_port
from workshop.model.classroom import Classroom, Door, new_key, new_uid
from workshop.model.definition import AccessPart, WorkshopDefinition
from workshop.model.snapshot import Snapshot
from workshop.service import Service
from workshop.service.doors import DetachedDoors, DoorClient, locked_by
from workshop.service.hosted_doors import DoorsByRuntime
from workshop.service.wiring import Wiring


@dataclass
class OpenRoom:
    """A classroom on the process runtime, and what it is asked through."""

    service: Service
    classroom: Classroom

    @property
    def wiring(self) -> Wiring:
        return self.service.wiring

    @property
    def doors(self) -> DetachedDoors:
        doors = self.wiring.doors
        assert isinstance(doors, DoorsByRuntime)
        return doors.near

    async def start(self) -> DoorClient:
        """Have the gateway's process run."""
        await self.doors.ensure(self.classroom)
        client = await self.doors.client(self.classroom)
        assert client is not None
        return client

    async def kill(self) -> None:
        """`kill -9` of the gateway."""
        lock = self.doors.files(self.classroom.uid).lock
        pid = locked_by(lock)
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        await until(lambda: locked_by(lock) is None)

    async def status(self) -> Snapshot:
        return await self.service.status(self.classroom.name)


MakeRoom = Callable[..., Awaitable[OpenRoom]]


@pytest.fixture
async def make_room(unique_name: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[MakeRoom]:
    """Makes a classroom with this way in: `await make_room(tunnel="…")`; everything of it is gone at the end."""
    monkeypatch.setenv("WORKSHOP_RUNTIME", "process")
    made: list[OpenRoom] = []

    async def make(*, port: int = 0, **access: object) -> OpenRoom:
        definition = WorkshopDefinition(title="Lesson", access=AccessPart.model_validate(access))
        now = datetime.now(UTC)
        classroom = Classroom(
            name=unique_name, uid=new_uid(), key=new_key(), workshop="Lesson", runtime="process", image="", commit="",
            seats=0, door=Door("127.0.0.1", port or free_port()), created=now, ends=now + timedelta(hours=2),
            definition=definition.model_dump_json(),
        )  # fmt: skip
        room = OpenRoom(Service({"runtime": "process"}), classroom)
        made.append(room)
        await room.wiring.runtime("process").open(classroom)
        room.wiring.store.remember(classroom)
        return room

    yield make
    for room in made:
        await room.doors.stop(room.classroom)
        await room.wiring.runtime("process").close(room.classroom)
        await room.service.aclose()
