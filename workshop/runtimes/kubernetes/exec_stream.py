"""Commands in a pod over the API server's websocket: what goes in and comes out, in constant memory."""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

import aiohttp

from workshop.ports.runtime import ExecResult
from workshop.runtimes.kubernetes.client import ClusterClient

V5 = "v5.channel.k8s.io"
"""The first protocol that can close a command's input."""
V4 = "v4.channel.k8s.io"
STDIN, STDOUT, STDERR, STATUS, CLOSE = 0, 1, 2, 3, 255
KEEP = 64 * 1024 * 1024
"""The most that `run_in_pod` keeps of either stream."""
PIECE = 64 * 1024


@dataclass(frozen=True, slots=True)
class PodPlace:
    """A container to run something in."""

    namespace: str
    pod: str
    container: str = "seat"


class PodCommand:
    """A running command. Iterate it for `(channel, bytes)`; afterwards `exit_code` is known."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self.exit_code: int | None = None
        """None when the connection ended before the command did."""
        self.message = ""
        self.failure: Exception | None = None
        """What went wrong on this side while input was sent."""

    async def send(self, data: bytes) -> None:
        """Give the command input; waits while it does not read."""
        for start in range(0, len(data), PIECE):
            await self._socket.send_bytes(bytes([STDIN]) + data[start : start + PIECE])

    async def close_input(self) -> None:
        """End of input. An old server cannot pass that on; commands that need it must know their end themselves."""
        if self._socket.protocol == V5:
            await self._socket.send_bytes(bytes([CLOSE, STDIN]))

    async def end(self) -> None:
        """Give the command up: the connection closes, and iterating ends."""
        await self._socket.close()

    async def __aiter__(self) -> AsyncIterator[tuple[int, bytes]]:
        async for message in self._socket:
            data = message.data
            if message.type is aiohttp.WSMsgType.TEXT:
                data = data.encode()
            elif message.type is not aiohttp.WSMsgType.BINARY:
                continue
            if not data:
                continue
            channel, rest = data[0], data[1:]
            if channel == STATUS:
                self._finish(rest)
            elif rest:
                yield channel, rest

    def _finish(self, data: bytes) -> None:
        status = json.loads(data)
        if status.get("status") == "Success":
            self.exit_code = 0
            return
        self.message = str(status.get("message", ""))
        causes = (status.get("details") or {}).get("causes") or ()
        codes = [cause.get("message") for cause in causes if cause.get("reason") == "ExitCode"]
        self.exit_code = int(codes[0]) if codes else 126


@contextlib.asynccontextmanager
async def pod_command(
    client: ClusterClient, place: PodPlace, argv: Sequence[str], *, stdin: bool = False
) -> AsyncIterator[PodCommand]:
    """Start a command in a pod; leaving the context ends the connection.

    Raises:
        ApiRefused: there is no such pod, its container does not run, or the right is missing.
    """
    params = [("command", part) for part in argv]
    params += [("container", place.container), ("stdout", "true"), ("stderr", "true")]
    if stdin:
        params.append(("stdin", "true"))
    path = f"/api/v1/namespaces/{place.namespace}/pods/{place.pod}/exec"
    async with client.socket(path, params, (V5, V4)) as socket:
        yield PodCommand(socket)


_IN_HOME = 'cd "$0" && exec "$@"'
_MARK = "WORKSHOP_COMMAND"
_END_MARKED = """for entry in /proc/[0-9]*; do
  pid=${entry#/proc/}
  [ "$pid" = $$ ] || grep -qz "^@MARK@=$1$" "$entry/environ" 2>/dev/null && kill -KILL "$pid" 2>/dev/null
done; true"""
"""Ends the processes that carry a command's mark: leaving a connection does not."""


async def run_in_home(
    client: ClusterClient, place: PodPlace, home: str, argv: Sequence[str], *, timeout: float = 60
) -> ExecResult:
    """`run_in_pod` in the home folder; a command that takes too long is ended with all that it started.

    Raises:
        TimeoutError, ConnectionError, ApiRefused: see `run_in_pod`.
    """
    mark = secrets.token_hex(8)
    try:
        return await run_in_pod(
            client, place, ("env", f"{_MARK}={mark}", "sh", "-c", _IN_HOME, home, *argv), timeout=timeout
        )
    except TimeoutError:
        await run_in_pod(client, place, ("sh", "-c", _END_MARKED.replace("@MARK@", _MARK), "sh", mark), timeout=15)
        raise


async def run_in_pod(client: ClusterClient, place: PodPlace, argv: Sequence[str], *, timeout: float = 60) -> ExecResult:
    """Run a command to its end and keep what it prints.

    Raises:
        TimeoutError: it took longer than `timeout` seconds.
        ConnectionError: the connection ended before the command did.
        ApiRefused: see `pod_command`.
    """
    out, err = bytearray(), bytearray()
    async with asyncio.timeout(timeout), pod_command(client, place, argv) as command:
        async for channel, data in command:
            kept = out if channel == STDOUT else err
            if len(kept) < KEEP:
                kept += data
    if command.exit_code is None:
        raise ConnectionError(f"the connection to {place.pod} ended before the command did")
    return ExecResult(command.exit_code, bytes(out), bytes(err))
