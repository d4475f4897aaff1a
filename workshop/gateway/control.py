"""The control socket: how the user's programs talk to a running gateway. A Unix socket that only the user can open.

The programs' end is `control_client`.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import socket
from pathlib import Path

from aiohttp import web

from workshop.errors import GatewayFailed, WorkshopError
from workshop.gateway.control_client import QUIET_LINE_SECONDS, ControlClient
from workshop.model.snapshot_json import encode_snapshot
from workshop.ports.room import RoomView

log = logging.getLogger(__name__)

LONGEST_PATH = 100
"""Bytes of a socket's path; systems stop at 104 or 108."""


class ControlServer:
    """Serves a room on a Unix socket with mode 0600."""

    def __init__(self, room: RoomView, path: Path) -> None:
        self._room = room
        self._path = path
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        """
        Raises:
            GatewayFailed: the socket cannot be made, or another gateway answers on it.
        """
        if len(os.fsencode(self._path)) > LONGEST_PATH:
            raise GatewayFailed(
                f"The path of the control socket is too long: {self._path}.",
                hint="Set XDG_RUNTIME_DIR or WORKSHOP_STATE_DIR to a shorter one.",
            )
        if self._path.exists() and await ControlClient(self._path).alive():
            raise GatewayFailed(f"Another gateway answers on {self._path}.", hint="`workshop list` shows what runs.")
        app = web.Application()
        app.add_routes(
            [
                web.get("/alive", self._alive),
                web.get("/snapshot", self._snapshot),
                web.get("/changes", self._changes),
                web.post("/act", self._act),
            ]
        )
        self._runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.2)
        await self._runner.setup()
        try:
            listener = _listen(self._path)
        except OSError as error:
            await self._runner.cleanup()
            raise GatewayFailed(f"The control socket {self._path} cannot be made: {error.strerror}.") from error
        await web.SockSite(self._runner, listener).start()

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None
            self._path.unlink(missing_ok=True)

    async def _alive(self, _request: web.Request) -> web.Response:
        return web.json_response({"classroom": self._room.classroom.name, "pid": os.getpid()})

    async def _snapshot(self, _request: web.Request) -> web.Response:
        return web.Response(text=encode_snapshot(self._room.snapshot()), content_type="application/json")

    async def _changes(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/x-ndjson"})
        await response.prepare(request)
        changes = aiter(self._room.changes())
        following = asyncio.ensure_future(anext(changes))
        try:
            while True:
                await asyncio.wait((following,), timeout=QUIET_LINE_SECONDS)
                if not following.done():
                    await response.write(b"\n")
                    continue
                snapshot = following.result()
                following = asyncio.ensure_future(anext(changes))
                await response.write(encode_snapshot(snapshot).encode() + b"\n")
        except (StopAsyncIteration, ConnectionError):
            return response
        finally:
            following.cancel()

    async def _act(self, request: web.Request) -> web.Response:
        try:
            asked = json.loads(await request.text())
            verb, arguments = str(asked["verb"]), dict(asked.get("arguments") or {})
        except (ValueError, KeyError, TypeError):
            return web.json_response({"error": "usage", "message": "The request is malformed."}, status=400)
        try:
            return web.json_response({"result": dict(await self._room.act(verb, arguments))})
        except WorkshopError as error:
            document = {"error": error.code, "message": error.message, "hint": error.hint, "details": error.details}
            return web.json_response(document, status=422)


def _listen(path: Path) -> socket.socket:
    """A listening socket, private from its first moment on."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o177)
    try:
        listener.bind(str(path))
    except OSError:
        listener.close()
        raise
    finally:
        os.umask(before)
    listener.listen(64)
    listener.setblocking(False)
    return listener
