"""Choosing a theme: each is shown while the cursor is on it."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical

from workshop.present.columns import Cell, Column
from workshop.present.words import Tone
from workshop.tui.screens.base import BaseDialog
from workshop.tui.screens.confirm import ESCAPE
from workshop.tui.widgets.row_table import RowTable
from workshop.tui.widgets.text import Text

COLUMNS = (Column("title", "Theme", 22, grow=True), Column("kind", "", 6))


class ThemeDialog(BaseDialog[None]):
    """Enter keeps the theme and remembers it; escape goes back to the one before."""

    BINDINGS: ClassVar = [ESCAPE, Binding("enter", "keep", "Keep", show=False)]
    AUTO_FOCUS = "RowTable"
    BESIDE = 9

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog narrow"):
            yield Text("Theme", classes="dialog-title")
            yield RowTable(COLUMNS, header=False)
            yield Text("↵ keeps it, esc goes back", classes="dialog-foot")

    def on_mount(self) -> None:
        self._before = self.app.theme
        palettes = self.workshop.themes.palettes
        table = self.query_one(RowTable)
        table.set_rows(
            [
                (name, (Cell(palette.title), Cell("dark" if palette.dark else "light", Tone.MUTED)))
                for name, palette in palettes.items()
            ]
        )
        table.be_as_tall_as_its_rows(self.BESIDE)
        table.move_to(self._before)

    @on(RowTable.Moved)
    def _moved(self, event: RowTable.Moved) -> None:
        self.app.theme = event.key

    @on(RowTable.Chosen)
    def action_keep(self) -> None:
        name = self.app.theme
        self.dismiss()
        self.workshop.choose_theme(name)

    def action_back(self) -> None:
        self.app.theme = self._before
        self.dismiss()
