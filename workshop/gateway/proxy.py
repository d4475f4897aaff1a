"""Passes a student's requests on to the seat's own server, and its answers back, as streams."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator

import aiohttp
import h11
from aiohttp import web
from multidict import CIMultiDict
from yarl import URL

from workshop.gateway import splice
from workshop.gateway.compression import Compression, Plan
from workshop.gateway.guest import Guest
from workshop.gateway.headers import content_length, forwarded, returned
from workshop.gateway.presence import Presence
from workshop.gateway.seatmap import SeatMap
from workshop.ports.room import Upstream

log = logging.getLogger(__name__)

CONNECT_TIMEOUT = 10.0
READ_AT_ONCE = 65536
"""An answer of known length up to this is sent in one piece."""
READ_BUFFER = 256 * 1024
MAX_HEADER = 65536
BODYLESS = frozenset(("GET", "HEAD", "OPTIONS", "TRACE"))
SAFE = frozenset(("GET", "HEAD", "OPTIONS"))


class SeatSilent(Exception):
    """The seat's server does not answer (now)."""


class Proxy:
    """The way to the seats. `start` and `stop` it in the loop that serves.

    Args:
        max_body: bytes of one request's body, at most.
    """

    def __init__(self, seats: SeatMap, presence: Presence, compression: Compression, *, max_body: int) -> None:
        self._seats = seats
        self._presence = presence
        self._compression = compression
        self._max_body = max_body
        self._session: aiohttp.ClientSession | None = None
        self._spliced: set[splice.End] = set()

    async def start(self) -> None:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=60, use_dns_cache=True),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_TIMEOUT),
            auto_decompress=False,
            skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type"),
            read_bufsize=READ_BUFFER,
            max_line_size=MAX_HEADER,
            max_field_size=MAX_HEADER,
        )

    def hang_up(self) -> None:
        """End all WebSockets: they would never end by themselves."""
        for end in tuple(self._spliced):
            end.end()

    async def stop(self) -> None:
        self.hang_up()
        if self._session is not None:
            await self._session.close()

    async def http(self, request: web.BaseRequest, number: int, upstream: Upstream, target: str) -> web.StreamResponse:
        """Answer with what the seat answers.

        Args:
            target: path and query as the browser sent them.

        Raises:
            SeatSilent: the seat's server gave no answer; nothing was sent to the browser yet.
            web.HTTPRequestEntityTooLarge: the body is larger than a request's may be.
        """
        assert self._session is not None
        seat_path = self._seats.classroom.seat_path(number)
        headers = forwarded(request, upstream, self._seats.origin, seat_path)
        url = URL(upstream.endpoint + stripped(target, upstream, seat_path), encoded=True)
        plan = self._compression.plan(request, upstream, target)
        if plan is not None and (kept := plan.kept()) is not None:
            return kept
        body = _body(request, headers, self._max_body)
        origins = (f"{self._seats.origin.scheme(request)}://{headers['Host']}",)
        try:
            answer = await self._session.request(request.method, url, headers=headers, data=body, allow_redirects=False)
        except (aiohttp.ClientError, OSError) as error:
            if isinstance(body, _Counted) and body.over:
                raise web.HTTPRequestEntityTooLarge(max_size=self._max_body, actual_size=body.total) from error
            raise SeatSilent(type(error).__name__) from error
        async with answer:
            if not 200 <= answer.status < 600:
                answer.close()
                raise SeatSilent(f"status {answer.status}")
            back = returned(answer.headers, upstream, origins, seat_path)
            if plan is not None and (packed := await _packed(plan, answer, back)) is not None:
                return packed
            return await _relay(request, answer, back)

    async def websocket(
        self, request: web.BaseRequest, number: int, guest: Guest, upstream: Upstream, target: str
    ) -> web.StreamResponse:
        """Join the browser's WebSocket to the seat's, until either side ends it.

        Raises:
            SeatSilent: the seat's server gave no answer.
            splice.Refused: it answered the handshake with another status.
        """
        seat_path = self._seats.classroom.seat_path(number)
        headers = forwarded(request, upstream, self._seats.origin, seat_path, upgrade=True)
        try:
            seat = await splice.dial(upstream.endpoint)
        except OSError as error:
            raise SeatSilent(type(error).__name__) from error
        self._spliced.add(seat)
        try:
            with self._presence.here(number, guest):
                try:
                    answered = await seat.shake(stripped(target, upstream, seat_path), list(headers.items()))
                except h11.LocalProtocolError as error:
                    raise web.HTTPBadRequest(text="malformed handshake") from error
                except OSError as error:
                    raise SeatSilent(type(error).__name__) from error
                return await _upgrade(request, seat, answered, upstream, seat_path)
        finally:
            self._spliced.discard(seat)
            seat.end()


