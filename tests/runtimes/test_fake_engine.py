"""The fake does what it is told, quickly."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from tests.runtimes.worlds import make_classroom, server_command
from workshop.errors import RuntimeUnreachable, SeatFailed
from workshop.model.events import SeatChanged, SeatOutOfMemory, SeatsListed
from workshop.model.seat import SeatState
from workshop.runtimes.fake import FakeEngine, FakeRuntime, FakeScript
from workshop.runtimes.registry import RUNTIMES, load


async def test_500_seats_take_no_time() -> None:
    runtime = FakeRuntime(FakeEngine(FakeScript(create_delay={0: 2.0})))
    room = await runtime.open(make_classroom("large", "fake", "sha256:x", seats=500))
    began = time.monotonic()
    await asyncio.gather(*(runtime.create(room, number, server_command(room, number)) for number in range(1, 501)))
    assert len(await runtime.seats(room)) == 500
    assert len(await runtime.usage(room)) == 500
    assert (await runtime.close(room)).removed == {"seats": 500, "networks": 1}
    assert time.monotonic() - began < 5


async def test_delays_pass_by_the_clock_that_is_given() -> None:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    runtime = FakeRuntime(FakeEngine(FakeScript(create_delay={0: 1.0, 2: 7.0}), sleep=sleep))
    room = await runtime.open(make_classroom("slow", "fake", "sha256:x"))
    for number in (1, 2):
        await runtime.create(room, number, server_command(room, number))
    assert slept == [1.0, 7.0]


async def test_failures_come_in_the_order_they_are_written() -> None:
    failures: list[Exception] = [SeatFailed("first"), SeatFailed("second")]
    runtime = FakeRuntime(FakeEngine(FakeScript(create_failures={1: failures})))
    room = await runtime.open(make_classroom("failing", "fake", "sha256:x"))
    for text in ("first", "second"):
        with pytest.raises(SeatFailed, match=text):
            await runtime.create(room, 1, server_command(room, 1))
    assert (await runtime.create(room, 1, server_command(room, 1))).state is SeatState.STARTING
    assert [call for call in runtime.engine.calls if call[0] == "create"] == [("create", 1)] * 3


async def test_it_can_be_out_of_reach_and_leave_survivors() -> None:
    engine = FakeEngine(FakeScript(remove_failures={2: "busy"}))
    runtime = FakeRuntime(engine)
    room = await runtime.open(make_classroom("stubborn", "fake", "sha256:x"))
    for number in (1, 2):
        await runtime.create(room, number, server_command(room, number))
    removal = await runtime.close(room)
    assert [(one.kind, one.reason) for one in removal.left] == [
        ("seat", "busy"),
        ("network", "kept until all else is gone"),
    ]
    engine.script.unreachable = True
    with pytest.raises(RuntimeUnreachable):
        await runtime.facts()


async def test_what_is_done_to_it_from_outside_is_seen_by_who_watches() -> None:
    engine = FakeEngine()
    runtime = FakeRuntime(engine)
    room = await runtime.open(make_classroom("watched", "fake", "sha256:x"))
    await runtime.create(room, 1, server_command(room, 1))
    events = runtime.watch(room)
    assert isinstance(await anext(events), SeatsListed)
    engine.kill(room, 1)
    changed = await anext(events)
    assert isinstance(changed, SeatChanged)
    assert changed.record.state is SeatState.FAILED
    engine.out_of_memory(room, 1)
    assert isinstance(await anext(events), SeatOutOfMemory)


def test_the_registry_makes_each_runtime_by_its_name(tmp_path: Path) -> None:
    for name in RUNTIMES:
        assert load(name, state_dir=tmp_path, settings={}).name == name


async def test_the_fake_of_one_state_folder_is_the_same_for_all_who_load_it(tmp_path: Path) -> None:
    room = make_classroom("shared", "fake", "sha256:x")
    await load("fake", state_dir=tmp_path / "a", settings={}).open(room)
    assert await load("fake", state_dir=tmp_path / "a", settings={}).classrooms() == (room,)
    assert await load("fake", state_dir=tmp_path / "b", settings={}).classrooms() == ()
