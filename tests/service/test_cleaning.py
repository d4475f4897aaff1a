"""`cleanup` removes what was left behind, and nothing that somebody still needs or was not asked about."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from tests.runtimes.worlds import make_classroom, server_command
from workshop.config.paths import paths
from workshop.config.settings import settings
from workshop.errors import RuntimeUnreachable
from workshop.model.classroom import Classroom
from workshop.model.events import Noted, WorkEvent
from workshop.model.snapshot import Removal
from workshop.runtimes.fake import FakeRuntime
from workshop.service import Service
from workshop.service.near_doors import NearDoors
from workshop.service.wiring import Wiring

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


class Slow(FakeRuntime):
    """Answers this many searches, and keeps what it was told to spare."""

    answers = 1000
    spared: Collection[str] | None = None

    async def classrooms(self) -> tuple[Classroom, ...]:
        if self.answers == 0:
            raise RuntimeUnreachable("The cluster does not answer.")
        self.answers -= 1
        return await super().classrooms()

    async def remove_strays(self, known: Collection[str]) -> Removal:
        self.spared = known
        return Removal()


@dataclass
class Machine:
    """A machine whose clock stands still until it is moved."""

    runtime: Slow = field(default_factory=Slow)
    doors: NearDoors = field(default_factory=NearDoors)
    now: datetime = NOW
    runtime_flag: str = ""

    def __post_init__(self) -> None:
        self.wiring = Wiring(
            settings({}),
            paths({}),
            runtimes={"fake": self.runtime},
            doors=self.doors,
            clock=lambda: self.now,
            flags={"runtime": self.runtime_flag} if self.runtime_flag else None,
        )
        self.doors.attach(self.wiring)
        self.service = Service(wiring=self.wiring)

    async def open(self, name: str, *, ends: datetime, gateway: bool = False) -> Classroom:
        room = make_classroom(name, "fake", "x", created=NOW - timedelta(hours=3), ends=ends)
        room = await self.runtime.open(room)
        await self.runtime.create(room, 1, server_command(room, 1))
        if gateway:
            await self.doors.ensure(room)
        return room

    async def names(self) -> set[str]:
        return {room.name for room in await self.runtime.classrooms()}


@pytest.fixture
async def machine() -> AsyncIterator[Machine]:
    machine = Machine()
    yield machine
    await machine.service.aclose()


async def test_a_class_in_its_grace_is_left_to_its_gateway_which_collects_the_work(machine: Machine) -> None:
    await machine.open("in-grace", ends=NOW - timedelta(minutes=10), gateway=True)
    await machine.open("without-gateway", ends=NOW - timedelta(minutes=10))
    assert [room.name for room in await machine.service.cleanup_plan()] == ["without-gateway"]
    machine.now += timedelta(minutes=21)
    assert {room.name for room in await machine.service.cleanup_plan()} == {"in-grace", "without-gateway"}


@pytest.mark.parametrize("everything", [False, True])
async def test_what_nobody_was_asked_about_stays(machine: Machine, everything: bool) -> None:
    await machine.open("shown", ends=NOW - timedelta(hours=1))
    shown = await machine.service.cleanup_plan(everything=everything)
    await machine.open("over-since-then", ends=NOW - timedelta(seconds=1))
    agreed = {room.uid for room in shown}
    removal = await machine.service.cleanup(everything=everything, agreed=agreed)
    assert (removal.removed["seats"], await machine.names()) == (1, {"over-since-then"})


async def test_strays_are_not_looked_for_where_the_classrooms_are_not_known(machine: Machine) -> None:
    """Without its list, every object would be one of no classroom."""
    room = await machine.open("on", ends=NOW + timedelta(hours=1))
    await machine.service.cleanup()
    assert machine.runtime.spared == (room.uid,)
    machine.runtime.spared, machine.runtime.answers = None, 1
    said: list[WorkEvent] = []
    await machine.service.cleanup(report=said.append)
    assert machine.runtime.spared is None
    assert any("fake was not searched" in event.text for event in said if isinstance(event, Noted))


async def test_a_flag_for_another_runtime_leaves_this_one_alone() -> None:
    machine = Machine(runtime_flag="docker")
    await machine.open("over", ends=NOW - timedelta(hours=1))
    assert await machine.service.cleanup_plan(everything=True) == ()
    assert (await machine.service.cleanup(everything=True)).removed == {}
    assert (await machine.names(), machine.runtime.spared) == ({"over"}, None)
    await machine.service.aclose()
