"""Text that is set often and painted only when it is another one."""

from __future__ import annotations

from textual.content import Content
from textual.widgets import Static


class Text(Static):
    """A `Static` without markup that compares before it paints."""

    def __init__(self, text: str | Content = "", *, id: str | None = None, classes: str = "") -> None:  # noqa: A002
        content = Content(text) if isinstance(text, str) else text
        super().__init__(content, id=id, classes=classes, markup=False)
        self._said = content

    def say(self, text: str | Content) -> None:
        """Show this text."""
        content = Content(text) if isinstance(text, str) else text
        if not content.is_same(self._said):
            self._said = content
            self.update(content)
