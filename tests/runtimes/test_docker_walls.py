"""What a seat on Docker can and cannot do, seen from inside and from its neighbours."""

from __future__ import annotations

import asyncio
import io
import os
import pty
import shutil
import socket
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.runtimes.worlds import DockerWorld, rules, server_command, token, until_ready
from workshop.engines.command import run_command
from workshop.engines.docker_engine import DockerEngine
from workshop.model import labels
from workshop.model.classroom import Classroom
from workshop.ports.runtime import Runtime, WalledRuntime
from workshop.runtimes.docker.runtime import DockerRuntime

pytestmark = pytest.mark.docker

CONNECT = """
import socket, sys
from concurrent.futures import ThreadPoolExecutor
def reach(host):
    try:
        socket.create_connection((host, int(sys.argv[1])), timeout=2).close()
        return "open"
    except OSError as error:
        return f"closed: {error}"
for host, answer in zip(sys.argv[2:], ThreadPoolExecutor(50).map(reach, sys.argv[2:])):
    print(host, answer)
"""


@pytest.fixture
def world(machine: Path, seat_image: str, docker_client: Any) -> DockerWorld:
    return DockerWorld(machine, seat_image, docker_client)


@pytest.fixture
def listener() -> Iterator[int]:
    """A service of this machine that listens on all of its addresses; its port."""
    with socket.create_server(("0.0.0.0", 0), backlog=50) as server:
        yield server.getsockname()[1]


@pytest.fixture
async def outside() -> AsyncIterator[tuple[str, int]]:
    """The rest of the world, played by a network namespace behind a cable: a server's address and port there."""
    if os.geteuid() != 0 or not shutil.which("ip"):
        pytest.skip("a network namespace needs root and the `ip` command")
    name = f"ws{token()}"
    setup = (
        f"ip netns add {name} && ip link add {name} type veth peer name out netns {name}"
        f" && ip addr add 198.51.100.1/30 dev {name} && ip link set {name} up"
        f" && ip -n {name} addr add 198.51.100.2/30 dev out && ip -n {name} link set out up"
        f" && ip -n {name} route add default via 198.51.100.1"
    )
    serve = (
        "import socket; s = socket.create_server(('198.51.100.2', 8080)); print('up', flush=True)\nwhile 1: s.accept()"
    )
    made = await run_command(["sh", "-c", setup])
    try:
        assert made.exit_code == 0, made.output
        server = await asyncio.create_subprocess_exec(
            "ip", "netns", "exec", name, sys.executable, "-c", serve, stdout=asyncio.subprocess.PIPE
        )
        assert server.stdout is not None
        assert await asyncio.wait_for(server.stdout.readline(), 10) == b"up\n"
        yield "198.51.100.2", 8080
        server.kill()
        await server.wait()
    finally:
        await run_command(["sh", "-c", f"ip link del {name}; ip netns del {name}"])


async def output(runtime: Runtime, room: Classroom, number: int, *argv: str) -> str:
    result = await runtime.run(room, number, argv)
    return (result.stdout + result.stderr).decode().strip()


async def reached(runtime: Runtime, room: Classroom, number: int, port: int, *hosts: str) -> set[str]:
    """The hosts to which a seat gets a connection."""
    said = await output(runtime, room, number, "python3", "-c", CONNECT, str(port), *hosts)
    answers = [line.split(" ", 1) for line in said.splitlines()]
    assert [host for host, _ in answers] == list(hosts), said
    return {host for host, answer in answers if answer == "open"}


async def test_a_seat_has_no_privileges_and_all_its_limits(
    world: DockerWorld, runtime: Runtime, room: Classroom, ready: Any
) -> None:
    await ready(7)
    status = await output(runtime, room, 7, "cat", "/proc/self/status", "/proc/1/status")
    lines = [line.split() for line in status.splitlines()]
    for name in ("CapInh:", "CapPrm:", "CapEff:", "CapBnd:", "CapAmb:"):
        assert {line[1] for line in lines if line[0] == name} == {"0" * 16}, name
    assert {line[1] for line in lines if line[0] == "NoNewPrivs:"} == {"1"}
    assert {line[1] for line in lines if line[0] == "Uid:"} == {"1000"}
    assert {line[1] for line in lines if line[0] == "Seccomp:"} == {"2"}
    assert await output(runtime, room, 7, "sh", "-c", "ls -d /var/run/docker.sock /run/docker.sock; true") == (
        "ls: cannot access '/var/run/docker.sock': No such file or directory\n"
        "ls: cannot access '/run/docker.sock': No such file or directory"
    )
    assert await output(runtime, room, 7, "hostname") == "seat-07"
    assert await output(runtime, room, 7, "cat", "/proc/1/comm") == "docker-init"
    (box,) = world.containers(room)
    host = box.attrs["HostConfig"]
    assert (host["Memory"], host["MemorySwap"], host["PidsLimit"]) == (96 * 1024**2, 96 * 1024**2, 64)
    assert (host["Privileged"], host["PortBindings"] or {}, host["Binds"] or []) == (False, {}, [])
    assert host["RestartPolicy"]["Name"] == "unless-stopped"
    assert box.attrs["NetworkSettings"]["Ports"] == {"8888/tcp": None}
    assert box.image.id == world.image


