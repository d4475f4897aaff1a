"""A QR code on the whole screen: what the projector and a single seat's code have in common."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from textual.containers import Center, Vertical
from textual.geometry import Size
from textual.widget import Widget
from textual.widgets import Static

from workshop.actions import Scope
from workshop.model.snapshot import Snapshot
from workshop.tui.bindings import bindings_for
from workshop.tui.screens.base import BaseScreen
from workshop.tui.widgets.bars import KeyBar, TopBar
from workshop.tui.widgets.qr_view import QrView


class CodeScreen(BaseScreen[None]):
    """The code, the link in plain letters, a line of words. The bars go where rows are short.

    Args:
        room: the classroom's name.
    """

    SCOPES: ClassVar[tuple[Scope, ...]] = (Scope.CODE,)
    BINDINGS: ClassVar = bindings_for(Scope.CODE)

    def __init__(self, room: str) -> None:
        super().__init__()
        self.room = room

    def body(self) -> Iterator[Widget]:
        with Vertical(id="code"):
            yield Center(Static("", id="code-title"))
            yield Center(QrView(id="code-qr"))
            yield Center(Static("", id="code-link"))
            yield Center(Static("", id="code-words"))

    def on_mount(self) -> None:
        self.workshop.watch_room(self.room)
        self._show()

    def on_unmount(self) -> None:
        self.workshop.release_room(self.room)

    def on_resize(self) -> None:
        self._show()

    def tick(self) -> None:
        super().tick()
        self._show()

    def room_changed(self, snapshot: Snapshot) -> None:
        if snapshot.classroom.name == self.room:
            self._show()

    @property
    def snapshot(self) -> Snapshot | None:
        return self.workshop.rooms[self.room].snapshot

    def link(self) -> str:
        """What the code holds; empty while it is not known."""
        raise NotImplementedError

    def title_line(self) -> str:
        raise NotImplementedError

    def words(self) -> str:
        """A line below the link."""
        raise NotImplementedError

    def _show(self) -> None:
        link = self.link()
        qr = self.query_one(QrView)
        qr.show(link)
        self.query_one("#code-link", Static).update(link)
        self.query_one("#code-title", Static).update(self.title_line())
        self.query_one("#code-words", Static).update(self.words())
        rows = self.app.size.height - qr.needs().height
        # the link always stands below the code; the rest comes in the order of its use
        for least, wanted in ((2, KeyBar), (3, "#code-words"), (4, TopBar), (5, "#code-title")):
            self.query_one(wanted).display = rows >= least or bool(qr.problem(self.app.size))

    def blocked(self, action_id: str) -> str:
        if action_id == "code.copy" and not self.link():
            return "the link is not known yet."
        return ""

    def do_code_blocks(self) -> None:
        qr = self.query_one(QrView)
        qr.show(self.link(), full=not qr.full)
        self._show()
        room = Size(self.app.size.width, self.app.size.height - 1)
        if not qr.problem(room):
            self.workshop.say("Full blocks." if qr.full else "Half blocks.")

    async def do_code_copy(self) -> None:
        await self.workshop.copy(self.link(), "the link")
