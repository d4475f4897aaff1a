"""Questions before something is lost or changed. Cancel has the focus: Enter alone never does it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal, Vertical
from textual.widgets import Button

from workshop.actions import Scope
from workshop.tui.screens.base import BaseDialog
from workshop.tui.widgets.text import Text

ESCAPE = Binding("escape", "back", "Back", show=False)


class ConfirmDialog(BaseDialog[bool]):
    """
    Args:
        question: names what it is about.
        lines: what is lost, or what is kept.
        verb: what the confirming button says.
    """

    SCOPES: ClassVar[tuple[Scope, ...]] = ()
    BINDINGS: ClassVar = [
        ESCAPE,
        Binding("y", "yes", "Yes", show=False),
        Binding("n", "back", "No", show=False),
        Binding("left,right", "other", "Other button", show=False),
    ]
    AUTO_FOCUS = "#cancel"

    def __init__(self, question: str, lines: Sequence[str], verb: str, *, danger: bool = True) -> None:
        super().__init__()
        self._question = question
        self._lines = lines
        self._verb = verb
        self._danger = danger

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog danger" if self._danger else "dialog"):
            yield Text(self._question, classes="dialog-title")
            yield Text("\n".join(self._lines), classes="dialog-text")
            with Horizontal(classes="dialog-buttons"):
                yield Button("Cancel", id="cancel", compact=True)
                yield Button(f"{self._verb} (y)", id="yes", compact=True, classes="danger" if self._danger else "")

    @on(Button.Pressed, "#cancel")
    def action_back(self) -> None:
        self.dismiss(False)

    @on(Button.Pressed, "#yes")
    def action_yes(self) -> None:
        self.dismiss(True)

    def action_other(self) -> None:
        self.query_one("#yes" if self.query_one("#cancel").has_focus else "#cancel").focus()
