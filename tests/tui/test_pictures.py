"""Pictures of the key screens, at the design size and at 120×40. `--snapshot-update` takes new ones after a change."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from textual.pilot import Pilot

from tests.tui.scripted_service import ScriptedService
from tests.tui.world import app_on, press, shows
from workshop.config.paths import paths
from workshop.tui.app import WorkshopApp

ROOM = "python-basics"
Steps = Callable[[Pilot[Any]], Awaitable[None]]


async def home(pilot: Pilot[Any]) -> None:
    await shows(pilot, "students come in at")


async def in_class(pilot: Pilot[Any]) -> None:
    await shows(pilot, ROOM)
    await press(pilot, "enter")
    await shows(pilot, "22 of 24 ready")


def then(*keys: str, first: Steps = in_class, shown: str = "") -> Steps:
    """The first steps, then keys, then a text on the screen."""

    async def steps(pilot: Pilot[Any]) -> None:
        await first(pilot)
        await press(pilot, *keys)
        if shown:
            await shows(pilot, shown)

    return steps


SCREENS: dict[str, Steps] = {
    "home": home,
    "new": then("down", "enter", first=home, shown="requirements.txt"),
    "plan": then("down", "u", first=home, shown="24 to make"),
    "build": then("down", "b", first=home, shown="matplotlib"),
    "up": then("f7", first=then("down", "u", first=home, shown="24 to make"), shown="17 of 24 seats ready"),
    "class": then("down", "space"),
    "map": then("2", shown="mem 15%"),
    "restart": then("r", shown="Restart seat 01?"),
    "projector": then("p", shown="22 seats ready"),
    "teardown": then("ctrl+d", shown="26 things"),
    "help": then("question_mark", shown="Keys"),
}
WIDE = ("home", "class", "up", "projector")


def app_of(scripted: ScriptedService, theme: str = "harbour", **options: Any) -> WorkshopApp:
    scripted.gates.update(build=asyncio.Event(), up=asyncio.Event())
    return app_on(scripted, paths({"data_dir": "/srv/workshop"}), scripted.clock, theme=theme, **options)


@pytest.mark.parametrize("name", SCREENS)
def test_at_80_by_24(snap_compare: Any, scripted: ScriptedService, name: str) -> None:
    assert snap_compare(app_of(scripted), terminal_size=(80, 24), run_before=SCREENS[name])


@pytest.mark.parametrize("name", WIDE)
def test_at_120_by_40(snap_compare: Any, scripted: ScriptedService, name: str) -> None:
    assert snap_compare(app_of(scripted), terminal_size=(120, 40), run_before=SCREENS[name])


def test_on_light_paper(snap_compare: Any, scripted: ScriptedService) -> None:
    assert snap_compare(app_of(scripted, "paper"), terminal_size=(80, 24), run_before=in_class)


def test_without_colour(snap_compare: Any, scripted: ScriptedService, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    assert snap_compare(app_of(scripted), terminal_size=(80, 24), run_before=in_class)


def test_read_only(snap_compare: Any, scripted: ScriptedService) -> None:
    assert snap_compare(app_of(scripted, read_only=True), terminal_size=(80, 24), run_before=in_class)
