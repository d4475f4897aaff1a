"""What was written and where, until somebody has read it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Button

from workshop.tui.places import shown
from workshop.tui.screens.base import BaseDialog
from workshop.tui.screens.confirm import ESCAPE
from workshop.tui.widgets.text import Text


class WrittenDialog(BaseDialog[None]):
    """
    Args:
        title: what was written.
        folder: where.
        files: what is in it now.
        note: a sentence about them.
    """

    BINDINGS: ClassVar = [
        ESCAPE,
        Binding("c", "copy", "Copy the folder", show=False),
        Binding("left,right", "other", "Other button", show=False),
    ]
    AUTO_FOCUS = "#close"

    def __init__(self, title: str, folder: Path, files: Sequence[Path], note: str = "") -> None:
        super().__init__()
        self._title = title
        self._folder = folder
        self._files = files
        self._note = note

    def compose(self) -> ComposeResult:
        names = [f"{file.name}/" if file.is_dir() else file.name for file in self._files]
        lines = [Content.styled(shown(self._folder), "bold $text-primary"), *(Content(f"  {name}") for name in names)]
        with Vertical(classes="dialog wide"):
            yield Text(self._title, classes="dialog-title")
            with VerticalScroll(classes="dialog-text", can_focus=False):
                yield Text(Content("\n").join(lines))
            yield Text(self._note, classes="dialog-text")
            with Horizontal(classes="dialog-buttons"):
                yield Button("Close", id="close", compact=True)
                yield Button("Copy the folder (c)", id="copy", compact=True)

    @on(Button.Pressed, "#copy")
    async def action_copy(self) -> None:
        await self.workshop.copy(str(self._folder), "the folder's path")

    @on(Button.Pressed, "#close")
    def action_back(self) -> None:
        self.dismiss(None)

    def action_other(self) -> None:
        self.query_one("#copy" if self.query_one("#close").has_focus else "#close").focus()
