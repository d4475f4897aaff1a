"""Participants take their own files home, as long as the class's door is open."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable

import aiohttp
import pytest

from tests.gateway.conftest import House, NewStudent, Student, until
from workshop.errors import SeatFailed
from workshop.gateway import take_home

ADDRESS = "/seat/01/_room/work.zip"


@pytest.fixture
async def student(house: House, student_of: NewStudent) -> Student:
    student = student_of(house)
    await student.enter(1)
    return student


def pieces(*parts: bytes, error: Exception | None = None) -> Callable[[], AsyncGenerator[bytes, None]]:
    async def work() -> AsyncGenerator[bytes, None]:
        for part in parts:
            yield part
        if error is not None:
            raise error

    return work


async def until_answered(student: Student, status: int) -> None:
    """Ask until the answer is of this status, with an end."""
    async with asyncio.timeout(10):
        while True:
            async with student.get(ADDRESS) as answer:
                if answer.status == status:
                    return


async def test_the_seats_files_come_as_a_file_to_be_kept(house: House, student: Student) -> None:
    house.room.works[1] = pieces(b"PK", b"a" * 100_000)
    async with student.get("/seat/01/") as page:
        assert f'href="{ADDRESS}"' in await page.text()
    async with student.get(ADDRESS) as answer:
        assert (answer.status, answer.content_type) == (200, "application/zip")
        assert answer.headers["Content-Disposition"] == 'attachment; filename="test-seat-01.zip"'
        assert await answer.read() == b"PK" + b"a" * 100_000


async def test_a_seat_that_is_broken_gives_its_files_all_the_same(house: House, student: Student) -> None:
    house.room.works[1] = pieces(b"PK")
    house.room.down(1)
    async with student.get(ADDRESS) as answer:
        assert await answer.read() == b"PK"


async def test_nobody_takes_the_files_of_another_seat(house: House, student: Student) -> None:
    house.room.works[2] = pieces(b"PK")
    async with student.get("/seat/02/_room/work.zip", allow_redirects=False) as answer:
        assert (answer.status, answer.headers["Location"]) == (303, "/join?why=seat")


async def test_files_that_cannot_be_read_are_a_page_that_says_so(house: House, student: Student) -> None:
    house.room.works[1] = pieces(error=SeatFailed("Its disk is gone."))
    async with student.get(ADDRESS) as answer:
        assert answer.status == 503
        assert "Your files cannot be read now" in await answer.text()


async def test_a_download_that_breaks_off_does_not_look_whole(house: House, student: Student) -> None:
    house.room.works[1] = pieces(b"PK", error=SeatFailed("Its disk is gone."))
    with pytest.raises(aiohttp.ClientPayloadError):
        async with student.get(ADDRESS) as answer:
            await answer.read()


async def test_a_second_download_of_one_seat_waits_for_the_first_to_end_or_be_given_up(
    house: House, student: Student
) -> None:
    ended = asyncio.Event()

    async def endless() -> AsyncGenerator[bytes, None]:
        try:
            yield b"PK"
            await asyncio.Event().wait()
        finally:
            ended.set()

    house.room.works[1] = endless
    async with student.get(ADDRESS) as first:
        assert await first.content.readexactly(2) == b"PK"
        async with student.get(ADDRESS) as second:
            assert second.status == 429
            assert "Already on its way" in await second.text()
    await until(ended.is_set)
    house.room.works[1] = pieces(b"PK")

    await until_answered(student, 200)


async def test_a_browser_that_takes_nothing_any_more_is_given_up(
    house: House, student: Student, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(take_home, "PIECE_WITHIN", 0.2)
    house.room.works[1] = pieces(*[bytes(1024**2)] * 64)
    async with student.get(ADDRESS) as stalled:
        house.room.works[1] = pieces(b"PK")
        await until_answered(student, 200)
        with pytest.raises(aiohttp.ClientPayloadError):
            await stalled.read()


async def test_a_class_that_is_over_gives_nothing_out(house: House, student: Student) -> None:
    house.room.works[1] = pieces(b"PK")
    house.room.closed = True
    house.room.notify()
    await until_answered(student, 410)
