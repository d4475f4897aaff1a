"""Out of memory, lost connections, an engine that is away or silent, names that others took."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

from tests.runtimes.test_contract import next_event
from tests.runtimes.worlds import DockerWorld, server_command, until
from workshop.engines.docker_engine import DockerEngine
from workshop.errors import NameInUse, RuntimeUnreachable, SeatFailed
from workshop.model.classroom import Classroom
from workshop.model.events import SeatChanged, SeatOutOfMemory, SeatsListed
from workshop.model.seat import SeatState
from workshop.ports.runtime import Runtime
from workshop.runtimes.docker.runtime import DockerRuntime

pytestmark = pytest.mark.docker

EAT = "b=[]\nwhile True: b.append(bytearray(8*1024*1024))"


@pytest.fixture
def world(machine: Path, seat_image: str, docker_client: Any) -> DockerWorld:
    return DockerWorld(machine, seat_image, docker_client)


class Line:
    """The way to the real engine, which can be cut and mended."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._writers: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None

    async def mend(self) -> None:
        self._server = await asyncio.start_unix_server(self._serve, str(self.path))

    async def cut(self) -> None:
        assert self._server is not None
        self._server.close()
        for writer in list(self._writers):
            writer.transport.abort()
        self.path.unlink(missing_ok=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_unix_connection(DockerEngine().address.removeprefix("unix://"))
        self._writers |= {writer, back}
        await asyncio.gather(_copy(reader, back), _copy(there, writer))
        self._writers -= {writer, back}


async def _copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await source.read(65536):
            target.write(data)
            await target.drain()
    target.close()


@pytest.fixture
async def line(tmp_path_factory: pytest.TempPathFactory, machine: Path) -> AsyncIterator[Line]:
    line = Line(machine / "d.sock")
    await line.mend()
    yield line
    await line.cut()


async def test_a_full_memory_is_seen_as_event_and_in_the_counter_while_the_seat_lives_on(
    world: DockerWorld, runtime: Runtime, room: Classroom, ready: Any
) -> None:
    record = await ready(1)
    async with aclosing(runtime.watch(room)) as events:  # type: ignore[type-var]
        await next_event(events, SeatsListed)
        result = await runtime.run(room, 1, ("sh", "-c", f'python3 -c "{EAT}"; echo "ended $?"'))
        assert b"ended 137" in result.stdout
        event = await next_event(events, SeatOutOfMemory)
    assert event.number == 1
    assert abs(event.at.timestamp() - time.time()) < 30
    assert (await runtime.usage(room))[1].oom_kills == 1
    assert await runtime.probe(room, record, server_command(room, 1))
    assert (await runtime.seats(room))[0].restarts == 0


async def test_a_raised_memory_limit_holds_at_once(
    world: DockerWorld, runtime: Runtime, room: Classroom, ready: Any
) -> None:
    await ready(1)
    take = ("python3", "-c", "b = bytearray(150*1024*1024); print(len(b))")
    assert (await runtime.run(room, 1, take)).exit_code == 137
    await runtime.set_memory(room, 1, 256 * 1024**2)
    assert (await runtime.run(room, 1, take)).exit_code == 0
    with pytest.raises(SeatFailed, match="01"):
        await runtime.set_memory(room, 1, 1024)


async def test_nothing_is_lost_when_the_connection_breaks_while_watching(
    world: DockerWorld, room: Classroom, ready: Any, line: Line, runtime: Runtime
) -> None:
    """An `oom` that happened while the line was cut is told when it is mended."""
    await ready(1)
    watcher = DockerRuntime(DockerEngine(base_url=f"unix://{line.path}"))
    try:
        async with aclosing(watcher.watch(room)) as events:  # type: ignore[type-var]
            await next_event(events, SeatsListed)
            await runtime.pause(room, 1, paused=True)
            await runtime.pause(room, 1, paused=False)
            while (await next_event(events, SeatChanged)).record.state is not SeatState.STARTING:
                pass
            await line.cut()
            lost = (await next_event(events, SeatsListed)).records
            assert [(seat.number, seat.state) for seat in lost] == [(1, SeatState.LOST)]
            await runtime.run(room, 1, ("sh", "-c", f'python3 -c "{EAT}"; true'))
            await line.mend()
            while (await next_event(events, SeatsListed)).records[0].state is SeatState.LOST:
                pass
            assert (await next_event(events, SeatOutOfMemory)).number == 1
    finally:
        await watcher.aclose()


async def test_an_engine_that_is_away_or_silent_is_reported_within_seconds(machine: Path) -> None:
    silent = machine / "silent.sock"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(silent))
        server.listen()
        for address in (machine / "none.sock", silent):
            runtime = DockerRuntime(DockerEngine(base_url=f"unix://{address}"))
            began = time.monotonic()
            with pytest.raises(RuntimeUnreachable) as raised:
                await runtime.facts()
            assert time.monotonic() - began < 8
            assert str(address) in raised.value.message
            assert raised.value.hint
            await runtime.aclose()


async def test_watching_an_engine_that_is_away_says_so(machine: Path, world: DockerWorld) -> None:
    runtime = DockerRuntime(DockerEngine(base_url=f"unix://{machine}/none.sock"))
    with pytest.raises(RuntimeUnreachable):
        async for _ in runtime.watch(world.classroom("nowhere")):
            pass
    await runtime.aclose()


