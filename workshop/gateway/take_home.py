"""The link under which a participant takes the own files home, up to the end of the grace."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing

from aiohttp import web

from workshop.errors import WorkshopError
from workshop.gateway.pages import SERVER, Pages, answer_json, wants_page
from workshop.gateway.seatmap import SeatMap
from workshop.model.seat import seat_name
from workshop.ports.room import RoomView

log = logging.getLogger(__name__)

PATH = "work.zip"
AT_ONCE = 4
"""Downloads that are made at the same time; who comes later waits for one to end."""
PIECE_WITHIN = 120.0
"""Seconds for a piece (of 1 MB, mostly): a browser that takes nothing any more keeps others waiting no longer."""


class TakeHome:
    """Answers `/seat/NN/_room/work.zip`. One download of a seat at a time."""

    def __init__(self, room: RoomView, seats: SeatMap, pages: Pages) -> None:
        self._room = room
        self._seats = seats
        self._pages = pages
        self._gate = asyncio.Semaphore(AT_ONCE)
        self._under_way: set[int] = set()

    async def answer(self, request: web.BaseRequest, number: int) -> web.StreamResponse:
        if number in self._under_way:
            return self._problem(request, 429, "busy")
        self._under_way.add(number)
        try:
            async with self._gate, aclosing(self._room.work(number)) as pieces:
                return await self._send(request, number, pieces)
        finally:
            self._under_way.discard(number)

    async def _send(
        self, request: web.BaseRequest, number: int, pieces: AsyncGenerator[bytes, None]
    ) -> web.StreamResponse:
        try:
            piece = await anext(pieces)
        except WorkshopError as error:
            log.warning("the files of seat %s cannot be taken home: %s", seat_name(number), error.code)
            return self._problem(request, 503, "work")
        name = f"{self._seats.classroom.name}-seat-{seat_name(number)}.zip"
        response = web.StreamResponse(
            headers=SERVER
            | {
                "Content-Type": "application/zip",
                "Content-Disposition": f'attachment; filename="{name}"',
                "Cache-Control": "no-store",
                "X-Content-Type-Options": "nosniff",
            }
        )
        await response.prepare(request)
        try:
            await _write(response, piece)
            async for piece in pieces:
                await _write(response, piece)
        except (WorkshopError, TimeoutError) as error:
            log.warning("the files of seat %s ended early: %s", seat_name(number), type(error).__name__)
            if request.transport is not None:
                request.transport.abort()  # an end that looks whole would be a lie
            return response
        await response.write_eof()
        return response

    def _problem(self, request: web.BaseRequest, status: int, what: str) -> web.Response:
        if wants_page(request):
            return self._pages.page(request, "problem", status=status, framed=True, what=what)
        return answer_json({"error": what}, status=status)


async def _write(response: web.StreamResponse, piece: bytes) -> None:
    """
    Raises:
        TimeoutError: the browser does not take it.
    """
    async with asyncio.timeout(PIECE_WITHIN):
        await response.write(piece)
