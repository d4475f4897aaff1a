"""Picks the front end: the terminal UI for `workshop` alone, the command line for a verb.

The only place that knows both. Nothing heavy is imported before it is known what is wanted.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from workshop.service import Service

GATEWAY = "gateway"
"""The hidden verb by which `up` starts a classroom's gateway as a process of its own."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program; the process's exit code.

    Args:
        arguments: the words after the program's name; those of this process by default.
    """
    words = sys.argv[1:] if arguments is None else list(arguments)
    _open_closed_streams()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a sign that a terminal does not know is shown as `?`
    if words[:1] == [GATEWAY]:
        from workshop.service import gateway_process

        return gateway_process.main(words[1:])
    from workshop.cli.main import run

    return run(words, open_terminal_ui=open_terminal_ui)


def _open_closed_streams() -> None:
    """Let streams that were closed for this process (`>&-`) lead nowhere, before another file gets their number."""
    for number, (name, mode) in enumerate((("stdin", "r"), ("stdout", "w"), ("stderr", "w"))):
        if getattr(sys, name) is None:
            null = os.open(os.devnull, os.O_RDWR)
            assert null <= number, "the lowest number that is free"
            stream = open(null, mode)  # noqa: SIM115 - it stays open as long as the process
            setattr(sys, name, stream)
            setattr(sys, f"__{name}__", stream)


def open_terminal_ui(service: Service, *, start: str | None, read_only: bool) -> int:
    """Show the terminal UI until it is left; the process's exit code.

    Args:
        start: the classroom to show first; the home screen without one.
    """
    from workshop.tui import app

    return app.run(service, start=start, read_only=read_only)


if __name__ == "__main__":
    sys.exit(main())
