"""JupyterLab seats with code in real kernels: what is seen of them, and that looking changes nothing."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.classday.conftest import course, until
from workshop.model.seat import Activity, Seat
from workshop.service import Service, UpRequest
from workshop.service.student import Student
from workshop.service.wiring import Wiring

PATIENCE = 90.0
LIMITS = "title: {title}\nseats: 3\nspares: 0\nlimits: {{memory: 256 MB, pids: 96}}\n"
FILL = "held = []\nwhile True: held.append(bytearray(16 * 1024 * 1024))"
BOMB = """
import subprocess, time
held = []
try:
    while True: held.append(subprocess.Popen(["sleep", "60"]))
except OSError:
    time.sleep(8)
    for process in held: process.kill()
"""
SILENT = "import time; time.sleep(15)"


class Class:
    """A class that was opened by the program itself, with a gateway in a process of its own."""

    def __init__(self, service: Service, name: str) -> None:
        self.service = service
        self.name = name
        self.activities: dict[int, list[Activity]] = {}

    async def seat(self, number: int) -> Seat:
        seat = (await self.service.status(self.name)).seat(number)
        assert seat is not None
        seen = self.activities.setdefault(number, [])
        if not seen or seen[-1] is not seat.activity:
            seen.append(seat.activity)
        return seat

    async def until_seat(self, number: int, condition: Callable[[Seat], bool]) -> Seat:
        """The seat at the first moment when the condition holds."""
        seat = await self.seat(number)
        deadline = asyncio.get_running_loop().time() + PATIENCE
        while not condition(seat):
            assert asyncio.get_running_loop().time() < deadline, f"{self.activities[number]}, now {seat}"
            await asyncio.sleep(0.2)
            seat = await self.seat(number)
        return seat

    async def server_activity(self, number: int) -> tuple[str, str]:
        """What the seat's own server says was its last activity, and its kernels'; asked without causing any."""
        room = await self.service.classroom(self.name)
        runtime = self.service.wiring.runtime(room.runtime)
        record = next(record for record in await runtime.seats(room) if record.number == number)
        base = f"{record.endpoint}{room.seat_path(number)}api/"
        async with httpx.AsyncClient(headers={"Authorization": f"token {room.token(number)}"}) as client:
            status = (await client.get(f"{base}status")).json()
            kernels = (await client.get(f"{base}kernels?no_track_activity=1")).json()
        return status["last_activity"], ",".join(kernel["last_activity"] for kernel in kernels)


Open = Callable[..., AbstractAsyncContextManager[Class]]


@pytest.fixture
def opened(tmp_path: Path, unique_name: str, course_title: str, course_cache: Path) -> Open:
    """Opens the course on a runtime: one image for all tests."""
    file = course(tmp_path / "course")
    (file / "workshop.yaml").write_text(LIMITS.format(title=course_title))
    return partial(_opened, file, unique_name)


@asynccontextmanager
async def _opened(file: Path, name: str, runtime: str, *, seats: int) -> AsyncIterator[Class]:
    service = Service(wiring=Wiring.from_settings({"runtime": runtime}))
    try:
        report = await service.up(UpRequest(str(file), name=name, seats=seats, runtime=runtime))
        assert report.failed == ()
        yield Class(service, name)
    finally:
        try:
            await service.down(name, discard=True)
        finally:
            await service.aclose()


async def run_and_forget(link: str, code: str) -> None:
    """A participant runs a cell that may end the kernel, and stays for as long as the test wants."""
    async with Student() as student:
        await student.enter(link)
        await student.run_cell(code, timeout=PATIENCE)


@asynccontextmanager
async def somebody_runs(link: str, code: str) -> AsyncIterator[None]:
    task = asyncio.create_task(run_and_forget(link, code))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def watched_for(seconds: float, look: Callable[[], Awaitable[Any]]) -> None:
    """Look at the class again and again for a while."""
    end = asyncio.get_running_loop().time() + seconds
    while asyncio.get_running_loop().time() < end:
        await look()
        await asyncio.sleep(0.5)


@pytest.mark.network
@pytest.mark.parametrize("runtime", ["process", pytest.param("docker", marks=pytest.mark.docker)])
async def test_watching_moves_no_activity(runtime: str, opened: Open, tmp_path: Path) -> None:
    """Two rounds of pulses, a look at notebooks, a list of files, a collection: the seat's server noticed nothing."""
    async with opened(runtime, seats=1) as room:
        link = (await room.seat(1)).link
        async with Student() as student:
            await student.enter(link)
            # a kernel that is still booting says so later, by itself: one that has answered is quiet
            assert (await student._execute(await student._start_kernel(), "print(6 * 7)")).output == "42"
        await room.until_seat(1, lambda seat: seat.claimed)
        before = await settled(room)
        await watched_for(12, lambda: room.seat(1))
        await room.service.teardown_plan(room.name)
        await room.service.collect(room.name, to=tmp_path / "work")
        assert await room.server_activity(1) == before


