"""The program on a terminal of its own: what a person types and sees."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path
from types import TracebackType

_ESCAPES = re.compile(r"\x1b(\[[0-9;?]*[A-Za-z]|\][^\x07]*\x07|[=>])")


class Terminal:
    """A pseudo-terminal of 80×24 with the program in it. Use as a context manager."""

    def __init__(self, *words: str | Path, columns: int = 80, lines: int = 24) -> None:
        self._ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        self.process = subprocess.Popen(
            [sys.executable, "-m", "workshop", *map(str, words)],
            stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True, preexec_fn=_own_terminal,
        )  # fmt: skip
        os.close(theirs)
        self.raw = ""

    def __enter__(self) -> Terminal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(30)
        os.close(self._ours)

    @property
    def text(self) -> str:
        """Everything that was shown, without escape sequences."""
        return _ESCAPES.sub("", self.raw).replace("\r", "")

    def type(self, text: str) -> None:
        os.write(self._ours, text.encode())

    def press_until_it_ends(self, key: str, seconds: float = 60) -> int:
        """Press a key again and again, as people do: readline misses a Ctrl-C in the instant it shows its prompt."""
        deadline = time.monotonic() + seconds
        while self.process.poll() is None:
            assert time.monotonic() < deadline, f"it does not end:\n{self.text}"
            self.type(key)
            pause = time.monotonic() + 0.5
            while self.process.poll() is None and time.monotonic() < pause:
                self._read(0.05)
        return self.ends()

    def hang_up(self) -> None:
        """Close the terminal, as a lost connection does."""
        os.close(self._ours)
        self._ours = os.open(os.devnull, os.O_RDWR)

    def wait_for(self, text: str, seconds: float = 60) -> None:
        """Read until the text was shown."""
        deadline = time.monotonic() + seconds
        while text not in self.text:
            assert time.monotonic() < deadline, f"{text!r} was not shown:\n{self.text}"
            if not self._read(0.2):
                assert self.process.poll() is None, f"it ended before {text!r} was shown:\n{self.text}"

    def ends(self, seconds: float = 60) -> int:
        """Read to the end; the exit code."""
        deadline = time.monotonic() + seconds
        while self.process.poll() is None:
            assert time.monotonic() < deadline, f"it does not end:\n{self.text}"
            self._read(0.05)
        while self._read(0.05):
            pass
        return self.process.returncode

    def _read(self, seconds: float) -> bool:
        ready, _, _ = select.select([self._ours], [], [], seconds)
        if not ready:
            return False
        try:
            data = os.read(self._ours, 65536)
        except OSError:  # Linux: the other side is closed
            return False
        self.raw += data.decode("utf-8", "replace")
        return bool(data)


def _own_terminal() -> None:
    """Make standard input the controlling terminal, so that Ctrl-C reaches the program as a signal.

    Where the tests run in a shell's background they ignore that signal, and so would what they start.
    """
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    signal.signal(signal.SIGINT, signal.SIG_DFL)
