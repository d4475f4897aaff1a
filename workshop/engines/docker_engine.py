"""The Docker engine: one client, synchronous calls in a bounded pool, errors of ours.

The SDK is imported only when an engine is asked for.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TypeVar

from workshop.engines.docker_context import current_host
from workshop.errors import RuntimeRefused, RuntimeUnreachable

if TYPE_CHECKING:
    import docker

T = TypeVar("T")

POOL_SIZE = 8
"""Calls under way at once; more only makes each slower (research: 8 and 16 close a class equally fast)."""
LONG_POOL_SIZE = 16
"""Transfers and commands in seats under way at once."""
REACH = 5.0
"""Seconds within which an engine that is there answers a small question."""
TIMEOUT = 120
"""Seconds for one call: a container's start takes up to 7 s when thirty start at once, image calls longer."""


class DockerEngine:
    """A lazily opened connection to the engine that the `docker` command itself would use.

    Args:
        base_url: another engine's address; TLS is set up from `DOCKER_TLS_VERIFY` and `DOCKER_CERT_PATH` alone.
    """

    def __init__(self, *, base_url: str = "") -> None:
        self._base_url = base_url
        self._clients: dict[float | None, docker.DockerClient] = {}
        self._opening = threading.Lock()
        self._version = "auto"
        self._pool = ThreadPoolExecutor(POOL_SIZE, thread_name_prefix="docker")
        self._long = ThreadPoolExecutor(LONG_POOL_SIZE, thread_name_prefix="docker-long")

    @property
    def address(self) -> str:
        return self._base_url or current_host(os.environ)

    @property
    def command(self) -> tuple[str, ...]:
        """Docker's own command, for the same engine: by itself it finds the one that `current_host` does."""
        return ("docker", "--host", self._base_url) if self._base_url else ("docker",)

    @property
    def long_pool(self) -> ThreadPoolExecutor:
        """Where calls that last (transfers, commands in seats) run, so that short ones never wait behind them."""
        return self._long

    def client(self, patience: float | None = TIMEOUT) -> docker.DockerClient:
        """The SDK's client; opened on first use, in the calling thread.

        Args:
            patience: seconds that one call may be silent; None for calls that their caller bounds.

        Raises:
            RuntimeUnreachable: no engine answers at the address within `REACH` seconds.
        """
        with self._opening:
            if patience not in self._clients:
                self._clients[patience] = self._open(patience)
            return self._clients[patience]

    def _open(self, patience: float | None) -> docker.DockerClient:
        import docker

        settings: dict[str, Any] = {
            "timeout": REACH,
            "version": self._version,
            "max_pool_size": POOL_SIZE + LONG_POOL_SIZE,
        }
        with translated(self.address):
            if self._base_url or not os.environ.get("DOCKER_HOST"):
                client = docker.DockerClient(base_url=self.address, **settings)
            else:
                client = docker.from_env(**settings)
        api: Any = client.api
        api.timeout = patience
        self._version = api.api_version  # asked of the engine once
        return client

    async def call(self, function: Callable[[docker.DockerClient], T], *, patience: float | None = TIMEOUT) -> T:
        """Run `function(client)` in the pool; with `patience` None in the pool for calls that last.

        Raises:
            RuntimeUnreachable: the engine does not answer.
            RuntimeRefused: it answered with an error that `function` did not handle.
        """

        def work() -> T:
            client = self.client(patience)
            with translated(self.address):
                return function(client)

        pool = self._long if patience is None else self._pool
        return await asyncio.get_running_loop().run_in_executor(pool, work)

    async def ask(self, function: Callable[[docker.DockerClient], T]) -> T:
        """Like `call`, for questions that an engine answers at once: gives up after `REACH` seconds of silence."""
        return await self.call(function, patience=REACH)

    async def aclose(self) -> None:
        clients, self._clients = list(self._clients.values()), {}
        for client in clients:
            client.close()
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._long.shutdown(wait=False, cancel_futures=True)


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
    except docker.errors.NullResource as error:
        raise RuntimeRefused(f"The Docker engine was asked for nothing in particular: {error}.") from error
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
