"""Files that are handed out: printable cards and QR codes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from workshop.errors import UsageError, WorkshopError

if TYPE_CHECKING:
    from workshop.model.palette import Palette
    from workshop.model.seat import Seat
    from workshop.model.snapshot import Snapshot

KINDS = (".pdf", ".html")


def write_cards(file: Path, snapshot: Snapshot, seats: Sequence[Seat], palette: Palette) -> None:
    """A printable card for each seat; the file's name says in which form.

    Raises:
        UsageError: the name ends in neither `.pdf` nor `.html`.
        WorkshopError: the file cannot be written, or its title has letters that no font here prints.
    """
    if file.suffix.lower() not in KINDS:
        raise UsageError(f"{file} is no name for cards.", hint="Let it end in .pdf or .html.")
    from workshop.present.handout import handout

    room = snapshot.classroom
    sheet = handout(room.workshop, room.created.astimezone().date(), room.join_url(), seats, palette)
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
