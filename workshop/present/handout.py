"""What is printed for a class: a card for each seat, with the workshop's title and date on each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from workshop.model.palette import Palette, PaperColours
from workshop.model.seat import Seat
from workshop.present.qr import png, qr_code, svg
from workshop.present.rows import grouped

_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Card:
    """One seat's card. No name: there is room for one to be written."""

    seat: str
    code: str
    """As it is printed: `ABCD-EFGH`."""
    link: str


@dataclass(frozen=True, slots=True)
class Handout:
    """Cards that belong together."""

    title: str
    date: str
    join: str
    """Where a code can be typed."""
    cards: tuple[Card, ...]
    colours: PaperColours


def handout(title: str, day: date, join: str, seats: Iterable[Seat], palette: Palette) -> Handout:
    """The handout of these seats (`links.handed_out` leaves spares out)."""
    return Handout(
        title=" ".join(title.split()),
        date=long_date(day),
        join=join,
        cards=tuple(Card(seat.name, grouped(seat.code), seat.link) for seat in seats),
        colours=palette.paper,
    )


def long_date(day: date) -> str:
    """`1 March 2026`: read the same everywhere."""
    return f"{day.day} {_MONTHS[day.month - 1]} {day.year}"


def qr_files(seats: Sequence[Seat], join: str) -> dict[str, bytes]:
    """PNG and SVG of each seat's link and of the room's, by file name."""
    texts = {f"seat-{seat.name}": seat.link for seat in seats} | {"join": join}
    files: dict[str, bytes] = {}
    for name, text in texts.items():
        code = qr_code(text)
        files[f"{name}.png"] = png(code)
        files[f"{name}.svg"] = svg(code, title=name.replace("-", " ")).encode()
    return files
