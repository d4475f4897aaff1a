"""An image as a file, to carry it to a machine without a network."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import glob
import gzip
import os
import shutil
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from workshop.engines.dead_programs import remove_partials
from workshop.engines.docker_engine import DockerEngine, explanation
from workshop.errors import BuildFailed, RuntimeRefused, UsageError
from workshop.images import image_records as records
from workshop.images.image_archive import CHUNK, ArchivedImage, opened_plain, read_archive
from workshop.images.transfer_lines import transfer_lines
from workshop.model import labels
from workshop.model.amounts import format_size
from workshop.model.events import StepFinished, StepStarted
from workshop.model.image import Image
from workshop.ports.build import Report

if TYPE_CHECKING:
    import docker

NO_SPACE = "no space left on device"


class _Stopped(Exception):
    """The work was cancelled while one of its threads was at it."""


async def export_image(engine: DockerEngine, image: Image, path: Path, *, report: Report) -> int:
    """Write an image with all its layers into a file (`docker save`); compressed if the name ends in `.gz`.

    The file appears when it is complete and on the disk. Returns its size.

    Raises:
        BuildFailed: the engine does not have the image, or the disk is full.
    """
    compressed = path.suffix == ".gz"
    partial = path.with_name(f".{path.name}.{os.getpid()}.part")
    remove_partials(path.parent, f".{glob.escape(path.name)}")
    stopped = threading.Event()
    tell = transfer_lines("export", report)

    def work(client: docker.DockerClient) -> None:
        api: Any = client.api
        if records.inspect_image(client, image.digest) is None:
            raise BuildFailed(f"The image {image.reference} is not here any more.", hint="Build it again.")
        done = 0
        # Opened and closed by this thread alone: a cancelled caller does not wait for it.
        try:
            with _opened(partial, compressed=compressed) as file:
                # By name, so that it has its name where it is imported.
                for block in api.get_image(image.reference, chunk_size=CHUNK):
                    if stopped.is_set():
                        raise _Stopped
                    file.write(block)
                    done += len(block)
                    tell(done, None)
            _flushed(partial)
            if stopped.is_set():
                raise _Stopped
            os.replace(partial, path)
        finally:
            partial.unlink(missing_ok=True)

    began = time.monotonic()
    report(StepStarted("export", f"writing {image.reference}"))
    try:
        _check_room(path, image.size_bytes // (3 if compressed else 1))
        await engine.call(lambda client: _files_of_ours(path, lambda: work(client)), patience=None)
    except BaseException:
        stopped.set()
        partial.unlink(missing_ok=True)
        raise
    size = path.stat().st_size
    report(StepFinished("export", f"wrote {path} ({format_size(size)})", time.monotonic() - began))
    return size


async def import_image(engine: DockerEngine, path: Path, *, report: Report) -> tuple[Image, ...]:
    """Load the images of a file that `export_image` wrote, when all in it is what it should be.

    The file is read twice: first alone, with the hash of every part of it compared, then by the engine; at the end
    the engine is asked whether it has what the file's hashes say. An image that is there already is not loaded again.

    Raises:
        UsageError: the file is not there, cut short, damaged, or holds no image of ours.
        BuildFailed: the engine's disk is full, or it has something else afterwards.
    """
    archived = await _looked_at(path, report)
    here = await engine.call(lambda client: _loaded(client, archived))
    if here is not None:
        return tuple(replace(image, cached=True) for image in here)
    began = time.monotonic()
    names = ", ".join(tag for image in archived for tag in image.tags)
    report(StepStarted("import", f"loading {names or path.name}"))
    stopped = threading.Event()
    try:
        await engine.call(lambda client: _load(client, path, stopped, report), patience=None)
    except BaseException:
        stopped.set()
        raise
    images = await engine.call(lambda client: _loaded(client, archived))
    if images is None:
        raise BuildFailed(
            f"The engine took {path}, and does not have the image that it holds.",
            hint="Look at `docker images --digests`, and at the engine's log.",
        )
    report(StepFinished("import", f"loaded {names or path.name}", time.monotonic() - began))
    return images


async def _looked_at(path: Path, report: Report) -> tuple[ArchivedImage, ...]:
    """The file's images, proven to be whole and ours."""
    began = time.monotonic()
    stopped = threading.Event()
    lines = transfer_lines("check", report)

    def tell(done: int) -> None:
        if stopped.is_set():
            raise _Stopped
        lines(done, None)

    report(StepStarted("check", f"checking {path.name}"))
    try:
        archived = await asyncio.to_thread(read_archive, path, tell)
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}.", hint="Name a file.") from error
    except BaseException:
        stopped.set()
        raise
    if not archived or not all(image.is_ours for image in archived):
        raise UsageError(f"{path} holds no image of a workshop.", hint="Write one with `workshop images export`.")
    report(StepFinished("check", f"{path.name} is whole", time.monotonic() - began))
    return archived


