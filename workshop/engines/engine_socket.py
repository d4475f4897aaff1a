"""HTTP to a Docker engine on its Unix socket: a few kept connections, JSON in and out.

The standard library alone, so that `list`, `status`, `up`, `down` and every gateway need not load the SDK: it takes
longer to load than all the questions that they ask.
"""

from __future__ import annotations

import http.client
import json
import select
import socket
import threading
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlencode

from workshop.engines.engine_errors import api_error


class _UnixConnection(http.client.HTTPConnection):
    """HTTP on a Unix socket."""

    def __init__(self, path: str, timeout: float | None) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self.sock.settimeout(self.timeout)
            self.sock.connect(self._path)
        except BaseException:
            self.sock.close()
            raise

    def is_dropped(self) -> bool:
        """Whether the engine has closed it: then it can be read from although nothing was asked."""
        if self.sock is None:
            return True
        poll = select.poll()
        poll.register(self.sock, select.POLLIN)
        return bool(poll.poll(0))


class EngineSocket:
    """Questions to one engine; safe for threads.

    Args:
        path: of the socket.
        patience: seconds of silence that are put up with; None for no end.
    """

    def __init__(self, path: str, patience: float | None) -> None:
        self._path = path
        self._patience = patience
        self._idle: list[_UnixConnection] = []
        self._lock = threading.Lock()

    def ask(
        self,
        method: str,
        path: str,
        query: Mapping[str, Any] | None = None,
        body: Any = None,
        *,
        image: bool = False,
        extra_patience: float = 0,
    ) -> Any:
        """The engine's answer as JSON; None for an empty one.

        Args:
            path: with the API's version.
            image: it is an image that may not be there.
            extra_patience: seconds that the engine takes for its work before it can answer.

        Raises:
            APIError: the engine says no.
            ConnectionError: it does not answer, or not as an engine does.
            OSError: there is no socket, or none that may be used.
        """
        connection = self._take(extra_patience)
        try:
            response = self._send(connection, method, path, query, body)
            data = response.read()
            if response.status < 400:
                answer = json.loads(data) if data.strip() else None
        except BaseException as error:
            connection.close()
            raise self._explained(error) from error
        self._give_back(connection, response)
        if response.status >= 400:
            raise api_error(_message(data), response.status, image=image)
        return answer

    def stream(self, path: str, query: Mapping[str, Any]) -> EngineStream:
        """An answer without an end: JSON objects, one a line. Its connection is its own and waits for ever."""
        connection = _UnixConnection(self._path, self._patience)
        try:
            connection.connect()
            sock = connection.sock
            response = self._send(connection, "GET", path, query, None)
            if response.status >= 400:
                raise api_error(_message(response.read()), response.status)
            sock.settimeout(None)
        except BaseException as error:
            connection.close()
            raise self._explained(error) from error
        return EngineStream(sock, response)

    def close(self) -> None:
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def _send(
        self, connection: _UnixConnection, method: str, path: str, query: Mapping[str, Any] | None, body: Any
    ) -> http.client.HTTPResponse:
        target = f"{path}?{urlencode(query)}" if query else path
        content = None if body is None else json.dumps(body)
        connection.request(method, target, content, {"Content-Type": "application/json"} if content else {})
        return connection.getresponse()

    def _explained(self, error: BaseException) -> BaseException:
        """What went wrong on the line, in the engine's terms: a `TimeoutError` would be taken for the caller's own."""
        if isinstance(error, TimeoutError):
            return ConnectionError("no answer in time")
        if isinstance(error, http.client.HTTPException | ValueError):
            return ConnectionError(f"no answer that an engine gives: {type(error).__name__}: {error}")
        return error

    def _take(self, extra_patience: float) -> _UnixConnection:
        patience = None if self._patience is None else self._patience + extra_patience
        while True:
            with self._lock:
                connection = self._idle.pop() if self._idle else None
            if connection is None:
                return _UnixConnection(self._path, patience)
            if not connection.is_dropped():
                connection.sock.settimeout(patience)
                return connection
            connection.close()

    def _give_back(self, connection: _UnixConnection, response: http.client.HTTPResponse) -> None:
        if response.will_close:
            connection.close()
            return
        with self._lock:
            self._idle.append(connection)


class EngineStream:
    """The lines of a stream as JSON; `close` ends it from any thread."""

    def __init__(self, sock: socket.socket, response: http.client.HTTPResponse) -> None:
        self._sock = sock
        self._response = response

    def __iter__(self) -> Iterator[Any]:
        try:
            while line := self._response.readline():
                if line.strip():
                    yield json.loads(line)
        except http.client.HTTPException as error:
            raise ConnectionError(f"{type(error).__name__}: {error}") from error

    def close(self) -> None:
        """
        Raises:
            OSError: the other side has closed it.
        """
        self._sock.shutdown(socket.SHUT_RDWR)


def _message(data: bytes) -> str:
    """What the engine says in an error's body."""
    try:
        said = json.loads(data)
    except ValueError:
        return data.decode("utf-8", "replace").strip()
    return str(said.get("message") or said) if isinstance(said, dict) else str(said)
