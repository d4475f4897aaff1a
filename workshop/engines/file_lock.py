"""A lock between processes that ends with its holder."""

from __future__ import annotations

import asyncio
import fcntl
import os
from pathlib import Path

from workshop.errors import StateError


class FileLock:
    """Guards what several programs of ours may change. An async context manager.

    The holder may remove the file: whoever waited for it goes on with its successor. Entering it raises `StateError`
    where the file cannot be made.
    """

    POLL = 0.05
    """Seconds between tries: flock cannot be awaited, and a blocking call in a thread could not be cancelled."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor = -1

    async def __aenter__(self) -> FileLock:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            while (descriptor := self._try()) is None:  # noqa: ASYNC110 (the event is another process)
                await asyncio.sleep(self.POLL)
        except OSError as error:
            raise StateError(
                f"The lock {self._path} cannot be had: {error.strerror or error}.",
                hint=f"Make {self._path.parent} writable, or name another folder with WORKSHOP_STATE_DIR.",
            ) from error
        self._descriptor = descriptor
        return self

    async def __aexit__(self, *_exc: object) -> None:
        os.close(self._descriptor)
        self._descriptor = -1

    def _try(self) -> int | None:
        """The descriptor that holds the lock on the file that has the name now; None when another has it."""
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        held = False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            held = os.path.samestat(os.fstat(descriptor), os.stat(self._path))
        except (BlockingIOError, FileNotFoundError):
            return None
        finally:
            if not held:
                os.close(descriptor)
        return descriptor if held else None