def _loaded(client: docker.DockerClient, archived: tuple[ArchivedImage, ...]) -> tuple[Image, ...] | None:
    """The images of the file as the engine has them, marked as imported; None unless it has all of them by digest."""
    found = []
    for image in archived:
        inspected = next((one for name in image.digests if (one := records.inspect_image(client, name))), None)
        if inspected is None:
            return None
        found.append(inspected)
    return tuple(_marked(client, inspected, image) for inspected, image in zip(found, archived, strict=True))


def _marked(client: docker.DockerClient, inspected: dict[str, Any], archived: ArchivedImage) -> Image:
    """Give the image its name, should it have lost it, and the second one by which it is known as imported."""
    api: Any = client.api
    slug = archived.labels.get(labels.WORKSHOP, "") or "workshop"
    tag = records.image_tag(slug, archived.labels.get(labels.COMMIT, ""), archived.labels.get(labels.RECIPE, ""))
    for name in dict.fromkeys((*archived.tags, tag, tag + records.IMPORTED)):
        repository, _, version = name.rpartition(":")
        if name not in (inspected.get("RepoTags") or ()):
            api.tag(inspected["Id"], repository, version)
    again = records.inspect_image(client, inspected["Id"]) or inspected
    return records.image_of(again, packages=records.read_packages(client, inspected["Id"]))


def _load(client: docker.DockerClient, path: Path, stopped: threading.Event, report: Report) -> None:
    """Hand the file to the engine, which reads compressed ones itself."""
    import docker.errors

    tell = transfer_lines("import", report)

    def blocks(file: IO[bytes]) -> Iterator[bytes]:
        done = 0
        while block := file.read(CHUNK):
            if stopped.is_set():
                raise _Stopped
            done += len(block)
            tell(done, None)
            yield block

    images: Any = client.images
    try:
        with opened_plain(path) as file:
            images.load(blocks(file))
    except (docker.errors.APIError, docker.errors.ImageLoadError) as error:
        said = explanation(error)
        if NO_SPACE in said.lower():
            raise BuildFailed(
                "The disk of the Docker engine is full: the image was not loaded.",
                hint="Free space (`workshop images prune` removes old ones of ours), then run it again.",
                details=(said,),
            ) from error
        raise RuntimeRefused(f"{path} could not be loaded: {said}") from error


def _files_of_ours(path: Path, work: Any) -> None:
    """Errors of this machine's disk as ours; where the engine is called, they would count as the engine's."""
    try:
        work()
    except OSError as error:
        if error.errno is None:  # the transport's own errors are OSErrors too
            raise
        hint = "Choose another place."
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            hint = "Choose another place, or a name that ends in .gz for about a third of the size."
        raise BuildFailed(f"{path} could not be written: {error.strerror}.", hint=hint) from error


def _flushed(path: Path) -> None:
    """A stick that is pulled out after the last line must have it all."""
    with open(path, "rb") as file:
        os.fsync(file.fileno())


def _check_room(path: Path, size: int) -> None:
    with contextlib.suppress(FileNotFoundError):  # opening it says so
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
