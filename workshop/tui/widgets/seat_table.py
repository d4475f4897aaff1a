"""Seats as rows: sorted, filtered, marked. Only seats that changed are made into cells again."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from workshop.model.seat import Seat
from workshop.present.columns import Cell, Column
from workshop.present.rows import (
    SORT_KEYS,
    Filter,
    filtered,
    parse_filter,
    seat_cells,
    seat_columns,
    sorted_seats,
)
from workshop.tui.widgets.row_table import RowTable

AGE_STEP = timedelta(seconds=5)
"""Ages of a row move in steps: a table whose every line changes each second cannot be read."""


class SeatTable(RowTable):
    """The seats of one classroom."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's own name
        super().__init__(seat_columns(()), id=id)
        self._shown_columns: tuple[Column, ...] = ()
        self._cells: dict[int, tuple[Seat, tuple[Cell, ...]]] = {}
        self._cells_at: datetime | None = None
        self._seats: tuple[Seat, ...] = ()
        self._now: datetime | None = None
        self._sort = ("seat", False)
        self._filter = Filter()
        self.shown = 0
        """Seats that the filter lets through."""

    @property
    def selected(self) -> int | None:
        """The number of the seat under the cursor."""
        return int(self.cursor_key) if self.cursor_key else None

    @property
    def marked(self) -> tuple[int, ...]:
        return tuple(sorted(int(key) for key in self.marks))

    @property
    def filter(self) -> Filter:
        return self._filter

    def show(self, seats: Sequence[Seat], now: datetime) -> None:
        """These seats, as they are now."""
        self._seats = tuple(seats)
        self._now = now
        self._show()

    def sort_by(self, column: str) -> None:
        """Sort by a column; the same again turns the order round."""
        if column not in SORT_KEYS:
            return
        before, downwards = self._sort
        self._sort = (column, not downwards if before == column else False)
        self._show()

    def filter_by(self, text: str) -> None:
        self._filter = parse_filter(text)
        self._show()

    def select(self, number: int) -> None:
        self.move_to(str(number))

    def mark(self, number: int) -> None:
        """Mark a seat, or take its mark away."""
        self.set_marks(self.marks ^ {str(number)})

    def mark_all(self) -> None:
        """Mark every seat that is shown, or take all marks away when they are."""
        shown = frozenset(self.keys)
        self.set_marks(frozenset() if shown <= self.marks else self.marks | shown)

    @property
    def hidden_marks(self) -> int:
        """How many marked seats the filter hides."""
        return len(self.marks - frozenset(self.keys))

    def _show(self) -> None:
        if self._now is None:
            return
        columns = seat_columns(self._seats)
        at = _stepped(self._now)
        if columns != self._shown_columns:
            self._shown_columns = columns
            self._cells.clear()
            self.set_columns(columns)
        if at != self._cells_at:
            self._cells_at = at
            self._cells.clear()
        seats = filtered(self._seats, self._filter, now=at) if self._filter else self._seats
        self.shown = len(seats)
        column, downwards = self._sort
        ordered = sorted_seats(seats, column, downwards=downwards)
        self.set_sorted_by(column, downwards=downwards)
        marks = self.marks & {str(seat.number) for seat in self._seats}
        self.set_rows([(str(seat.number), self._cells_of(seat, at)) for seat in ordered])
        self.set_marks(marks)  # those that the filter hides stay marked: a filter is how one finds the next to mark

    def _cells_of(self, seat: Seat, at: datetime) -> tuple[Cell, ...]:
        known = self._cells.get(seat.number)
        if known is not None and (known[0] is seat or known[0] == seat):
            return known[1]
        cells = seat_cells(seat, self._shown_columns, now=at)
        self._cells[seat.number] = (seat, cells)
        return cells


def _stepped(now: datetime) -> datetime:
    step = AGE_STEP.seconds
    return now.replace(second=now.second - now.second % step, microsecond=0)
