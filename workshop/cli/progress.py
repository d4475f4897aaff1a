"""How far a longer piece of work is: one moving line on a terminal, plain lines elsewhere."""

from __future__ import annotations

import re
import shutil
import threading
from collections import Counter
from time import monotonic
from types import TracebackType

from workshop.cli.diagnostics import Diagnostics
from workshop.model.amounts import format_span
from workshop.model.events import LogLine, Noted, RemovedObject, SeatChanged, StepFinished, StepStarted, WorkEvent
from workshop.model.seat import SeatState, seat_name

FRAMES = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
REDRAW_EVERY = 0.12
_HALFWAY = re.compile(r"\b\d?\d% \(\d+/\d+\)")
"""Lines that a program meant to overwrite: `Counting objects:  25% (1/4)`."""


class Progress:
    """A `Report`: takes the events of one piece of work and tells of them on standard error.

    Args:
        quiet: say nothing (a program reads the result), except warnings.
        verbose: show every line of a build's log, also on a terminal.
    """

    def __init__(self, diagnostics: Diagnostics, *, quiet: bool = False, verbose: bool = False) -> None:
        self._diagnostics = diagnostics
        self._quiet = quiet
        self._verbose = verbose
        self._lively = diagnostics.is_terminal and not quiet
        self._step: StepStarted | None = None
        self._step_began = 0.0
        self._last_line = ""
        self._warned: set[str] = set()
        self._waits: set[str] = set()
        self._seats: dict[int, SeatState] = {}
        self._seats_total = 0
        self._removed: Counter[str] = Counter()
        self._ended = threading.Event()
        self._ticker: threading.Thread | None = None
        self._frame = 0

    def __enter__(self) -> Progress:
        if self._lively:
            self._ticker = threading.Thread(target=self._tick, name="progress", daemon=True)
            self._ticker.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        if self._ticker is not None:
            self._ticker.join()
        self._diagnostics.live("")

    def __call__(self, event: WorkEvent) -> None:
        match event:
            case StepStarted():
                self._step_started(event)
            case StepFinished():
                self._step_finished(event)
            case LogLine(text=text):
                self._log_line(text)
            case Noted(text=text, level="info"):
                if not self._quiet:
                    self._diagnostics.note(text)
            case Noted(text=text):
                if text not in self._warned:  # parts of one piece of work meet the same thing
                    self._warned.add(text)
                    self._diagnostics.warning(text)
            case SeatChanged(record=record):
                self._seat_changed(record.number, record.state, record.detail)
            case RemovedObject(kind=kind, name=name):
                self._removed_object(kind, name)
            case _:
                pass  # facts about a class that is on; no part of this piece of work

    def _step_started(self, event: StepStarted) -> None:
        self._step, self._step_began, self._last_line = event, monotonic(), ""
        if event.step == "seats":
            self._seats_total = event.total
        if not self._lively and not self._quiet:
            self._diagnostics.line(f"{_position(event)}{event.text}")

    def _step_finished(self, event: StepFinished) -> None:
        began, self._step = self._step, None
        if self._quiet:
            return
        took = " (there already)" if event.cached else f" ({event.seconds:.1f} s)" if event.seconds >= 0.1 else ""
        if self._lively:
            self._diagnostics.line(f"✓ {event.text}{took}")
        elif began is None or began.text != event.text:
            self._diagnostics.line(f"  {event.text}{took}")
        elif took:
            self._diagnostics.line(f"  done{took}")

    def _log_line(self, text: str) -> None:
        if self._quiet:
            return
        if self._verbose or not self._lively:
            if not _HALFWAY.search(text):
                self._diagnostics.line(f"    {text}", dim=True)
        elif text.strip():
            self._last_line = text.strip()

    def _seat_changed(self, number: int, state: SeatState, detail: str) -> None:
        before = self._seats.get(number)
        self._seats[number] = state
        if self._quiet:
            return
        if detail and state in (SeatState.QUEUED, SeatState.CREATING) and detail not in self._waits:
            self._waits.add(detail)  # other seats wait for the same
            self._diagnostics.note(f"seat {seat_name(number)}: {detail}")
        if state is before:
            return
        if state is SeatState.FAILED:
            self._diagnostics.line(f"seat {seat_name(number)} failed: {detail}", fg="red")
        elif state is SeatState.READY and not self._lively:
            self._diagnostics.line(f"seat {seat_name(number)} ready{self._count_of_known_total()}")

    def _removed_object(self, kind: str, name: str) -> None:
        self._removed[kind] += 1
        if self._verbose and not self._quiet:
            self._diagnostics.note(f"removed {kind} {name}")

    def _counted(self) -> str:
        """`3 of 10 ready`."""
        ready = sum(state is SeatState.READY for state in self._seats.values())
        return f"{ready} of {max(self._seats_total, len(self._seats))} ready"

    def _count_of_known_total(self) -> str:
        return f", {self._counted()}" if self._seats_total else ""

    def _tick(self) -> None:
        while not self._ended.wait(REDRAW_EVERY):
            self._frame += 1
            self._diagnostics.live(self._live_line())

    def _live_line(self) -> str:
        step = self._step
        if step is None and not self._removed:
            return ""
        parts = []
        if step is not None:
            parts.append(f"{_position(step)}{step.text}")
            if step.step == "seats":
                parts.append(self._counted())
            parts.append(format_span(monotonic() - self._step_began))
        if self._removed:
            parts.append("removed " + ", ".join(f"{count} {kind}" for kind, count in sorted(self._removed.items())))
        if self._last_line:
            parts.append(self._last_line)
        width = shutil.get_terminal_size().columns - 1
        line = f"{FRAMES[self._frame % len(FRAMES)]} {' · '.join(parts)}"
        return line if len(line) <= width else line[: width - 1] + "…"


def _position(step: StepStarted) -> str:
    return f"[{step.index}/{step.total}] " if step.index and step.total else ""
