"""A box that is ticked or empty: told apart without colour."""

from __future__ import annotations

from textual.content import Content
from textual.widgets import Checkbox


class Check(Checkbox):
    """Textual's box has the same sign in both states, and only another colour."""

    BUTTON_LEFT = "["
    BUTTON_RIGHT = "]"

    @property
    def _button(self) -> Content:
        style = self.get_visual_style("toggle--button")
        return Content.styled(f"{self.BUTTON_LEFT}{'✓' if self.value else ' '}{self.BUTTON_RIGHT}", style)
