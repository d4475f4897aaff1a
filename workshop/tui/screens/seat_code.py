"""The link of one seat as a QR code, to be scanned from the screen."""

from __future__ import annotations

from workshop.model.seat import Seat
from workshop.present.rows import grouped
from workshop.tui.screens.code import CodeScreen


class SeatCodeScreen(CodeScreen):
    """
    Args:
        number: the seat to begin with; the arrows go to the others.
    """

    def __init__(self, room: str, number: int) -> None:
        super().__init__(room)
        self._number = number

    def crumbs(self) -> tuple[str, ...]:
        return (self.room, f"seat {self._number:02d}", "QR code")

    @property
    def seat(self) -> Seat | None:
        return self.snapshot.seat(self._number) if self.snapshot else None

    def link(self) -> str:
        return self.seat.link if self.seat else ""

    def title_line(self) -> str:
        return f"Seat {self._number:02d}" if self.seat else f"There is no seat {self._number:02d}."

    def words(self) -> str:
        return f"Seat {self._number:02d}  ·  code {grouped(self.seat.code)}" if self.seat else ""

    def do_code_next(self) -> None:
        self._step(1)

    def do_code_previous(self) -> None:
        self._step(-1)

    def _step(self, by: int) -> None:
        numbers = [seat.number for seat in self.snapshot.seats] if self.snapshot else []
        if self._number in numbers:
            self._number = numbers[(numbers.index(self._number) + by) % len(numbers)]
            self._show()
            super().tick()
