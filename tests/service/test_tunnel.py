"""A tunnel of the user's: its address is everywhere, and it lives as long as the gateway."""

from __future__ import annotations

import asyncio
import json
import shlex
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import psutil
import pytest

from tests.gateway.conftest import until
from tests.service.conftest import MakeRoom, OpenRoom
from tests.support import tunnel_program
from tests.tui.world import World, make_world
from workshop.errors import GatewayFailed, UsageError
from workshop.model.snapshot import Snapshot, TunnelState
from workshop.service import UpRequest

WITHOUT_ACCOUNT = shlex.join([sys.executable, "-c", "print('no account')"])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the tunnel program says which processes it is."""
    made = tmp_path / "tunnel"
    made.mkdir()
    return made


@pytest.fixture
def command(folder: Path) -> str:
    return shlex.join([sys.executable, "-u", tunnel_program.__file__, str(folder), "{port}"])


def processes(folder: Path) -> list[psutil.Process]:
    """Those of the tunnel that runs now, or ran last."""
    pids = (folder / "pids").read_text().split()
    return [psutil.Process(int(pid)) for pid in pids if psutil.pid_exists(int(pid))]


def runs(folder: Path) -> bool:
    return any(process.status() != psutil.STATUS_ZOMBIE for process in processes(folder))


async def page_through(join: str) -> int:
    """What a browser far away gets, whose resolver knows the tunnel's name."""
    parts = urlsplit(join)
    near = parts._replace(netloc=f"127.0.0.1:{parts.port}", path="/check").geturl()
    async with httpx.AsyncClient(trust_env=False) as client:
        return (await client.get(near, headers={"Host": parts.netloc})).status_code


async def status_when(room: OpenRoom, holds: Callable[[Snapshot], bool]) -> Snapshot:
    async with asyncio.timeout(20):
        async for status in room.service.watch(room.classroom.name):
            if holds(status):
                return status
    raise AssertionError("the classroom is gone")


async def test_students_come_in_through_the_tunnel_and_it_ends_with_the_gateway(
    make_room: MakeRoom, command: str, folder: Path
) -> None:
    room = await make_room(tunnel=command)
    client = await room.start()
    first = str((await client.act("tunnel", {}))["url"])
    assert urlsplit(first).hostname == f"t{processes(folder)[0].pid}.example.org"
    assert await page_through(first) == 200
    status = await room.status()
    assert (status.classroom.door.url, status.tunnel) == (first, TunnelState.OPEN)

    processes(folder)[0].kill()
    status = await status_when(room, lambda now: now.classroom.door.url != first)
    second = status.classroom.door.url
    assert await page_through(second) == 200
    assert f"a new address, {second}" in " ".join(status.warnings)

    await room.kill()
    await until(lambda: not runs(folder))
    third = str((await (await room.start()).act("tunnel", {}))["url"])
    assert third not in (first, second)
    assert await page_through(third) == 200
    assert (await room.service.classroom(room.classroom.name)).door.url == third, "also without asking the gateway"

    assert await room.doors.stop(room.classroom)
    assert not runs(folder)


async def test_a_tunnel_that_cannot_be_opened_is_told_and_another_command_takes_its_place(
    make_room: MakeRoom, command: str, folder: Path
) -> None:
    room = await make_room(tunnel=WITHOUT_ACCOUNT)
    client = await room.start()
    with pytest.raises(GatewayFailed, match="ended") as raised:
        await client.act("tunnel", {})
    assert raised.value.details == ("no account",)
    assert "Run it by hand" in raised.value.hint
    # this machine's disk and memory may be warned of as well
    status = await status_when(room, lambda now: any("no account" in warning for warning in now.warnings))
    assert status.classroom.door == room.classroom.door

    url = str((await client.act("tunnel", {"command": command}))["url"])
    assert await page_through(url) == 200
    assert not any("unnel" in warning for warning in (await room.status()).warnings)
    await client.act("tunnel", {"command": ""})
    await until(lambda: not runs(folder))
    status = await room.status()
    assert (status.classroom.door, status.tunnel) == (room.classroom.door, TunnelState.NONE)


# The verbs


@pytest.fixture
async def world(machine: Path) -> AsyncIterator[World]:
    world = make_world(machine)
    yield world
    await world.close()


def name_tunnel(repository: Path, command: str) -> UpRequest:
    """Have the workshop's file say it."""
    file = repository / "workshop.yaml"
    kept = file.read_text().split("access:")[0]
    file.write_text(f"{kept}access:\n  tunnel: {json.dumps(command)}\n")
    return UpRequest(file=str(file), name="lesson")


async def test_up_opens_the_tunnel_and_down_ends_it(world: World, command: str, folder: Path) -> None:
    opened = await world.service.up(name_tunnel(world.repository(), command))
    join = opened.snapshot.classroom.join_url()
    assert ".example.org:" in join
    assert all(seat.link.startswith(join) for seat in opened.snapshot.seats)
    again = await world.service.up(UpRequest(file=str(world.folder / "python-basics" / "workshop.yaml"), name="lesson"))
    assert again.snapshot.classroom.join_url() == join
    assert (await world.service.down("lesson", discard=True)).removal.left == ()
    assert not runs(folder)


async def test_up_refuses_a_program_that_is_not_there_before_it_makes_anything(world: World) -> None:
    request = name_tunnel(world.repository(), "no-such-tunnel {port}")
    with pytest.raises(UsageError, match="no-such-tunnel is not there"):
        await world.service.up(request)
    assert await world.service.classrooms() == ()
    problems = (await world.service.check(request.file)).problems
    assert [problem.path for problem in problems if problem.level == "error"] == ["access.tunnel"]


async def test_up_says_why_the_tunnel_did_not_open_and_goes_on_when_it_was_mended(world: World, command: str) -> None:
    repository = world.repository()
    with pytest.raises(GatewayFailed, match="ended") as raised:
        await world.service.up(name_tunnel(repository, WITHOUT_ACCOUNT))
    assert raised.value.details == ("no account",)
    mended = await world.service.up(name_tunnel(repository, command))
    assert mended.adopted
    assert mended.snapshot.ready == 4
    assert ".example.org:" in mended.snapshot.classroom.join_url()
