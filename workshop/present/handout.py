"""What is printed for a class: a card for each seat, with the workshop's title and date on each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from workshop.model.palette import Palette, PaperColours
from workshop.model.seat import Seat
from workshop.present.printing import CARD_WORDS, PAPERS, CardWords, Paper, Printing
from workshop.present.qr import png, qr_code, svg
from workshop.present.rows import grouped


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
    words: CardWords = CARD_WORDS["en"]
    paper: Paper = PAPERS["a4"]

    @property
    def other_way(self) -> str:
        """`or type the code at …`."""
        return self.words.or_type.format(address=self.join)


def handout(
    title: str, day: date, join: str, seats: Iterable[Seat], palette: Palette, printing: Printing | None = None
) -> Handout:
    """The handout of these seats (`links.handed_out` leaves spares out)."""
    chosen = printing or Printing()
    words = CARD_WORDS[chosen.language]
    return Handout(
        title=" ".join(title.split()),
        date=words.day(day),
        join=join,
        cards=tuple(Card(seat.name, grouped(seat.code), seat.link) for seat in seats),
        colours=palette.paper,
        words=words,
        paper=PAPERS[chosen.paper],
    )


def qr_files(seats: Sequence[Seat], join: str) -> dict[str, bytes]:
    """PNG and SVG of each seat's link and of the room's, by file name."""
    texts = {f"seat-{seat.name}": seat.link for seat in seats} | {"join": join}
    files: dict[str, bytes] = {}
    for name, text in texts.items():
        code = qr_code(text)
        files[f"{name}.png"] = png(code)
        files[f"{name}.svg"] = svg(code, title=name.replace("-", " ")).encode()
    return files
