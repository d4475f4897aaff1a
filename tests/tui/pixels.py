"""A screen as the pixels that a terminal would show: block elements fill exactly their part of a cell."""

from __future__ import annotations

from typing import Any

import cv2
import numpy
from rich.color import Color
from rich.style import Style

WIDTH, HEIGHT = 16, 32
"""Pixels of a cell."""
HALVES = {"▀": (True, False), "▄": (False, True), "█": (True, True)}


def _grey(colour: Color | None, otherwise: int) -> int:
    if colour is None:
        return otherwise
    red, green, blue = colour.get_truecolor()
    return round(0.299 * red + 0.587 * green + 0.114 * blue)


def pixels(app: Any) -> numpy.ndarray[Any, Any]:
    """The screen in grey: letters are left out, blocks are drawn."""
    columns, rows = app.size
    picture = numpy.zeros((rows * HEIGHT, columns * WIDTH), numpy.uint8)
    for y, strip in enumerate(app.screen._compositor.render_strips()[:rows]):
        x = 0
        for text, style, _control in strip:
            look = style or Style()
            ground, ink = _grey(look.bgcolor, 0), _grey(look.color, 200)
            for sign in text:
                left, top = x * WIDTH, y * HEIGHT
                picture[top : top + HEIGHT, left : left + WIDTH] = ground
                upper, lower = HALVES.get(sign, (False, False))
                if upper:
                    picture[top : top + HEIGHT // 2, left : left + WIDTH] = ink
                if lower:
                    picture[top + HEIGHT // 2 : top + HEIGHT, left : left + WIDTH] = ink
                x += 1
    return picture


def decoded(app: Any) -> str:
    """What a camera reads from the screen; empty when there is no code."""
    text, _points, _straight = cv2.QRCodeDetector().detectAndDecode(pixels(app))
    return text