def _body(request: web.BaseRequest, headers: CIMultiDict[str], most: int) -> aiohttp.StreamReader | _Counted | None:
    """The request's body as a stream, with a length if the browser gave one.

    Raises:
        web.HTTPRequestEntityTooLarge: the length given is over `most`.
    """
    length = content_length(request.headers)
    if length is not None and length > most:
        raise web.HTTPRequestEntityTooLarge(max_size=most, actual_size=length)
    if not request.can_read_body:
        if request.method not in BODYLESS:
            headers.setdefault("Content-Length", "0")
        return None
    if request.headers.get("Expect", "").lower() == "100-continue" and request.transport is not None:
        request.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    return request.content if length is not None else _Counted(request.content, most)


class _Counted:
    """A body of unknown length, which ends with an error when it grows over `most`."""

    def __init__(self, content: aiohttp.StreamReader, most: int) -> None:
        self._content = content
        self._most = most
        self.total = 0
        self.over = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in self._content.iter_any():
            self.total += len(chunk)
            if self.total > self._most:
                self.over = True
                raise ValueError("the body is too large")
            yield chunk


async def _packed(plan: Plan, answer: aiohttp.ClientResponse, headers: CIMultiDict[str]) -> web.Response | None:
    try:
        return await plan.pack(answer, headers)
    except (aiohttp.ClientError, OSError) as error:
        raise SeatSilent(type(error).__name__) from error


async def _relay(
    request: web.BaseRequest, answer: aiohttp.ClientResponse, headers: CIMultiDict[str]
) -> web.StreamResponse:
    length = content_length(answer.headers)
    if length is not None and length <= READ_AT_ONCE and request.method != "HEAD":
        try:
            body = await answer.read()
        except (aiohttp.ClientError, OSError) as error:
            raise SeatSilent(type(error).__name__) from error
        return web.Response(status=answer.status, reason=answer.reason, headers=headers, body=body)
    response = web.StreamResponse(status=answer.status, reason=answer.reason, headers=headers)
    await response.prepare(request)
    try:
        async for chunk in answer.content.iter_any():
            await response.write(chunk)
    except (aiohttp.ClientPayloadError, aiohttp.ClientOSError, aiohttp.ServerDisconnectedError):
        if request.transport is not None:
            request.transport.abort()  # an end that looks whole would be a lie
        return response
    await response.write_eof()
    return response


async def _upgrade(
    request: web.BaseRequest,
    seat: splice.SeatEnd,
    answered: list[tuple[str, str]],
    upstream: Upstream,
    seat_path: str,
) -> web.StreamResponse:
    """Answer 101, take the connection out of the HTTP server's hands and join it to the seat's."""
    kept = [(name, value) for name, value in answered if name.lower().startswith("sec-websocket-")]
    headers = CIMultiDict([*kept, ("Upgrade", "websocket"), ("Connection", "Upgrade")])
    response = web.StreamResponse(status=101, headers=headers)
    await response.prepare(request)
    transport, protocol = request.transport, request.protocol
    if transport is None:
        return response
    early = _Early()
    protocol.set_parser(early)  # type: ignore[arg-type]  # hands over what came right behind the request
    browser = _BrowserEnd(protocol)
    browser.connection_made(transport)
    transport.set_protocol(browser)
    seat.join(browser, bytes(early.data))
    if seat.transport is None:
        browser.end()
    await asyncio.wait((browser.closed, seat.closed), return_when=asyncio.ALL_COMPLETED)
    return response


class _Early:
    """Collects what the HTTP server had read beyond the request."""

    def __init__(self) -> None:
        self.data = bytearray()

    def feed_data(self, data: bytes) -> tuple[bool, bytes]:
        self.data += data
        return False, b""

    def feed_eof(self) -> None:
        """The end is told by the connection itself."""


class _BrowserEnd(splice.End):
    """The browser's side; tells the HTTP server, whose connection it was, when it is gone."""

    def __init__(self, server: asyncio.Protocol) -> None:
        super().__init__()
        self._server = server

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._server.connection_lost(exc)


def stripped(target: str, upstream: Upstream, seat_path: str) -> str:
    """Path and query as the seat's server expects them."""
    if not upstream.strips_prefix:
        return target
    return "/" + target[len(seat_path) :].lstrip("/")
