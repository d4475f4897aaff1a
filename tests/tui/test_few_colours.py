"""Themes on terminals of 256 colours."""

from __future__ import annotations

import pytest
from rich.segment import Segment
from rich.style import Style
from textual.color import Color

from workshop.config.paths import paths
from workshop.config.themes import load_themes
from workshop.model.palette import contrast
from workshop.tui.few_colours import FIRST, PALETTE, NearestOf256, has_all_colours, nearest

THEMES = load_themes(paths({})).palettes
GROUNDS = ("background", "surface", "panel")
SIGNS = ("text", "muted", "primary", "success", "warning", "error")


def painted(colour: str) -> str:
    """The colour as a terminal of 256 shows it."""
    red, green, blue = (int(colour[place : place + 2], 16) for place in (1, 3, 5))
    return "#{:02x}{:02x}{:02x}".format(*PALETTE[nearest(red, green, blue) - FIRST])


def test_colours_of_the_palette_stay_themselves() -> None:
    for number, colour in enumerate(PALETTE):
        assert PALETTE[nearest(*colour) - FIRST] == colour, number


def test_a_dark_slate_becomes_a_grey_and_no_navy_blue() -> None:
    assert painted("#1d2f3e") == "#303030"


@pytest.mark.parametrize("name", sorted(THEMES))
def test_words_and_states_of_every_theme_stay_legible(name: str) -> None:
    palette = THEMES[name]
    for ground in GROUNDS:
        for sign in SIGNS:
            seen = contrast(painted(getattr(palette, sign)), painted(getattr(palette, ground)))
            assert seen >= 4.5, (sign, ground, round(seen, 2))


def test_text_and_attributes_stay_and_only_colours_of_24_bits_change() -> None:
    bold = Segment("seat 01", Style.parse("bold #e3ebf2 on #1d2f3e"))
    plain, own = Segment("plain"), Segment("red", Style.parse("red"))
    changed, *others = NearestOf256().apply([bold, plain, own], Color(0, 0, 0))
    assert (changed.text, str(changed.style)) == ("seat 01", "bold color(255) on color(236)")
    assert others == [plain, own]


@pytest.mark.parametrize(
    ("environment", "all_colours"),
    [
        ({"TERM": "screen-256color", "TMUX": "/tmp/tmux-0/default,1,0"}, True),
        ({"TERM": "tmux-256color"}, True),
        ({"TERM": "xterm-256color"}, False),
        ({"TERM": "tmux-256color", "COLORTERM": ""}, False),
    ],
)
def test_tmux_takes_all_colours_and_whoever_says_otherwise_is_believed(
    environment: dict[str, str], all_colours: bool
) -> None:
    assert has_all_colours(environment) is all_colours
