"""The read-only volume with a classroom's files of `data:`: made with its labels, filled once, proven each time."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Sequence
from typing import Any

import docker
from docker.errors import APIError, NotFound

from workshop.engines.docker_engine import explanation
from workshop.errors import RuntimeRefused
from workshop.model import labels
from workshop.model.classroom import Classroom
from workshop.model.data_file import DATA_PATH, SUMS, DataFile, sums_text
from workshop.runtimes.data_stream import data_stream
from workshop.runtimes.docker.objects import DATA_KIND, HELPER_KIND, data_mount, data_volume_name
from workshop.runtimes.docker.seats import force_remove, inspect_image


def fill_volume(client: docker.DockerClient, classroom: Classroom, files: Sequence[DataFile]) -> None:
    """Have the volume hold the files, whatever an earlier call that was killed has left.

    The engine writes files into containers only: one is made for it, never started, and removed.

    Raises:
        RuntimeRefused: the engine's disk is full, or a volume of another owner is in the way.
        SeatFailed: the classroom's image is gone.
        SourceError: a file is not what its checksum says any more.
    """
    _have_volume(client, classroom)
    api: Any = client.api
    helper = api.create_container_from_config(
        {
            "Image": inspect_image(client, classroom).id,
            "Cmd": ["true"],
            "Labels": labels.classroom_labels(classroom, HELPER_KIND),
            "HostConfig": {"NetworkMode": "none", "Mounts": [data_mount(classroom, read_only=False)]},
        }
    )["Id"]
    try:
        if _sums(client, helper) != sums_text(files):
            _write(client, helper, files)
    finally:
        force_remove(client, helper)


def _have_volume(client: docker.DockerClient, classroom: Classroom) -> None:
    name = data_volume_name(classroom)
    api: Any = client.api
    made = api.create_volume(name, driver="local", labels=labels.classroom_labels(classroom, DATA_KIND))
    if (made.get("Labels") or {}).get(labels.UID) != classroom.uid:
        raise RuntimeRefused(
            f"A volume called {name} is in the way: it belongs to something else.",
            hint="`workshop cleanup` removes what classes left behind; else remove it, or choose another `--name`.",
        )


def _sums(client: docker.DockerClient, container: str) -> str:
    """The list that is written last; empty for a volume that is not filled."""
    api: Any = client.api
    try:
        stream, _ = api.get_archive(container, f"{DATA_PATH}/{SUMS}")
    except NotFound:
        return ""
    with tarfile.open(fileobj=io.BytesIO(b"".join(stream))) as tar:
        member = tar.next()
        content = tar.extractfile(member) if member is not None else None
        return content.read().decode("utf-8", "replace") if content is not None else ""


def _write(client: docker.DockerClient, container: str, files: Sequence[DataFile]) -> None:
    api: Any = client.api
    try:
        api.put_archive(container, DATA_PATH, data_stream(files))
    except APIError as error:
        said = explanation(error)
        full = "no space left" in said.lower()
        raise RuntimeRefused(
            f"The files of `data:` could not be written{': the disk of the Docker engine is full' if full else ''}.",
            hint="Free space, then run the same command again." if full else "",
            details=(said,),
        ) from error
