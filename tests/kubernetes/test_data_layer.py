"""Files of `data:` for a cluster: a layer on the image, there while the image is handed over."""

from __future__ import annotations

import hashlib
import io
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from workshop.engines.docker_engine import DockerEngine
from workshop.model.data_file import DataFile
from workshop.ports.build import ignore_events
from workshop.runtimes.kubernetes.data_layer import layered_name, with_data


@pytest.fixture
def data(tmp_path: Path) -> list[DataFile]:
    path = tmp_path / "content"
    path.write_bytes(b"a,b\n1,2\n")
    return [DataFile("weather.csv", path, hashlib.sha256(path.read_bytes()).hexdigest(), 8)]


def test_the_layer_is_named_after_what_is_in_it(data: list[DataFile]) -> None:
    name = layered_name("workshop/basics:3f2a1b9-9c8d7e6f", data)
    assert name.startswith("workshop/basics:3f2a1b9-9c8d7e6f-data-")
    assert layered_name("registry.example.org:5000/basics", data).startswith(
        "registry.example.org:5000/basics:latest-data-"
    )


async def test_without_files_the_image_is_taken_as_it_is() -> None:
    async with with_data(DockerEngine(), "workshop/basics:1", [], report=ignore_events) as name:
        assert name == "workshop/basics:1"


@pytest.fixture
def image(unique_name: str) -> Iterator[str]:
    import docker

    client = docker.from_env()
    tag = f"workshop-test/{unique_name}:1"
    client.images.build(fileobj=io.BytesIO(b"FROM scratch\nENV here=yes\nUSER 1000\n"), tag=tag, rm=True)
    yield tag
    client.images.remove(tag, force=True)
    client.close()


@pytest.mark.docker
async def test_the_image_that_is_handed_over_has_the_files_read_only_and_then_goes(
    image: str, data: list[DataFile]
) -> None:
    engine = DockerEngine()

    def look(client: Any, name: str) -> tuple[dict[str, tuple[int, int, bytes]], str]:
        made = client.api.create_container(name, command=["true"])
        try:
            stream, _ = client.api.get_archive(made["Id"], "/data")
            with tarfile.open(fileobj=io.BytesIO(b"".join(stream))) as tar:
                found = {m.name: (m.uid, m.mode & 0o777, f.read()) for m in tar if (f := tar.extractfile(m))}
        finally:
            client.api.remove_container(made["Id"])
        return found, client.api.inspect_image(name)["Config"]["User"]

    async with with_data(engine, image, data, report=ignore_events) as name:
        files, user = await engine.call(lambda client: look(client, name))
    assert files["data/weather.csv"] == (0, 0o444, b"a,b\n1,2\n")
    assert user == "1000"
    assert await engine.call(lambda client: client.api.images(filters={"reference": name})) == []
    await engine.aclose()
