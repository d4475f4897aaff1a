"""How cards are printed: the sheet of paper, and the words on it in one language."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True)
class Paper:
    """A sheet, upright. Lengths are in millimetres."""

    name: str
    css: str
    width: float
    height: float
    qr_side: float
    """A card's QR code with its quiet zone: eight cards to a sheet, whatever its size."""


PAPERS = {
    "a4": Paper("a4", "A4", 210, 297, 43),
    "letter": Paper("letter", "letter", 215.9, 279.4, 40),
}


@dataclass(frozen=True, slots=True)
class CardWords:
    """What stands on a card beside the class's own texts."""

    language: str
    seat: str
    code: str
    name: str
    or_type: str
    """With `{address}`."""
    written: str
    """With `{day}`, `{month}` and `{year}`."""
    months: tuple[str, ...]
    first_day: str = ""
    """The first of a month where it is not written as a plain number."""

    def day(self, day: date) -> str:
        """`1 March 2026`: read the same everywhere, never as numbers alone."""
        number = self.first_day if self.first_day and day.day == 1 else str(day.day)
        return self.written.format(day=number, month=self.months[day.month - 1], year=day.year)


CARD_WORDS = {
    words.language: words
    for words in (
        CardWords(
            "en", "Seat", "Code", "Name", "or type the code at {address}", "{day} {month} {year}",
            ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October",
             "November", "December"),
        ),
        CardWords(
            "de", "Platz", "Code", "Name", "oder tippe den Code hier ein: {address}", "{day}. {month} {year}",
            ("Januar", "Februar", "März", "April", "Mai", "Juni", "Juli", "August", "September", "Oktober",
             "November", "Dezember"),
        ),
        CardWords(
            "fr", "Place", "Code", "Nom", "ou tapez le code sur {address}", "{day} {month} {year}",
            ("janvier", "février", "mars", "avril", "mai", "juin", "juillet", "août", "septembre", "octobre",
             "novembre", "décembre"),
            first_day="1er",
        ),
        CardWords(
            "es", "Puesto", "Código", "Nombre", "o escribe el código en {address}", "{day} de {month} de {year}",
            ("enero", "febrero", "marzo", "abril", "mayo", "junio", "julio", "agosto", "septiembre", "octubre",
             "noviembre", "diciembre"),
        ),
    )
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Printing:
    """What was chosen, by the names that settings have."""

    paper: str = "a4"
    language: str = "en"
