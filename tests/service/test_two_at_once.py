"""Two people, or one in a hurry, call the same verb at the same time."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.tui.world import World, make_world
from workshop.engines.file_lock import FileLock
from workshop.service import UpRequest


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    world = make_world(tmp_path)
    yield world
    await world.close()


async def test_two_that_open_the_same_class_open_one(world: World) -> None:
    request = UpRequest(file=str(world.repository()), seats=2)
    first, second = await asyncio.gather(world.service.up(request), world.service.up(request))
    links = [[seat.link for seat in report.snapshot.seats] for report in (first, second)]
    assert links[0] == links[1]
    assert len(links[0]) == 2
    assert {first.adopted, second.adopted} == {False, True}
    assert len(await world.service.classrooms()) == 1


async def test_a_second_holder_waits_for_the_first(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    async with FileLock(path):
        second = asyncio.create_task(FileLock(path).__aenter__())
        done, _ = await asyncio.wait({second}, timeout=3 * FileLock.POLL)
        assert not done
    async with asyncio.timeout(10):
        await (await second).__aexit__()


async def test_whoever_waited_for_a_lock_that_was_removed_holds_its_successor(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    async with FileLock(path):
        waiting = asyncio.create_task(FileLock(path).__aenter__())
        await asyncio.wait({waiting}, timeout=3 * FileLock.POLL)
        path.unlink()
    async with asyncio.timeout(10):
        held = await waiting
    third = asyncio.create_task(FileLock(path).__aenter__())
    done, _ = await asyncio.wait({third}, timeout=3 * FileLock.POLL)
    assert not done, "two hold what is one lock"
    await held.__aexit__()
    async with asyncio.timeout(10):
        await (await third).__aexit__()
