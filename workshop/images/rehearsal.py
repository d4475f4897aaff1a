"""Running a notebook inside a seat: the command that does it, and what its output says."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from workshop.images.recipe_files import shipped

if TYPE_CHECKING:
    from workshop.model.definition import RehearsePart

SCRIPT = "rehearse_notebook.py"
PEAK_FACTOR = 1.3
"""What a limit should leave above the peak of a rehearsal."""
STEP = 256 * 1024**2
"""Limits are proposed in steps of this size."""


@dataclass(frozen=True, slots=True)
class CellOutcome:
    """One cell that was run."""

    cell: int
    """Counted as people do: the first cell of the notebook is 1, text cells included."""
    seconds: float
    ok: bool
    error: str = ""
    """`NameError`, `Timeout` or `DeadKernel`."""
    value: str = ""
    line: str = ""
    """The cell's first line."""
    traceback: str = ""


@dataclass(frozen=True, slots=True)
class NotebookOutcome:
    """One notebook that was run."""

    notebook: str
    ok: bool
    seconds: float = 0.0
    peak_memory_bytes: int = 0
    """Of the whole seat where its cgroup counts it, else of the notebook's kernel."""
    cells: tuple[CellOutcome, ...] = ()
    reason: str = ""
    """Why it failed: `cell 4: NameError: name 'x' is not defined`."""

    @property
    def failing(self) -> CellOutcome | None:
        """The first cell that failed."""
        return next((cell for cell in self.cells if not cell.ok), None)


def rehearsal_command(notebook: str, *, seconds: float, allow_errors: bool = False) -> tuple[str, ...]:
    """What is run in the seat, in its home folder.

    Args:
        notebook: its path below the home folder.
        seconds: how long the notebook may take; give the call itself a little longer.
    """
    flags = ("--allow-errors",) if allow_errors else ()
    return ("python", "-c", shipped(SCRIPT).decode(), notebook, f"{seconds:g}", *flags)


def read_outcome(notebook: str, output: str, *, exit_code: int = 0, errors: str = "") -> NotebookOutcome:
    """What the command printed.

    Args:
        errors: its standard error, for the case that it never came to print anything.
    """
    cells: list[CellOutcome] = []
    for entry in _objects(output):
        if entry.get("done"):
            return NotebookOutcome(
                notebook=notebook,
                ok=bool(entry["ok"]),
                seconds=float(entry.get("seconds", 0)),
                peak_memory_bytes=int(entry.get("peak_memory_bytes", 0)),
                cells=tuple(cells),
                reason=str(entry.get("reason", "")),
            )
        if "cell" in entry:
            known = {name: entry[name] for name in CellOutcome.__dataclass_fields__ if name in entry}
            cells.append(CellOutcome(**known))
    last = next((line for line in reversed(errors.splitlines()) if line.strip()), "")
    after = f" after cell {cells[-1].cell}" if cells else ""
    reason = f"the rehearsal itself ended{after} (exit code {exit_code})" + (f": {last.strip()}" if last else "")
    if exit_code in (137, -9):
        reason = f"the seat ran out of memory{after}"
    return NotebookOutcome(notebook, ok=False, cells=tuple(cells), reason=reason)


def _objects(output: str) -> Iterable[dict[str, Any]]:
    for line in output.splitlines():
        if line.startswith("{"):
            try:
                entry = json.loads(line)
            except ValueError:
                continue
            if isinstance(entry, dict):
                yield entry


def chosen_notebooks(there: Iterable[str], part: RehearsePart) -> tuple[str, ...]:
    """Which of a repository's notebooks are rehearsed, in order."""
    return tuple(
        name
        for name in there
        if (not part.notebooks or _matches(name, part.notebooks)) and not _matches(name, part.skip)
    )


def _matches(name: str, patterns: Iterable[str]) -> bool:
    return any(name == pattern or PurePath(name).match(pattern) for pattern in patterns)


def proposed_memory(peak_bytes: int) -> int:
    """A limit with room above the peak, in whole steps."""
    wanted = int(peak_bytes * PEAK_FACTOR)
    return max(STEP, -(-wanted // STEP) * STEP)
