"""Colours shared by the terminal, the students' pages and the printed cards. Pure: no terminal, no files."""

from __future__ import annotations

from dataclasses import dataclass

READABLE = 4.5
"""Contrast that text needs on its background: WCAG 2.2, success criterion 1.4.3 (AA)."""


@dataclass(frozen=True, slots=True)
class PageColours:
    """The students' pages."""

    background: str
    surface: str
    text: str
    muted: str
    line: str
    primary: str
    on_primary: str
    success: str
    warning: str
    error: str


@dataclass(frozen=True, slots=True)
class PaperColours:
    """What is printed, on white."""

    ink: str
    muted: str
    line: str
    accent: str


@dataclass(frozen=True, slots=True)
class Palette:
    """A theme. Colours are `#rrggbb`, in lower case."""

    name: str
    """The file's name without its ending; what the setting `theme` takes."""
    title: str
    dark: bool
    background: str
    surface: str
    panel: str
    text: str
    muted: str
    primary: str
    secondary: str
    accent: str
    success: str
    warning: str
    error: str
    page: PageColours
    paper: PaperColours


def channels(colour: str) -> tuple[int, int, int]:
    """Red, green and blue of `#rrggbb`, from 0 to 255."""
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def luminance(colour: str) -> float:
    """Relative luminance as WCAG 2.2 defines it: 0 for black, 1 for white."""

    def linear(channel: int) -> float:
        share = channel / 255
        return share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4

    red, green, blue = (linear(channel) for channel in channels(colour))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(first: str, second: str) -> float:
    """The contrast of two colours: 1 for the same, 21 for black on white."""
    darker, lighter = sorted((luminance(first), luminance(second)))
    return (lighter + 0.05) / (darker + 0.05)


def mix(first: str, second: str, share: float) -> str:
    """`share` of the second colour in the first."""
    pairs = zip(channels(first), channels(second), strict=True)
    return "#" + "".join(f"{round(a + (b - a) * share):02x}" for a, b in pairs)


def text_on(colour: str) -> str:
    """Black or white, whichever is easier to read on the colour."""
    return max(("#000000", "#ffffff"), key=lambda ink: contrast(ink, colour))


def readable(colour: str, background: str) -> str:
    """The colour, moved away from the background until text in it can be read there."""
    towards = text_on(background)
    for step in range(21):
        moved = mix(colour, towards, step / 20)
        if contrast(moved, background) >= READABLE:
            return moved
    return towards
