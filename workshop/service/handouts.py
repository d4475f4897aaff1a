"""Files that are handed out: printable cards, tables of links, QR codes."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from workshop.errors import UsageError, WorkshopError
from workshop.present.links import handed_out, links_csv, links_markdown

if TYPE_CHECKING:
    from workshop.model.palette import Palette
    from workshop.model.seat import Seat
    from workshop.model.snapshot import Snapshot
    from workshop.present.printing import Printing

KINDS = (".pdf", ".html")
CODES = "qr-codes"
"""The folder of the QR codes, below that of the handouts."""


class HandoutKind(StrEnum):
    """What can be written for a class."""

    PDF = "pdf"
    HTML = "html"
    CSV = "csv"
    MARKDOWN = "markdown"
    CODES = "codes"


async def write_handouts(
    folder: Path,
    snapshot: Snapshot,
    kinds: Collection[HandoutKind],
    palette: Palette,
    *,
    spares: bool = False,
    printing: Printing | None = None,
) -> tuple[Path, ...]:
    """Write handouts of these kinds into `folder`, named after the class; the files, and the folder of QR codes.

    Args:
        palette: whose paper colours cards have.
        spares: also of seats that are kept back.
        printing: the cards' paper and language; A4 and English by default.

    Raises:
        WorkshopError: a file cannot be written, or the title has letters that no font here prints.
    """
    return await asyncio.to_thread(_write_handouts, folder, snapshot, frozenset(kinds), palette, spares, printing)


def _write_handouts(
    folder: Path,
    snapshot: Snapshot,
    kinds: frozenset[HandoutKind],
    palette: Palette,
    spares: bool,
    printing: Printing | None,
) -> tuple[Path, ...]:
    room = snapshot.classroom
    seats = handed_out(snapshot.seats, spares=spares)
    written = []
    for kind in HandoutKind:
        if kind not in kinds:
            continue
        match kind:
            case HandoutKind.PDF | HandoutKind.HTML:
                file = folder / f"{room.name}-cards.{kind}"
                write_cards(file, snapshot, seats, palette, printing)
            case HandoutKind.CSV:
                file = folder / f"{room.name}-links.csv"
                write_files(folder, {file.name: links_csv(seats).encode()})
            case HandoutKind.MARKDOWN:
                file = folder / f"{room.name}-links.md"
                write_files(folder, {file.name: links_markdown(seats, room.join_url(), title=room.workshop).encode()})
            case HandoutKind.CODES:
                file = folder / CODES
                write_codes(file, snapshot, seats)
        written.append(file)
    return tuple(written)


def write_cards(
    file: Path, snapshot: Snapshot, seats: Sequence[Seat], palette: Palette, printing: Printing | None = None
) -> None:
    """A printable card for each seat; the file's name says in which form.

    Raises:
        UsageError: the name ends in neither `.pdf` nor `.html`.
        WorkshopError: the file cannot be written, or its title has letters that no font here prints.
    """
    if file.suffix.lower() not in KINDS:
        raise UsageError(f"{file} is no name for cards.", hint="Let it end in .pdf or .html.")
    from workshop.present.handout import handout

    room = snapshot.classroom
    sheet = handout(room.workshop, room.created.astimezone().date(), room.join_url(), seats, palette, printing)
    if file.suffix.lower() == ".html":
        from workshop.present.cards_html import cards_html

        content = cards_html(sheet).encode()
    else:
        from workshop.config.fonts import find_font
        from workshop.present.cards_pdf import cards_pdf, lacking

        font = find_font(lambda font: not lacking(sheet.title, font)) if lacking(sheet.title) else b""
        content = cards_pdf(sheet, font=font)
    write_files(file.parent, {file.name: content})


def write_codes(folder: Path, snapshot: Snapshot, seats: Sequence[Seat]) -> int:
    """PNG and SVG of each seat's QR code and of the room's; how many files.

    Raises:
        WorkshopError: a file cannot be written.
    """
    from workshop.present.handout import qr_files

    files = qr_files(seats, snapshot.classroom.join_url())
    write_files(folder, files)
    return len(files)


def write_files(folder: Path, files: dict[str, bytes]) -> None:
    """Write files that hold links, so that only the user can read them; each is there whole or not at all.

    Raises:
        WorkshopError: a file cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            unfinished = folder / f".{name}.new"
            unfinished.touch(mode=0o600)
            unfinished.write_bytes(content)
            unfinished.replace(folder / name)
    except OSError as error:
        raise WorkshopError(f"{folder} cannot be written: {error.strerror}.", hint="Name another place.") from error
