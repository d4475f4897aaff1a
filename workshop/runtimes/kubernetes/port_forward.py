"""One TCP connection to a pod's port through the API server, for a machine that cannot dial pod addresses."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

import aiohttp

from workshop.errors import PortTaken, RuntimeUnreachable
from workshop.runtimes.kubernetes.client import ApiRefused, ClusterClient
from workshop.runtimes.kubernetes.exec_stream import V4, PodPlace
from workshop.runtimes.kubernetes.local_end import PIECE, LocalEnd

FindPod = Callable[[], Awaitable[PodPlace]]
DATA, ERROR = 0, 1


class PodConnection:
    """A connection to one port of a pod."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._announced = {DATA: False, ERROR: False}
        self.complaint = ""

    async def send(self, data: bytes) -> None:
        await self._socket.send_bytes(bytes([DATA]) + data)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for message in self._socket:
            if message.type is not aiohttp.WSMsgType.BINARY or not message.data:
                continue
            channel, rest = message.data[0], message.data[1:]
            if not self._announced.get(channel, True):
                self._announced[channel] = True  # the first frame of each channel names the port
                continue
            if channel == ERROR:
                self.complaint = rest.decode("utf-8", "replace")
                return
            if rest:
                yield rest

    async def end_input(self) -> None:
        """Close the connection: this protocol knows no half of one."""
        await self._socket.close()


@contextlib.asynccontextmanager
async def pod_connection(client: ClusterClient, place: PodPlace, port: int) -> AsyncIterator[PodConnection]:
    """
    Raises:
        ApiRefused: there is no such pod, or the right is missing.
    """
    path = f"/api/v1/namespaces/{place.namespace}/pods/{place.pod}/portforward"
    async with client.socket(path, [("ports", str(port))], (V4,)) as socket:
        yield PodConnection(socket)


async def answers_through_cluster(
    client: ClusterClient, place: PodPlace, port: int, path: str, token: str, *, patience: float = 5.0
) -> bool:
    """Whether an HTTP GET of `path` on the pod's port says 200 now."""
    lines = [f"GET {path} HTTP/1.1", "Host: localhost", "Connection: close", "Accept: */*"]
    if token:
        lines.append(f"Authorization: token {token}")
    request = ("\r\n".join(lines) + "\r\n\r\n").encode()
    answer = b""
    try:
        async with asyncio.timeout(patience), pod_connection(client, place, port) as connection:
            await connection.send(request)
            async for data in connection:
                answer += data
                if b"\r\n" in answer or len(answer) > PIECE:
                    break
    except (TimeoutError, ApiRefused, RuntimeUnreachable, ConnectionError):
        return False
    return answer.split(b"\r\n", 1)[0].split(maxsplit=2)[1:2] == [b"200"]


class LocalForward:
    """A port of this machine's loopback that leads to a pod: for a demo, and for students at this machine.

    Each connection is one websocket. Ends with `aclose`; connections that are open end with it.

    Args:
        find: the pod that is to be reached now: it may be another one than a minute ago.
    """

    def __init__(self, client: ClusterClient, find: FindPod, port: int) -> None:
        self._client = client
        self._find = find
        self._port = port
        self._end = LocalEnd(self._connect)

    @contextlib.asynccontextmanager
    async def _connect(self) -> AsyncIterator[PodConnection]:
        async with pod_connection(self._client, await self._find(), self._port) as connection:
            yield connection

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> tuple[str, int]:
        """Listen; the address that was bound.

        Raises:
            PortTaken: another program listens there.
        """
        try:
            return await self._end.listen(host, port)
        except OSError as error:
            raise PortTaken(
                f"Port {port} on {host} cannot be used: {error.strerror}.", hint="Choose another."
            ) from error

    async def aclose(self) -> None:
        await self._end.aclose()
