"""The other end of the control socket. Every verb that asks a gateway loads this: h11 alone is quick to load."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h11

from workshop.errors import GatewayFailed, WorkshopError

if TYPE_CHECKING:
    from workshop.model.snapshot import Snapshot

ANSWER_TIMEOUT = 10.0
ACT_TIMEOUT = 900.0
QUIET_LINE_SECONDS = 5.0
"""A stream without changes sends an empty line this often, so that both ends notice a lost one."""
_PIECE = 65536


class ControlClient:
    """Talks to the gateway behind a control socket. Holds nothing open between calls."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def alive(self) -> bool:
        """Whether a gateway answers."""
        try:
            status, _ = await self._exchange("GET", "/alive", timeout=ANSWER_TIMEOUT)
        except (h11.ProtocolError, OSError, TimeoutError):
            return False
        return status == 200

    async def snapshot(self) -> Snapshot:
        """The classroom now.

        Raises:
            GatewayFailed: no gateway answers.
        """
        from workshop.model.snapshot_json import decode_snapshot

        try:
            return decode_snapshot((await self._exchange("GET", "/snapshot", timeout=ANSWER_TIMEOUT))[1])
        except (h11.ProtocolError, OSError, TimeoutError, ValueError) as error:
            raise self._silent(error) from error

    async def changes(self) -> AsyncIterator[Snapshot]:
        """The classroom now and after each change, until the gateway ends.

        Raises:
            GatewayFailed: no gateway answers, or it ended.
        """
        from workshop.model.snapshot_json import decode_snapshot

        try:
            async with _Exchange(self._path, ANSWER_TIMEOUT) as exchange:
                await exchange.ask("GET", "/changes")
                rest = b""
                while piece := await exchange.piece(QUIET_LINE_SECONDS * 2.5):
                    *lines, rest = (rest + piece).split(b"\n")
                    for line in lines:
                        if line:
                            yield decode_snapshot(line)
        except (h11.ProtocolError, OSError, TimeoutError, ValueError) as error:
            raise self._silent(error) from error
        raise GatewayFailed("The gateway has ended.", hint="`workshop up` starts it again.")

    async def act(self, verb: str, arguments: Mapping[str, Any] | None = None) -> Mapping[str, Any]:
        """Have the gateway carry out a verb of `RoomView.act`.

        Raises:
            WorkshopError: the same that the gateway met.
        """
        document = json.dumps({"verb": verb, "arguments": dict(arguments or {})}).encode()
        try:
            _, body = await self._exchange("POST", "/act", document, timeout=ACT_TIMEOUT)
            data = json.loads(body)
            if "error" not in data:
                result: Mapping[str, Any] = data["result"]
                return result
        except (h11.ProtocolError, OSError, TimeoutError, ValueError, KeyError) as error:
            raise self._silent(error) from error
        kind = _errors().get(data["error"], GatewayFailed)
        raise kind(data["message"], hint=data.get("hint", ""), details=tuple(data.get("details", ())))

    async def _exchange(self, method: str, target: str, body: bytes = b"", *, timeout: float) -> tuple[int, bytes]:
        """One question: the answer's status and body."""
        async with _Exchange(self._path, ANSWER_TIMEOUT) as exchange:
            status = await exchange.ask(method, target, body, timeout=timeout)
            pieces = []
            while piece := await exchange.piece(timeout):
                pieces.append(piece)
        return status, b"".join(pieces)

    def _silent(self, error: Exception) -> GatewayFailed:
        return GatewayFailed(
            "The gateway does not answer.",
            hint="`workshop up` starts it again; the students' links stay the same.",
            details=(f"{type(error).__name__} on {self._path}",),
        )


class _Exchange:
    """One connection with one request on it. Raises `OSError`, `TimeoutError` and `h11.ProtocolError`."""

    def __init__(self, path: Path, connect_timeout: float) -> None:
        self._path = path
        self._connect_timeout = connect_timeout
        self._http = h11.Connection(our_role=h11.CLIENT)

    async def __aenter__(self) -> _Exchange:
        async with asyncio.timeout(self._connect_timeout):
            self._reader, self._writer = await asyncio.open_unix_connection(str(self._path))
        return self

    async def __aexit__(self, *_exc: object) -> None:
        self._writer.close()
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()

    async def ask(self, method: str, target: str, body: bytes = b"", *, timeout: float = ANSWER_TIMEOUT) -> int:
        """Send the request; the status of its answer."""
        headers = [("Host", "gateway"), ("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
        request = [h11.Request(method=method, target=target, headers=headers), h11.EndOfMessage()]
        if body:
            request.insert(1, h11.Data(data=body))
        self._writer.write(b"".join(filter(None, map(self._http.send, request))))
        await self._writer.drain()
        while not isinstance(event := await self._next(timeout), h11.Response):
            if isinstance(event, h11.ConnectionClosed):
                raise ConnectionError("closed without an answer")
        return event.status_code

    async def piece(self, timeout: float) -> bytes:
        """The next piece of the answer's body; empty at its end."""
        event = await self._next(timeout)
        return bytes(event.data) if isinstance(event, h11.Data) else b""

    async def _next(self, timeout: float) -> h11.Event:
        while (event := self._http.next_event()) is h11.NEED_DATA:
            async with asyncio.timeout(timeout):
                self._http.receive_data(await self._reader.read(_PIECE))
        if not isinstance(event, h11.Event):
            raise h11.RemoteProtocolError("another protocol began")
        return event


def _errors() -> dict[str, type[WorkshopError]]:
    """Every error that can be told to a user, by its code."""
    found: dict[str, type[WorkshopError]] = {}
    waiting: list[type[WorkshopError]] = [WorkshopError]
    while waiting:
        kind = waiting.pop()
        found.setdefault(kind.code, kind)
        waiting.extend(kind.__subclasses__())
    return found
