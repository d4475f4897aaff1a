"""The engine's events of one classroom, in a thread of their own, with nothing lost over a broken connection."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from docker.errors import DockerException
from requests.exceptions import RequestException

from workshop.engines.docker_engine import DockerEngine
from workshop.errors import WorkshopError
from workshop.model import labels

ACTIONS = ("create", "start", "die", "oom", "pause", "unpause", "stop", "restart", "update", "destroy", "rename")


class StreamEnded(Exception):
    """The engine closed the stream, or could not be reached; the argument says why."""


class EventStream:
    """Follows the engine's events from `since` on; a daemon thread reads, the loop takes them from a queue.

    Args:
        since: nanoseconds of the last event that was seen; 0 to begin now.
    """

    def __init__(self, engine: DockerEngine, uid: str, *, since: int) -> None:
        self._engine = engine
        self._uid = uid
        self._since = since
        self._loop = asyncio.get_running_loop()
        self._queue: asyncio.Queue[Mapping[str, Any] | StreamEnded] = asyncio.Queue()
        self._stream: Any = None
        self._closed = threading.Event()
        self._connected = asyncio.Event()
        self._thread = threading.Thread(target=self._follow, name=f"docker-events-{uid}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    async def connected(self) -> None:
        """Return when events are being received, or when the attempt has failed."""
        await self._connected.wait()

    async def next(self) -> Mapping[str, Any]:
        """The next event.

        Raises:
            StreamEnded: there will be none; begin again with `since` of the last.
        """
        item = await self._queue.get()
        if isinstance(item, StreamEnded):
            raise item
        return item

    def close(self) -> None:
        """End the thread at once; it is not waited for."""
        self._closed.set()
        if self._stream is not None:
            with suppress(OSError, AttributeError):  # closed by the other side in this moment
                self._stream.close()

    def _follow(self) -> None:
        reason = "the engine closed the event stream"
        try:
            api: Any = self._engine.client().api
            self._stream = api.events(
                since=_stamp(self._since) if self._since else None,
                filters={
                    "type": "container",
                    "label": f"{labels.UID}={self._uid}",
                    "event": list(ACTIONS),
                },
                decode=True,
            )
            self._tell(self._connected.set)
            if self._closed.is_set():
                self._stream.close()
            for event in self._stream:
                if event.get("timeNano", 0) > self._since:
                    self._tell(self._queue.put_nowait, event)
        except (DockerException, RequestException, WorkshopError, OSError, ValueError) as error:
            reason = str(error)
        finally:
            self._tell(self._connected.set)
            self._tell(self._queue.put_nowait, StreamEnded(reason))

    def _tell(self, function: Any, *arguments: Any) -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody listens any more
            self._loop.call_soon_threadsafe(function, *arguments)


def _stamp(nanoseconds: int) -> str:
    return f"{nanoseconds // 1_000_000_000}.{nanoseconds % 1_000_000_000:09d}"
