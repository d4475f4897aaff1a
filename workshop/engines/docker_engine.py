"""The Docker engine: one client, synchronous calls in a bounded pool, errors of ours.

The SDK is imported only when an engine is asked for.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TypeVar

from workshop.errors import RuntimeRefused, RuntimeUnreachable

if TYPE_CHECKING:
    import docker

T = TypeVar("T")

POOL_SIZE = 8
"""Calls under way at once; more only makes each slower (research: 8 and 16 close a class equally fast)."""
TIMEOUT = 120
"""Seconds for one call: a container's start takes up to 7 s when thirty start at once, image calls longer."""


class DockerEngine:
    """A lazily opened connection to the engine that `docker` itself would use (`DOCKER_HOST`, contexts excluded)."""

    def __init__(self, *, base_url: str = "") -> None:
        self._base_url = base_url
        self._client: docker.DockerClient | None = None
        self._pool = ThreadPoolExecutor(POOL_SIZE, thread_name_prefix="docker")

    @property
    def address(self) -> str:
        return self._base_url or os.environ.get("DOCKER_HOST", "") or "unix:///var/run/docker.sock"

    def client(self) -> docker.DockerClient:
        """The SDK's client; opened on first use, in the calling thread.

        Raises:
            RuntimeUnreachable: no engine answers at the address.
        """
        if self._client is None:
            import docker

            with translated(self.address):
                if self._base_url:
                    self._client = docker.DockerClient(
                        base_url=self._base_url, timeout=TIMEOUT, version="auto", max_pool_size=POOL_SIZE * 2
                    )
                else:
                    self._client = docker.from_env(timeout=TIMEOUT, version="auto", max_pool_size=POOL_SIZE * 2)
        return self._client

    async def call(self, function: Callable[[docker.DockerClient], T]) -> T:
        """Run `function(client)` in the pool.

        Raises:
            RuntimeUnreachable: the engine does not answer.
            RuntimeRefused: it answered with an error that `function` did not handle.
        """

        def work() -> T:
            client = self.client()
            with translated(self.address):
                return function(client)

        return await asyncio.get_running_loop().run_in_executor(self._pool, work)

    async def aclose(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            client.close()
        self._pool.shutdown(wait=False, cancel_futures=True)


@contextlib.contextmanager
def translated(address: str) -> Iterator[None]:
    """Turn the SDK's and the transport's errors into ours."""
    import docker.errors
    import requests.exceptions

    unreachable = (requests.exceptions.ConnectionError, requests.exceptions.Timeout)
    try:
        yield
    except docker.errors.APIError as error:
        raise RuntimeRefused(f"The Docker engine refused: {explanation(error)}") from error
    except (docker.errors.DockerException, *unreachable, FileNotFoundError, ConnectionError, PermissionError) as error:
        raise RuntimeUnreachable(
            f"No Docker engine answers at {address}.",
            hint=_how_to_reach(address),
            details=(str(error),),
        ) from error


def explanation(error: Any) -> str:
    """What the engine said, in one line."""
    text = getattr(error, "explanation", None) or str(error)
    if isinstance(text, bytes):
        text = text.decode("utf-8", "replace")
    return " ".join(str(text).split())


def _how_to_reach(address: str) -> str:
    path = address.removeprefix("unix://")
    if address.startswith("unix://") and os.path.exists(path) and not os.access(path, os.R_OK | os.W_OK):
        return "Your user may not use it: join the group `docker` and log in again, or use `--runtime process`."
    return "Start Docker (`systemctl start docker`, or Docker Desktop), or use `--runtime process`."
