"""A text to be selected by hand, where neither a program nor the terminal takes it to the clipboard."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import TextArea

from workshop.tui.screens.base import BaseDialog
from workshop.tui.screens.confirm import ESCAPE
from workshop.tui.widgets.text import Text


class CopyDialog(BaseDialog[None]):
    """
    Args:
        what: what the text is.
        why: why nothing else worked, where that is known.
    """

    BINDINGS: ClassVar = [ESCAPE]
    AUTO_FOCUS = "#text"

    def __init__(self, text: str, what: str, why: str = "") -> None:
        super().__init__()
        self._text = text
        self._what = what
        self._why = why

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog wide"):
            yield Text(f"Copy {self._what}", classes="dialog-title")
            reason = f" ({self._why})" if self._why else ""
            yield Text(
                f"No clipboard can be reached from here{reason}. Select with the mouse (with Shift held down in most "
                "terminals), or ctrl+a and your terminal's copy key.",
                classes="dialog-text",
            )
            yield TextArea(self._text, read_only=True, id="text", soft_wrap=True)
            yield Text("esc closes", classes="dialog-foot")

    def on_mount(self) -> None:
        self.query_one(TextArea).select_all()

    def action_back(self) -> None:
        self.dismiss()
