"""Joins a browser's WebSocket to the seat's, byte for byte, once both have agreed to it.

Nothing is parsed after the handshake: every subprotocol, extension and frame size passes, in constant memory, and
the slower side sets the pace.
"""

from __future__ import annotations

import asyncio
import socket
from typing import Any, cast

import h11

from workshop.gateway.headers import endpoint_address

CONNECT_TIMEOUT = 10.0
HANDSHAKE_TIMEOUT = 30.0
FLUSH_SECONDS = 10.0
"""What is left to send may take this long when the other side is gone."""
_QUICKACK: int | None = getattr(socket, "TCP_QUICKACK", None)  # Linux alone has it
_HEAD_LIMIT = 65536


class Refused(Exception):
    """The seat answered the handshake with something other than 101."""

    def __init__(self, status: int) -> None:
        super().__init__(f"status {status}")
        self.status = status


class End(asyncio.Protocol):
    """One side: what it reads is written to the other, no faster than that takes it."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self.other: End | None = None
        self.closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._paused = False
        self._flush: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        keep_alive(transport)

    def data_received(self, data: bytes) -> None:
        other = self.other
        if other is not None and other.transport is not None:
            other.transport.write(data)

    def pause_writing(self) -> None:
        if self.other is not None:
            self.other.hold(paused=True)

    def resume_writing(self) -> None:
        if self.other is not None:
            self.other.hold(paused=False)

    def hold(self, *, paused: bool) -> None:
        """Stop or go on reading."""
        if self.transport is None or self._paused == paused or self.transport.is_closing():
            return
        self._paused = paused
        if paused:
            self.transport.pause_reading()
        else:
            self.transport.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        self.transport = None
        if self._flush is not None:
            self._flush.cancel()
        if not self.closed.done():
            self.closed.set_result(None)
        if self.other is not None:
            self.other.end()

    def end(self) -> None:
        """Send what is left, then close; drop the connection if that takes too long."""
        if self.transport is None or self._flush is not None:
            return
        self.transport.close()
        if self.transport is not None:
            self._flush = asyncio.get_running_loop().call_later(FLUSH_SECONDS, self.transport.abort)


class SeatEnd(End):
    """The seat's side. Speaks the handshake, then only passes bytes on.

    The seat's server sends a message as two small packets, and its kernel holds the second back until the first is
    acknowledged, which a receiver delays by up to 40 ms. Acknowledging at once after each read (`TCP_QUICKACK`, which
    Linux resets by itself) brings the round trip of a cell from about 45 to under 10 ms.
    """

    def __init__(self) -> None:
        super().__init__()
        self._http: h11.Connection | None = h11.Connection(h11.CLIENT, max_incomplete_event_size=_HEAD_LIMIT)
        self._answer: asyncio.Future[h11.InformationalResponse] = asyncio.get_running_loop().create_future()
        self._answer.add_done_callback(_look_at)
        self._early = b""
        self._socket: socket.socket | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        if _QUICKACK is not None:  # a view of the transport's socket: its own makes a new one for each option set
            self._socket = socket.socket(fileno=transport.get_extra_info("socket").fileno())

    def data_received(self, data: bytes) -> None:
        if self._socket is not None and _QUICKACK is not None:
            self._socket.setsockopt(socket.IPPROTO_TCP, _QUICKACK, 1)
        other = self.other
        if other is not None:
            if other.transport is not None:
                other.transport.write(data)
        elif self._http is not None:
            self._shake(data)
        else:
            self._early += data
            self.hold(paused=True)

    def _shake(self, data: bytes) -> None:
        assert self._http is not None
        try:
            self._http.receive_data(data)
            event = self._http.next_event()
            while isinstance(event, h11.InformationalResponse) and event.status_code != 101:
                event = self._http.next_event()
        except h11.RemoteProtocolError as error:
            self._fail(error)
            return
        if isinstance(event, h11.InformationalResponse) and event.status_code == 101:
            self._early, _ = self._http.trailing_data
            self._http = None
            if not self._answer.done():
                self._answer.set_result(event)
        elif isinstance(event, h11.Response):
            self._fail(Refused(event.status_code))

    def _fail(self, error: Exception) -> None:
        if not self._answer.done():
            self._answer.set_exception(error)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._socket is not None:
            self._socket.detach()
            self._socket = None
        self._fail(exc or ConnectionResetError("the seat closed the connection"))
        super().connection_lost(exc)

    async def shake(self, target: str, headers: list[tuple[str, str]]) -> list[tuple[str, str]]:
        """Ask for the upgrade; the headers of the seat's 101.

        Raises:
            Refused: the seat answered with another status.
            OSError: the connection broke.
        """
        assert self._http is not None
        assert self.transport is not None
        # values are the browser's own bytes: cookies of notebooks are often not ASCII
        lines = [(name.encode("ascii"), value.encode("utf-8", "surrogateescape")) for name, value in headers]
        request = h11.Request(method=b"GET", target=target.encode("ascii"), headers=lines)
        self.transport.write(self._http.send(request) or b"")
        self._http.send(h11.EndOfMessage())
        try:
            event = await asyncio.wait_for(asyncio.shield(self._answer), HANDSHAKE_TIMEOUT)
        except h11.RemoteProtocolError as error:
            raise ConnectionResetError("the seat does not speak HTTP") from error
        return [(name.decode("latin-1"), value.decode("latin-1")) for name, value in event.headers]

    def join(self, browser: End, early: bytes) -> None:
        """Start passing bytes both ways, beginning with those that came too early on either side."""
        self.other, browser.other = browser, self
        if self._early and browser.transport is not None:
            browser.transport.write(self._early)
        self._early = b""
        if early and self.transport is not None:
            self.transport.write(early)
        self.hold(paused=False)


def _look_at(answer: asyncio.Future[Any]) -> None:
    """Mark a failure as seen: nobody waits for it when the browser went away first."""
    if not answer.cancelled():
        answer.exception()


async def dial(endpoint: str) -> SeatEnd:
    """Connect to a seat's server.

    Raises:
        OSError: nothing answers (a timeout included).
    """
    host, port = endpoint_address(endpoint)
    loop = asyncio.get_running_loop()
    _, end = await asyncio.wait_for(loop.create_connection(SeatEnd, host, port), CONNECT_TIMEOUT)
    return end


def keep_alive(transport: asyncio.BaseTransport) -> None:
    """Send at once, and notice within about two minutes when the other machine is gone."""
    sock = transport.get_extra_info("socket")
    if sock is None or sock.family not in (socket.AF_INET, socket.AF_INET6):
        return
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in (("TCP_KEEPIDLE", 60), ("TCP_KEEPINTVL", 20), ("TCP_KEEPCNT", 3)):
        if hasattr(socket, option):
            sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)
