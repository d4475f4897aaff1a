"""Whether a seat's server answers, asked with as little as possible: this runs several times a second per start."""

from __future__ import annotations

import asyncio
import contextlib
from urllib.parse import urlsplit

PATIENCE = 3.0
"""Seconds for one question; a server that is still importing accepts late or not at all."""


async def answers(endpoint: str, path: str, token: str = "", *, patience: float = PATIENCE) -> bool:
    """Whether a GET of `path` at `endpoint` says 200. Anything else, and any failure to connect, is no.

    "It accepts connections" would not do: the engine's port forwarder accepts before the server listens.
    """
    parts = urlsplit(endpoint)
    if not parts.hostname or not parts.port:
        return False
    lines = [f"GET {path} HTTP/1.1", f"Host: {parts.netloc}", "Connection: close", "Accept: */*"]
    if token:
        lines.append(f"Authorization: token {token}")
    request = ("\r\n".join(lines) + "\r\n\r\n").encode()
    try:
        async with asyncio.timeout(patience):
            status = await _status_line(parts.hostname, parts.port, request)
    except (OSError, TimeoutError, ValueError):
        return False
    return status.split(maxsplit=2)[1:2] == [b"200"]


async def _status_line(host: str, port: int, request: bytes) -> bytes:
    reader, writer = await asyncio.open_connection(host, port, limit=65536)
    try:
        writer.write(request)
        await writer.drain()
        return await reader.readline()
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
