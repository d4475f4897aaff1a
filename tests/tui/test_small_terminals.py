"""What stays in reach in a terminal with few lines or columns, and when its size changes under an open dialog."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from textual.widgets import Button

from tests.tui.scripted_service import ScriptedService
from tests.tui.support import NOW
from tests.tui.world import press, screen_text, shows, until
from workshop.tui.app import WorkshopApp
from workshop.tui.screens.handouts import HandoutDialog

ROOM = "python-basics"
Make = Callable[..., WorkshopApp]


@pytest.mark.parametrize("size", [(60, 15), (40, 10)])
async def test_the_buttons_of_a_dialog_that_is_taller_than_the_terminal_are_scrolled_to(
    app: Make, size: tuple[int, int]
) -> None:
    running = app(start=ROOM)
    async with running.run_test(size=size) as pilot:
        await shows(pilot, "22 of 24 ready")
        await press(pilot, "H")
        await shows(pilot, "Cards and tables of links")
        dialog = running.screen
        assert isinstance(dialog, HandoutDialog)
        for _ in range(12):
            if running.focused is dialog.query_one("#cancel", Button):
                break
            await press(pilot, "down")
        await shows(pilot, "Cancel")
        await press(pilot, "enter")
        assert running.screen is not dialog


async def test_a_list_in_a_dialog_follows_its_cursor_when_the_terminal_becomes_lower(app: Make) -> None:
    running = app(start=ROOM)
    async with running.run_test(size=(80, 24)) as pilot:
        await shows(pilot, "22 of 24 ready")
        await press(pilot, "ctrl+t")
        await shows(pilot, "keeps it")
        await pilot.resize_terminal(40, 10)
        await press(pilot, "end")
        await shows(pilot, "Plum")
        assert "keeps it, esc goes back" in screen_text(running)
        await pilot.resize_terminal(80, 24)
        await until(pilot, lambda: "Chalkboard" in screen_text(running) and "Plum" in screen_text(running))
        await press(pilot, "escape")


async def test_a_narrow_terminal_names_the_class_before_the_program(app: Make) -> None:
    running = app(start=ROOM)
    async with running.run_test(size=(40, 10)) as pilot:
        await shows(pilot, "22 of 24 ready")
        first = screen_text(running).splitlines()[0]
        assert first.strip() == "python-basi… ends in 2 h 08 min  09:41"
        await pilot.resize_terminal(80, 24)
        await until(pilot, lambda: screen_text(running).startswith(f" workshop › {ROOM}"))


async def test_the_bar_names_the_key_for_help_given_as_soon_as_somebody_asks(
    app: Make, scripted: ScriptedService
) -> None:
    running = app(start=ROOM)
    async with running.run_test(size=(80, 24)) as pilot:
        await shows(pilot, "22 of 24 ready")
        assert "Helped" not in screen_text(running)
        before = scripted.rooms[ROOM]
        seats = [replace(seat, help_since=NOW) if seat.number == 1 else seat for seat in before.seats]
        scripted.change(ROOM, replace(before, seats=tuple(seats)))
        await shows(pilot, "h Helped")
