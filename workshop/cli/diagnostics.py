"""The only writer to standard error, and the owner of the exit codes."""

from __future__ import annotations

import sys
import threading
from contextlib import suppress
from enum import IntEnum

import click

from workshop.cli.output import wants_colour
from workshop.errors import WorkshopError


class ExitCode(IntEnum):
    """What the program's end says to the shell. A contract."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    UNREACHABLE = 3
    PARTLY = 4
    INTERRUPTED = 130


class Diagnostics:
    """What is said beside the result: progress, notes, warnings, errors.

    Nobody may be left to hear it (`2>&1 | head -1`, a terminal that was closed): the work does not stop for that.

    Args:
        colour: None finds out: a terminal and no `NO_COLOR`.
    """

    def __init__(self, *, colour: bool | None = None) -> None:
        self.is_terminal = sys.stderr.isatty()
        self.colour = wants_colour(self.is_terminal) if colour is None else colour
        self._live = ""
        self._lock = threading.RLock()

    def line(self, text: str, **style: object) -> None:
        """Write a line above the live one."""
        with self._lock:
            self._clear()
            self._write(self._styled(text, **style) + "\n")
            self._draw()

    def live(self, text: str) -> None:
        """Replace the live line at the bottom of a terminal; empty takes it away. Elsewhere nothing is shown."""
        if not self.is_terminal:
            return
        with self._lock:
            self._clear()
            self._live = text
            self._draw()

    def note(self, text: str) -> None:
        self.line(text, dim=True)

    def warning(self, text: str) -> None:
        self.line(f"warning: {text}", fg="yellow")

    def error(self, error: WorkshopError) -> None:
        """Say what happened and what to do next."""
        with self._lock:
            self.live("")
            self.line(f"{self._styled('error:', fg='red', bold=True)} {error.message}")
            for detail in error.details:
                self.line(f"  {detail}")
            if error.hint:
                self.hint(error.hint)

    def hint(self, text: str) -> None:
        """Say what to do next."""
        self.line(f"{self._styled('hint:', fg='cyan')} {text}")

    def _clear(self) -> None:
        if self._live:
            self._write("\r\x1b[2K")

    def _draw(self) -> None:
        if self._live:
            self._write(self._live)

    def _write(self, text: str) -> None:
        with suppress(OSError):
            sys.stderr.write(text)
            sys.stderr.flush()

    def _styled(self, text: str, **style: object) -> str:
        return click.style(text, **style) if self.colour and style else text  # type: ignore[arg-type]


def as_document(error: WorkshopError) -> dict[str, object]:
    """An error as the contract's JSON document."""
    document: dict[str, object] = {"error": error.code, "message": error.message, "hint": error.hint}
    if error.details:
        document["details"] = list(error.details)
    return document
