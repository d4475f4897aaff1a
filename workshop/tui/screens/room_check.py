"""The room's network as devices in it see it: the code of the page that tests it, and what they found, live."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.geometry import Size
from textual.widget import Widget

from workshop.model.amounts import counted
from workshop.model.room_check import RoomCheck
from workshop.model.snapshot import Snapshot
from workshop.tui.screens.code import LinkScreen
from workshop.tui.widgets.qr_view import QrView
from workshop.tui.widgets.text import Text

LEAST_WORDS = 30
"""Columns that the results keep beside the code."""
INVITATION = (
    "Scan the code with a phone, or type the address on a laptop, from where participants will sit. "
    "The page tests this network for about ten seconds; no seat is needed."
)


class RoomCheckScreen(LinkScreen):
    """May be shown on the projector: it holds nothing private."""

    WITHOUT: ClassVar[frozenset[str]] = frozenset({"code.next", "code.previous"})
    COPIED: ClassVar[str] = "the link of the room check"

    def crumbs(self) -> tuple[str, ...]:
        return (self.room, "room check")

    def body(self) -> Iterator[Widget]:
        with Horizontal(id="room-check"):
            with Vertical(id="room-check-code"):
                yield QrView(id="room-check-qr")
                yield Text("", id="room-check-link")
            with Vertical(id="room-check-words"):
                yield Text("", id="room-check-head")
                yield Text("", id="room-check-found")

    def link(self) -> str:
        return self.snapshot.classroom.check_url() if self.snapshot else ""

    def _show(self) -> None:
        snapshot, size = self.snapshot, self.app.size
        link = self.link()
        qr = self.query_one(QrView)
        qr.show(link)
        qr.set_room(Size(max(10, size.width - LEAST_WORDS), size.height - 3))
        self.query_one("#room-check-link", Text).say(link)
        checks = snapshot.checks if snapshot else ()
        self.query_one("#room-check-head", Text).say(self._head(snapshot, checks))
        room = max(1, size.height - 9)
        lines = [self._line(check) for check in reversed(checks)][:room]
        self.query_one("#room-check-found", Text).say(Content("\n").join(lines))

    def _head(self, snapshot: Snapshot | None, checks: tuple[RoomCheck, ...]) -> str:
        if snapshot is None:
            return "Asking for the classroom…"
        if not snapshot.gateway:
            return "The gateway does not run: the page does not answer."
        if not checks:
            return f"{INVITATION}\n\nNobody has tested yet."
        good = sum(check.ok for check in checks)
        return f"{counted(len(checks), 'test')}, {good} good. The newest first:\n"

    def _line(self, check: RoomCheck) -> Content:
        at = self.workshop.local(check.at)
        glyph, style = ("●", "$text-success") if check.ok else ("▲", "$text-warning")
        return Content.assemble((f"{at:%H:%M} ", "$text-muted"), (f"{glyph} {check.sentence()}", style))
