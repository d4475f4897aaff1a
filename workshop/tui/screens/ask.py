"""One line of text, asked for over a screen."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import Input

from workshop.tui.screens.base import BaseDialog
from workshop.tui.screens.confirm import ESCAPE
from workshop.tui.widgets.text import Text

Check = Callable[[str], str]
"""What is wrong with a text; empty when nothing is."""


class AskDialog(BaseDialog[str]):
    """
    Args:
        title: what is asked.
        text: why, or what happens then.
        value: what stands in the field at first.
        check: what is wrong with an answer; shown below the field, which then stays open.
        wide: for paths.
    """

    BINDINGS: ClassVar = [ESCAPE]
    AUTO_FOCUS = "Input"

    def __init__(
        self,
        title: str,
        text: str,
        *,
        value: str = "",
        placeholder: str = "",
        check: Check = lambda _text: "",
        wide: bool = False,
    ) -> None:
        super().__init__()
        self._title = title
        self._text = text
        self._value = value
        self._placeholder = placeholder
        self._check = check
        self._wide = wide

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog wide" if self._wide else "dialog"):
            yield Text(self._title, classes="dialog-title")
            yield Text(self._text, classes="dialog-text")
            yield Input(self._value, placeholder=self._placeholder, compact=True, classes="dialog-input")
            yield Text("", id="wrong", classes="dialog-wrong")
            yield Text("↵ does it, esc leaves", classes="dialog-foot")

    @on(Input.Changed)
    def _changed(self) -> None:
        self.query_one("#wrong", Text).say("")

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        wrong = self._check(event.value)
        if wrong:
            self.query_one("#wrong", Text).say(wrong)
        else:
            self.dismiss(event.value)

    def action_back(self) -> None:
        self.dismiss(None)
