"""The second line of the class screen: the views on the left, the numbers that matter on the right."""

from __future__ import annotations

from collections.abc import Sequence

from textual import events
from textual.content import Content
from textual.message import Message
from textual.widget import Widget

from workshop.present.cells import cell_width

TITLES = {"seats": "Seats", "map": "Map", "help": "Help", "activity": "Activity", "events": "Events"}
APART = " · "
SHORT_BELOW = 72
"""Columns below which only the shown view has its name."""


class ViewBar(Widget):
    """Tabs that can be clicked, and the header's facts; the least important leave first."""

    DEFAULT_CSS = """
    ViewBar { height: 1; background: $background; }
    """

    class Chosen(Message):
        """A view was clicked."""

        def __init__(self, view: str) -> None:
            super().__init__()
            self.view = view

    def __init__(self, views: Sequence[str]) -> None:
        super().__init__()
        self._views = tuple(views)
        self._view = self._views[0]
        self._asking = 0
        self._facts: tuple[str, ...] = ()
        self._marked = self._hidden = 0

    def show(self, view: str, asking: int, facts: Sequence[str], marked: int, hidden: int = 0) -> None:
        """The view that is shown, how many ask for help, the header's facts, how many seats are marked.

        Args:
            hidden: how many of the marked ones are not shown.
        """
        state = (view, asking, tuple(facts), marked, hidden)
        if state != (self._view, self._asking, self._facts, self._marked, self._hidden):
            self._view, self._asking, self._facts, self._marked, self._hidden = state
            self.refresh()

    def _tabs(self, short: bool) -> list[tuple[str, str, str]]:
        """View, text and style of each tab."""
        found = []
        for number, view in enumerate(self._views, 1):
            title = f" {number}" if short and view != self._view else f" {number} {TITLES[view]}"
            if view == "help" and self._asking:
                title += f" ⚑{self._asking}"
            style = "bold $text-primary underline" if view == self._view else "$text-muted"
            if view == "help" and self._asking and view != self._view:
                style = "bold $text-accent"
            found.append((view, f"{title} ", style))
        return found

    def render(self) -> Content:
        width = self.size.width
        hidden = f"{self._hidden} of " if self._hidden else ""
        more = " hidden" if self._hidden else ""
        facts = [f"{hidden}{self._marked} marked{more}", *self._facts] if self._marked else list(self._facts)
        tabs = self._tabs(width < SHORT_BELOW)
        room = width - sum(cell_width(text) for _view, text, _style in tabs) - 1
        while facts and _length(facts) > room:
            facts.pop()
        gap = " " * max(0, room - _length(facts))
        return Content.assemble(
            *((text, style) for _view, text, style in tabs),
            gap,
            *self._coloured(facts),
            " ",
        )

    def _coloured(self, facts: list[str]) -> list[tuple[str, str]]:
        parts: list[tuple[str, str]] = []
        for number, fact in enumerate(facts):
            if number:
                parts.append((APART, "$text-disabled"))
            bad = fact.endswith("failed") or fact.startswith("ended")
            help_ = "help" in fact or "marked" in fact
            parts.append((fact, "bold $text-error" if bad else "$text-accent" if help_ else "$foreground"))
        return parts

    def on_click(self, event: events.Click) -> None:
        left = 0
        for view, text, _style in self._tabs(self.size.width < SHORT_BELOW):
            left += cell_width(text)
            if event.x < left:
                self.post_message(self.Chosen(view))
                return


def _length(facts: Sequence[str]) -> int:
    return sum(cell_width(fact) for fact in facts) + len(APART) * max(0, len(facts) - 1)
