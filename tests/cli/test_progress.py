"""How far a piece of work is, for eyes and for logs."""

from __future__ import annotations

import io
import re
import sys

import pytest

from workshop.cli.diagnostics import Diagnostics
from workshop.cli.progress import Progress
from workshop.model.events import LogLine, Noted, RemovedObject, SeatChanged, StepFinished, StepStarted
from workshop.model.seat import SeatRecord, SeatState


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def seat(number: int, state: SeatState, detail: str = "") -> SeatChanged:
    return SeatChanged(SeatRecord(number, state, object_id=f"c{number}", detail=detail))


def on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """Standard error as a terminal from here on."""
    stream = Terminal()
    monkeypatch.setattr(sys, "stderr", stream)
    return stream


def test_without_a_terminal_every_step_and_log_line_is_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    with Progress(Diagnostics()) as report:
        report(StepStarted("resolve", "Finding the commit", 1, 2))
        report(StepFinished("resolve", "Commit 3f2a1b9", 0.4))
        report(StepStarted("install", "Installing", 2, 2))
        report(LogLine("Resolved 12 packages", "install"))
        report(StepFinished("install", "12 packages", 3.0, cached=True))
    assert capsys.readouterr().err.splitlines() == [
        "[1/2] Finding the commit",
        "  Commit 3f2a1b9 (0.4 s)",
        "[2/2] Installing",
        "    Resolved 12 packages",
        "  12 packages (there already)",
    ]


def test_a_warning_that_two_parts_of_the_work_have_is_told_once(capsys: pytest.CaptureFixture[str]) -> None:
    with Progress(Diagnostics()) as report:
        for text in ("The folder is no Git repository.", "No room.", "The folder is no Git repository."):
            report(Noted(text, level="warning"))
    assert capsys.readouterr().err.splitlines() == ["warning: The folder is no Git repository.", "warning: No room."]


def test_seats_are_counted_as_they_come(capsys: pytest.CaptureFixture[str]) -> None:
    with Progress(Diagnostics()) as report:
        report(StepStarted("seats", "Starting seats", total=3))
        for number in (1, 2):
            report(seat(number, SeatState.STARTING))
            report(seat(number, SeatState.READY))
            report(seat(number, SeatState.READY))
        report(seat(3, SeatState.FAILED, "no memory"))
    assert capsys.readouterr().err.splitlines()[1:] == [
        "seat 01 ready, 1 of 3 ready",
        "seat 02 ready, 2 of 3 ready",
        "seat 03 failed: no memory",
    ]


def test_what_seats_wait_for_is_told_once_for_all_of_them(capsys: pytest.CaptureFixture[str]) -> None:
    with Progress(Diagnostics()) as report:
        for number in (1, 2, 1):
            report(seat(number, SeatState.QUEUED, "no node has room: memory"))
    assert capsys.readouterr().err.splitlines() == ["seat 01: no node has room: memory"]


def test_a_program_that_reads_the_result_hears_only_warnings(capsys: pytest.CaptureFixture[str]) -> None:
    with Progress(Diagnostics(), quiet=True) as report:
        report(StepStarted("seats", "Starting seats", total=1))
        report(LogLine("chatter"))
        report(Noted("for information"))
        report(seat(1, SeatState.READY))
        report(Noted("the disk is nearly full", level="warning"))
    assert capsys.readouterr().err == "warning: the disk is nearly full\n"


def test_on_a_terminal_one_line_moves_and_is_gone_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = on_a_terminal(monkeypatch)
    monkeypatch.setenv("COLUMNS", "60")
    with Progress(Diagnostics(colour=False)) as report:
        report(StepStarted("seats", "Starting seats", total=10))
        report(seat(1, SeatState.READY))
        report(LogLine("x" * 200))
        drawn = report._live_line()
        report(StepFinished("seats", "10 of 10 seats ready", 4.2))
    assert "1 of 10 ready" in drawn
    assert len(drawn) <= 59
    last = re.split(r"\r\x1b\[2K", terminal.getvalue())[-1]
    assert last in ("", "✓ 10 of 10 seats ready (4.2 s)\n")
    assert "✓ 10 of 10 seats ready (4.2 s)\n" in terminal.getvalue()


def test_removals_are_counted_on_the_moving_line(monkeypatch: pytest.MonkeyPatch) -> None:
    on_a_terminal(monkeypatch)
    report = Progress(Diagnostics(colour=False))
    report(RemovedObject("container", "a"))
    report(RemovedObject("container", "b"))
    report(RemovedObject("network", "n"))
    assert "removed 2 container, 1 network" in report._live_line()
