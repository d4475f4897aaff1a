"""A disk without room for some files, as the program meets it."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest


@contextlib.contextmanager
def full_for(monkeypatch: pytest.MonkeyPatch, ending: str) -> Iterator[None]:
    """A disk that has no room for files whose names end so."""
    real = os.replace

    def full(self: Path, target: Path) -> Path:
        if target.name.endswith(ending):
            raise OSError(errno.ENOSPC, "No space left on device", str(target))
        real(self, target)
        return target

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", full)
        yield
