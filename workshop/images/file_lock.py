"""A lock between processes that ends with its holder."""

from __future__ import annotations

import asyncio
import fcntl
import os
from pathlib import Path


class FileLock:
    """Guards a folder that several programs of ours may write. An async context manager."""

    POLL = 0.05
    """Seconds between tries: flock cannot be awaited, and a blocking call in a thread could not be cancelled."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor = -1

    async def __aenter__(self) -> FileLock:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            while not _taken(descriptor):  # noqa: ASYNC110 (the event is another process)
                await asyncio.sleep(self.POLL)
        except BaseException:
            os.close(descriptor)
            raise
        self._descriptor = descriptor
        return self

    async def __aexit__(self, *_exc: object) -> None:
        os.close(self._descriptor)
        self._descriptor = -1


def _taken(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
