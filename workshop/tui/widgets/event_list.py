"""What happened in a classroom, as lines that can be searched."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from textual.app import ComposeResult
from textual.containers import Vertical

from workshop.tui.room_history import RoomEvent, RoomHistory
from workshop.tui.widgets.log_view import LogView


class EventList(Vertical):
    """The newest event is the last line."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's own name
        super().__init__(id=id)
        self._told = 0
        self._from_the_start = False

    def compose(self) -> ComposeResult:
        yield LogView()

    def show(self, history: RoomHistory, local: Callable[[datetime], datetime]) -> None:
        if history.events_from_the_start and not self._from_the_start:
            self._from_the_start, self._told = True, history.told
            self.query_one(LogView).lines.set([(_line(event, local), event.tone) for event in history.events])
            return
        new = min(history.told - self._told, len(history.events))
        if new > 0:
            self._told = history.told
            lines = [(_line(event, local), event.tone) for event in list(history.events)[-new:]]
            self.query_one(LogView).lines.add(lines)

    def close_search(self) -> bool:
        return self.query_one(LogView).close_search()


def _line(event: RoomEvent, local: Callable[[datetime], datetime]) -> str:
    who = f"seat {event.seat:02d} " if event.seat is not None else ""
    return f"{local(event.at):%H:%M:%S}  {who}{event.text}"
