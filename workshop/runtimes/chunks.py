"""Bytes across the border between threads and the event loop, one piece at a time in either direction."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from concurrent.futures import CancelledError, Executor, wait
from typing import Any


async def pull(
    source: Iterator[bytes], pool: Executor | None = None, *, close: Callable[[], None] | None = None
) -> AsyncGenerator[bytes, None]:
    """Pieces of a blocking iterator, one in memory at a time, each fetched in `pool` when it is asked for.

    Args:
        close: ends the source early; called in `pool` at the end, however it comes.
    """
    loop = asyncio.get_running_loop()
    try:
        while (piece := await loop.run_in_executor(pool, next, source, None)) is not None:
            yield piece
    finally:
        if close is not None:
            loop.run_in_executor(pool, close)


class Feed:
    """The other way: an async iterator as a blocking one, for a thread that reads it while the loop goes on.

    Use as a context manager around the awaited thread: leaving it (a cancelled call, say) makes the thread's next
    read raise `InterruptedError` instead of waiting for ever. When it is left, the source is at rest and can be closed.
    """

    def __init__(self, source: AsyncIterator[bytes]) -> None:
        self._source = source
        self._loop = asyncio.get_running_loop()
        self._ended = threading.Event()
        self._asked: asyncio.Task[Any] | None = None
        self._rest = b""

    async def __aenter__(self) -> Feed:
        return self

    async def __aexit__(self, *_: object) -> None:
        self._ended.set()
        if self._asked is not None and not self._asked.done():
            self._asked.cancel()
            await asyncio.wait((self._asked,))

    async def _next(self) -> bytes | None:
        if self._ended.is_set():
            return None
        self._asked = asyncio.current_task()
        return await anext(self._source, None)

    def __iter__(self) -> Iterator[bytes]:
        while (piece := self._wait()) is not None:
            yield piece

    def _wait(self) -> bytes | None:
        if self._ended.is_set():
            raise InterruptedError("the transfer was given up")
        future = asyncio.run_coroutine_threadsafe(self._next(), self._loop)
        while not future.done():
            wait((future,), timeout=0.2)
            if self._ended.is_set():
                future.cancel()
                raise InterruptedError("the transfer was given up")
        try:
            piece = future.result()
        except CancelledError as error:
            raise InterruptedError("the transfer was given up") from error
        if piece is None and self._ended.is_set():
            raise InterruptedError("the transfer was given up")
        return piece

    def read(self, size: int = -1) -> bytes:
        """At most `size` bytes as a file gives them; fewer only at the end."""
        parts: list[bytes] = []
        missing = size
        while size < 0 or missing > 0:
            piece = self._rest or self._wait()
            if piece is None:
                break
            self._rest = b""
            if 0 <= missing < len(piece):
                piece, self._rest = piece[:missing], piece[missing:]
            parts.append(piece)
            missing -= len(piece) if size >= 0 else 0
        return parts[0] if len(parts) == 1 else b"".join(parts)