async def test_lists_are_repeated_on_a_timer(world: DockerWorld, room: Classroom) -> None:
    runtime = DockerRuntime(relist_seconds=0.2)
    async with aclosing(runtime.watch(room)) as events:  # type: ignore[type-var]
        for _ in range(3):
            await next_event(events, SeatsListed, seconds=5)
    await runtime.aclose()


async def test_containers_and_networks_of_others_are_named_and_left_alone(
    world: DockerWorld, runtime: Runtime, docker_client: Any, unique_name: str
) -> None:
    foreign = docker_client.networks.create(f"workshop-{unique_name}-a", driver="bridge")
    box = docker_client.containers.create(world.image, ["true"], name=f"workshop-{unique_name}-b-01")
    try:
        with pytest.raises(NameInUse, match="not ours"):
            await runtime.open(world.classroom(f"{unique_name}-a"))
        room = await runtime.open(world.classroom(f"{unique_name}-b"))
        try:
            with pytest.raises(SeatFailed, match="in the way"):
                await runtime.create(room, 1, server_command(room, 1))
        finally:
            assert (await runtime.close(room)).left == ()
        box.reload()
        foreign.reload()
    finally:
        box.remove(force=True)
        foreign.remove()


async def test_a_network_that_a_stranger_uses_survives_with_the_reason(
    world: DockerWorld, runtime: Runtime, docker_client: Any, unique_name: str
) -> None:
    room = await runtime.open(world.classroom(unique_name))
    box = docker_client.containers.run(
        world.image, ["sleep", "60"], name=f"stranger-{unique_name}", network=f"workshop-{unique_name}", detach=True
    )
    try:
        removal = await runtime.close(room)
        assert [(one.kind, one.name) for one in removal.left] == [("network", f"workshop-{unique_name}")]
        assert f"stranger-{unique_name}" in removal.left[0].reason
        assert room.uid in [found.uid for found in await runtime.classrooms()]
    finally:
        box.remove(force=True)
    assert (await runtime.close(room)).removed == {"networks": 1}


async def test_a_classroom_whose_network_was_lost_is_still_found_and_removed(
    world: DockerWorld, runtime: Runtime, docker_client: Any, unique_name: str, ready: Any, room: Classroom
) -> None:
    await ready(1)
    await runtime.stop(room, 1)
    docker_client.networks.get(f"workshop-{room.name}").remove()
    (found,) = [found for found in await runtime.classrooms() if found.uid == room.uid]
    assert (found.name, found.ends) == (room.name, room.ends)
    assert found.option("broken")
    assert (await runtime.close(found)).removed["seats"] == 1
    assert await world.leftovers(room) == []


async def test_strays_are_removed_and_open_classrooms_are_not(
    world: DockerWorld, runtime: Runtime, docker_client: Any, room: Classroom, ready: Any
) -> None:
    await ready(1)
    lost = world.classroom(f"{room.name}-lost")
    from workshop.model import labels

    docker_client.containers.create(world.image, ["true"], labels=labels.classroom_labels(lost, "helper"))
    docker_client.volumes.create(labels=labels.classroom_labels(lost, "data"))
    others = [found.uid for found in await runtime.classrooms() if found.uid != room.uid]
    removal = await runtime.remove_strays(others)
    assert removal.left == ()
    assert (removal.removed["helpers"], removal.removed["volumes"]) == (1, 1)
    assert await world.leftovers(lost) == []
    assert [seat.number for seat in await runtime.seats(room)] == [1]


async def test_the_engines_stats_stand_in_where_the_kernels_files_are_not_seen(
    world: DockerWorld, room: Classroom, ready: Any, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    import workshop.runtimes.docker.usage as docker_usage

    for number in (1, 2):
        await ready(number)
    by_file = await runtime.usage(room)
    monkeypatch.setattr(docker_usage, "find_cgroup", lambda *_: None)
    other = DockerRuntime()
    by_stats = await other.usage(room)
    assert list(by_stats) == list(by_file) == [1, 2]
    for number in (1, 2):
        assert by_stats[number].pids == by_file[number].pids
        assert (by_stats[number].memory_bytes or 0) == pytest.approx(by_file[number].memory_bytes or 0, rel=0.3)
        assert (by_stats[number].cpu_seconds or 0) >= (by_file[number].cpu_seconds or 0)
    await other.aclose()


async def test_where_addresses_are_out_of_reach_a_port_on_the_loopback_is_published(
    world: DockerWorld, runtime: Runtime, room: Classroom, monkeypatch: pytest.MonkeyPatch, docker_client: Any
) -> None:
    import workshop.runtimes.docker.runtime as docker_runtime

    monkeypatch.setattr(docker_runtime, "bridge_is_here", lambda _: False)
    record = await runtime.create(room, 1, server_command(room, 1))
    assert record.endpoint.startswith("http://127.0.0.1:")

    async def answers() -> bool:
        return await runtime.probe(room, record, server_command(room, 1))

    await until(answers, "the published seat answers")
    (box,) = world.containers(room)
    assert {binding["HostIp"] for binding in box.ports["8888/tcp"]} == {"127.0.0.1"}


async def test_no_port_is_published_and_no_seat_made_on_an_engine_out_of_reach(world: DockerWorld) -> None:
    runtime = DockerRuntime(DockerEngine(base_url="tcp://192.0.2.77:2375"))
    with pytest.raises(SeatFailed, match="another computer"):
        await runtime.create(world.classroom("far"), 1, server_command(world.classroom("far"), 1))
    await runtime.aclose()
