"""A gateway is a process of its own: nothing that happens to the program which started it ends it."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import sys
from pathlib import Path
from time import monotonic

import psutil
import pytest

from tests.service.conftest import MakeRoom
from workshop.errors import GatewayFailed
from workshop.gateway import control_client
from workshop.model.events import Noted, WorkEvent
from workshop.service import doors

STARTS_A_GATEWAY = """
import asyncio, sys, warnings
from workshop.service import Service

async def main():
    if sys.version_info < (3, 12):  # what looks after child processes from 3.12 on, where the system has it
        warnings.simplefilter("ignore")
        watcher = asyncio.PidfdChildWatcher()
        watcher.attach_loop(asyncio.get_running_loop())
        asyncio.set_child_watcher(watcher)
    service = Service({"runtime": "process"})
    (classroom,) = await service.wiring.runtime("process").classrooms()
    await service.wiring.doors.ensure(classroom)
    await service.aclose()

asyncio.run(main())
"""


async def test_a_gateway_goes_on_when_the_program_that_started_it_ends_on_every_version_of_python(
    make_room: MakeRoom,
) -> None:
    room = await make_room()
    program = await asyncio.create_subprocess_exec(sys.executable, "-c", STARTS_A_GATEWAY)
    assert await program.wait() == 0
    client = await room.doors.client(room.classroom)
    assert client is not None
    assert (await client.snapshot()).gateway


async def test_a_gateway_whose_state_folder_was_removed_is_replaced_and_ends_with_the_class(
    make_room: MakeRoom, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doors, "YOUNG", 0)
    room = await make_room()
    await room.start()
    files = room.doors.files(room.classroom.uid)
    first = doors.locked_by(files.lock)
    shutil.rmtree(files.lock.parent)
    client = await room.start()
    assert (await client.snapshot()).gateway
    second = doors.locked_by(files.lock)
    assert second not in (None, first)
    shutil.rmtree(files.lock.parent)
    assert await room.doors.stop(room.classroom)
    assert [pid for pid in (first, second) if psutil.pid_exists(pid or 0)] == []


async def test_a_gateway_of_another_state_folder_is_nobody_s_lost_one(
    make_room: MakeRoom, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(doors, "YOUNG", 0)
    room = await make_room()
    client = await room.start()
    elsewhere = doors.DetachedDoors(tmp_path, tmp_path, environment={"WORKSHOP_STATE_DIR": str(tmp_path)})
    assert not await elsewhere.stop(room.classroom)
    assert (await client.snapshot()).gateway


async def test_a_gateway_that_hangs_is_named_and_replaced_by_the_next_up(
    make_room: MakeRoom, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doors, "OTHERS_START", 0.2)
    monkeypatch.setattr(control_client, "ANSWER_TIMEOUT", 0.3)
    room = await make_room()
    await room.start()
    hanging = doors.locked_by(room.doors.files(room.classroom.uid).lock)
    assert hanging is not None
    os.kill(hanging, signal.SIGSTOP)

    name = room.classroom.name
    assert (await room.status()).stale == (
        f"The gateway does not answer: students cannot come in. `workshop up --name {name}` ends it and starts another."
    )
    (listed,) = (one for one in await room.service.classrooms() if one.name == name)
    assert listed.detail.startswith("its gateway does not answer")
    with pytest.raises(GatewayFailed, match="does not answer"):
        await room.service.say(name, "Hello")

    told: list[WorkEvent] = []
    await room.doors.ensure(room.classroom, report=told.append)
    assert [event.text for event in told if isinstance(event, Noted)] == [
        f"The gateway of {name} runs and does not answer. Ending it and starting another: students come in as before."
    ]
    monkeypatch.undo()
    assert not psutil.pid_exists(hanging) or psutil.Process(hanging).status() == psutil.STATUS_ZOMBIE
    assert (await room.status()).gateway


async def test_a_gateway_that_says_nothing_is_given_up_and_keeps_nobody_waiting(
    make_room: MakeRoom, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    silent, ends = tmp_path / "python", tmp_path / "ends"
    os.mkfifo(ends)
    silent.write_text(f"#!/bin/sh\nexec cat {ends}\n")  # until somebody has written there
    silent.chmod(0o755)
    room = await make_room()
    monkeypatch.setattr(doors, "START_TIMEOUT", 0.2)
    monkeypatch.setattr(sys, "executable", str(silent))

    def up() -> None:
        asyncio.run(room.doors.ensure(room.classroom))

    began = monotonic()
    with pytest.raises(GatewayFailed, match="did not start within"):
        await asyncio.to_thread(up)
    given_up = monotonic() - began
    await asyncio.to_thread(ends.write_text, "")
    assert given_up < 5
