"""Handing out, collecting, breaks, moving, rehearsing: the long work of a class day."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from textual.widgets import Input

from tests.tui.scripted_service import ScriptedService
from tests.tui.world import notices, press, screen_text, shows, until
from workshop.service import PushSource, SeatPush
from workshop.tui.app import WorkshopApp
from workshop.tui.screens.ask import AskDialog
from workshop.tui.screens.job import JobScreen

ROOM = "python-basics"
Make = Callable[..., WorkshopApp]


async def test_files_are_handed_out_after_the_plan_was_shown(
    app: Make, scripted: ScriptedService, tmp_path: Path
) -> None:
    file = tmp_path / "solution.ipynb"
    file.write_text("{}")
    scripted.pushes = (SeatPush(1), SeatPush(2, waits=True), SeatPush(3, error="the disk is full"))
    running = app(start=ROOM)
    async with running.run_test() as pilot:
        await shows(pilot, "22 of 24 ready")
        await press(pilot, "P")
        await until(pilot, lambda: isinstance(running.screen, AskDialog))
        await press(pilot, "x", "enter")
        await shows(pilot, "There is no x.")
        running.screen.query_one(Input).value = str(file)
        await press(pilot, "enter")
        await shows(pilot, "seat 02: is down: gets it when it is back")
        await press(pilot, "enter")
        assert scripted.called("push") == [], "enter alone hands nothing out"
        await press(pilot, "P")
        await until(pilot, lambda: isinstance(running.screen, AskDialog))
        running.screen.query_one(Input).value = str(file)
        await press(pilot, "enter")
        await shows(pilot, "seat 02: is down")
        await press(pilot, "y")
        await shows(pilot, "seat 03: the disk is full")
        assert scripted.called("push") == [(ROOM, PushSource(files=(str(file),)), None)]


async def test_the_work_of_marked_seats_is_collected_into_a_folder(
    app: Make, scripted: ScriptedService, tmp_path: Path
) -> None:
    running = app(start=ROOM)
    async with running.run_test() as pilot:
        await shows(pilot, "22 of 24 ready")
        await press(pilot, "space", "space", "C")
        await shows(pilot, "2 marked seats")
        running.screen.query_one(Input).value = str(tmp_path / "work")
        await press(pilot, "enter")
        await until(pilot, lambda: isinstance(running.screen, JobScreen))
        await until(pilot, lambda: scripted.called("collect") == [(ROOM, tmp_path / "work", (1, 2))])


async def test_a_break_begins_and_ends_with_the_same_key(app: Make, scripted: ScriptedService) -> None:
    running = app(start=ROOM)
    async with running.run_test() as pilot:
        await shows(pilot, "22 of 24 ready")
        await press(pilot, "b")
        await shows(pilot, "Nobody counts as idle")
        await press(pilot, "enter")
        await until(pilot, lambda: "A break until 09:56." in notices(running))
        await press(pilot, "b")
        await until(pilot, lambda: "The break is over." in notices(running))
        assert scripted.called("break_") == [(ROOM, timedelta(minutes=15)), (ROOM, None)]


async def test_moving_asks_first(app: Make, scripted: ScriptedService) -> None:
    running = app(start=ROOM)
    async with running.run_test() as pilot:
        await shows(pilot, "22 of 24 ready")
        await press(pilot, "m")
        await shows(pilot, "Move seat 01?")
        await press(pilot, "y")
        await until(pilot, lambda: scripted.called("move") == [(ROOM, (1,))])


async def test_a_rehearsal_names_the_first_failing_cell_and_the_memory(app: Make, scripted: ScriptedService) -> None:
    running = app()
    async with running.run_test() as pilot:
        await shows(pilot, ROOM)
        await press(pilot, "down", "x")
        await shows(pilot, "1 of 2 notebooks run through; peak 400 MB of 1 GB, 512 MB proposed.")
        assert "02-loops.ipynb: cell 7: ModuleNotFoundError: No module named" in screen_text(running)
        assert "Add the package that has `rich`" in " ".join(screen_text(running).split())
        assert scripted.called("rehearse") == [("/srv/courses/python-basics/workshop.yaml",)]
