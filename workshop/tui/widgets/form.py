"""A labelled field."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widget import Widget

from workshop.tui.widgets.text import Text


class Field(Vertical):
    """A label over what is asked for."""

    DEFAULT_CSS = """
    Field {
        width: 1fr;
        height: auto;
        & > .field-label { color: $text-muted; }
    }
    """

    def __init__(self, label: str, field: Widget, *, classes: str = "") -> None:
        super().__init__(classes=classes)
        self._label = label
        self._field = field

    def compose(self) -> ComposeResult:
        yield Text(self._label, classes="field-label")
        yield self._field
