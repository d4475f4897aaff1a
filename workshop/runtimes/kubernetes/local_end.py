"""A socket of this machine whose connections lead into the cluster, each by a stream of its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from workshop.errors import GatewayFailed, RuntimeUnreachable
from workshop.runtimes.kubernetes.client import ApiRefused

PIECE = 64 * 1024


class Stream(Protocol):
    """The way into the cluster for one connection. Iterate it for what comes back."""

    async def send(self, data: bytes) -> None: ...

    async def end_input(self) -> None:
        """Whoever connected has nothing more to say."""
        ...

    def __aiter__(self) -> AsyncIterator[bytes]: ...


Connect = Callable[[], AbstractAsyncContextManager[Stream]]


class LocalEnd:
    """Connections that came in here, and where they lead. Ends with `aclose`, and all of them with it.

    A way that cannot be had closes the connection, as a server that has gone would: whoever connected asks again.

    Args:
        connect: opens the way for one connection.
    """

    def __init__(self, connect: Connect) -> None:
        self._connect = connect
        self._server: asyncio.Server | None = None
        self._closing = False
        self._connections: set[asyncio.Task[None]] = set()

    async def listen(self, host: str, port: int) -> tuple[str, int]:
        """Listen at a TCP port; the address that was bound.

        Raises:
            OSError: another program listens there.
        """
        self._server = await asyncio.start_server(self._accept, host, port)
        bound = self._server.sockets[0].getsockname()
        return bound[0], bound[1]

    async def listen_at(self, path: str) -> None:
        """Listen at a Unix socket."""
        self._server = await asyncio.start_unix_server(self._accept, path)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        try:
            async with self._connect() as stream:
                up = asyncio.create_task(_upwards(reader, stream))
                try:
                    async for data in stream:
                        writer.write(data)
                        await writer.drain()
                finally:
                    up.cancel()
                    await asyncio.gather(up, return_exceptions=True)
        except (ApiRefused, GatewayFailed, RuntimeUnreachable, ConnectionError):
            pass  # said by closing
        except asyncio.CancelledError:
            if not self._closing:
                raise
        finally:
            self._connections.discard(task)
            writer.close()

    async def aclose(self) -> None:
        self._closing = True
        if self._server is not None:
            self._server.close()
        for task in list(self._connections):
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)


async def _upwards(reader: asyncio.StreamReader, stream: Stream) -> None:
    while data := await reader.read(PIECE):
        await stream.send(data)
    await stream.end_input()
