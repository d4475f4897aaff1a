"""Text measured in terminal cells, where `len` counts signs."""

from __future__ import annotations

import unicodedata


def cell_width(text: str) -> int:
    """How many cells a text takes: two for wide signs, none for combining ones."""
    if text.isascii():
        return len(text)
    return sum(_width(sign) for sign in text)


def _width(sign: str) -> int:
    if unicodedata.combining(sign) or unicodedata.category(sign) in ("Mn", "Me", "Cf", "Cc"):
        return 0
    return 2 if unicodedata.east_asian_width(sign) in ("W", "F") else 1


def cut(text: str, width: int, *, ellipsis: str = "…") -> str:
    """The text in at most `width` cells; what does not fit is replaced by an ellipsis."""
    if cell_width(text) <= width:
        return text
    room = width - cell_width(ellipsis)
    if room < 0:
        return ""
    kept = ""
    for sign in text:
        room -= _width(sign)
        if room < 0:
            break
        kept += sign
    return kept.rstrip() + ellipsis


def cut_start(text: str, width: int, *, ellipsis: str = "…") -> str:
    """As `cut`, of a text whose end says most: a path."""
    if cell_width(text) <= width:
        return text
    return cut(text[::-1], width, ellipsis=ellipsis)[::-1]


def fill(text: str, width: int, *, right: bool = False, keep_end: bool = False) -> str:
    """The text in exactly `width` cells.

    Args:
        right: it stands at the right edge.
        keep_end: what does not fit goes at the beginning.
    """
    text = cut_start(text, width) if keep_end else cut(text, width)
    blank = " " * (width - cell_width(text))
    return blank + text if right else text + blank


def shown_line(text: str) -> str:
    """A line that another program wrote, with its indentation, and without signs that would steer the terminal."""
    return "".join(sign if sign == "\t" or unicodedata.category(sign)[0] != "C" else "�" for sign in text).rstrip()


def one_line(text: str) -> str:
    """Text that came from outside, safe for one line of a terminal: no control signs, no line breaks."""
    return "".join(sign if unicodedata.category(sign)[0] != "C" else " " for sign in text).strip()
