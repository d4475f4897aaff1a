"""Who asked for help, the longest wait first."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from textual.app import ComposeResult
from textual.containers import Vertical

from workshop.model.amounts import format_span
from workshop.model.seat import Seat
from workshop.present.cells import one_line
from workshop.present.columns import Cell, Column
from workshop.present.rows import help_queue
from workshop.present.words import HELP, Tone, seat_words
from workshop.tui.widgets.row_table import RowTable
from workshop.tui.widgets.text import Text

COLUMNS = (
    Column("place", "#", 3, right=True),
    Column("seat", "Seat", 4),
    Column("waits", "Waiting", 12),
    Column("status", "State", 20),
    Column("label", "Label", 12, grow=True),
    Column("notebook", "Notebook", 16, priority=1, grow=True),
)


class HelpQueue(Vertical):
    """The queue, or a word when it is empty."""

    def compose(self) -> ComposeResult:
        yield RowTable(COLUMNS, id="queue")
        yield Text("Nobody is waiting for help.", id="no-queue", classes="empty")

    def show(self, seats: Sequence[Seat], now: datetime) -> None:
        queue = help_queue(seats)
        table = self.query_one(RowTable)
        table.set_rows([(str(seat.number), _cells(place, seat, now)) for place, seat in enumerate(queue, 1)])
        table.display = bool(queue)
        self.query_one("#no-queue").display = not queue


def _cells(place: int, seat: Seat, now: datetime) -> tuple[Cell, ...]:
    words = seat_words(seat, now)
    waits = format_span(now - seat.help_since) if seat.help_since else ""
    return (
        Cell(str(place), Tone.MUTED),
        Cell(seat.name),
        Cell(f"{HELP.glyph} {waits}", HELP.tone),
        Cell(words.text(), words.tone),
        Cell(one_line(seat.label)),
        Cell(one_line(seat.notebook), Tone.MUTED),
    )
