"""The engine's classic builder, for engines or machines without BuildKit's client."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Iterator
from typing import IO, TYPE_CHECKING, Any

from workshop.engines.docker_engine import DockerEngine
from workshop.images.build_progress import BuildProgress
from workshop.images.buildx import BuildOrder
from workshop.images.context import Context

if TYPE_CHECKING:
    import docker


async def build_classic(engine: DockerEngine, context: Context, order: BuildOrder, progress: BuildProgress) -> bool:
    """Build and tag; False when it failed, which `progress` then explains.

    Cancelling closes the connection, upon which the engine ends the running step and removes its container.
    """
    loop = asyncio.get_running_loop()
    running: list[Any] = []
    cancelled = threading.Event()

    def take(message: dict[str, Any]) -> None:
        loop.call_soon_threadsafe(progress.take_message, message, time.monotonic())

    def work(client: docker.DockerClient) -> None:
        from docker.types.daemon import CancellableStream

        with _packed(context) as archive:
            response = _post(client, archive, order)
        lines = CancellableStream(response.iter_lines(), response)
        running.append(lines)
        if cancelled.is_set():
            lines.close()
        for message in _messages(lines):
            take(message)

    task = asyncio.ensure_future(engine.call(work, patience=None))
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        cancelled.set()
        for lines in running:
            lines.close()
        raise
    await asyncio.sleep(0)  # what `take` has put into the loop's queue comes before this
    progress.close(time.monotonic())
    return progress.failed is None


def _packed(context: Context) -> IO[bytes]:
    """The context as a tar file, without what its .dockerignore names, and the Dockerfile under a name of ours."""
    from docker.utils import build

    tools: Any = build
    ignore = context.folder / ".dockerignore"
    patterns = ignore.read_text("utf-8").splitlines() if ignore.exists() else []
    names = sorted(tools.exclude_paths(str(context.folder), patterns))
    dockerfile = (_DOCKERFILE, context.dockerfile.read_text("utf-8"))
    packed: IO[bytes] = tools.create_archive(str(context.folder), files=names, extra_files=[dockerfile])
    return packed


_DOCKERFILE = ".workshop-dockerfile"


def _post(client: docker.DockerClient, archive: IO[bytes], order: BuildOrder) -> Any:
    """`POST /build`, whose answer is a stream. The SDK's own `build` gives no way to end it before its end."""
    api: Any = client.api
    parameters = {
        "t": order.tag,
        "dockerfile": _DOCKERFILE,
        "rm": "1",
        "forcerm": "1",
        "nocache": "1" if order.no_cache else "0",
        "labels": json.dumps(dict(order.labels)),
        "buildargs": json.dumps(dict(order.arguments)),
    }
    response = api.post(
        f"{api.base_url}/v{api.api_version}/build",
        params=parameters,
        data=archive,
        headers={"Content-Type": "application/x-tar"},
        stream=True,
        timeout=None,
    )
    if response.status_code >= 400:
        import docker.errors

        docker.errors.create_api_error_from_http_exception(_http_error(response))
    return response


def _http_error(response: Any) -> Any:
    import requests

    return requests.exceptions.HTTPError(f"{response.status_code} {response.reason}", response=response)


def _messages(lines: Any) -> Iterator[dict[str, Any]]:
    for line in lines:
        if line.strip():
            yield json.loads(line)
