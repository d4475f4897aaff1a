"""The line in which a filter is typed; it says how many rows are left."""

from __future__ import annotations

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.content import Content
from textual.message import Message
from textual.widgets import Input

from workshop.tui.widgets.text import Text


class FilterBar(Horizontal):
    """Hidden until it is opened; stays while it filters."""

    DEFAULT_CSS = """
    FilterBar {
        height: 1;
        display: none;
        background: $surface;
        &.open { display: block; }
        & > #filter-sign { width: 3; color: $text-accent; }
        & > #filter-field { width: 1fr; background: $surface; }
        & > #filter-count { width: auto; color: $text-muted; }
    }
    """

    class Changed(Message):
        """Another filter is wanted."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    class Kept(Message):
        """The filter is as wanted: the table gets the focus back."""

    def compose(self) -> ComposeResult:
        yield Text(" / ", id="filter-sign")
        yield Input(placeholder="part of any column; ! turns it round", id="filter-field", compact=True)
        yield Text("", id="filter-count")

    @property
    def is_open(self) -> bool:
        return self.has_class("open")

    def open(self) -> None:
        self.add_class("open")
        self.query_one(Input).focus()

    def close(self) -> None:
        """Take the filter away."""
        self.remove_class("open")
        self.query_one(Input).value = ""
        self.post_message(self.Changed(""))

    def show_count(self, shown: int, there: int) -> None:
        style = "$text-error" if shown == 0 else "$text-muted"
        self.query_one("#filter-count", Text).say(Content.styled(f" {shown} of {there} ", style))

    @on(Input.Changed)
    def _changed(self, event: Input.Changed) -> None:
        event.stop()
        if self.is_open:
            self.post_message(self.Changed(event.value))

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.post_message(self.Kept())
