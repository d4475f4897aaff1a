"""Hours of class in seconds: nothing grows, nothing is stuck."""

from __future__ import annotations

import asyncio
import gc
import random

import aiohttp
import psutil
import pytest

from tests.gateway.conftest import House, NewStudent, OpenHouse, Student, until
from workshop.gateway.waiting import PATIENCE, WaitingRoom

MB = 1024**2


async def _work(student: Student, house: House, rounds: int, seed: int) -> None:
    """What a browser does: small requests, WebSockets that end well and badly, downloads given up."""
    dice = random.Random(seed)
    for _ in range(rounds):
        match dice.randrange(5):
            case 0:
                socket = await student.session.ws_connect("/seat/01/socket", headers={"Origin": house.url})
                await socket.receive_str()
                if dice.random() < 0.5:
                    socket._response.connection.transport.abort()
                else:
                    await socket.close()
            case 1:
                async with student.get(f"/seat/01/big?size={4 * MB}") as answer:
                    await answer.content.readexactly(1000)
                    answer.close()
            case 2:
                async with student.get(f"/seat/01/static/app.js?v={dice.randrange(30)}") as answer:
                    await answer.read()
            case 3:
                async with student.get("/seat/01/_room/live") as answer:
                    assert answer.status == 400
            case _:
                for _ in range(10):
                    async with student.get("/seat/01/page") as answer:
                        await answer.read()


async def test_memory_and_connections_stay_flat(house: House, student_of: NewStudent) -> None:
    students = [student_of(house) for _ in range(6)]
    for student in students:
        await student.enter(1)
    process = psutil.Process()

    async def settle() -> tuple[int, int]:
        await until(lambda: house.gateway.presence.browsers(1) == 0)
        gc.collect()
        return process.memory_info().rss, len(house.gateway._proxy._spliced)

    await asyncio.gather(*(_work(student, house, 25, number) for number, student in enumerate(students)))
    before, _ = await settle()
    for again in range(3):
        await asyncio.gather(*(_work(student, house, 25, 100 * again + n) for n, student in enumerate(students)))
    after, spliced = await settle()
    assert spliced == 0
    assert after - before < 12 * MB, f"grew by {(after - before) / MB:.1f} MB"
    for student in students:
        await student.session.close()
    server = house.gateway._runner.server  # type: ignore[union-attr]
    await until(lambda: not server.connections)


async def test_a_gateway_stops_quickly_with_everything_open(house: House, student_of: NewStudent) -> None:
    student = student_of(house)
    await student.enter(1)
    sockets = [await student.session.ws_connect("/seat/01/socket", headers={"Origin": house.url}) for _ in range(20)]
    streams = [await student.session.get("/seat/01/stream") for _ in range(5)]
    await asyncio.wait_for(house.gateway.stop(), 8)
    assert sockets
    assert streams
    with pytest.raises(aiohttp.ClientConnectorError):
        await student.session.get("/healthz")


async def test_a_class_of_many_seats_is_followed_without_effort(open_house: OpenHouse) -> None:
    house = await open_house(seats=500, servers=0)
    for number in range(1, 501):
        house.room.ready(number, "http://127.0.0.1:9")
    spent = psutil.Process().cpu_times()
    for _ in range(50):
        house.room.notify()
        await asyncio.sleep(0)
    await asyncio.sleep(0.2)
    now = psutil.Process().cpu_times()
    assert now.user + now.system - spent.user - spent.system < 1


def test_people_who_left_the_waiting_room_are_passed_over_and_forgotten() -> None:
    clock = [0.0]
    told: list[int] = []
    room = WaitingRoom(told.append, clock=lambda: clock[0], wall=lambda: 1000 + clock[0])
    for name in ("a", "b", "c"):
        room.arrive(name)
        clock[0] += 1
    assert [room.place(name) for name in ("a", "b", "c")] == [1, 2, 3]
    clock[0] += PATIENCE
    room.arrive("c")
    assert room.place("c") == 1
    room.arrive("b")
    assert [room.place("b"), room.place("c")] == [1, 2]
    clock[0] += 1000
    room.sweep()
    assert room.count == 0
    assert room.place("a") is None
    assert told[-1] == 0


def test_a_place_in_line_cannot_be_had_by_claiming_the_future() -> None:
    room = WaitingRoom(lambda _count: None, clock=lambda: 0.0, wall=lambda: 1000.0)
    assert room.arrive("a", since=5000.0) == 1000.0


async def test_requests_that_meet_a_stopping_gateway_are_not_told_of_an_error(
    house: House, student_of: NewStudent
) -> None:
    student = student_of(house)
    await student.enter(1)
    statuses: set[int] = set()

    async def ask() -> None:
        while True:
            try:
                async with student.get("/seat/01/page", headers={"Accept": "*/*"}) as answer:
                    await answer.read()
                    statuses.add(answer.status)
            except aiohttp.ClientError:
                return

    asking = [asyncio.create_task(ask()) for _ in range(8)]
    await until(lambda: statuses)
    await house.gateway.stop()
    await asyncio.wait_for(asyncio.gather(*asking), 10)
    assert statuses == {200}
