"""Cards as a PDF: eight on a sheet, with cutting lines. QR codes are drawn as vectors."""

from __future__ import annotations

import io
import unicodedata
from typing import Any

from workshop.errors import WorkshopError
from workshop.present.handout import Card, Handout
from workshop.present.printing import Paper
from workshop.present.qr import QUIET, bars, qr_code

MM = 72 / 25.4
COLUMNS, ROWS = 2, 4
MARGIN = 10 * MM
PADDING = 5 * MM
PLAIN, BOLD, MONO, MONO_BOLD = "Vera", "VeraBd", "Courier", "Courier-Bold"
"""Vera comes with reportlab and is put into the file; Courier is one of the fourteen that every reader has."""
_OWN_FONT = "title"


def card_size(paper: Paper) -> tuple[float, float]:
    """Width and height of one card, in points."""
    return (paper.width * MM - 2 * MARGIN) / COLUMNS, (paper.height * MM - 2 * MARGIN) / ROWS


def cards_pdf(handout: Handout, *, font: bytes = b"") -> bytes:
    """The document.

    Args:
        font: a TrueType font for a title with letters that Vera lacks (`lacking` tells them).

    Raises:
        WorkshopError: the title has letters that neither has.
    """
    from reportlab.pdfgen.canvas import Canvas

    title_font = _title_font(handout.title, font)
    target = io.BytesIO()
    width, height = card_size(handout.paper)
    page = (handout.paper.width * MM, handout.paper.height * MM)
    canvas = Canvas(target, pagesize=page, pageCompression=1, invariant=1, lang=handout.words.language)
    canvas.setTitle(handout.title)
    canvas.setCreator("workshop")
    per_page = COLUMNS * ROWS
    for index, card in enumerate(handout.cards):
        place = index % per_page
        if index and place == 0:
            canvas.showPage()
        if place == 0:
            _cutting_lines(canvas, handout, min(per_page, len(handout.cards) - index))
        left = MARGIN + (place % COLUMNS) * width
        top = page[1] - MARGIN - (place // COLUMNS) * height
        _card(canvas, handout, card, left, top, title_font)
    canvas.showPage()
    canvas.save()
    return target.getvalue()


def lacking(text: str, font: bytes = b"") -> str:
    """The letters of a text that cannot be printed: those the font lacks, and scripts that need shaping."""
    known = _letters(font)
    return "".join(dict.fromkeys(sign for sign in text if ord(sign) not in known or _needs_shaping(sign)))


def _letters(font: bytes) -> frozenset[int]:
    """The code points a font has signs for; of reportlab's own when there is none. A broken font has none."""
    from reportlab.pdfbase.ttfonts import TTFError, TTFont

    try:
        return frozenset(TTFont(_OWN_FONT, io.BytesIO(font) if font else f"{BOLD}.ttf").face.charToGlyph)
    except TTFError:
        return frozenset()


def _needs_shaping(sign: str) -> bool:
    """Right-to-left scripts and combining signs: letters in a row would come out wrong."""
    return unicodedata.bidirectional(sign) in ("R", "AL", "AN") or unicodedata.category(sign) in ("Mn", "Mc")


def _title_font(title: str, font: bytes) -> str:
    from reportlab.pdfbase import pdfmetrics
    from reportlab.pdfbase.ttfonts import TTFont

    for name in (PLAIN, BOLD):
        pdfmetrics.registerFont(TTFont(name, f"{name}.ttf"))
    if not lacking(title):
        return BOLD
    missing = lacking(title, font) if font else lacking(title)
    if missing:
        raise WorkshopError(
            f"No font at hand prints {' '.join(missing[:10])} of the title.",
            hint="Use cards in HTML (a file name that ends in .html): the browser prints them.",
        )
    pdfmetrics.registerFont(TTFont(_OWN_FONT, io.BytesIO(font)))
    return _OWN_FONT


def _cutting_lines(canvas: Any, handout: Handout, count: int) -> None:
    """Dashed lines around the cards of a page."""
    canvas.saveState()
    canvas.setStrokeColor(_colour(handout.colours.line))
    canvas.setLineWidth(0.4)
    canvas.setDash(2, 2)
    width, height = card_size(handout.paper)
    rows = -(-count // COLUMNS)
    top = handout.paper.height * MM - MARGIN
    for column in range(COLUMNS + 1):
        x = MARGIN + column * width
        canvas.line(x, top, x, top - rows * height)
    for row in range(rows + 1):
        y = top - row * height
        canvas.line(MARGIN, y, MARGIN + COLUMNS * width, y)
    canvas.restoreState()


def _card(canvas: Any, handout: Handout, card: Card, left: float, top: float, title_font: str) -> None:
    colours = handout.colours
    width, height = card_size(handout.paper)
    side = handout.paper.qr_side * MM
    x, right = left + PADDING, left + width - PADDING
    line = top - PADDING - 18
    date_width = canvas.stringWidth(handout.date, PLAIN, 7.5)
    size = 10.5
    lines = _wrapped(canvas, handout.title, title_font, size, right - x - date_width - 8, most=2)
    canvas.setFillColor(_colour(colours.ink))
    canvas.setFont(title_font, size)
    for number, text in enumerate(lines):
        canvas.drawString(x, line + (len(lines) - 1 - number) * 11 + 3, text)
    canvas.setFont(PLAIN, 7.5)
    canvas.setFillColor(_colour(colours.muted))
    canvas.drawRightString(right, line + 3, handout.date)
    canvas.setStrokeColor(_colour(colours.accent))
    canvas.setLineWidth(1.6)
    canvas.line(x, line - 2, right, line - 2)
    quiet = side * QUIET / qr_code(card.link).size
    _qr(canvas, card.link, x - quiet * 0.5, line - 3 - side, side)
    _words(canvas, handout, card, x + side + 1 * MM, line - 16, right)
    bottom = top - height + 8
    canvas.setFont(PLAIN, 7)
    canvas.setFillColor(_colour(colours.muted))
    canvas.drawString(x, bottom, _shortened(canvas, handout.other_way, PLAIN, 7, right - x))
    _link(canvas, handout, card.link, x, bottom + 10, right)


def _qr(canvas: Any, link: str, x: float, y: float, side: float) -> None:
    """The code with its quiet zone in a square, black on white."""
    code = qr_code(link)
    module = side / code.size
    canvas.setFillColor(_colour("#ffffff"))
    canvas.rect(x, y, side, side, stroke=0, fill=1)
    canvas.setFillColor(_colour("#000000"))
    path = canvas.beginPath()
    for column, row, length in bars(code):
        path.rect(x + column * module, y + side - (row + 1) * module, length * module, module)
    canvas.drawPath(path, stroke=0, fill=1)


def _words(canvas: Any, handout: Handout, card: Card, x: float, y: float, right: float) -> None:
    colours = handout.colours
    words = handout.words
    parts = (
        (words.seat, card.seat, BOLD, 24.0, colours.accent),
        (words.code, card.code, MONO_BOLD, 17.0, colours.ink),
    )
    for label, text, font, size, colour in parts:
        canvas.setFont(PLAIN, 7.5)
        canvas.setFillColor(_colour(colours.muted))
        canvas.drawString(x, y, label)
        size = min(size, size * (right - x) / max(1.0, canvas.stringWidth(text, font, size)))
        y -= size
        canvas.setFont(font, size)
        canvas.setFillColor(_colour(colour))
        canvas.drawString(x, y, text)
        y -= 15
    canvas.setStrokeColor(_colour(colours.line))
    canvas.setLineWidth(0.6)
    canvas.line(x, y - 13, right, y - 13)
    canvas.setFont(PLAIN, 7.5)
    canvas.setFillColor(_colour(colours.muted))
    canvas.drawString(x, y - 22, words.name)


def _link(canvas: Any, handout: Handout, link: str, x: float, y: float, right: float) -> None:
    """The link on one line, smaller when it is long; on two when it would be too small to read."""
    canvas.setFillColor(_colour(handout.colours.ink))
    size = min(8.5, 8.5 * (right - x) / max(1.0, canvas.stringWidth(link, MONO, 8.5)))
    lines = [link]
    if size < 6:
        half = -(-len(link) // 2)
        lines = [link[:half], link[half:]]
        size = min(8.0, 8.0 * (right - x) / canvas.stringWidth(lines[0], MONO, 8.0))
    canvas.setFont(MONO, size)
    for number, text in enumerate(lines):
        canvas.drawString(x, y + (len(lines) - 1 - number) * (size + 1), text)


def _wrapped(canvas: Any, text: str, font: str, size: float, width: float, *, most: int) -> list[str]:
    """The text in at most `most` lines, the last one cut with an ellipsis."""
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if not lines[-1] or canvas.stringWidth(longer, font, size) <= width:
            lines[-1] = longer
        else:
            lines.append(word)
    if len(lines) > most:
        lines[most - 1 :] = [" ".join(lines[most - 1 :])]
    return [_shortened(canvas, line, font, size, width) for line in lines]


def _shortened(canvas: Any, text: str, font: str, size: float, width: float) -> str:
    if canvas.stringWidth(text, font, size) <= width:
        return text
    while text and canvas.stringWidth(text + "…", font, size) > width:
        text = text[:-1]
    return text.rstrip() + "…"


def _colour(text: str) -> Any:
    from reportlab.lib.colors import HexColor

    return HexColor(text)
