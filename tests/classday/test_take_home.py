"""What a participant takes home is what the seat's file browser shows, whatever state the seat is in."""

from __future__ import annotations

import asyncio
import io
import os
import stat
import zipfile
from contextlib import aclosing

import pytest

from tests.classday.conftest import ALL, REAL, REPOSITORY, Day
from workshop.errors import SeatFailed
from workshop.service.take_home import zipped

every_runtime = pytest.mark.parametrize("kind", ALL, indirect=True)
real_runtimes = pytest.mark.parametrize("kind", REAL, indirect=True)


async def taken(day: Day, number: int) -> zipfile.ZipFile:
    data = b"".join([piece async for piece in zipped(day.runtime, day.classroom, number)])
    archive = zipfile.ZipFile(io.BytesIO(data))
    assert archive.testzip() is None
    return archive


@every_runtime
async def test_everything_visible_is_in_it_and_nothing_else(day: Day) -> None:
    await day.write(1, {"README.md": b"changed\n", "mine/größe.txt": b"mein", ".secret": b"x", "a/__pycache__/b": b"x"})
    await day.write(1, {"course/.git/config": b"x", "course/.env": b"x"})
    await day.link(1, "shortcut", "data/table.csv")
    archive = await taken(day, 1)
    shortcut = archive.getinfo("shortcut")
    assert stat.S_ISLNK(shortcut.external_attr >> 16)
    assert {name: archive.read(name) for name in archive.namelist()} == REPOSITORY | {
        "README.md": b"changed\n", "mine/größe.txt": b"mein", "shortcut": b"data/table.csv",
    }  # fmt: skip


@every_runtime
async def test_a_stopped_seat_gives_its_files_too(day: Day) -> None:
    await day.write(1, {"a.txt": b"abc"})
    await day.runtime.stop(day.classroom, 1)
    assert (await taken(day, 1)).read("a.txt") == b"abc"


@real_runtimes
async def test_odd_files_do_not_stand_in_the_way(day: Day) -> None:
    await day.write(1, {"a.txt": b"abc"})
    await day.sh(1, "ln a.txt z.txt; touch -d 1970-01-02 old; mkfifo pipe; touch \"$(printf 'no\\377utf')\"")
    archive = await taken(day, 1)
    assert archive.read("a.txt") == archive.read("z.txt") == b"abc"
    assert archive.getinfo("old").date_time[0] == 1980
    assert set(archive.namelist()) == set(REPOSITORY) | {"a.txt", "z.txt", "old", "no?utf"}


@real_runtimes
async def test_a_large_file_passes_in_constant_memory_and_can_be_given_up(day: Day) -> None:
    await day.write(1, {"large.bin": os.urandom(24 * 1024**2)})
    largest = count = 0
    async with aclosing(zipped(day.runtime, day.classroom, 1)) as pieces:
        async for piece in pieces:
            largest, count = max(largest, len(piece)), count + len(piece)
            if count > 8 * 1024**2:
                break
    assert largest < 4 * 1024**2
    async with asyncio.timeout(20):
        assert (await taken(day, 1)).getinfo("large.bin").file_size == 24 * 1024**2


@every_runtime
async def test_a_seat_that_is_not_there_is_refused(day: Day) -> None:
    with pytest.raises(SeatFailed):
        await taken(day, 9)
