"""How far a transfer is, as lines of a log: now and then, never for each block."""

from __future__ import annotations

import time
from collections.abc import Callable

from workshop.model.amounts import format_size
from workshop.model.events import LogLine
from workshop.ports.build import Report

EVERY_SECONDS = 2.0
Progress = Callable[[int, int | None], None]
"""Takes the bytes so far and the whole, where it is known."""


def transfer_lines(step: str, report: Report) -> Progress:
    """A `Progress` that reports `120 MB of 1.1 GB` each two seconds."""
    last = time.monotonic()

    def tell(have: int, whole: int | None) -> None:
        nonlocal last
        if time.monotonic() - last >= EVERY_SECONDS:
            last = time.monotonic()
            report(LogLine(f"{format_size(have)} of {format_size(whole)}" if whole else format_size(have), step))

    return tell
