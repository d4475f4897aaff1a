"""A world for each runtime, and the small image that Docker's seats start from."""

from __future__ import annotations

import io
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.runtimes.worlds import DockerWorld, FakeWorld, ProcessWorld, World, until_ready
from workshop.model.classroom import Classroom
from workshop.ports.runtime import Runtime

BASE_IMAGE = os.environ.get("WORKSHOP_TEST_BASE", "workshop-test/base:bookworm")
DOCKERFILE = f"""
FROM {BASE_IMAGE}
RUN useradd -m -u 1000 -s /bin/bash jovyan
ENV HOME=/home/jovyan
USER jovyan
WORKDIR /home/jovyan
RUN echo hello > README.md
"""


@pytest.fixture(scope="session")
def docker_client() -> Iterator[Any]:
    import docker

    client = docker.from_env()
    yield client
    client.close()


@pytest.fixture(scope="session")
def seat_image(docker_client: Any, session_prefix: str) -> Iterator[str]:
    """The id of an image with a user and a Python: quick to make, quick to start; removed at the end."""
    tag = f"workshop-test/seat:{session_prefix}"
    image, _ = docker_client.images.build(
        fileobj=io.BytesIO(DOCKERFILE.encode()), tag=tag, rm=True, labels={"io.workshop.test": session_prefix}
    )
    yield image.id
    docker_client.images.remove(tag, force=True)


@pytest.fixture(params=["fake", "process", pytest.param("docker", marks=pytest.mark.docker)])
def world(request: pytest.FixtureRequest, machine: Path) -> World:
    """Every runtime that keeps the contract; one more joins by a `World` of its own."""
    match request.param:
        case "fake":
            return FakeWorld(machine)
        case "process":
            return ProcessWorld(machine)
        case _:
            return DockerWorld(machine, request.getfixturevalue("seat_image"), request.getfixturevalue("docker_client"))


@pytest.fixture
async def runtime(world: World) -> AsyncIterator[Runtime]:
    runtime = world.fresh()
    yield runtime
    await runtime.aclose()


@pytest.fixture
async def room(world: World, runtime: Runtime, unique_name: str) -> AsyncIterator[Classroom]:
    """An open classroom, closed at the end whatever happened."""
    classroom = await runtime.open(world.classroom(unique_name))
    yield classroom
    await runtime.close(classroom)


@pytest.fixture
async def ready(world: World, runtime: Runtime, room: Classroom) -> Any:
    """Makes a seat and waits until it answers."""
    from tests.runtimes.worlds import server_command

    async def make(number: int, generation: int = 1) -> Any:
        record = await runtime.create(room, number, server_command(room, number), generation=generation)
        await until_ready(runtime, room, record)
        return record

    return make
