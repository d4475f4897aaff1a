"""A shell in a seat, on this terminal."""

from __future__ import annotations

import shlex
import signal
import subprocess
import sys
from collections.abc import Sequence
from types import FrameType

from workshop.cli.diagnostics import ExitCode
from workshop.cli.options import name_argument, runtime_option, seat_argument, verb
from workshop.cli.session import Session
from workshop.errors import NoTerminal, WorkshopError
from workshop.model.seat import seat_name

LEFT = (0, 130)
"""How a shell ends that was left: by `exit`, or after Ctrl-C and Ctrl-D."""


@verb("shell")
@runtime_option
@name_argument
@seat_argument
def shell_command(session: Session, name: str, seat: int) -> int:
    """A shell in a seat, as its participant; `exit` comes back. With --json: the command that opens it, not run."""
    with session.talk() as talk:
        command = talk.run(talk.service.shell_command(name, seat))
    session.output.document({"classroom": name, "seat": seat_name(seat), "command": list(command)})
    if session.output.as_json:
        return ExitCode.DONE
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise NoTerminal(
            "A shell needs a terminal, and standard input or output is none.",
            hint=f"The command that opens it: {shlex.join(command)}",
        )
    session.diagnostics.note(f"Shell in seat {seat_name(seat)}; `exit` comes back.")
    ended = _run(command)
    if ended in LEFT:
        return ExitCode.DONE
    session.diagnostics.warning(f"The shell in seat {seat_name(seat)} ended with {ended}.")
    return ExitCode.FAILED


def _run(command: Sequence[str]) -> int:
    """Give the terminal to the program until it ends; its exit code.

    Raises:
        WorkshopError: there is no such program here, or it may not be run.
    """
    before = signal.signal(signal.SIGINT, _for_the_shell)  # the program's own handling comes back in it
    try:
        return subprocess.run(command, check=False).returncode
    except OSError as error:
        raise WorkshopError(
            f"{command[0]} cannot be run: {error.strerror}.",
            hint=f"A shell in this seat needs `{command[0]}` on this machine; `workshop doctor` says what is missing.",
        ) from error
    finally:
        signal.signal(signal.SIGINT, before)


def _for_the_shell(_number: int, _frame: FrameType | None) -> None:
    """An interrupt that is meant for the shell."""