async def test_a_fork_bomb_stays_in_its_seat_and_is_counted(
    world: DockerWorld, runtime: Runtime, room: Classroom, ready: Any
) -> None:
    await ready(1)
    neighbour = await ready(2)
    bomb = "i=0; while [ $i -lt 200 ]; do sleep 20 & i=$((i+1)); done 2>/dev/null; true"
    await runtime.run(room, 1, ("sh", "-c", bomb), timeout=20)
    usage = await runtime.usage(room)
    assert 32 <= (usage[1].pids or 0) <= 64
    assert (usage[1].pid_limit_hits or 0) > 0
    assert usage[2].pid_limit_hits == 0
    assert await runtime.probe(room, neighbour, server_command(room, 2))


async def test_a_seat_reaches_no_other_seat(world: DockerWorld, runtime: Runtime, room: Classroom, ready: Any) -> None:
    await ready(1)
    second = await ready(2)
    address = second.endpoint.removeprefix("http://").split(":")[0]
    assert await reached(runtime, room, 1, 8888, address, f"workshop-{room.name}-02") == set()
    assert await reached(runtime, room, 2, 8888, address) == {address}


def own_addresses(room: Classroom) -> list[str]:
    gateway = room.option("subnet").rsplit(".", 1)[0] + ".1"
    found = [
        address.address
        for addresses in psutil.net_if_addrs().values()
        for address in addresses
        if address.family == socket.AF_INET and not address.address.startswith("127.")
    ]
    assert gateway in found
    return found


async def test_a_seat_reaches_no_service_of_the_host_while_the_host_reaches_the_seat(
    world: DockerWorld, runtime: Runtime, room: Classroom, ready: Any, listener: int
) -> None:
    record = await ready(1)
    assert await reached(runtime, room, 1, listener, *own_addresses(room)) == set()
    assert await runtime.probe(room, record, server_command(room, 1))
    assert (await runtime.facts()).notes == ()


@pytest.fixture(params=["helper", "off"])
async def other_way(request: pytest.FixtureRequest) -> AsyncIterator[DockerRuntime]:
    runtime = DockerRuntime(DockerEngine(), host_wall=request.param)
    runtime.mode = request.param  # type: ignore[attr-defined]
    yield runtime
    await runtime.aclose()


async def test_the_wall_can_be_set_through_a_helper_and_what_stays_open_is_said(
    world: DockerWorld, other_way: Any, unique_name: str, listener: int
) -> None:
    room = await other_way.open(world.classroom(unique_name))
    try:
        record = await other_way.create(room, 1, server_command(room, 1))
        await until_ready(other_way, room, record)
        gateway = room.option("subnet").rsplit(".", 1)[0] + ".1"
        open_hosts = await reached(other_way, room, 1, listener, gateway)
        notes = (await other_way.facts()).notes
        if other_way.mode == "helper":
            assert open_hosts == set()
            assert notes == ()
            assert len(rules(room)) > 0
            assert len(world.containers(room)) == 1
        else:
            assert open_hosts == {gateway}
            assert "all addresses" in notes[0]
    finally:
        removal = await other_way.close(room)
    assert removal.left == ()
    assert await world.leftovers(room) == []


async def test_an_image_without_nsenter_is_said_to_leave_the_host_open(
    world: DockerWorld, docker_client: Any, unique_name: str
) -> None:
    recipe = f"FROM {world.image}\nUSER root\nRUN rm -f /usr/bin/nsenter\nUSER jovyan\n"
    tag = f"workshop-test/bare:{unique_name}"
    docker_client.images.build(fileobj=io.BytesIO(recipe.encode()), tag=tag, rm=True)
    runtime = DockerRuntime(DockerEngine(), host_wall="helper")
    room = await runtime.open(replace(world.classroom(unique_name), image=tag))
    try:
        assert "could not be set (the image has no nsenter)" in (await runtime.facts()).notes[0]
    finally:
        removal = await runtime.close(room)
        await runtime.aclose()
        docker_client.images.remove(tag, force=True)
    assert removal.left == ()
    assert await world.leftovers(room) == []


