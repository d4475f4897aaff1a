"""The control socket: how the user's programs talk to a running gateway. A Unix socket that only the user can open."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import socket
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from aiohttp import web

from workshop.errors import GatewayFailed, WorkshopError
from workshop.model.snapshot import Snapshot
from workshop.model.snapshot_json import decode_snapshot, encode_snapshot
from workshop.ports.room import RoomView

if TYPE_CHECKING:
    import httpx

log = logging.getLogger(__name__)
T = TypeVar("T")

LONGEST_PATH = 100
"""Bytes of a socket's path; systems stop at 104 or 108."""
ANSWER_TIMEOUT = 10.0
ACT_TIMEOUT = 900.0
QUIET_LINE_SECONDS = 10.0
"""A stream without changes sends an empty line this often, so that both ends notice a lost one."""


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


class ControlClient:
    """Talks to the gateway behind a control socket. Holds nothing open between calls."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def alive(self) -> bool:
        """Whether a gateway answers."""
        import httpx

        try:
            async with self._client(ANSWER_TIMEOUT) as client:
                return (await client.get("/alive")).status_code == 200
        except (httpx.HTTPError, OSError):
            return False

    async def snapshot(self) -> Snapshot:
        """The classroom now.

        Raises:
            GatewayFailed: no gateway answers.
        """
        return await self._ask(lambda client: client.get("/snapshot"), lambda answer: decode_snapshot(answer.content))

    async def changes(self) -> AsyncIterator[Snapshot]:
        """The classroom now and after each change, until the gateway ends.

        Raises:
            GatewayFailed: no gateway answers, or it ended.
        """
        import httpx

        try:
            async with (
                self._client(QUIET_LINE_SECONDS * 3) as client,
                client.stream("GET", "/changes") as answer,
            ):
                async for line in answer.aiter_lines():
                    if line:
                        yield decode_snapshot(line)
        except (httpx.HTTPError, OSError, ValueError) as error:
            raise self._silent(error) from error
        raise GatewayFailed("The gateway has ended.", hint="`workshop up` starts it again.")

    async def act(self, verb: str, arguments: Mapping[str, Any] | None = None) -> Mapping[str, Any]:
        """Have the gateway carry out a verb of `RoomView.act`.

        Raises:
            WorkshopError: the same that the gateway met.
        """

        def read(answer: httpx.Response) -> Mapping[str, Any]:
            data: Mapping[str, Any] = answer.json()
            if "error" in data:
                kind = _errors().get(data["error"], GatewayFailed)
                raise kind(data["message"], hint=data.get("hint", ""), details=tuple(data.get("details", ())))
            result: Mapping[str, Any] = data["result"]
            return result

        document = {"verb": verb, "arguments": dict(arguments or {})}
        return await self._ask(lambda client: client.post("/act", json=document), read, timeout=ACT_TIMEOUT)

    async def _ask(
        self,
        ask: Callable[[httpx.AsyncClient], Any],
        read: Callable[[httpx.Response], T],
        *,
        timeout: float = ANSWER_TIMEOUT,
    ) -> T:
        import httpx

        try:
            async with self._client(timeout) as client:
                return read(await ask(client))
        except (httpx.HTTPError, OSError, ValueError, KeyError) as error:
            raise self._silent(error) from error

    def _client(self, timeout: float) -> httpx.AsyncClient:
        import httpx  # not needed by the gateway itself, whose memory counts

        return httpx.AsyncClient(
            transport=httpx.AsyncHTTPTransport(uds=str(self._path)),
            base_url="http://gateway",
            timeout=httpx.Timeout(timeout, connect=ANSWER_TIMEOUT),
            trust_env=False,
        )

    def _silent(self, error: Exception) -> GatewayFailed:
        return GatewayFailed(
            "The gateway does not answer.",
            hint="`workshop up` starts it again; the students' links stay the same.",
            details=(f"{type(error).__name__} on {self._path}",),
        )


def _errors() -> dict[str, type[WorkshopError]]:
    """Every error that can be told to a user, by its code."""
    found: dict[str, type[WorkshopError]] = {}
    waiting: list[type[WorkshopError]] = [WorkshopError]
    while waiting:
        kind = waiting.pop()
        found.setdefault(kind.code, kind)
        waiting.extend(kind.__subclasses__())
    return found
