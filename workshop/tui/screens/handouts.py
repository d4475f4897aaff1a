"""Cards, tables of links and QR codes of a class, written into a folder."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, NamedTuple

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal, Vertical
from textual.widgets import Button, Input

from workshop.service import HandoutKind
from workshop.tui.places import shown
from workshop.tui.screens.base import BaseDialog
from workshop.tui.screens.confirm import ESCAPE
from workshop.tui.widgets.check import Check
from workshop.tui.widgets.text import Text

KINDS = {
    HandoutKind.PDF: "Cards to print, a PDF",
    HandoutKind.HTML: "Cards as a page for the browser",
    HandoutKind.CSV: "Table for a spreadsheet, CSV",
    HandoutKind.MARKDOWN: "Table for a page or a chat, Markdown",
    HandoutKind.CODES: "QR codes as pictures, PNG and SVG",
}
CHOSEN = (HandoutKind.PDF, HandoutKind.CSV)


class Handouts(NamedTuple):
    """What was asked for."""

    folder: Path
    kinds: tuple[HandoutKind, ...]
    spares: bool


class HandoutDialog(BaseDialog[Handouts]):
    """
    Args:
        folder: where they go unless another one is named.
        seats: that have a card.
        spares: seats that are kept back, unless they are asked for.
    """

    BINDINGS: ClassVar = [
        ESCAPE,
        Binding("up", "app.focus_previous", show=False),
        Binding("down", "app.focus_next", show=False),
    ]
    AUTO_FOCUS = "#pdf"

    def __init__(self, folder: Path, seats: int, spares: int) -> None:
        super().__init__()
        self._folder = folder
        self._seats = seats
        self._spares = spares

    def compose(self) -> ComposeResult:
        seats = "1 seat" if self._seats == 1 else f"{self._seats} seats"
        with Vertical(classes="dialog"):
            yield Text("Cards and tables of links", classes="dialog-title")
            yield Text(f"For {seats}. Whoever has a link or a code has the seat.", classes="dialog-text")
            for kind, title in KINDS.items():
                yield Check(title, value=kind in CHOSEN, id=kind.value, compact=True)
            if self._spares:
                yield Check(f"Spare seats too ({self._spares})", id="spares", compact=True)
            yield Text("Into the folder", classes="dialog-label")
            yield Input(shown(self._folder), compact=True, classes="dialog-input")
            yield Text("", id="wrong", classes="dialog-wrong")
            with Horizontal(classes="dialog-buttons"):
                yield Button("Cancel", id="cancel", compact=True)
                yield Button("Write", id="write", compact=True)

    @on(Check.Changed)
    @on(Input.Changed)
    def _changed(self) -> None:
        self.query_one("#wrong", Text).say("")

    @on(Input.Submitted)
    @on(Button.Pressed, "#write")
    def _write(self) -> None:
        kinds = tuple(kind for kind in KINDS if self.query_one(f"#{kind.value}", Check).value)
        folder = self.query_one(Input).value.strip()
        if not kinds:
            self.query_one("#wrong", Text).say("Choose at least one.")
        elif not folder:
            self.query_one("#wrong", Text).say("A folder is needed.")
        else:
            spares = bool(self._spares) and self.query_one("#spares", Check).value
            self.dismiss(Handouts(Path(folder).expanduser(), kinds, spares))

    @on(Button.Pressed, "#cancel")
    def action_back(self) -> None:
        self.dismiss(None)
