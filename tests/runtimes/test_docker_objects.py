"""What is sent to and read from the engine, without an engine."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.runtimes.worlds import make_classroom
from workshop.engines.docker_context import current_host
from workshop.model import labels
from workshop.model.classroom import Classroom
from workshop.model.seat import SeatCommand, SeatState
from workshop.runtimes.docker import host_wall, objects
from workshop.runtimes.docker.network import Network, free_subnets, read_routes, taken_subnets
from workshop.runtimes.docker.objects import SeatImage, bridge_name, container_name, network_request, seat_request
from workshop.runtimes.docker.records import newest, parse_time, record_of
from workshop.runtimes.docker.usage import find_cgroup, usage_of_stats

IMAGE = SeatImage("sha256:abc", user="jovyan", workdir="/home/jovyan")
COMMAND = SeatCommand(
    argv=("jupyter-lab", "--ip={host}", "--port={port}"),
    port=8888,
    ready_path="/seat/07/api/status",
    token="secret",
    env=(("JUPYTER_TOKEN", "secret"),),
)


@pytest.fixture
def room() -> Classroom:
    room = make_classroom("spring", "docker", "sha256:abc", uid="0123456789ab", key="00" * 32)
    return replace(room, ends=datetime(2026, 5, 12, 12, tzinfo=UTC))


def test_a_seat_is_asked_for_with_its_labels_its_limits_and_no_rights(room: Classroom) -> None:
    assert seat_request(room, 7, COMMAND, IMAGE, generation=2, engine_cpus=4) == {
        "Image": "sha256:abc",
        "Cmd": ["jupyter-lab", "--ip=0.0.0.0", "--port=8888"],
        "Env": ["JUPYTER_TOKEN=secret"],
        "User": "jovyan",
        "Hostname": "seat-07",
        "Labels": {
            "io.workshop.tool": "workshop",
            "io.workshop.kind": "seat",
            "io.workshop.classroom": "spring",
            "io.workshop.uid": "0123456789ab",
            "io.workshop.expires": "2026-05-12T12:00:00+00:00",
            "io.workshop.seat": "7",
            "io.workshop.code": room.code(7),
            "io.workshop.spec": room.spec_hash,
            "io.workshop.generation": "2",
            "io.workshop.port": "8888",
        },
        "ExposedPorts": {"8888/tcp": {}},
        "StopTimeout": 10,
        "HostConfig": {
            "NetworkMode": "workshop-spring",
            "CapDrop": ["ALL"],
            "SecurityOpt": ["no-new-privileges:true"],
            "PidsLimit": 64,
            "Memory": 96 * 1024**2,
            "MemorySwap": 96 * 1024**2,
            "NanoCpus": 1_000_000_000,
            "OomScoreAdj": 500,
            "RestartPolicy": {"Name": "unless-stopped"},
            "LogConfig": {"Type": "json-file", "Config": {"max-size": "10m", "max-file": "3"}},
            "Init": True,
            "Privileged": False,
        },
        "NetworkingConfig": {"EndpointsConfig": {"workshop-spring": {}}},
    }


def test_a_port_is_published_on_the_loopback_alone_and_only_when_asked_for(room: Classroom) -> None:
    published = seat_request(room, 7, COMMAND, IMAGE, publish=True)["HostConfig"]["PortBindings"]
    assert published == {"8888/tcp": [{"HostIp": "127.0.0.1", "HostPort": ""}]}


def test_no_more_processors_are_asked_for_than_the_engine_has(room: Classroom) -> None:
    wide = replace(room, limits=replace(room.limits, cpus=8))
    assert seat_request(wide, 1, COMMAND, IMAGE, engine_cpus=2)["HostConfig"]["NanoCpus"] == 2_000_000_000


@pytest.mark.parametrize(
    ("user", "expected"),
    [("", "1000:1000"), ("root", "1000:1000"), ("0", "1000:1000"), ("0:0", "1000:1000"), ("root:users", "1000:1000"),
     ("jovyan", "jovyan"), ("1001:100", "1001:100")],
)  # fmt: skip
def test_nobody_is_root(user: str, expected: str) -> None:
    assert SeatImage("i", user=user).seat_user == expected


@pytest.mark.parametrize(
    ("workdir", "env", "home"),
    [("/home/jovyan/", (), "/home/jovyan"), ("", (("HOME", "/root"),), "/root"), ("/", (("HOME", "/h"),), "/h"),
     ("", (), "/")],
)  # fmt: skip
def test_the_home_folder_is_where_people_work(workdir: str, env: Any, home: str) -> None:
    assert SeatImage("i", workdir=workdir, env=env).home == home


def test_names_tell_classroom_seat_and_generation(room: Classroom) -> None:
    assert container_name(room, 7, 1) == "workshop-spring-07"
    assert container_name(room, 112, 3) == "workshop-spring-112-g3"


@pytest.mark.parametrize("name", ["a", "spring", "a-very-long-name-for-a-class-of-people-x", "day-1-x"])
def test_a_bridges_name_fits_and_belongs_to_the_classrooms_name(name: str) -> None:
    assert len(bridge_name(name)) <= 15
    assert bridge_name(name) == bridge_name(name) != bridge_name(name + "2")
    assert "--" not in bridge_name(name)


def test_the_network_separates_seats_and_says_all_of_the_classroom(room: Classroom) -> None:
    request = network_request(room, "172.29.5.0/24", "172.29.5.1")
    assert request["options"]["com.docker.network.bridge.enable_icc"] == "false"
    assert (request["internal"], request["enable_ipv6"]) == (False, False)
    assert labels.classroom_of(request["labels"]) == room
    assert network_request(room.with_options(egress="none"), "172.29.5.0/24", "172.29.5.1")["internal"] is True


ROUTES = """Iface	Destination	Gateway 	Flags	RefCnt	Use	Metric	Mask		MTU	Window	IRTT
eth0	00000000	010200C0	0003	0	0	0	00000000	0	0	0
eth0	000200C0	00000000	0001	0	0	0	00FFFFFF	0	0	0
tun0	00001CAC	00000000	0001	0	0	0	0000FEFF	0	0	0
wg0	050A0A0A	00000000	0005	0	0	0	FFFFFFFF	0	0	0
"""


def test_routes_are_read_but_the_default_ones() -> None:
    assert [str(network) for network in read_routes(ROUTES)] == ["192.0.2.0/24", "172.28.0.0/15", "10.10.10.5/32"]


def test_a_subnet_overlaps_no_route_and_no_other_network(room: Classroom, tmp_path: Path) -> None:
    routes = tmp_path / "route"
    routes.write_text(ROUTES)
    networks = [
        {"IPAM": {"Config": [{"Subnet": "172.30.0.0/16"}, {"Subnet": "fd00::/64"}]}},
        {"IPAM": {"Config": None}},
        {"IPAM": {"Config": [{"Subnet": "172.31.0.0/17"}]}},
    ]
    taken = taken_subnets(networks, routes)
    found = list(free_subnets(room, taken))
    assert len(found) == 128 + 4096
    assert all(subnet.prefixlen == 24 for subnet in found)
    assert not any(subnet.overlaps(other) for subnet in found for other in taken)
    assert all(subnet.subnet_of(Network("172.31.128.0/17")) for subnet in found[:128])


def test_two_classrooms_begin_at_different_subnets_and_a_large_one_gets_more_room(room: Classroom) -> None:
    firsts = {next(free_subnets(replace(room, uid=f"{number:012x}"), ())) for number in range(20)}
    assert len(firsts) > 15
    assert next(free_subnets(replace(room, seats=300), ())).num_addresses >= 1024


AGAIN = "the server ended with code 0 and was started again"
FULL = "the server was killed because the seat's memory was full"


def inspected(status: str, **changes: Any) -> dict[str, Any]:
    state = {"Status": status, "StartedAt": "2026-11-23T00:13:44.316513073Z", "ExitCode": 0, "Error": ""}
    of = {labels.TOOL: "workshop", labels.SEAT: "7", labels.GENERATION: "2", objects.PORT: "8888"}
    return {
        "Id": "abc",
        "Config": {"Labels": of},
        "State": state | changes.pop("state", {}),
        "HostConfig": {"Memory": 5},
        "NetworkSettings": {"Ports": {"8888/tcp": None}, "Networks": {"n": {"IPAddress": "172.28.5.2"}}},
        "RestartCount": 0,
    } | changes  # fmt: skip


@pytest.mark.parametrize(
    ("container", "state", "detail"),
    [
        (inspected("running"), SeatState.STARTING, ""),
        (inspected("paused"), SeatState.PAUSED, ""),
        (inspected("created"), SeatState.CREATING, ""),
        (inspected("created", state={"Error": "no such program"}), SeatState.FAILED, "no such program"),
        (inspected("exited", state={"ExitCode": 143}), SeatState.STOPPED, "stopped; the server ended with code 143"),
        (inspected("exited", state={"OOMKilled": True}), SeatState.STOPPED, FULL),
        (inspected("restarting", RestartCount=1), SeatState.STARTING, AGAIN),
        (inspected("restarting", RestartCount=3), SeatState.FAILED, "the server ended with code 0 for the 4th time"),
        (inspected("removing"), SeatState.REMOVING, ""),
        (inspected("dead"), SeatState.FAILED, ""),
    ],
)  # fmt: skip
def test_a_containers_state_becomes_a_seats(container: dict[str, Any], state: SeatState, detail: str) -> None:
    record = record_of(container)
    assert (record.number, record.generation, record.state, record.detail) == (7, 2, state, detail)
    assert bool(record.endpoint) is (state in (SeatState.STARTING, SeatState.PAUSED) and not container["RestartCount"])


def test_times_of_the_engine_are_read() -> None:
    assert parse_time("2026-11-23T00:13:44.316513073Z") == datetime(2026, 11, 23, 0, 13, 44, 316513, UTC)
    assert parse_time("2026-11-23T00:13:44Z") == datetime(2026, 11, 23, 0, 13, 44, 0, UTC)
    assert parse_time("0001-01-01T00:00:00Z") is None


def test_the_highest_generation_is_the_seat() -> None:
    def box(number: int, generation: str, tool: str = "workshop") -> dict[str, Any]:
        return {"Id": f"{number}g{generation}", "Labels": {
            labels.TOOL: tool, labels.SEAT: str(number), labels.GENERATION: generation}}  # fmt: skip

    boxes = [
        box(1, "1"),
        box(1, "10"),
        box(1, "9"),
        box(2, "1"),
        box(3, "1", tool="other"),
        {"Id": "x", "Labels": None},
    ]
    assert {number: found["Id"] for number, found in newest(boxes).items()} == {1: "1g10", 2: "2g1"}


# The wall


def test_the_rule_that_closes_the_host_comes_last_and_below_the_resolvers() -> None:
    script = host_wall.raise_script("ws-spring-abcde", "0123456789ab", ["10.0.0.1"]).splitlines()
    changes = [line.strip() for line in script if "ipt -I" in line]
    assert [line.split()[1:4] for line in changes] == [
        ["-I", "DOCKER-USER", "-i"],
        ["-I", "INPUT", "1"],
        ["-I", "INPUT", "2"],
        ["-I", "INPUT", "3"],
    ]
    assert "169.254.169.254" in changes[0]
    assert "10.0.0.1" in changes[1]
    assert "--ctstate NEW" in changes[3]
    assert changes[3].endswith("-j DROP")
    assert all("--comment workshop-0123456789ab" in line for line in changes)


def test_a_resolver_of_the_host_stays_open_and_only_that() -> None:
    text = "# c\nsearch lan\nnameserver 10.0.0.1\nnameserver 127.0.0.53\nnameserver 9.9.9.9\nnameserver ::1\n"
    assert host_wall.local_resolvers(text, ["10.0.0.1", "127.0.0.53", "::1"]) == ("10.0.0.1",)


def test_a_resolver_that_is_no_address_never_reaches_the_shell() -> None:
    with pytest.raises(ValueError, match="reboot"):
        host_wall.raise_script("ws-a-b", "uid", ["1.2.3.4; reboot"])


# Counters


def test_a_cgroup_of_version_2_is_read(tmp_path: Path) -> None:
    container = "c" * 64
    proc, root = tmp_path / "proc", tmp_path / "cgroup"
    folder = root / "system.slice" / f"docker-{container}.scope"
    (proc / "42").mkdir(parents=True)
    folder.mkdir(parents=True)
    (proc / "42" / "cgroup").write_text(f"0::/system.slice/docker-{container}.scope\n")
    for name, text in {
        "memory.current": "1000\n",
        "memory.stat": "anon 700\ninactive_file 300\n",
        "cpu.stat": "usage_usec 2500000\nuser_usec 1\n",
        "pids.current": "15\n",
        "pids.events": "max 4\n",
        "memory.events": "low 0\noom 2\noom_kill 1\n",
    }.items():
        (folder / name).write_text(text)
    place = find_cgroup(container, 42, root=root, proc=proc)
    assert place is not None
    usage = place.read()
    assert (usage.memory_bytes, usage.cpu_seconds, usage.pids) == (700, 2.5, 15)
    assert (usage.oom_kills, usage.pid_limit_hits) == (1, 4)


def test_another_processs_counters_are_not_taken_for_a_seats(tmp_path: Path) -> None:
    """The engine may be elsewhere: its process 42 is not ours."""
    (tmp_path / "42").mkdir()
    (tmp_path / "42" / "cgroup").write_text("0::/user.slice/session-1.scope\n")
    assert find_cgroup("c" * 64, 42, root=tmp_path, proc=tmp_path) is None
    assert find_cgroup("c" * 64, 43, root=tmp_path, proc=tmp_path) is None


def test_the_engines_own_figures_are_read() -> None:
    stats = {
        "memory_stats": {"usage": 1000, "stats": {"total_inactive_file": 100}},
        "cpu_stats": {"cpu_usage": {"total_usage": 2_500_000_000}},
        "pids_stats": {"current": 3},
    }
    usage = usage_of_stats(stats)
    assert usage is not None
    assert (usage.memory_bytes, usage.cpu_seconds, usage.pids) == (900, 2.5, 3)
    assert usage_of_stats({"memory_stats": {}}) is None


def test_a_command_line_is_filled_in_for_the_container(room: Classroom) -> None:
    assert seat_request(room, 1, COMMAND, IMAGE)["Cmd"][1:] == ["--ip=0.0.0.0", "--port=8888"]


# Which engine


def test_the_engine_is_the_one_that_the_docker_command_uses(tmp_path: Path) -> None:
    config = tmp_path / ".docker"
    name = "rootless"
    meta = config / "contexts" / "meta" / hashlib.sha256(name.encode()).hexdigest()
    meta.mkdir(parents=True)
    (meta / "meta.json").write_text(
        '{"Name": "rootless", "Endpoints": {"docker": {"Host": "unix:///run/user/7/d.sock"}}}'
    )
    home = {"HOME": str(tmp_path)}
    assert current_host(home) == "unix:///var/run/docker.sock"
    assert current_host(home | {"DOCKER_CONTEXT": name}) == "unix:///run/user/7/d.sock"
    (config / "config.json").write_text('{"currentContext": "rootless"}')
    assert current_host(home) == "unix:///run/user/7/d.sock"
    assert current_host(home | {"DOCKER_CONTEXT": "default"}) == "unix:///var/run/docker.sock"
    assert current_host(home | {"DOCKER_HOST": "tcp://127.0.0.1:1"}) == "tcp://127.0.0.1:1"
    (config / "config.json").write_text("{half")
    assert current_host(home) == "unix:///var/run/docker.sock"
