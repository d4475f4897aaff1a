"""Commands inside seats."""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import docker
from docker.errors import APIError

from workshop.errors import SeatFailed
from workshop.model.seat import seat_name
from workshop.ports.runtime import ExecResult

TIMED_OUT = (124, 137)
"""What `timeout` itself ends with, having sent TERM or KILL."""
NOT_FOUND = (126, 127)
_HEADER = struct.Struct(">BxxxL")


class SeatExec:
    """One command in one container; `give_up` ends the waiting from another thread.

    The engine has no call that ends a command, so the seat's own `timeout` does it, where it has one.
    """

    def __init__(self, container: str, argv: Sequence[str], *, home: str, timeout: float) -> None:
        self._container = container
        self._argv = list(argv)
        self._home = home
        self._timeout = timeout
        self._socket: Any = None
        self._over = threading.Event()
        self._began = time.monotonic()

    def run(self, client: docker.DockerClient, number: int) -> ExecResult:
        """Wait for its end; blocking.

        Raises:
            SeatFailed: the seat does not run.
            TimeoutError: it took too long and was killed.
        """
        bounded = ["timeout", "-k", "2", f"{self._timeout:g}", *self._argv]
        try:
            result = self._once(client, bounded)
            if result.exit_code in NOT_FOUND and b"timeout" in result.stdout + result.stderr:
                result = self._once(client, self._argv)
        except APIError as error:
            if error.status_code in (404, 409):
                raise SeatFailed(
                    f"Seat {seat_name(number)} does not run: nothing can be run in it.",
                    hint=f"Restart it: `workshop restart … {seat_name(number)}`.",
                ) from error
            raise
        # 137 alone says only that something killed it: the kernel does so too, when the seat's memory is full.
        if result.exit_code in TIMED_OUT and time.monotonic() - self._began >= self._timeout:
            raise TimeoutError(f"{self._argv[0]} in seat {seat_name(number)} took longer than {self._timeout:g} s")
        return result

    def give_up(self) -> None:
        self._over.set()
        if self._socket is not None:
            with suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)

    def _once(self, client: docker.DockerClient, argv: list[str]) -> ExecResult:
        api = client.api
        made = api.exec_create(self._container, argv, workdir=self._home)["Id"]
        stream = api.exec_start(made, socket=True)
        self._socket = getattr(stream, "_sock", stream)
        try:
            self._socket.settimeout(None)
            if self._over.is_set():
                raise InterruptedError("the command was given up")
            stdout, stderr = _read_frames(self._socket)
        finally:
            stream.close()
        code = api.exec_inspect(made)["ExitCode"]
        return ExecResult(-1 if code is None else int(code), stdout, stderr)


def _read_frames(connection: socket.socket) -> tuple[bytes, bytes]:
    """The engine's frames of stdout (1) and stderr (2), until the command closes both."""
    output: dict[int, list[bytes]] = {1: [], 2: []}
    while header := _exactly(connection, _HEADER.size):
        stream, size = _HEADER.unpack(header)
        output.setdefault(stream, []).append(_exactly(connection, size))
    return b"".join(output[1]), b"".join(output[2])


def _exactly(connection: socket.socket, size: int) -> bytes:
    parts = []
    while size and (part := connection.recv(min(size, 1024 * 1024))):
        parts.append(part)
        size -= len(part)
    return b"" if size else b"".join(parts)
