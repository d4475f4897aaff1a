"""The HTTP server behind the door: what is no request gets a short answer, and no address takes all connections."""

from __future__ import annotations

import asyncio
import logging
import resource
from collections import Counter
from collections.abc import Awaitable, Callable
from http import HTTPStatus

from aiohttp import web
from aiohttp.http_exceptions import LineTooLong

from workshop.gateway.languages import LANGUAGES, texts
from workshop.gateway.pages import SERVER

IDLE_SECONDS = 75.0
"""A connection without a whole request for this long is closed: slow senders hold nothing for ever."""
HEADER_LINE, HEADER_COUNT = 16_384, 128
FILES_WANTED = 65_536
"""A class of 200 holds a few thousand connections, each with one to its seat."""
SHARE = 3
"""One address (a router's, perhaps, with the whole room behind it) has at most one in so many of the open files."""

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


class HttpServer(web.Server):
    """Reads requests and gives them to `handler`.

    Args:
        most_of_one_address: connections that one address may hold; more are closed unheard.
    """

    def __init__(self, handler: Handler, *, most_of_one_address: int) -> None:
        super().__init__(
            handler,
            handler_cancellation=True,
            keepalive_timeout=IDLE_SECONDS,
            max_line_size=HEADER_LINE,
            max_field_size=HEADER_LINE,
            max_headers=HEADER_COUNT,
            auto_decompress=False,
            access_log=None,
            logger=_quiet_logger(),
        )
        self._most = most_of_one_address
        self._held: Counter[str] = Counter()
        self._addresses: dict[web.RequestHandler, str] = {}

    def __call__(self) -> web.RequestHandler:
        return _Connection(self, loop=self._loop, **self._kwargs)

    def connection_made(self, handler: web.RequestHandler, transport: asyncio.Transport) -> None:
        super().connection_made(handler, transport)
        address = self._addresses[handler] = str((transport.get_extra_info("peername") or ("",))[0])
        self._held[address] += 1
        if self._held[address] > self._most:
            transport.abort()

    def connection_lost(self, handler: web.RequestHandler, exc: BaseException | None = None) -> None:
        super().connection_lost(handler, exc)
        if (address := self._addresses.pop(handler, None)) is not None:
            self._held[address] -= 1
            if not self._held[address]:
                del self._held[address]


class _Connection(web.RequestHandler):
    """One connection; answers what cannot be read without repeating it, or naming what reads it."""

    __slots__ = ()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR or request.writer.output_size > 0:
            return super().handle_error(request, status, exc, message)
        self.log_debug("what is no request: %s", type(exc).__name__)
        if isinstance(exc, LineTooLong):  # in a browser: cookies of other programs at this address
            status = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
            text = "\n\n".join(texts(language)("problem.too_long") for language in LANGUAGES)
        else:
            text = "This is no HTTP request."
        headers = SERVER | {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
        response = web.Response(status=status, text=f"{text}\n", headers=headers)
        response.force_close()
        return response


def raise_file_limit() -> int:
    """Ask for as many open files as a large class needs (many systems give 1024 at first); how many there are now."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = FILES_WANTED if hard == resource.RLIM_INFINITY else min(FILES_WANTED, hard)
    if soft == resource.RLIM_INFINITY:
        return FILES_WANTED
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return max(soft, wanted)


def _quiet_logger() -> logging.Logger:
    """The HTTP server's own log, without what requests say: it may hold codes and names."""
    logger = logging.getLogger("workshop.gateway.http")
    logger.addFilter(_without_details)
    return logger


def _without_details(record: logging.LogRecord) -> bool:
    if record.exc_info and record.exc_info[1] is not None:
        record.msg = f"{record.msg} ({type(record.exc_info[1]).__name__})"
        record.exc_info = None
    return True
