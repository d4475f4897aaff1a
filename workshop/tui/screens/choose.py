"""One of several things, chosen from a list over a screen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical

from workshop.present.columns import Cell, Column
from workshop.tui.screens.base import BaseDialog
from workshop.tui.screens.confirm import ESCAPE
from workshop.tui.widgets.row_table import RowTable
from workshop.tui.widgets.text import Text


class ChooseDialog(BaseDialog[str]):
    """Its result is the key of the chosen row; None when nothing was chosen.

    Args:
        title: what is chosen.
        text: what happens then.
        columns: of the list.
        rows: key and cells of each; the first has the cursor.
    """

    BINDINGS: ClassVar = [ESCAPE, Binding("enter", "choose", "Choose", show=False)]
    AUTO_FOCUS = "RowTable"
    BESIDE = 12

    def __init__(
        self, title: str, text: str, columns: Sequence[Column], rows: Sequence[tuple[str, Sequence[Cell]]]
    ) -> None:
        super().__init__()
        self._title = title
        self._text = text
        self._columns = columns
        self._rows = rows

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Text(self._title, classes="dialog-title")
            yield Text(self._text, classes="dialog-text")
            yield RowTable(self._columns)
            yield Text("↵ chooses, esc leaves", classes="dialog-foot")

    def on_mount(self) -> None:
        table = self.query_one(RowTable)
        table.set_rows(self._rows)
        table.be_as_tall_as_its_rows(self.BESIDE)

    @on(RowTable.Chosen)
    def action_choose(self) -> None:
        self.dismiss(self.query_one(RowTable).cursor_key)

    def action_back(self) -> None:
        self.dismiss(None)
