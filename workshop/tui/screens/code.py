"""A QR code on the screen: what the projector, a single seat's code and the room check have in common."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from textual.containers import Center, Vertical
from textual.geometry import Size
from textual.widget import Widget

from workshop.actions import Scope
from workshop.model.snapshot import Snapshot
from workshop.tui.bindings import bindings_for
from workshop.tui.screens.base import BaseScreen
from workshop.tui.widgets.bars import KeyBar, TopBar
from workshop.tui.widgets.qr_view import QrView
from workshop.tui.widgets.text import Text


class LinkScreen(BaseScreen[None]):
    """One link of a class as a QR code, kept as the class is now.

    Args:
        room: the classroom's name.
    """

    SCOPES: ClassVar[tuple[Scope, ...]] = (Scope.CODE,)
    BINDINGS: ClassVar = bindings_for(Scope.CODE)
    COPIED: ClassVar[str] = "the link"
    """What is said to have been copied."""

    def __init__(self, room: str) -> None:
        super().__init__()
        self.room = room

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

    def _show(self) -> None:
        """Draw the code and what stands beside it."""
        raise NotImplementedError

    def blocked(self, action_id: str) -> str:
        if action_id == "code.copy" and not self.link():
            return "the link is not known yet."
        return ""

    def do_code_blocks(self) -> None:
        qr = self.query_one(QrView)
        qr.show(self.link(), full=not qr.full)
        self._show()

    async def do_code_copy(self) -> None:
        await self.workshop.copy(self.link(), self.COPIED)


class CodeScreen(LinkScreen):
    """The code, the link in plain letters, a line of words. The bars go where rows are short."""

    def body(self) -> Iterator[Widget]:
        with Vertical(id="code"):
            yield Center(Text("", id="code-title"))
            yield Center(QrView(id="code-qr"))
            yield Center(Text("", id="code-link"))
            yield Center(Text("", id="code-words"))

    def title_line(self) -> str:
        raise NotImplementedError

    def words(self) -> str:
        """A line below the link."""
        raise NotImplementedError

    def _show(self) -> None:
        link = self.link()
        qr = self.query_one(QrView)
        qr.show(link)
        self.query_one("#code-link", Text).say(link)
        self.query_one("#code-title", Text).say(self.title_line())
        self.query_one("#code-words", Text).say(self.words())
        size = self.app.size
        qr.set_room(Size(size.width, size.height - 1))  # the link always stands below the code
        rows = size.height - qr.needs().height
        # the rest comes in the order of its use
        for least, wanted in ((2, KeyBar), (3, "#code-words"), (4, TopBar), (5, "#code-title")):
            self.query_one(wanted).display = rows >= least or bool(qr.problem)
