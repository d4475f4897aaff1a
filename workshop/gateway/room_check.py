"""The room check: a visitor's device tests the way to the gateway, and both visitor and instructor see the result."""

from __future__ import annotations

import asyncio
import math
import secrets
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from aiohttp import WSMsgType, web

from workshop.gateway.cookies import Cookies
from workshop.gateway.forms import BadForm, read_json
from workshop.gateway.join import is_phone
from workshop.gateway.pages import SERVER, Pages, answer_json
from workshop.gateway.seatmap import SeatMap
from workshop.model.events import RoomChecked
from workshop.model.room_check import RoomCheck, Trouble
from workshop.ports.room import ReportFact

ECHO_SECONDS = 10
BLOB_BYTES = 1024 * 1024
SOCKETS_AT_ONCE = 200
REPORTS_A_MINUTE = 120
MARK = "workshop-room-check"
"""Stands in every answer of the check: whoever answers without it is not the gateway."""


class RoomCheckPage:
    """Handlers of `/check` and below. Needs no seat: it is the page one opens first."""

    def __init__(
        self,
        seats: SeatMap,
        cookies: Cookies,
        pages: Pages,
        report: ReportFact,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._seats = seats
        self._cookies = cookies
        self._pages = pages
        self._report = report
        self._now = now
        self._sockets: set[web.WebSocketResponse] = set()
        self._reports: list[datetime] = []
        self._blob = secrets.token_bytes(BLOB_BYTES)  # random: nothing in between can make it smaller

    async def stop(self) -> None:
        for socket in tuple(self._sockets):
            await socket.close(code=1012)

    async def handle(self, request: web.BaseRequest, path: str) -> web.StreamResponse | None:
        """None for an address that we do not have."""
        if self._seats.closing:
            return self._pages.page(request, "over", status=410)
        match (request.method, path.rstrip("/")):
            case ("GET" | "HEAD", "/check"):
                return self._page(request)
            case ("GET", "/check/echo"):
                return await self._echo(request)
            case ("GET", "/check/blob"):
                headers = SERVER | {"Cache-Control": "no-store, no-transform", "X-Check": MARK}
                return web.Response(body=self._blob, content_type="application/octet-stream", headers=headers)
            case ("GET", "/check/time"):
                return answer_json({"mark": MARK, "now": self._now().timestamp()})
            case ("POST", "/check/result"):
                return await self._result(request)
            case _:
                return None

    def _page(self, request: web.BaseRequest) -> web.Response:
        nonce = secrets.token_urlsafe(12)
        return self._pages.page(
            request,
            "check",
            token=f"{nonce}.{self._cookies.sign('check', nonce)}",
            script=self._pages.words(request).group("checking"),
            seconds=ECHO_SECONDS,
            size=BLOB_BYTES,
            mark=MARK,
        )

    async def _echo(self, request: web.BaseRequest) -> web.StreamResponse:
        """Sends back what comes, for a little longer than a check takes."""
        socket = web.WebSocketResponse(max_msg_size=4096, compress=False)
        if not socket.can_prepare(request) or not self._seats.origin.allowed(request, required=True):
            return answer_json({"error": "a WebSocket is expected"}, status=400)
        if len(self._sockets) >= SOCKETS_AT_ONCE:
            return answer_json({"error": "slow"}, status=503, headers={"Retry-After": "10"})
        await socket.prepare(request)
        self._sockets.add(socket)
        try:
            async with asyncio.timeout(ECHO_SECONDS * 3):
                async for message in socket:
                    if message.type is WSMsgType.TEXT:
                        await socket.send_str(message.data)
        except (TimeoutError, ConnectionError):
            await socket.close()
        finally:
            self._sockets.discard(socket)
        return socket

    async def _result(self, request: web.BaseRequest) -> web.Response:
        nonce, _, signature = request.headers.get("X-Form-Token", "").partition(".")
        proven = secrets.compare_digest(signature.encode(), self._cookies.sign("check", nonce).encode())
        if not proven or not self._seats.origin.allowed(request):
            return answer_json({"error": "refused"}, status=403)
        now = self._now()
        self._reports = [moment for moment in self._reports if (now - moment).total_seconds() < 60]
        if len(self._reports) >= REPORTS_A_MINUTE:
            return answer_json({"error": "slow"}, status=429, headers={"Retry-After": "60"})
        try:
            check = judged(await read_json(request, limit=2048), at=now, phone=is_phone(request))
        except BadForm:
            return answer_json({"error": "refused"}, status=400)
        self._reports.append(now)
        self._report(RoomChecked(check))
        return answer_json({"trouble": check.trouble})


def judged(told: dict[str, Any], *, at: datetime, phone: bool) -> RoomCheck:
    """What a device measured, and what that most likely means.

    Args:
        told: `load_ms`, `socket` (`ok`, `blocked`, `dropped`), `echoes`, `lost`, `echo_ms`, `download_mbit`,
            `clock_seconds`, `intercepted`; numbers may be missing.
    """
    load = _number(told.get("load_ms"), 0, 600_000)
    echo = _number(told.get("echo_ms"), 0, 60_000)
    speed = _number(told.get("download_mbit"), 0, 100_000)
    clock = _number(told.get("clock_seconds"), -1e9, 1e9)
    echoes = int(_number(told.get("echoes"), 0, 10_000) or 0)
    lost = int(_number(told.get("lost"), 0, 10_000) or 0)
    socket = told.get("socket")
    if told.get("intercepted") is True:
        trouble = Trouble.INTERCEPTED
    elif socket == "blocked":
        trouble = Trouble.WEBSOCKET_BLOCKED
    elif socket != "ok" or lost > max(1, echoes // 20) or speed is None:
        trouble = Trouble.UNSTABLE
    elif speed < 2 or (echo or 0) > 500 or (load or 0) > 8000:
        trouble = Trouble.SLOW
    elif clock is not None and abs(clock) > 120:
        trouble = Trouble.CLOCK
    else:
        trouble = Trouble.NONE
    return RoomCheck(at, trouble, load, echoes, lost, echo, speed, clock, phone)


def _number(value: object, least: float, most: float) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return min(max(float(value), least), most)
