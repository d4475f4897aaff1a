"""Files of `data:` for seats in a cluster: one more layer on their image, read-only, the same for every node.

An image reaches each node once and by itself; a volume would need a storage class that many pods on many nodes can
read at the same time, which few clusters have, and something to fill it. So no object is added for it.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from workshop.engines.docker_engine import DockerEngine, explanation
from workshop.errors import BuildFailed
from workshop.model import labels
from workshop.model.data_file import DATA_PATH, DataFile, data_key
from workshop.model.events import StepFinished, StepStarted
from workshop.ports.build import Report
from workshop.runtimes.data_stream import data_stream, small_member

if TYPE_CHECKING:
    import docker

KIND = "data-image"
"""Not `image`: it is no workshop's image of its own, and goes when it was handed over."""


def layer_dockerfile(reference: str) -> str:
    """One layer, of root, whose files nobody in a seat can change."""
    return f'FROM {reference}\nCOPY ["data/", "{DATA_PATH}/"]\n'


def layered_name(reference: str, files: Sequence[DataFile]) -> str:
    """`workshop/basics:3f2a1b9-9c8d7e6f-data-0123456789ab`."""
    name, _, tag = reference.rpartition(":")
    if not name or "/" in tag:
        name, tag = reference, "latest"
    return f"{name}:{tag}-data-{data_key((file.name, file.sha256) for file in files)}"


@contextlib.asynccontextmanager
async def with_data(
    engine: DockerEngine, reference: str, files: Sequence[DataFile], *, report: Report
) -> AsyncIterator[str]:
    """The name of an image with the files in it, for as long as it is handed to a cluster.

    Without files that is the image itself. The layer is removed from this machine at the end.

    Raises:
        BuildFailed: the engine's disk is full, or it refuses.
        SourceError: a file is not what its checksum says any more.
    """
    if not files:
        yield reference
        return
    name = layered_name(reference, files)
    report(StepStarted("data", f"adding {', '.join(file.name for file in files)} to the image"))
    try:
        await engine.call(lambda client: _build(client, reference, name, files), patience=None)
        report(StepFinished("data", f"the image has {DATA_PATH}"))
        yield name
    finally:
        await engine.call(lambda client: _remove(client, name))


def _context(reference: str, files: Sequence[DataFile]) -> Iterator[bytes]:
    yield small_member("Dockerfile", layer_dockerfile(reference))
    yield from data_stream(files, folder="data/")


def _build(client: docker.DockerClient, reference: str, name: str, files: Sequence[DataFile]) -> None:
    from docker.errors import APIError

    api: Any = client.api
    marks = {labels.TOOL: labels.TOOL_VALUE, labels.KIND: KIND}
    try:
        for line in api.build(
            fileobj=_context(reference, files), custom_context=True, tag=name, labels=marks, pull=False,
            rm=True, forcerm=True, network_mode="none", decode=True,
        ):  # fmt: skip
            if "error" in line:
                raise _failed(str(line["error"]).strip())
    except APIError as error:
        raise _failed(explanation(error)) from error


def _failed(said: str) -> BuildFailed:
    full = "no space left" in said.lower()
    return BuildFailed(
        f"The files of `data:` could not be added to the image{': the engine has no space left' if full else ''}.",
        hint="Free space, then run the same command again." if full else "",
        details=(said,),
    )


def _remove(client: docker.DockerClient, name: str) -> None:
    from docker.errors import ImageNotFound

    api: Any = client.api
    with contextlib.suppress(ImageNotFound):
        api.remove_image(name, noprune=False)
