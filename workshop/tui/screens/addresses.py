"""This machine's addresses with what is known of each, and the one at which a classroom's students come in."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from textual.content import Content
from textual.widget import Widget

from workshop.actions import Scope
from workshop.model.snapshot import Snapshot
from workshop.present.columns import Cell, Column
from workshop.present.words import Tone
from workshop.service import AddressReport
from workshop.tui.bindings import bindings_for
from workshop.tui.screens.base import BaseScreen
from workshop.tui.screens.confirm import ConfirmDialog
from workshop.tui.widgets.row_table import RowTable
from workshop.tui.widgets.text import Text

LOOK_EVERY = 3
"""Seconds between two looks at the machine's interfaces."""
COLUMNS = (
    Column("used", "", 1),
    Column("address", "Address", 15, grow=True),
    Column("kind", "Kind", 12),
    Column("interface", "Interface", 10, priority=1),
    Column("note", "", 27, priority=2),
)


class AddressesScreen(BaseScreen[None]):
    """Enter moves the class to the address under the cursor.

    Args:
        room: the classroom's name.
    """

    SCOPES: ClassVar[tuple[Scope, ...]] = (Scope.ADDRESSES,)
    BINDINGS: ClassVar = bindings_for(Scope.ADDRESSES)

    def __init__(self, room: str) -> None:
        super().__init__()
        self.room = room
        self._report: AddressReport | None = None
        self._seconds = 0

    def crumbs(self) -> tuple[str, ...]:
        return (self.room, "addresses")

    def body(self) -> Iterator[Widget]:
        yield Text("Looking at this machine…", id="addresses-head", classes="empty")
        table = RowTable(COLUMNS)
        table.add_class("first-focus")
        yield table

    def on_mount(self) -> None:
        self.workshop.watch_room(self.room)
        self._look()

    def on_unmount(self) -> None:
        self.workshop.release_room(self.room)

    def room_changed(self, snapshot: Snapshot) -> None:
        if snapshot.classroom.name == self.room:
            self._look()

    def tick(self) -> None:
        super().tick()
        self._seconds += 1
        if self._seconds % LOOK_EVERY == 0:
            self._look()

    def _look(self) -> None:
        self.work("Looking at the addresses", self._read, group="addresses")

    async def _read(self) -> None:
        self._show(await self.workshop.service.addresses(self.room))

    def _show(self, report: AddressReport) -> None:
        self._report = report
        rows = []
        for one in report.addresses:
            tone = Tone.GOOD if one.used else Tone.NORMAL
            note = "the way out of this machine" if one.default_route else ""
            cells = (
                Cell("●" if one.used else "", tone),
                Cell(one.ip, tone),
                Cell(one.kind, Tone.MUTED),
                Cell(one.interface, Tone.MUTED),
                Cell(note, Tone.MUTED),
            )
            rows.append((one.ip, cells))
        self.query_one(RowTable).set_rows(rows)
        self.query_one("#addresses-head", Text).say(self._head(report))
        self.refresh_bindings()

    def _head(self, report: AddressReport) -> Content:
        room = report.classroom
        assert room is not None
        now = Content.assemble("Students come in at ", (room.join_url(), "bold"))
        if room.door.public_url:
            here = f" (a tunnel or proxy in front of {room.door.host}, port {room.door.port})"
            return Content.assemble(now, (here, "$text-muted"))
        if report.lost:
            lost = f"\n▲ This machine has no address {room.door.host} now: nobody comes in. Choose another below."
            return Content.assemble(now, (lost, "$text-error"))
        return now

    def blocked(self, action_id: str) -> str:
        if action_id != "address.move":
            return ""
        key = self.query_one(RowTable).cursor_key
        if self._report is None or not key:
            return "the addresses are not known yet."
        return (
            "the class is there already." if any(one.used and one.ip == key for one in self._report.addresses) else ""
        )

    def do_address_move(self) -> None:
        self.work("Moving the class", self._move)

    async def _move(self) -> None:
        address = self.query_one(RowTable).cursor_key
        if address is None:
            return
        lines = [
            f"Every link and QR code is issued anew for {address}.",
            "Those from before lead nowhere: show or print them again. Seats and their files stay.",
        ]
        if not await self.app.push_screen_wait(ConfirmDialog(f"Move to {address}?", lines, "Move", danger=False)):
            return
        report = await self.workshop.service.move_door(self.room, address)
        self._show(report)
        if report.classroom is not None:
            self.workshop.say(f"Students come in at {report.classroom.join_url()} now.")
