"""A real cluster where one is named, and an API server in memory, over real HTTP, everywhere."""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conftest import BASE_IMAGE, certificates
from tests.journey.conftest import commit
from tests.kubernetes.api_server import ApiServer
from tests.kubernetes.cluster_images import STUB, seat_image, way_to_cluster
from tests.kubernetes.cluster_program import DEFINITION, ClusterProgram
from tests.kubernetes.cluster_world import KubernetesWorld, MemoryWorld
from tests.kubernetes.node import Node
from tests.support.ports import free_port
from workshop.model.classroom import Classroom
from workshop.ports.runtime import Runtime

MEMORY_IMAGE = "docker.io/workshop-test/seat:1"


@pytest.fixture
def api(machine: Path) -> Iterator[ApiServer]:
    """An API server in memory; nothing runs on it."""
    server = ApiServer().start()
    yield server
    server.stop()


@pytest.fixture
def node(api: ApiServer, machine: Path) -> Iterator[Node]:
    """A node of that server whose pods are processes of this machine."""
    node = Node(api, machine / "pods")
    yield node
    node.stop()


@pytest.fixture
def named(api: ApiServer) -> Iterator[Node]:
    """A node whose pods are ready in name only: quick, and nothing runs."""
    node = Node(api, None)
    yield node
    node.stop()


@pytest.fixture
def kubeconfig(api: ApiServer, machine: Path) -> str:
    """A kubeconfig for the server in memory."""
    path = machine / "kubeconfig"
    path.write_text(api.kubeconfig())
    return str(path)


@pytest.fixture
def world(request: pytest.FixtureRequest, machine: Path) -> KubernetesWorld:
    """The cluster that the test's module asks for."""
    if request.module.CLUSTER == "real":
        return KubernetesWorld(machine, seat_image(), os.environ["WORKSHOP_TEST_KUBECONFIG"])
    programs = machine / "programs"
    programs.mkdir()
    shutil.copy(STUB, programs / "jupyter-lab")
    (programs / "jupyter-lab").chmod(0o755)
    request.getfixturevalue("node").programs = str(programs)
    return MemoryWorld(machine, MEMORY_IMAGE, request.getfixturevalue("kubeconfig"))


@contextmanager
def _opened(
    world: KubernetesWorld, settings: Mapping[str, str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[ClusterProgram]:
    """The program with these settings; the classes that it opens are closed at the end."""
    for name, value in {**settings, "KUBECONFIG": world.kubeconfig}.items():
        monkeypatch.setenv(name, value)
    made = ClusterProgram("kubernetes")
    made.world = world
    yield made
    made.close_all()


@pytest.fixture
def program(world: KubernetesWorld, machine: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ClusterProgram]:
    with _opened(world, world.settings(), monkeypatch) as made:
        yield made


@pytest.fixture
def repository(world: KubernetesWorld, tmp_path: Path) -> Path:
    """A repository whose workshop runs on the cluster."""
    folder = tmp_path / "lesson"
    folder.mkdir()
    (folder / "workshop.yaml").write_text(yaml.safe_dump(DEFINITION | world.definition()))
    (folder / "hello.txt").write_text("hello\n")
    commit(folder, "A lesson", first=True)
    return folder


@pytest.fixture
def laptop(machine: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ClusterProgram]:
    """The program on a machine that has an engine to build with, and whose kubeconfig names the real cluster."""
    way_to_cluster()
    world = KubernetesWorld(machine, "", os.environ["WORKSHOP_TEST_KUBECONFIG"])
    settings = world.settings() | {
        "WORKSHOP_IMAGE_BASE": BASE_IMAGE,
        "WORKSHOP_IMAGE_CA_BUNDLE": certificates(),
        "WORKSHOP_ADDRESS": "127.0.0.1",
        "WORKSHOP_PORT": str(free_port()),
    }
    with _opened(world, settings, monkeypatch) as made:
        yield made


@pytest.fixture
async def runtime(world: KubernetesWorld) -> AsyncIterator[Runtime]:
    runtime = world.fresh()
    yield runtime
    await runtime.aclose()


@pytest.fixture
async def room(world: KubernetesWorld, runtime: Runtime, unique_name: str) -> AsyncIterator[Classroom]:
    """An open classroom, closed at the end whatever happened."""
    classroom = await runtime.open(world.classroom(unique_name))
    yield classroom
    removal = await runtime.close(classroom)
    assert removal.left == ()


@pytest.fixture
async def ready(runtime: Runtime, room: Classroom) -> Any:
    """Makes a seat, waits until it answers, and gives its record as it is then: here the address comes late."""
    from tests.runtimes.worlds import server_command, until, until_ready

    async def make(number: int, generation: int = 1) -> Any:
        record = await runtime.create(room, number, server_command(room, number), generation=generation)
        await until_ready(runtime, room, record)

        async def answering() -> Any:
            seat = next(seat for seat in await runtime.seats(room) if seat.number == number)
            return seat if seat.endpoint else None

        return await until(answering, f"seat {number} has an address")

    return make
