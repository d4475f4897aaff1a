"""The files that an image gives a seat, read through a container that is made for it and never started."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

import docker

from workshop.engines.docker_engine import DockerEngine
from workshop.model import labels
from workshop.model.classroom import Classroom
from workshop.runtimes.chunks import pull
from workshop.runtimes.docker.files import open_archive
from workshop.runtimes.docker.objects import HELPER_KIND, SeatImage
from workshop.runtimes.docker.seats import force_remove, inspect_image


async def read_image(engine: DockerEngine, classroom: Classroom) -> AsyncGenerator[bytes, None]:
    """A tar stream of the image's home folder. The container is gone at the end, however it comes.

    Raises:
        SeatFailed: the engine does not have the image.
    """

    def make(client: docker.DockerClient) -> tuple[str, SeatImage]:
        image = inspect_image(client, classroom)
        api: Any = client.api
        made = api.create_container_from_config(
            {
                "Image": image.id,
                "Cmd": ["true"],
                "Labels": labels.classroom_labels(classroom, HELPER_KIND),
                "HostConfig": {"NetworkMode": "none"},
            }
        )
        return str(made["Id"]), image

    making = asyncio.ensure_future(engine.call(make))
    try:
        container, image = await asyncio.shield(making)
        pieces, response = await engine.call(
            lambda client: open_archive(client, engine.address, container, image.home, ".", 0), patience=None
        )
        async with aclosing(pull(pieces, engine.long_pool, close=response.close)) as stream:
            async for piece in stream:
                yield piece
    finally:
        await asyncio.shield(asyncio.ensure_future(_remove(engine, making)))


async def _remove(engine: DockerEngine, making: asyncio.Future[Any]) -> None:
    """Remove the container, also one that was still being made when the caller gave up."""
    await asyncio.wait({making})
    if not making.cancelled() and making.exception() is None:
        container: str = making.result()[0]
        await engine.call(lambda client: force_remove(client, container))