async def settled(room: Class) -> tuple[str, str]:
    """The server's activity once the kernel has started for good."""
    found: list[tuple[str, str]] = []

    async def still() -> bool:
        found.append(await room.server_activity(1))
        await asyncio.sleep(3)
        return found[-1] == await room.server_activity(1)

    await until(still, PATIENCE)
    return found[-1]


@pytest.mark.network
@pytest.mark.docker
async def test_trouble_is_seen_for_what_it_is(opened: Open) -> None:
    async with opened("docker", seats=3) as room:
        links = [(await room.seat(number)).link for number in (1, 2, 3)]
        assert (await room.seat(1)).activity is Activity.NEVER_OPENED

        async with somebody_runs(links[2], SILENT):
            await room.until_seat(3, lambda seat: seat.activity is Activity.RUNNING)
            began = datetime.now(UTC)
            await watched_for(8, lambda: room.seat(3))
            assert room.activities[3][-1] is Activity.RUNNING
            assert (await room.seat(3)).idle_seconds == 0
            assert (datetime.now(UTC) - began).total_seconds() >= 8

        async with somebody_runs(links[0], FILL):
            full = await room.until_seat(1, lambda seat: seat.activity is Activity.OUT_OF_MEMORY)
            assert full.detail.startswith("memory full")
            again = await room.until_seat(1, lambda seat: seat.kernel_restarts > 0)
            assert "kernel restarted" in again.detail
            assert (await room.seat(2)).activity is Activity.NEVER_OPENED

        async with somebody_runs(links[1], BOMB):
            await room.until_seat(2, lambda seat: seat.activity is Activity.PROCESS_LIMIT)

        await kill_main_process(room, 3)
        crashed = await room.until_seat(3, lambda seat: seat.activity is Activity.CRASHED and seat.restarts > 0)
        assert "ended" in crashed.detail
        await room.until_seat(3, lambda seat: seat.state.value == "ready")

        found = await room.service.report(room.name)
        for words in ("memory of a seat full: 1", "process limit of a seat reached: 1", "ended by itself: 1"):
            assert words in found.text


async def kill_main_process(room: Class, number: int) -> None:
    import docker

    classroom = await room.service.classroom(room.name)
    client = docker.from_env()
    try:
        (box,) = client.containers.list(
            filters={"label": [f"io.workshop.uid={classroom.uid}", f"io.workshop.seat={number}"]}
        )
        os.kill(box.attrs["State"]["Pid"], signal.SIGKILL)
    finally:
        client.close()


@pytest.mark.network
async def test_progress_is_counted_from_what_was_saved(opened: Open) -> None:
    async with opened("process", seats=1) as room, Student() as student:
        await student.enter((await room.seat(1)).link)
        await save(student, "good.ipynb", ("x = 1", 1, False), ("print(x)", None, False))
        seat = await room.until_seat(1, lambda seat: bool(seat.progress))
        (progress,) = seat.progress
        assert (progress.notebook, progress.cells, progress.run, progress.error_since) == ("good.ipynb", 2, 1, None)
        await save(student, "good.ipynb", ("x = 1", 1, False), ("print(y)", 2, True))
        seat = await room.until_seat(1, lambda seat: seat.progress[0].error_since is not None)
        assert (seat.progress[0].run, seat.progress[0].cells) == (2, 2)
        since = seat.progress[0].error_since
        await save(student, "good.ipynb", ("x = 1", 1, False), ("print(z)", 3, True))
        await watched_for(1, lambda: room.seat(1))
        assert (await room.seat(1)).progress[0].error_since == since


async def save(student: Student, path: str, *cells: tuple[str, int | None, bool]) -> None:
    """What the editor does when it saves."""
    error = {"output_type": "error", "ename": "NameError", "evalue": "y", "traceback": []}
    notebook = {
        "cells": [
            {
                "cell_type": "code", "execution_count": count, "id": f"c{n}", "metadata": {}, "source": source,
                "outputs": [error] if failed else [],
            }
            for n, (source, count, failed) in enumerate(cells)
        ],
        "metadata": {}, "nbformat": 4, "nbformat_minor": 5,
    }  # fmt: skip
    model = {"type": "notebook", "format": "json", "content": notebook}
    async with student._http().put(
        student._seat / "api/contents" / path, json=model, headers=student._xsrf()
    ) as answer:
        assert answer.status in (200, 201)
