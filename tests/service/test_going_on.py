"""A class that is there goes on without its file: with what it was opened with."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.service.test_targets import Land
from tests.tui.world import World, make_world
from workshop.errors import UnknownClassroom, UsageError
from workshop.model.labels import classroom_of
from workshop.model.seat import SeatState
from workshop.service import UpRequest


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    world = make_world(tmp_path)
    yield world
    await world.close()


async def opened(world: World, name: str = "lesson") -> list[str]:
    """Have a class of four; its links."""
    there = world.folder / "python-basics"
    file = there if there.is_dir() else world.repository()
    report = await world.service.up(UpRequest(str(file), name=name))
    return [seat.link for seat in report.snapshot.seats]


@pytest.mark.parametrize("name", ["lesson", ""], ids=["by its name", "the only one"])
async def test_what_is_missing_of_a_class_is_made_again_though_its_file_is_gone(world: World, name: str) -> None:
    links = await opened(world)
    recent = world.service.workshops()
    shutil.rmtree(world.folder / "python-basics")
    await world.wiring.doors.stop(world.classroom("lesson"))
    del world.engine.rooms["lesson"].seats[2]

    plan = await world.service.plan(UpRequest(name=name))
    assert (plan.exists, plan.create) == (True, (2,))
    again = await world.service.up(UpRequest(name=name))
    assert again.adopted
    assert [seat.link for seat in again.snapshot.seats] == links
    assert again.snapshot.gateway
    assert [entry.file for entry in world.service.workshops()] == [
        entry.file for entry in recent if not entry.file.startswith(str(world.folder))
    ]


async def test_more_seats_can_be_asked_for_without_the_file(world: World) -> None:
    links = await opened(world)
    more = await world.service.up(UpRequest(name="lesson", seats=5, runtime="auto"))
    assert [seat.link for seat in more.snapshot.seats][:4] == links
    assert len(more.snapshot.seats) == 5


async def test_among_several_classes_a_name_is_needed(world: World) -> None:
    with pytest.raises(UsageError, match="FILE is needed") as none:
        await world.service.up(UpRequest())
    assert none.value.hint == "No class is there."
    await opened(world, "morning")
    await opened(world, "noon")
    with pytest.raises(UsageError, match="FILE is needed") as several:
        await world.service.plan(UpRequest())
    assert several.value.hint.endswith("which class goes on: morning, noon.")


async def test_a_name_of_no_class_makes_none(world: World) -> None:
    with pytest.raises(UnknownClassroom, match="no classroom 'evening'"):
        await world.service.up(UpRequest(name="evening"))
    assert not world.engine.rooms


async def test_a_class_on_several_targets_goes_on_from_what_its_parts_say(tmp_path: Path) -> None:
    land = Land(tmp_path)
    opened = (await land.up()).snapshot
    recent = land.service.workshops()
    shutil.rmtree(land.folder / "lesson-6")
    await land.service.wiring.doors.stop(classroom_of(land.process.rooms["lesson"].labels))
    del land.docker.rooms["lesson"].seats[2]
    del land.process.rooms["lesson"].seats[5]

    plan = await land.service.plan(UpRequest(name="lesson"))
    assert (plan.exists, plan.create) == (True, (2, 5))
    again = await land.service.up(UpRequest(name="lesson"))
    assert land.numbers() == ([1, 2], [3, 4, 5, 6])
    assert [seat.link for seat in again.snapshot.seats] == [seat.link for seat in opened.seats]
    assert again.snapshot.gateway
    assert len(land.service.workshops()) < len(recent), "the file is gone, and no other is remembered"
    more = await land.service.up(UpRequest(name="lesson", seats=9))
    assert land.numbers() == ([1, 2, 9], [3, 4, 5, 6, 7, 8])
    assert len(more.snapshot.seats) == 9
    await land.service.aclose()


async def test_of_a_class_on_several_targets_what_answers_goes_on(tmp_path: Path) -> None:
    land = Land(tmp_path)
    await land.up()
    del land.docker.rooms["lesson"].seats[2]
    land.process.script.unreachable = True
    again = await land.service.up(UpRequest(name="lesson"))
    assert [seat.number for seat in again.snapshot.seats if seat.state is SeatState.READY] == [1, 2]
    land.process.script.unreachable = False
    await land.service.aclose()
