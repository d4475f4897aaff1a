"""ctrl+z: back to the shell and on again, where a shell is there."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Callable

import pytest

from tests.tui.scripted_service import ScriptedService
from tests.tui.world import notices, press, shows, until
from workshop.tui import app as app_module
from workshop.tui.app import WorkshopApp

ROOM = "python-basics"
ASKED = "from workshop.tui.job_control import has_shell; print(has_shell())"


def test_a_job_of_a_shell_has_a_shell() -> None:
    script = 'set -m; "$0" -c "$1"; true'
    said = subprocess.run(
        ["bash", "-c", script, sys.executable, ASKED],
        capture_output=True,
        text=True,
        timeout=60,
        start_new_session=True,
    )
    assert said.stdout == "True\n", said.stderr


@pytest.mark.parametrize("words", [[], ["sh", "-c", '"$0" "$@"; true']], ids=["of its own", "of a wrapper"])
def test_a_program_that_no_shell_waits_for_has_none(words: list[str]) -> None:
    said = subprocess.run(
        [*words, sys.executable, "-c", ASKED], capture_output=True, text=True, timeout=60, start_new_session=True
    )
    assert said.stdout == "False\n", said.stderr


async def test_ctrl_z_stops_the_program_or_says_why_not(
    app: Callable[..., WorkshopApp], scripted: ScriptedService, monkeypatch: pytest.MonkeyPatch
) -> None:
    stopped: list[bool] = []
    running = app(start=ROOM)
    monkeypatch.setattr(running, "action_suspend_process", lambda: stopped.append(True))
    scripted.gates["build"] = asyncio.Event()
    async with running.run_test(size=(80, 24)) as pilot:
        await shows(pilot, "22 of 24 ready")
        monkeypatch.setattr(app_module, "has_shell", lambda: False)
        await press(pilot, "ctrl+z")
        await until(pilot, lambda: any("no shell waits" in text for text in notices(running)))
        monkeypatch.setattr(app_module, "has_shell", lambda: True)
        await press(pilot, "ctrl+z")
        assert stopped == [True]
        await press(pilot, "escape", "down", "b")
        await shows(pilot, "1 running")
        await press(pilot, "ctrl+z")
        await until(pilot, lambda: any("would stand still" in text for text in notices(running)))
        assert stopped == [True]
        scripted.gates["build"].set()
