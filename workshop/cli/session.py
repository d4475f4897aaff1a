"""One call of the program: where its results go, and how it talks to the service."""

from __future__ import annotations

import logging
import os
import signal
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from workshop.cli.diagnostics import Diagnostics, ExitCode
from workshop.cli.output import Output
from workshop.errors import PartlyDone, WorkshopError

if TYPE_CHECKING:
    import asyncio

    from workshop.cli.progress import Progress
    from workshop.model.snapshot import Removal
    from workshop.service import Service

T = TypeVar("T")


class OpenTerminalUi(Protocol):
    """Shows the terminal UI until it is left. Given by `__main__`: the command line does not know the terminal UI."""

    def __call__(self, service: Service, *, start: str | None, read_only: bool) -> int: ...


class Talk:
    """A conversation with the service, on one event loop. Between two `run`s Ctrl-C and prompts work as usual."""

    def __init__(self, service: Service, runner: asyncio.Runner) -> None:
        self.service = service
        self._runner = runner

    @property
    def ascii_only(self) -> bool:
        """Whether states are told by signs that every terminal knows."""
        return self.service.wiring.setting("glyphs") == "ascii"

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Carry the work out; Ctrl-C cancels it, waits until it has ended, and then interrupts the call."""
        return self._runner.run(work)


class Session:
    """What every verb is given."""

    def __init__(self, *, output: Output, diagnostics: Diagnostics, open_terminal_ui: OpenTerminalUi) -> None:
        self.output = output
        self.diagnostics = diagnostics
        self._open_terminal_ui = open_terminal_ui
        self.flags: dict[str, str] = {}
        """Settings given on the command line, by name."""

    @contextmanager
    def talk(self) -> Iterator[Talk]:
        """The service of this call; closed at the end, also after an error."""
        import asyncio

        from workshop.config.settings import unknown_variables
        from workshop.service import Service

        self.begin_log()
        for problem in unknown_variables(os.environ):
            self.diagnostics.warning(f"{problem.path}: {problem.message} {problem.hint}")
        with asyncio.Runner() as runner:
            service = Service(self.flags, on_notice=self.diagnostics.warning)
            try:
                yield Talk(service, runner)
            finally:
                runner.run(service.aclose())

    def progress(self, *, verbose: bool = False) -> Progress:
        """A `Report` for a longer piece of work; use it as a context manager.

        Quiet where a program reads the result and nobody watches.
        """
        from workshop.cli.progress import Progress

        quiet = self.output.as_json and not self.diagnostics.is_terminal
        return Progress(self.diagnostics, quiet=quiet, verbose=verbose)

    def nothing_done(self) -> int:
        """The answer to a question was no."""
        self.diagnostics.note("Nothing was done.")
        return ExitCode.DONE

    def told(self, error: WorkshopError | None) -> int:
        """Say an error beside a result that is out; the exit code of both."""
        if error is None:
            return ExitCode.DONE
        self.diagnostics.error(error)
        return error.exit_code

    def told_removal(self, removal: Removal) -> int:
        """Name what survived a removal; the exit code."""
        from workshop.present.removal import survivor_lines

        if not removal.left:
            return ExitCode.DONE
        return self.told(
            PartlyDone(
                f"{len(removal.left)} left.",
                hint="Mend what the reasons name, then run the same command again.",
                details=survivor_lines(removal),
            )
        )

    def show(self, *, start: str | None, read_only: bool = False) -> int:
        """The terminal UI, until it is left; the exit code it ends with.

        Args:
            start: the classroom to show first.
        """
        from workshop.service import Service

        self.begin_log()
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
            # without its terminal the UI ends at once: to end in order it would wait for what it draws to be taken
            signal.signal(signal.SIGHUP, signal.SIG_DFL)
        return self._open_terminal_ui(Service(self.flags), start=start, read_only=read_only)

    def begin_log(self) -> Path:
        """Log to the file that `workshop paths` names, from here on."""
        from workshop.cli.logfile import begin_logging
        from workshop.config.paths import paths

        file = paths(self.flags).log_file
        begin_logging(file)
        return file

    def unforeseen(self, error: Exception) -> WorkshopError:
        """An error that no part translated, as one that can be shown; the log has its traceback."""
        file = self.begin_log()
        logging.getLogger("workshop").error("unforeseen", exc_info=error)
        reason = str(error).strip().splitlines()
        what = f"{type(error).__name__}: {reason[0]}" if reason else type(error).__name__
        return WorkshopError(
            f"This was not foreseen: {what.rstrip('.')}.",
            hint=f"The log has the details: {file}. Running the same command again is safe.",
        )
