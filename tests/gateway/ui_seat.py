"""Seats as processes of real UIs, installed for the run."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp

from tests.gateway.conftest import House
from tests.support.ports import free_port
from workshop.core.launch import seat_command
from workshop.model.seat import SeatState

NOTEBOOK = {
    "cells": [
        {"cell_type": "code", "execution_count": None, "id": "a", "metadata": {}, "outputs": [], "source": "print(6*7)"}
    ],
    "metadata": {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}},
    "nbformat": 4,
    "nbformat_minor": 5,
}


def make_home(machine: Path) -> Path:
    """A participant's folder with a notebook."""
    home = machine / "seat"
    home.mkdir()
    (home / "hello.ipynb").write_text(json.dumps(NOTEBOOK))
    return home


class UiSeat:
    """Seat 1 of a house, as a process of the UI that its classroom has."""

    def __init__(self, house: House, programs: Path, home: Path) -> None:
        self.house = house
        self.home = home
        self.command = seat_command(house.room.classroom, 1)
        self.port = free_port()
        self._program = str(programs / self.command.argv[0])
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        home = str(self.home)
        environment = os.environ | dict(self.command.env) | {"HOME": home, "JUPYTER_CONFIG_DIR": f"{home}/.jupyter"}
        environment["PATH"] = f"{Path(self._program).parent}:{environment['PATH']}"
        argv = [self._program, *self.command.arguments("127.0.0.1", self.port)[1:], "--allow-root"]
        with (self.home / "lab.log").open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *argv, cwd=self.home, env=environment, stdout=log, stderr=log
            )
        headers = {"Authorization": f"token {self.command.token}"}
        async with aiohttp.ClientSession(headers=headers) as session, asyncio.timeout(60):
            while True:
                try:
                    async with session.get(f"{self.endpoint}{self.command.ready_path}") as answer:
                        if answer.status == 200:
                            break
                except aiohttp.ClientError:
                    await asyncio.sleep(0.1)
        self.house.room.ready(1, self.endpoint, token=self.command.token)

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            await asyncio.wait_for(self._process.wait(), 30)
            self._process = None
            self.house.room.down(1, SeatState.STOPPED)


async def until_answered(run: Callable[[], Awaitable[None]], output: Any, *, seconds: float = 90) -> None:
    """Run a cell until its output is there: Jupyter drops what is run before its kernel is connected, and says idle."""
    from playwright.async_api import TimeoutError as NotThere

    async with asyncio.timeout(seconds):
        while True:
            await run()
            with contextlib.suppress(NotThere):
                await output.wait_for(timeout=8_000)
                return
