"""A load generator and the server behind the proxies, small enough to be no part of what is measured.

Both speak just as much HTTP and WebSocket as the figures of `gateway.py` need, on plain asyncio protocols.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import os
import socket
import struct
import time
from dataclasses import dataclass, field
from typing import cast

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
SMALL = (
    b'{"connections": 0, "kernels": 0, "last_activity": "2026-03-01T09:30:00.000000Z", "started": "2026-03-01T09:00"}'
)
PAYLOAD = b"x" * 200
_FRAME = b"\x81\x7e" + struct.pack("!H", len(PAYLOAD)) + PAYLOAD
_MASKED = b"\x81\xfe" + struct.pack("!H", len(PAYLOAD)) + bytes(4) + PAYLOAD


@dataclass(slots=True)
class Figures:
    """What one run of load showed."""

    per_second: float
    milliseconds: list[float] = field(default_factory=list)

    def quantile(self, share: float) -> float:
        ordered = sorted(self.milliseconds)
        return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


class Server(asyncio.Protocol):
    """Answers `…/small` and `…/big` (as large as JupyterLab's largest file), and echoes WebSockets."""

    def __init__(self, big: bytes) -> None:
        self._answers = {
            b"small": _answer(SMALL, b"application/json"),
            b"big": _answer(big, b"text/javascript", b"Cache-Control: max-age=31536000, immutable\r\n"),
        }
        self._buffer = b""
        self._echo = False
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while not self._echo and b"\r\n\r\n" in self._buffer:
            head, _, self._buffer = self._buffer.partition(b"\r\n\r\n")
            self._request(head)
        while self._echo and len(self._buffer) >= len(_MASKED):
            self._buffer = self._buffer[len(_MASKED) :]
            self._write(_FRAME)

    def _request(self, head: bytes) -> None:
        key = next(
            (line[18:].strip() for line in head.split(b"\r\n") if line.lower().startswith(b"sec-websocket-key:")), b""
        )
        if key:
            accept = base64.b64encode(hashlib.sha1(key + GUID).digest())
            self._echo = True
            self._write(
                b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n"
            )
            return
        name = head.split(b" ", 2)[1].partition(b"?")[0].rpartition(b"/")[2]
        self._write(self._answers[name])

    def _write(self, data: bytes) -> None:
        assert self._transport is not None
        self._transport.write(data)


def _answer(body: bytes, kind: bytes, extra: bytes = b"") -> bytes:
    return (
        b"HTTP/1.1 200 OK\r\nServer: TornadoServer/6.6\r\nContent-Type: " + kind + b"\r\n"
        b"X-Content-Type-Options: nosniff\r\n" + extra + b"Content-Length: %d\r\n\r\n" % len(body) + body
    )


class _Client(asyncio.Protocol):
    """One connection: sends, counts until the answer is whole, sends again."""

    def __init__(self, request: bytes, until: float, times: list[float], *, most: int, frames: bool) -> None:
        self._request = request
        self._until = until
        self._times = times
        self._left = most
        self._frames = frames
        self._started = 0.0
        self._head = b""
        self._missing = -1
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.wire = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._frames:
            self._transport.write(self._request)
        else:
            self._send()

    def _send(self) -> None:
        if time.perf_counter() >= self._until or self._left <= 0:
            if not self.done.done():
                self.done.set_result(None)
            return
        self._left -= 1
        self._missing = len(_FRAME) if self._frames else -1
        self._started = time.perf_counter()
        self._transport.write(_MASKED if self._frames else self._request)

    def data_received(self, data: bytes) -> None:
        self.wire += len(data)
        if self._missing < 0:
            self._head += data
            if b"\r\n\r\n" not in self._head:
                return
            head, _, data = self._head.partition(b"\r\n\r\n")
            self._head = b""
            if self._frames:
                assert b" 101 " in head, head
                self._send()
                return
            assert b" 200 " in head[:20], head
            lines = head.lower().split(b"\r\n")
            self._missing = int(next(line[15:] for line in lines if line.startswith(b"content-length:")))
        self._missing -= len(data)
        if self._missing <= 0:
            self._times.append((time.perf_counter() - self._started) * 1000)
            self._send()

    def close(self) -> None:
        self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(exc or ConnectionResetError("the proxy closed the connection"))


def request(path: str, port: int, headers: dict[str, str]) -> bytes:
    lines = [f"GET {path} HTTP/1.1", f"Host: 127.0.0.1:{port}", "Accept: */*", "User-Agent: Mozilla/5.0"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


async def http_load(
    path: str, port: int, headers: dict[str, str], *, connections: int, seconds: float, most: int = 10**9
) -> Figures:
    """Requests over kept connections, one after another on each."""
    return await _load(request(path, port, headers), port, connections, seconds, most, frames=False)


async def echo_load(path: str, port: int, headers: dict[str, str], *, connections: int, seconds: float) -> Figures:
    """Messages of 200 bytes over WebSockets, one after another on each."""
    upgrade = upgrade_headers(headers)
    return await _load(request(path, port, upgrade), port, connections, seconds, 10**9, frames=True)


def upgrade_headers(headers: dict[str, str]) -> dict[str, str]:
    return headers | {
        "Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": base64.b64encode(os.urandom(16)).decode(),
    }  # fmt: skip


async def _load(data: bytes, port: int, connections: int, seconds: float, most: int, *, frames: bool) -> Figures:
    loop = asyncio.get_running_loop()
    times: list[float] = []
    began = time.perf_counter()

    def client() -> _Client:
        return _Client(data, began + seconds, times, most=most // connections, frames=frames)

    clients = [(await loop.create_connection(client, "127.0.0.1", port))[1] for _ in range(connections)]
    await asyncio.gather(*(one.done for one in clients))
    spent = time.perf_counter() - began
    for one in clients:
        one.close()
    return Figures(len(times) / spent, times)


async def open_sockets(path: str, port: int, headers: dict[str, str], count: int) -> list[asyncio.StreamWriter]:
    """WebSockets that are open and say nothing."""
    opened = []
    for _ in range(count):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request(path, port, upgrade_headers(headers)))
        head = await reader.readuntil(b"\r\n\r\n")
        assert b" 101 " in head, head
        opened.append(writer)
    return opened