@pytest.mark.parametrize("by", ["open", "keep_walls"])
async def test_the_wall_is_put_back_when_the_class_is_opened_again_and_while_it_runs(
    world: DockerWorld, runtime: DockerRuntime, room: Classroom, by: str
) -> None:
    before = rules(room)
    assert before
    drop = next(line for line in before if " INPUT " in line).removeprefix("rule ").replace("-A ", "-D ", 1)
    assert (await run_command(["iptables", *drop.split()])).exit_code == 0
    assert isinstance(runtime, WalledRuntime)
    for _ in range(2):
        await getattr(runtime, by)(room)
        assert sorted(rules(room)) == sorted(before)


async def test_no_wall_is_put_around_a_class_that_is_gone(
    world: DockerWorld, runtime: DockerRuntime, unique_name: str
) -> None:
    room = await runtime.open(world.classroom(unique_name))
    assert (await runtime.close(room)).left == ()
    assert await runtime.keep_walls(room) == ""
    assert rules(room) == []
    assert await world.leftovers(room) == []


async def test_seats_resolve_names_and_have_a_way_out_unless_it_is_closed(
    world: DockerWorld, runtime: Runtime, unique_name: str, outside: tuple[str, int]
) -> None:
    lookup = (
        "import socket,sys; s=socket.socket(socket.AF_INET,socket.SOCK_DGRAM); s.settimeout(5);"
        "q=b'\\x01\\x02\\x01\\x00\\x00\\x01\\x00\\x00\\x00\\x00\\x00\\x00\\x07seat-07\\x00\\x00\\x01\\x00\\x01';"
        "s.sendto(q,('127.0.0.11',53)); print(s.recv(512)[:2]==q[:2])"
    )
    for egress, way_out in (("all", True), ("none", False)):
        room = await runtime.open(world.classroom(f"{unique_name}-{egress}").with_options(egress=egress))
        try:
            record = await runtime.create(room, 7, server_command(room, 7))
            await until_ready(runtime, room, record)
            host, port = outside
            assert await reached(runtime, room, 7, port, host) == ({host} if way_out else set())
            assert await output(runtime, room, 7, "python3", "-c", lookup) == "True"
            addresses = await output(
                runtime, room, 7, "sh", "-c", "cat /proc/net/if_inet6 2>/dev/null | grep -v lo; true"
            )
            assert addresses == ""
        finally:
            assert (await runtime.close(room)).left == ()


async def test_a_seat_whose_image_wants_to_be_root_is_not(
    world: DockerWorld, runtime: Runtime, docker_client: Any, unique_name: str
) -> None:
    tag = f"workshop-test/root:{unique_name}"
    recipe = f"FROM {world.image}\nUSER root\n"
    docker_client.images.build(fileobj=io.BytesIO(recipe.encode()), tag=tag, rm=True)
    room = await runtime.open(replace(world.classroom(unique_name), image=tag))
    try:
        record = await runtime.create(room, 1, server_command(room, 1))
        await until_ready(runtime, room, record)
        assert await output(runtime, room, 1, "id", "-u") == "1000"
    finally:
        await runtime.close(room)
        docker_client.images.remove(tag, force=True)


async def test_an_image_that_is_not_there_is_never_fetched(
    world: DockerWorld, runtime: Runtime, unique_name: str
) -> None:
    from workshop.errors import SeatFailed

    room = await runtime.open(replace(world.classroom(unique_name), image="sha256:" + "0" * 64))
    try:
        with pytest.raises(SeatFailed, match="no image") as raised:
            await runtime.create(room, 1, server_command(room, 1))
        assert "workshop build" in raised.value.hint
    finally:
        await runtime.close(room)


async def test_a_shell_opens_in_a_terminal(world: DockerWorld, runtime: Runtime, room: Classroom, ready: Any) -> None:
    await ready(1, generation=2)
    master, slave = pty.openpty()
    shell = await asyncio.create_subprocess_exec(
        *runtime.shell_command(room, 1), stdin=slave, stdout=slave, stderr=slave, start_new_session=True
    )
    os.close(slave)
    os.write(master, b"id -u; pwd; echo $((6*7))-$0; exit\n")
    assert await asyncio.wait_for(shell.wait(), 20) == 0
    said = os.read(master, 65536).decode()
    os.close(master)
    assert {"1000", "/home/jovyan", "42-bash"} <= set(said.split())


async def test_a_classrooms_volumes_go_with_it(
    world: DockerWorld, runtime: Runtime, docker_client: Any, unique_name: str
) -> None:
    room = await runtime.open(world.classroom(unique_name))
    docker_client.volumes.create(f"data-{unique_name}", labels=labels.classroom_labels(room, "data"))
    removal = await runtime.close(room)
    assert removal.removed["volumes"] == 1
    assert await world.leftovers(room) == []
