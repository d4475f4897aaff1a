"""A class day from the terminal UI on real seats: keys go in, files in seats and on this machine come out."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from tests.classday.conftest import LESSON, REAL, Day, archive, course
from tests.tui.world import app_on, notices, press, screen_text, shows, type_text, until
from workshop.config.paths import paths
from workshop.service import Service
from workshop.service.baseline import baseline
from workshop.service.snapshots import take_snapshot
from workshop.service.wiring import Wiring, utc_now
from workshop.tui.app import WorkshopApp
from workshop.tui.screens.ask import AskDialog
from workshop.tui.screens.classroom import ClassScreen
from workshop.tui.screens.job import JobScreen

real_runtimes = pytest.mark.parametrize("kind", REAL, indirect=True)
MINE = LESSON.replace(b"x = 1", b"x = 2")
FIXED = b'{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}'
SLOW = 60.0
"""Seconds that an act on real seats may take on a busy machine."""


@asynccontextmanager
async def at_the_terminal(day: Day, size: tuple[int, int] = (80, 24)) -> AsyncIterator[tuple[WorkshopApp, Pilot[int]]]:
    """The terminal UI on the class's own service, at the class."""
    running = app_on(day.service, paths({}), day.clock, start=day.name)
    async with running.run_test(size=size) as pilot:
        await shows(pilot, "2 of 2 ready", SLOW)
        yield running, pilot


async def answer(pilot: Pilot[Any], text: str) -> None:
    """Fill in what a dialog asks for."""
    await until(pilot, lambda: isinstance(pilot.app.screen, AskDialog))
    pilot.app.screen.query_one(Input).value = text
    await press(pilot, "enter")


async def until_done(pilot: Pilot[Any], condition: Callable[[WorkshopApp], bool]) -> None:
    """Wait until the newest work of this session has ended, and look at it."""
    app: WorkshopApp = pilot.app  # type: ignore[assignment]
    await until(pilot, lambda: bool(app.jobs.all()) and not app.jobs.running(), "the work has ended", SLOW)
    assert condition(app), screen_text(app)


def last_job(app: WorkshopApp) -> Any:
    job = app.jobs.all()[0]
    assert job.error is None, job.error
    return job


@real_runtimes
async def test_files_are_handed_out_and_changed_copies_are_kept_beside(day: Day, tmp_path: Path) -> None:
    await day.write(2, {"lesson.ipynb": MINE})
    file = tmp_path / "lesson.ipynb"
    file.write_bytes(FIXED)
    async with at_the_terminal(day) as (_app, pilot):
        await press(pilot, "P")
        await answer(pilot, str(file))
        await shows(pilot, "Hand out lesson.ipynb?", SLOW)
        await shows(pilot, "seat 02:")
        assert (await day.read(1))["lesson.ipynb"] == LESSON, "the plan writes nothing"
        await press(pilot, "y")
        await until_done(pilot, lambda app: last_job(app).result.failed == ())
    first, second = await day.read(1), await day.read(2)
    assert first["lesson.ipynb"] == FIXED
    assert second["lesson.ipynb"] == MINE
    assert [text for path, text in second.items() if ".updated-" in path] == [FIXED]


@real_runtimes
async def test_the_work_of_used_seats_is_collected_where_the_command_line_collects_it(day: Day) -> None:
    day.claim(2)
    await day.write(2, {"meine Übung.txt": "größer".encode(), "leer": b""})
    folder = day.service.collect_folder(day.classroom)
    async with at_the_terminal(day) as (app, pilot):
        await press(pilot, "C")
        await shows(pilot, "every seat that was used")
        await press(pilot, "enter")
        await until(pilot, lambda: isinstance(app.screen, JobScreen))
        await until_done(pilot, lambda app: last_job(app).result.failed == ())
        await shows(pilot, "The work of 1 seat is in")
    assert sorted(path.name for path in folder.iterdir()) == ["manifest.json", "seat-02.tar.gz"]
    assert archive(folder / "seat-02.tar.gz") == {"meine Übung.txt": "größer".encode(), "leer": b""}


