"""Themes on terminals of 256 colours: the nearest of their fixed palette, as the eye sees it.

The usual way, by hue and saturation, makes navy blue of a dark slate. SSH does not pass on the variable by which
terminals say that they have all colours, so that many a terminal is taken for one of 256.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from rich.color import Color as TerminalColour
from rich.color import ColorType
from rich.segment import Segment
from rich.style import Style
from textual.color import Color
from textual.filter import LineFilter

CUBE = (0, 95, 135, 175, 215, 255)
FIRST = 16
"""Those before it are the user's own sixteen."""
PALETTE = tuple((red, green, blue) for red in CUBE for green in CUBE for blue in CUBE) + tuple(
    (level, level, level) for level in range(8, 239, 10)
)


def has_all_colours(environment: Mapping[str, str]) -> bool:
    """Whether the terminal takes colours of 24 bits though nothing says so: tmux does, and finds the nearest itself."""
    return "COLORTERM" not in environment and (
        bool(environment.get("TMUX")) or environment.get("TERM", "").startswith("tmux")
    )


class NearestOf256(LineFilter):
    """Paints with colours of the terminal's palette alone."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        return [Segment(text, style and nearest_style(style), control) for text, style, control in segments]


@lru_cache(4096)
def nearest_style(style: Style) -> Style:
    """The style with both colours out of the palette."""
    return style + Style(color=_nearest(style.color), bgcolor=_nearest(style.bgcolor))


def _nearest(colour: TerminalColour | None) -> TerminalColour | None:
    if colour is None or colour.type is not ColorType.TRUECOLOR or colour.triplet is None:
        return colour
    return TerminalColour.from_ansi(nearest(*colour.triplet))


@lru_cache(4096)
def nearest(red: int, green: int, blue: int) -> int:
    """The number in the palette of the colour that looks most like this one.

    Distance is the plain one in Oklab (Björn Ottosson, 2020), in which equal steps look equal.
    """
    wanted = _oklab(red, green, blue)
    return FIRST + min(
        range(len(PALETTE)),
        key=lambda number: sum((one - other) ** 2 for one, other in zip(wanted, _places()[number], strict=True)),
    )


@lru_cache(1)
def _places() -> tuple[tuple[float, float, float], ...]:
    return tuple(_oklab(*colour) for colour in PALETTE)


def _oklab(red: int, green: int, blue: int) -> tuple[float, float, float]:
    """sRGB, 0 to 255 each, as lightness, green to red, blue to yellow."""
    r, g, b = (_linear(part / 255) for part in (red, green, blue))
    long = (0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b) ** (1 / 3)
    medium = (0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b) ** (1 / 3)
    short = (0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b) ** (1 / 3)
    return (
        0.2104542553 * long + 0.7936177850 * medium - 0.0040720468 * short,
        1.9779984951 * long - 2.4285922050 * medium + 0.4505937099 * short,
        0.0259040371 * long + 0.7827717662 * medium - 0.8086757660 * short,
    )


def _linear(part: float) -> float:
    return part / 12.92 if part <= 0.04045 else float(((part + 0.055) / 1.055) ** 2.4)
