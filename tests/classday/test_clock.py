"""The class ends by itself, and a failure at the end loses nobody's work."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.classday.conftest import Day, archive, until
from workshop.errors import SeatFailed
from workshop.model.definition import TimesPart, WorkshopDefinition
from workshop.model.seat import Activity
from workshop.service.class_clock import ClassClock
from workshop.service.ending import end_when_over
from workshop.service.room import Room


def room_of(day: Day) -> Room:
    return Room(day.classroom, day.runtime, day.wiring.store, clock=day.clock, stop=lambda: None)


@asynccontextmanager
async def running(room: Room) -> AsyncIterator[ClassClock]:
    clock = ClassClock(room, at_end="collect", tick=0.01)
    tasks = [asyncio.create_task(room.run()), asyncio.create_task(clock.run())]
    try:
        await room.until_listed()
        yield clock
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def sleep_past_the_end(day: Day, clock: ClassClock) -> None:
    """The machine sleeps past end and grace, wakes up, and the last minutes pass too."""
    day.clock.forward(hours=4)
    await until(clock.rest_of_grace)
    day.clock.forward(minutes=6)


async def test_students_are_reminded_once_also_over_a_restart_of_the_gateway(day: Day) -> None:
    room = room_of(day)
    clock = ClassClock(room, at_end="collect")
    day.clock.forward(hours=2, minutes=44)
    clock.look()
    assert room.snapshot().messages == ()
    day.clock.forward(minutes=1)
    clock.look()
    clock.look()
    assert len(room.snapshot().messages) == 1
    assert "15 minutes" in room.snapshot().messages[0]
    again = room_of(day)
    ClassClock(again, at_end="collect").look()
    assert again.snapshot().messages == ()
    day.clock.forward(minutes=10)
    ClassClock(again, at_end="collect").look()
    assert "5 minutes" in again.snapshot().messages[0]


async def test_an_extended_class_is_reminded_of_its_new_end(day: Day) -> None:
    room = room_of(day)
    clock = ClassClock(room, at_end="collect")
    day.clock.forward(hours=2, minutes=46)
    clock.look()
    await room.act("extend", {"seconds": 3600})
    clock.look()
    assert len(room.snapshot().messages) == 1
    day.clock.forward(hours=1)
    clock.look()
    assert len(room.snapshot().messages) == 2


async def test_an_end_that_was_moved_without_the_gateway_is_taken_over(day: Day) -> None:
    room = room_of(day)
    ends = day.clock() + timedelta(hours=9)
    day.wiring.store.set_room_state(day.classroom.uid, ends=ends)
    ClassClock(room, at_end="collect").look()
    assert room.snapshot().ends == ends


async def test_a_break_freezes_idleness_and_ends_by_itself(day: Day) -> None:
    from workshop.model.events import PulseTaken
    from workshop.model.seat import Pulse

    day.claim(1)
    room = room_of(day)
    async with running(room):
        room.report(PulseTaken(Pulse(1, reachable=True, browsers=1), day.clock()))
        day.clock.forward(minutes=2)
        await room.act("break", {"until": (day.clock() + timedelta(minutes=15)).isoformat()})
        day.clock.forward(minutes=10)
        seat = room.snapshot().seat(1)
        assert seat is not None
        assert (seat.activity, seat.idle_seconds) == (Activity.OPEN, 120)
        assert room.snapshot().break_until is not None
        day.clock.forward(minutes=9)
        assert room.snapshot().break_until is None
        seat = room.snapshot().seat(1)
        assert seat is not None
        assert (seat.activity, seat.idle_seconds) == (Activity.IDLE, 360)
    again = room_of(day)
    async with running(again):
        seat = again.snapshot().seat(1)
        assert seat is not None
        assert seat.idle_seconds == 360


def slept_past_the_end(day: Day) -> tuple[Room, ClassClock]:
    """A class and its clock, which was not looked at for nine hours."""
    room = room_of(day)
    clock = ClassClock(room, at_end="collect")
    clock.look()
    day.clock.forward(hours=9)
    clock.look()
    return room, clock


async def test_an_end_that_passed_while_the_machine_slept_leaves_everybody_a_few_minutes_and_says_so(day: Day) -> None:
    room, clock = slept_past_the_end(day)
    assert not clock.is_over
    assert clock.rest_of_grace() == timedelta(minutes=5)
    (warning,) = room.snapshot().warnings
    assert warning.startswith("This machine slept past the end of the class. At ")
    assert "The class is over. It closes at" in room.snapshot().messages[0]
    day.clock.forward(minutes=5)
    clock.look()
    assert clock.is_over
    assert len(room.snapshot().messages) == 1


async def test_a_class_whose_end_was_slept_through_can_still_be_extended(day: Day) -> None:
    room, clock = slept_past_the_end(day)
    await room.act("extend", {"seconds": 12 * 3600})
    day.clock.forward(minutes=6)
    clock.look()
    assert not clock.is_over
    assert room.snapshot().warnings == ()


@pytest.mark.parametrize(
    ("collects", "comes"),
    [
        (True, "30 min after its end the work is collected and the class removed"),
        (False, "30 min after its end it is removed, with all work that was not collected"),
    ],
)
async def test_the_instructor_is_told_what_comes_after_the_end_until_it_is_put_off(
    day: Day, collects: bool, comes: str
) -> None:
    room = room_of(day)
    clock = ClassClock(room, at_end="collect", collects=collects)
    clock.look()
    assert room.snapshot().warnings == ()
    day.clock.forward(hours=3, minutes=1)
    clock.look()
    assert room.snapshot().warnings == (f"The class is over. {comes}; extending it keeps it open.",)
    await room.act("extend", {"seconds": 1800})
    clock.look()
    assert room.snapshot().warnings == ()


@pytest.mark.parametrize("kind", ["fake", "process"], indirect=True)
async def test_after_the_grace_the_class_is_collected_and_removed_by_itself(day: Day) -> None:
    day.claim(1)
    await day.write(1, {"mine.txt": b"mine"})
    room = room_of(day)
    async with running(room) as clock:
        ending = asyncio.create_task(end_when_over(day.wiring, room, clock))
        day.clock.forward(hours=3, minutes=29)
        await asyncio.sleep(0.05)
        assert not ending.done()
        assert not room.closing
        day.clock.forward(minutes=1)
        await asyncio.wait_for(ending, 20)
    assert await day.runtime.classrooms() == ()
    (folder,) = day.wiring.places.collected.iterdir()
    assert archive(folder / "seat-01.tar.gz") == {"mine.txt": b"mine"}


async def test_a_collection_that_fails_keeps_every_seat_says_why_and_is_tried_again(
    day: Day, monkeypatch: pytest.MonkeyPatch
) -> None:
    day.claim(1)
    await day.write(1, {"mine.txt": b"mine"})
    room, asleep = room_of(day), asyncio.Event()
    again = asyncio.Event()

    async def sleep(_seconds: float) -> None:
        asleep.set()
        await again.wait()

    def broken(*_: Any, **__: Any) -> Any:
        raise SeatFailed("The disk of seat 01 cannot be read.")

    async with running(room) as clock:
        with monkeypatch.context() as patch:
            patch.setattr(day.runtime, "read_files", broken)
            ending = asyncio.create_task(end_when_over(day.wiring, room, clock, sleep=sleep))
            await sleep_past_the_end(day, clock)
            await asyncio.wait_for(asleep.wait(), 10)
        assert room.closing
        assert len(await day.runtime.seats(day.classroom)) == 2
        assert "could not be collected" in room.snapshot().warnings[0]
        kinds = [kind for _, kind, _, _ in day.wiring.store.history(day.classroom.uid)]
        assert "end-failed" in kinds
        again.set()
        await asyncio.wait_for(ending, 10)
    assert await day.runtime.classrooms() == ()


async def test_extending_a_class_whose_end_failed_opens_its_door_again(
    day: Day, monkeypatch: pytest.MonkeyPatch
) -> None:
    day.claim(1)
    room, asleep, again = room_of(day), asyncio.Event(), asyncio.Event()

    async def sleep(_seconds: float) -> None:
        asleep.set()
        await again.wait()

    def broken(*_: Any, **__: Any) -> Any:
        raise SeatFailed("The disk of seat 01 cannot be read.")

    monkeypatch.setattr(day.runtime, "read_files", broken)
    async with running(room) as clock:
        ending = asyncio.create_task(end_when_over(day.wiring, room, clock, sleep=sleep))
        await sleep_past_the_end(day, clock)
        await asyncio.wait_for(asleep.wait(), 10)
        await room.act("extend", {"seconds": 3600 * 3})
        clock.look()
        again.set()
        await until(lambda: not room.closing)
        assert room.snapshot().warnings == ()
        assert not ending.done()
        ending.cancel()


class TestWithoutAnEnd:
    @pytest.fixture
    def definition(self) -> WorkshopDefinition:
        return WorkshopDefinition(title="Open end", seats=2, times=TimesPart(at_end="nothing"))

    async def test_a_class_that_is_not_to_end_itself_does_not(self, day: Day, tmp_path: Path) -> None:
        clock = ClassClock(room_of(day), at_end="collect")
        day.clock.forward(hours=100)
        assert not clock.is_over