@real_runtimes
async def test_a_seat_is_moved_with_its_files_under_its_link(day: Day) -> None:
    await day.write(1, {"mine.txt": b"mine"})
    (before, other) = await day.runtime.seats(day.classroom)
    async with at_the_terminal(day) as (_app, pilot):
        await press(pilot, "m")
        await shows(pilot, "Move seat 01?")
        await press(pilot, "enter")
        assert await day.runtime.seats(day.classroom) == (before, other), "enter alone moves nothing"
        await press(pilot, "m")
        await shows(pilot, "Move seat 01?")
        await press(pilot, "y")
        await until_done(pilot, lambda app: last_job(app).result.failed == ())
    after, still = await day.runtime.seats(day.classroom)
    assert (after.generation, still.object_id) == (before.generation + 1, other.object_id)
    assert (await day.read(1))["mine.txt"] == b"mine"


@real_runtimes
async def test_a_seat_gets_the_files_of_the_snapshot_that_was_chosen(day: Day) -> None:
    base = await baseline(day.wiring, day.found)
    for text in (b"first", b"second"):
        await day.write(1, {"mine.txt": text})
        (record, _other) = await day.runtime.seats(day.classroom)
        assert await take_snapshot(day.wiring, day.found, record, base) is not None
        day.clock.forward(minutes=10)
    await day.write(1, {"mine.txt": b"broken"})
    async with at_the_terminal(day) as (_app, pilot):
        await press(pilot, "U")
        await shows(pilot, "20 min ago")
        await press(pilot, "down", "enter")
        await shows(pilot, "as it was at 09:00?")
        await press(pilot, "y")
        await until_done(pilot, lambda app: last_job(app).result.failed == ())
    assert (await day.read(1))["mine.txt"] == b"first"
    kept = list((day.wiring.state_dir / "archive" / day.name).glob("seat-01-*.tar.gz"))
    assert [archive(file)["mine.txt"] for file in kept] == [b"broken"]


@pytest.mark.parametrize("kind", ["process"], indirect=True)
async def test_a_break_is_begun_and_ended_and_the_gateway_knows(day: Day) -> None:
    await day.doors.ensure(day.classroom)
    async with at_the_terminal(day) as (app, pilot):
        await press(pilot, "b")
        await shows(pilot, "Nobody counts as idle")
        await press(pilot, "enter")
        await until(pilot, lambda: any(text.startswith("A break until") for text in notices(app)))
        assert (await day.service.status(day.name)).break_until is not None
        await until(pilot, lambda: app.rooms[day.name].snapshot.break_until is not None)  # type: ignore[union-attr]
        await press(pilot, "b")
        await until(pilot, lambda: "The break is over." in notices(app))
        assert (await day.service.status(day.name)).break_until is None


@real_runtimes
async def test_a_class_is_torn_down_after_its_work_was_collected(day: Day) -> None:
    day.claim(1)
    await day.write(1, {"mine.txt": b"mine"})
    folder = day.service.collect_folder(day.classroom)
    async with at_the_terminal(day) as (app, pilot):
        await press(pilot, "ctrl+d")
        await shows(pilot, "The work of 1 seat (01) was not collected yet.", SLOW)
        await press(pilot, "enter")
        await until(pilot, lambda: isinstance(app.screen, ClassScreen), "enter alone leaves")
        await press(pilot, "ctrl+d")
        await shows(pilot, "was not collected yet.", SLOW)
        app.screen.query_one("#typed", Input).focus()
        await type_text(pilot, day.name)
        await press(pilot, "enter")
        await shows(pilot, "0 left", SLOW)
    assert archive(folder / "seat-01.tar.gz") == {"mine.txt": b"mine"}
    assert await day.runtime.seats(day.classroom) == ()
    assert list((day.wiring.state_dir / "reports").glob(f"{day.name}-*.html"))


@pytest.mark.network
@pytest.mark.usefixtures("course_cache")
async def test_a_rehearsal_names_the_failing_cell_of_a_real_notebook(tmp_path: Path, course_title: str) -> None:
    folder = course(tmp_path / "course")
    (folder / "workshop.yaml").write_text(f"title: {course_title}\nseats: 2\nlimits: {{memory: 512 MB}}\n")
    service = Service(wiring=Wiring.from_settings({"runtime": "process"}))
    await service.load(str(folder))
    running = app_on(service, paths({}), utc_now)
    try:
        async with running.run_test(size=(120, 40)) as pilot:
            await shows(pilot, "Paste a link")
            running.screen.query_one("#link", Input).focus()
            running.screen.query_one("#link", Input).value = str(folder)
            await press(pilot, "enter")
            await shows(pilot, "requirements.txt", SLOW)
            await press(pilot, "f8")
            await shows(pilot, "bad.ipynb: cell 2", 120)
            await shows(pilot, "1 of 2 notebooks run through")
    finally:
        await service.aclose()
