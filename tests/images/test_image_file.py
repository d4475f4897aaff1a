"""An image carried as a file."""

from __future__ import annotations

import asyncio
import json
import tarfile
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

DOCKERFILE = "FROM scratch\n# {name}\nCOPY Dockerfile text /\n"
TEXT = "".join(f"line {number}\n" for number in range(200_000))
LARGE = "FROM workshop-test/base:bookworm\nRUN echo {name} > /name\n"


@pytest.mark.parametrize("name", ["course.tar", "course.tar.gz"])
async def test_an_image_goes_into_a_file_and_comes_back_with_its_name_and_labels(
    engine: DockerEngine, builder: DockerBuilder, requests: Requests, write: Write, tmp_path: Path, name: str
) -> None:
    image = await builder.build(
        await requests.of(write({"text": TEXT, "Dockerfile": DOCKERFILE.format(name=name)})), report=ignore_events
    )
    path = tmp_path / name
    size = await export_image(engine, image, path, report=ignore_events)
    assert size == path.stat().st_size
    assert (size < image.size_bytes / 2) is name.endswith(".gz")
    await builder.remove(image)
    (loaded,) = await import_image(engine, path, report=ignore_events)
    assert (loaded.reference, loaded.digest, loaded.commit) == (image.reference, image.digest, image.commit)
    assert not list(tmp_path.glob(".*.part"))


async def test_what_cannot_be_written_or_read_is_said(
    engine: DockerEngine, builder: DockerBuilder, requests: Requests, write: Write, tmp_path: Path
) -> None:
    image = await builder.build(
        await requests.of(write({"text": TEXT, "Dockerfile": DOCKERFILE.format(name="x")})), report=ignore_events
    )
    with pytest.raises(BuildFailed, match="could not be written"):
        await export_image(engine, image, tmp_path / "none" / "course.tar", report=ignore_events)
    await builder.remove(image)
    with pytest.raises(BuildFailed, match="not here any more"):
        await export_image(engine, image, tmp_path / "course.tar", report=ignore_events)
    assert not list(tmp_path.glob(".*.part"))


async def test_an_image_that_is_there_is_not_loaded_again(
    engine: DockerEngine, builder: DockerBuilder, requests: Requests, write: Write, tmp_path: Path
) -> None:
    image = await builder.build(
        await requests.of(write({"text": TEXT, "Dockerfile": DOCKERFILE.format(name="there")})), report=ignore_events
    )
    path = tmp_path / "course.tar"
    await export_image(engine, image, path, report=ignore_events)
    (loaded,) = await import_image(engine, path, report=ignore_events)
    assert loaded.cached
    assert (loaded.reference, loaded.digest) == (image.reference, image.digest)


async def test_an_imported_image_stands_for_its_commit_whatever_this_machines_settings(
    engine: DockerEngine, builder: DockerBuilder, requests: Requests, write: Write, tmp_path: Path
) -> None:
    folder = write({"text": TEXT, "Dockerfile": DOCKERFILE.format(name="carried")})
    image = await builder.build(await requests.of(folder), report=ignore_events)
    path = tmp_path / "course.tar"
    await export_image(engine, image, path, report=ignore_events)
    elsewhere = await requests.of(folder, base="a-base-that-is-not:here")
    assert await builder.find(elsewhere) is None
    await builder.remove(image)
    await import_image(engine, path, report=ignore_events)
    found = await builder.find(elsewhere)
    assert found is not None
    assert (found.digest, found.imported) == (image.digest, True)
    assert await builder.find(await requests.of(folder, ui="vscode", base="a-base-that-is-not:here")) is None
    assert (await builder.remove(found)).removed == {"images": 1}
    assert await builder.find(elsewhere) is None


@pytest.fixture
async def exported(
    engine: DockerEngine, builder: DockerBuilder, requests: Requests, write: Write, tmp_path: Path
) -> Path:
    """A file whose image is not on the engine any more."""
    image = await builder.build(
        await requests.of(write({"text": TEXT, "Dockerfile": DOCKERFILE.format(name="file")})), report=ignore_events
    )
    path = tmp_path / "course.tar"
    await export_image(engine, image, path, report=ignore_events)
    await builder.remove(image)
    return path


async def test_nothing_of_a_file_that_is_not_whole_is_loaded(
    engine: DockerEngine, builder: DockerBuilder, exported: Path, unique_name: str
) -> None:
    cut, damaged = exported.with_name("cut.tar"), exported.with_name("damaged.tar")
    content = bytearray(exported.read_bytes())
    cut.write_bytes(content[: len(content) // 2])
    content[len(content) // 2] ^= 0xFF
    damaged.write_bytes(content)
    with pytest.raises(UsageError, match="not whole"):
        await import_image(engine, cut, report=ignore_events)
    with pytest.raises(UsageError, match="is damaged"):
        await import_image(engine, damaged, report=ignore_events)
    assert await builder.of_workshop(unique_name) == ()


async def test_a_file_without_an_image_of_ours_is_refused_before_the_engine_sees_it(
    engine: DockerEngine, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        await import_image(engine, tmp_path / "none.tar", report=ignore_events)
    junk = tmp_path / "junk.tar"
    junk.write_bytes(b"no tar file" * 1000)
    with pytest.raises(UsageError, match="no image"):
        await import_image(engine, junk, report=ignore_events)
    other = tmp_path / "other.tar"
    (tmp_path / "manifest.json").write_text(json.dumps([{"Config": "nothing.json", "Layers": []}]))
    with tarfile.open(other, "w") as tar:
        tar.add(tmp_path / "manifest.json", "manifest.json")
    with pytest.raises(UsageError):
        await import_image(engine, other, report=ignore_events)


async def test_a_cancelled_export_leaves_no_file(
    engine: DockerEngine, builder: DockerBuilder, requests: Requests, write: Write, tmp_path: Path
) -> None:
    image = await builder.build(await requests.of(write({"Dockerfile": LARGE.format(name="y")})), report=ignore_events)
    path = tmp_path / "course.tar"
    task = asyncio.create_task(export_image(engine, image, path, report=ignore_events))
    async with asyncio.timeout(60):
        while not list(tmp_path.glob(".course.tar.*.part")):  # noqa: ASYNC110 (the event is a file)
            await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not list(tmp_path.glob("*course*"))
