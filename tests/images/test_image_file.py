"""An image carried as a file."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.images.conftest import Requests
from tests.support.git_repository import Write
from workshop.engines.docker_engine import DockerEngine
from workshop.errors import BuildFailed, UsageError
from workshop.images.docker_builder import DockerBuilder
from workshop.images.image_file import export_image, import_image
from workshop.ports.build import ignore_events

pytestmark = pytest.mark.docker

DOCKERFILE = "FROM workshop-test/base:bookworm\nRUN echo {name} > /name\n"


@pytest.mark.parametrize("name", ["course.tar", "course.tar.gz"])
async def test_an_image_goes_into_a_file_and_comes_back_with_its_name_and_labels(
    engine: DockerEngine, builder: DockerBuilder, requests: Requests, write: Write, tmp_path: Path, name: str
) -> None:
    image = await builder.build(
        await requests.of(write({"Dockerfile": DOCKERFILE.format(name=name)})), report=ignore_events
    )
    path = tmp_path / name
    size = await export_image(engine, image, path)
    assert size == path.stat().st_size
    assert (size < image.size_bytes / 2) is name.endswith(".gz")
    await builder.remove(image)
    (loaded,) = await import_image(engine, path)
    assert (loaded.reference, loaded.digest, loaded.commit) == (image.reference, image.digest, image.commit)
    assert not path.with_name(name + ".part").exists()


async def test_what_cannot_be_written_or_read_is_said(
    engine: DockerEngine, builder: DockerBuilder, requests: Requests, write: Write, tmp_path: Path
) -> None:
    image = await builder.build(
        await requests.of(write({"Dockerfile": DOCKERFILE.format(name="x")})), report=ignore_events
    )
    with pytest.raises(BuildFailed, match="could not be written"):
        await export_image(engine, image, tmp_path / "none" / "course.tar")
    await builder.remove(image)
    with pytest.raises(BuildFailed, match="not here any more"):
        await export_image(engine, image, tmp_path / "course.tar")
    assert not list(tmp_path.glob("*.part"))
    with pytest.raises(UsageError, match="cannot be read"):
        await import_image(engine, tmp_path / "none.tar")
    junk = tmp_path / "junk.tar"
    junk.write_bytes(b"no tar file" * 1000)
    with pytest.raises(UsageError, match=r"could not be loaded|no image"):
        await import_image(engine, junk)


async def test_a_cancelled_export_leaves_no_file(
    engine: DockerEngine, builder: DockerBuilder, requests: Requests, write: Write, tmp_path: Path
) -> None:
    image = await builder.build(
        await requests.of(write({"Dockerfile": DOCKERFILE.format(name="y")})), report=ignore_events
    )
    path = tmp_path / "course.tar"
    task = asyncio.create_task(export_image(engine, image, path))
    async with asyncio.timeout(60):
        while not path.with_name("course.tar.part").exists():  # noqa: ASYNC110 (the event is a file)
            await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not list(tmp_path.glob("course*"))
