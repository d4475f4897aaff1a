"""How an act on several seats ended, seat by seat."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical

from workshop.present.cells import one_line
from workshop.present.columns import Cell, Column
from workshop.present.words import Tone
from workshop.service import ActReport
from workshop.tui.screens.base import BaseDialog
from workshop.tui.screens.confirm import ESCAPE
from workshop.tui.widgets.row_table import RowTable
from workshop.tui.widgets.text import Text

COLUMNS = (Column("seat", "Seat", 4), Column("result", "Result", 24, grow=True))


class ResultsDialog(BaseDialog[None]):
    """Failures first."""

    BINDINGS: ClassVar = [ESCAPE, Binding("enter", "back", "Close", show=False)]
    AUTO_FOCUS = "RowTable"
    BESIDE = 10

    def __init__(self, title: str, report: ActReport) -> None:
        super().__init__()
        self._title = title
        self._report = report

    def compose(self) -> ComposeResult:
        results, failed = self._report.results, self._report.failed
        done = len(results) - len(failed)
        with Vertical(classes="dialog wide danger" if failed else "dialog wide"):
            yield Text(self._title, classes="dialog-title")
            count = f"{done} of {len(results)} done" + (f", {len(failed)} not" if failed else "")
            yield Text(count, classes="dialog-text")
            yield RowTable(COLUMNS, id="results")
            yield Text("↵ or esc closes", classes="dialog-foot")

    def on_mount(self) -> None:
        table = self.query_one(RowTable)
        ordered = sorted(self._report.results, key=lambda result: (result.ok, result.number))
        rows = []
        for result in ordered:
            glyph, tone = ("✓", Tone.GOOD) if result.ok else ("✗", Tone.BAD)
            text = one_line(result.detail or self._report.verb)
            rows.append((str(result.number), (Cell(f"{result.number:02d}"), Cell(f"{glyph} {text}", tone))))
        table.set_rows(rows)
        table.be_as_tall_as_its_rows(self.BESIDE)

    def action_back(self) -> None:
        self.dismiss(None)
