"""What the server of one seat printed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from textual.widget import Widget

from workshop.actions import Scope
from workshop.tui.screens.base import BaseScreen
from workshop.tui.widgets.log_view import Lines, LogView

EVERY = 3.0
TAIL = 1000


class SeatLogsScreen(BaseScreen[None]):
    """Read again every few seconds while it is shown."""

    SCOPES: ClassVar[tuple[Scope, ...]] = ()

    def __init__(self, room: str, number: int) -> None:
        super().__init__()
        self._room = room
        self._number = number
        self._text: str | None = None

    def crumbs(self) -> tuple[str, ...]:
        return (self._room, f"seat {self._number:02d}", "logs")

    def body(self) -> Iterator[Widget]:
        yield LogView(first_focus=True)

    def on_mount(self) -> None:
        self.query_one(Lines).set([("Asking…", "muted")])
        self.work("Reading logs", self._read, group="logs")
        self.set_interval(EVERY, self._again)

    def _again(self) -> None:
        if self.is_current:
            self.work("Reading logs", self._read, group="logs")

    async def _read(self) -> None:
        text = await self.workshop.service.logs(self._room, self._number, tail=TAIL)
        if text == self._text:
            return
        self._text = text
        lines = [(line, "normal") for line in text.splitlines()]
        self.query_one(Lines).set(lines or [("It printed nothing yet.", "muted")])

    def go_back(self) -> None:
        if not self.query_one(LogView).close_search():
            self.dismiss()
