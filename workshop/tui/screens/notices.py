"""Everything that was said in passing."""

from __future__ import annotations

from collections.abc import Iterator

from textual.widget import Widget

from workshop.tui.screens.base import BaseScreen
from workshop.tui.widgets.log_view import Lines, LogView

TONES = {"warning": "warn", "error": "bad"}


class NoticesScreen(BaseScreen[None]):
    """The newest is the last line."""

    def crumbs(self) -> tuple[str, ...]:
        return ("messages",)

    def body(self) -> Iterator[Widget]:
        yield LogView(first_focus=True)

    def on_mount(self) -> None:
        lines = []
        for notice in self.workshop.notices:
            tone = TONES.get(notice.level, "normal")
            at = f"{self.workshop.local(notice.at):%H:%M:%S}"
            lines.append((f"{at}  {notice.text}", tone))
            if notice.hint:
                lines.append((f"{'':8}  {notice.hint}", "muted"))
        lines.append(("", "muted"))
        lines.append((f"The log: {self.workshop.places.log_file}", "muted"))
        self.query_one(Lines).set(lines)

    def go_back(self) -> None:
        if not self.query_one(LogView).close_search():
            self.dismiss()
