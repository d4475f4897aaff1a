"""An image as a file, to carry it to a machine without a network."""

from __future__ import annotations

import asyncio
import gzip
import os
import shutil
import threading
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from workshop.engines.docker_engine import DockerEngine, explanation
from workshop.errors import BuildFailed, UsageError
from workshop.images import image_records as records
from workshop.model.amounts import format_size
from workshop.model.image import Image

if TYPE_CHECKING:
    import docker

CHUNK = 1 << 20


async def export_image(engine: DockerEngine, image: Image, path: Path) -> int:
    """Write an image with all its layers into a file (`docker save`); compressed if the name ends in `.gz`.

    The file appears when it is complete. Returns its size.

    Raises:
        BuildFailed: the engine does not have the image, or the disk is full.
    """
    compressed = path.suffix == ".gz"
    partial = path.with_name(path.name + ".part")
    stopped = threading.Event()

    def work(client: docker.DockerClient, file: IO[bytes]) -> None:
        api: Any = client.api
        if records.inspect_image(client, image.digest) is None:
            raise BuildFailed(f"The image {image.reference} is not here any more.", hint="Build it again.")
        # By name, so that it has its name where it is imported.
        for block in api.get_image(image.reference, chunk_size=CHUNK):
            if stopped.is_set():
                return
            file.write(block)

    try:
        _check_room(path, image.size_bytes // (3 if compressed else 1))
        with _opened(partial, compressed=compressed) as file:
            await engine.call(lambda client: work(client, file), patience=None)
        await asyncio.to_thread(os.replace, partial, path)
    except OSError as error:
        raise BuildFailed(f"{path} could not be written: {error.strerror}.", hint="Choose another place.") from error
    finally:
        stopped.set()
        partial.unlink(missing_ok=True)
    return path.stat().st_size


async def import_image(engine: DockerEngine, path: Path) -> tuple[Image, ...]:
    """Load images that `export_image` wrote; those of ours that the file held.

    Raises:
        UsageError: the file is not there, or holds no image of ours.
    """

    def work(client: docker.DockerClient, file: IO[bytes]) -> tuple[Image, ...]:
        import docker.errors

        images: Any = client.images
        try:
            loaded = {image.id for image in images.load(file)}
        except (docker.errors.APIError, docker.errors.ImageLoadError) as error:
            raise UsageError(f"{path} could not be loaded: {explanation(error)}") from error
        ours = [image for image in records.find_images(client) if image["Id"] in loaded]
        return tuple(records.image_of(image, packages=records.read_packages(client, image["Id"])) for image in ours)

    try:
        file = await asyncio.to_thread(open, path, "rb")
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}.", hint="Name a file.") from error
    with file:
        images = await engine.call(lambda client: work(client, file), patience=None)
    if not images:
        raise UsageError(f"{path} holds no image of a workshop.", hint="Write one with `workshop images export`.")
    return images


def _check_room(path: Path, size: int) -> None:
    free = shutil.disk_usage(path.resolve().parent).free
    if free < size:
        raise BuildFailed(
            f"{path.parent} has {format_size(free)} free, and the file needs about {format_size(size)}.",
            hint="Choose another place, or a name that ends in .gz for about a third of the size.",
        )


def _opened(path: Path, *, compressed: bool) -> IO[bytes]:
    if compressed:
        return gzip.open(path, "wb", compresslevel=3)  # type: ignore[return-value]
    return open(path, "wb")
