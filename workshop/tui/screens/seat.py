"""One seat, with everything that is known of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from textual.containers import Horizontal, VerticalScroll
from textual.widget import Widget

from workshop.actions import Scope
from workshop.model.snapshot import Snapshot
from workshop.tui.bindings import bindings_for
from workshop.tui.screens.base import BaseScreen
from workshop.tui.screens.seat_acts import SeatActs
from workshop.tui.widgets.qr_view import QrView
from workshop.tui.widgets.seat_panel import LABEL, seat_facts, seat_headline
from workshop.tui.widgets.text import Text


class SeatScreen(SeatActs, BaseScreen[None]):
    """
    Args:
        room: the classroom's name; it has to be watched already.
        number: the seat.
    """

    SCOPES: ClassVar[tuple[Scope, ...]] = (Scope.SEAT,)
    BINDINGS: ClassVar = bindings_for(Scope.SEAT)
    WITHOUT: ClassVar[frozenset[str]] = frozenset({"seat.open", "seat.mark", "seat.mark_all"})

    def __init__(self, room: str, number: int) -> None:
        super().__init__()
        self.room = room
        self._number = number

    def crumbs(self) -> tuple[str, ...]:
        return (self.room, f"seat {self._number:02d}")

    def body(self) -> Iterator[Widget]:
        yield Text("", id="seat-head")
        with Horizontal(id="seat-body"):
            facts = VerticalScroll(Text("", id="seat-link"), Text("", id="seat-facts"), id="seat-left")
            facts.add_class("first-focus")
            yield facts
            yield QrView(id="seat-qr")

    def on_mount(self) -> None:
        self.workshop.watch_room(self.room)
        self._show()

    def on_unmount(self) -> None:
        self.workshop.release_room(self.room)

    def room_changed(self, snapshot: Snapshot) -> None:
        if snapshot.classroom.name == self.room:
            self._show()

    def tick(self) -> None:
        super().tick()
        self._show()

    def _show(self) -> None:
        snapshot, now = self.snapshot, self.workshop.now()
        seat = snapshot.seat(self._number) if snapshot else None
        head, link = self.query_one("#seat-head", Text), self.query_one("#seat-link", Text)
        if seat is None:
            head.say("This seat is gone.")
            return
        head.say(seat_headline(seat, now))
        link.say(seat.link)
        qr = self.query_one(QrView)
        qr.show(seat.link)
        qr.display = self.app.size.width >= 78 and self.app.size.height >= qr.needs().height + 3
        width = max(20, self.query_one("#seat-left").size.width - LABEL)
        self.query_one("#seat-facts", Text).say(seat_facts(seat, self.history, now, width=width))

    @property
    def selected(self) -> int | None:
        return self._number

    def targets(self) -> tuple[int, ...]:
        return (self._number,)

    def blocked(self, action_id: str) -> str:
        return self.seat_blocked(action_id)
