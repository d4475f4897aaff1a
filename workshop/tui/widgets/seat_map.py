"""The room from above: a tile for each seat, with number, glyph and a word."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from workshop.actions import Scope
from workshop.model.seat import Seat
from workshop.present.cells import fill, one_line
from workshop.present.words import HELP, Tone, seat_words
from workshop.tui.bindings import bindings_for
from workshop.tui.performing import Performer

TILE_WIDTH, TILE_HEIGHT, GAP = 15, 3, 1
SMALL_TILE = 8
"""Width of a tile of number and glyph alone, one line high: for rooms that would not fit otherwise."""
TONES = tuple(tone.value for tone in Tone)


class SeatMap(Performer, ScrollView, can_focus=True):
    """Tiles in rows. The cursor is the selected seat."""

    SCOPES: ClassVar[tuple[Scope, ...]] = (Scope.TABLE,)
    BINDINGS: ClassVar = bindings_for(Scope.TABLE)
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "seat-map--tile", "seat-map--cursor", *(f"seat-map--{tone}" for tone in TONES),
    }  # fmt: skip
    DEFAULT_CSS = """
    SeatMap {
        height: 1fr;
        background: $background;
        scrollbar-size-vertical: 1;
        overflow-x: hidden;
        & > .seat-map--tile { background: $surface; }
        & > .seat-map--cursor { background: $cursor-ground; text-style: bold; }
        & > .seat-map--normal { color: $foreground; }
        & > .seat-map--good { color: $text-success; }
        & > .seat-map--busy { color: $text-primary; }
        & > .seat-map--warn { color: $text-warning; }
        & > .seat-map--bad { color: $text-error; text-style: bold; }
        & > .seat-map--muted { color: $text-muted; }
        & > .seat-map--accent { color: $text-accent; }
    }
    """

    class Moved(Message):
        """Another seat is selected."""

        def __init__(self, number: int) -> None:
            super().__init__()
            self.number = number

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's own name
        super().__init__(id=id)
        self._seats: tuple[Seat, ...] = ()
        self._tiles: dict[int, tuple[str, ...]] = {}
        self._tones: dict[int, tuple[str, str]] = {}
        self._cursor = 0
        self._marked: frozenset[int] = frozenset()
        self._looks: dict[str, Style] = {}

    def show(self, seats: Sequence[Seat], now: datetime, *, selected: int | None, marked: Sequence[int]) -> None:
        self._seats = tuple(seats)
        self._marked = frozenset(marked)
        self._cursor = next((place for place, seat in enumerate(seats) if seat.number == selected), 0)
        self._tiles = {seat.number: self._text(seat, now) for seat in seats}
        self._fit()
        self.refresh()

    # Shape

    @property
    def _small(self) -> bool:
        """Whether full tiles would need more than two screens."""
        columns = max(1, self.size.width // (TILE_WIDTH + GAP))
        lines = -(-len(self._seats) // columns) * (TILE_HEIGHT + GAP)
        return lines > max(1, self.size.height) * 2

    @property
    def _tile(self) -> tuple[int, int]:
        """Width and height of a tile with its gap."""
        return (SMALL_TILE + GAP, 1) if self._small else (TILE_WIDTH + GAP, TILE_HEIGHT + GAP)

    @property
    def _across(self) -> int:
        return max(1, (self.scrollable_content_region.width + GAP) // self._tile[0])

    def _fit(self) -> None:
        lines = -(-len(self._seats) // self._across) * self._tile[1]
        self.virtual_size = Size(self.size.width, lines)

    def on_resize(self) -> None:
        self._fit()
        self.refresh()

    def _text(self, seat: Seat, now: datetime) -> tuple[str, ...]:
        words = seat_words(seat, now)
        helps = seat.help_since is not None
        tone = HELP.tone if helps else words.tone
        self._tones[seat.number] = (tone.value, words.tone.value)
        sign = HELP.glyph if helps else words.glyph
        memory = ""
        if seat.memory_bytes is not None and seat.memory_limit:
            memory = f"{seat.memory_bytes / seat.memory_limit:.0%}"
        label = one_line(seat.label) or (f"mem {memory}" if memory else "")
        return (f"{seat.name} {sign}", words.word, label)

    # Painting

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._looks.clear()

    def _look(self, name: str) -> Style:
        if name not in self._looks:
            self._looks[name] = self.get_component_rich_style(f"seat-map--{name}", partial=True)
        return self._looks[name]

    def render_line(self, y: int) -> Strip:
        width = self.scrollable_content_region.width
        ground = self.rich_style
        line = y + round(self.scroll_y)
        tile_width, tile_height = self._tile
        row, part = divmod(line, tile_height)
        if part >= TILE_HEIGHT:
            return Strip.blank(width, ground)
        segments: list[Segment] = []
        for place in range(row * self._across, min(len(self._seats), (row + 1) * self._across)):
            segments += self._piece(place, part, tile_width - GAP)
            segments.append(Segment(" " * GAP, ground))
        return Strip(segments).adjust_cell_length(width, ground)

    def _piece(self, place: int, part: int, width: int) -> list[Segment]:
        seat = self._seats[place]
        first, words = self._tones[seat.number]
        at = place == self._cursor
        base = self.rich_style + self._look("cursor" if at else "tile")
        tone = (first, words, "muted")[part]
        edge = "▌" if at else " "
        mark = "✓" if part == 0 and seat.number in self._marked else " "
        text = fill(self._tiles[seat.number][part], width - 2)
        over = self._look("cursor") if at else Style()
        return [
            Segment(edge, base + self._look("accent")),
            Segment(text, base + self._look(tone) + over),
            Segment(mark, base + self._look("accent")),
        ]

    # Moving

    def do_table_up(self) -> None:
        self._go(self._cursor - self._across)

    def do_table_down(self) -> None:
        self._go(self._cursor + self._across)

    def do_table_first(self) -> None:
        self._go(0)

    def do_table_last(self) -> None:
        self._go(len(self._seats) - 1)

    def do_table_page_up(self) -> None:
        self._go(self._cursor - self._across * max(1, self.size.height // self._tile[1]))

    def do_table_page_down(self) -> None:
        self._go(self._cursor + self._across * max(1, self.size.height // self._tile[1]))

    def key_left(self) -> None:
        self._go(self._cursor - 1)

    def key_right(self) -> None:
        self._go(self._cursor + 1)

    def _go(self, place: int) -> None:
        if not self._seats or not 0 <= place < len(self._seats) or place == self._cursor:
            return
        self._cursor = place
        line = place // self._across * self._tile[1]
        self.scroll_to_region(Region(0, line, self.size.width, self._tile[1]), animate=False, immediate=True)
        self.refresh()
        self.post_message(self.Moved(self._seats[place].number))

    def on_click(self, event: events.Click) -> None:
        row = (event.y + round(self.scroll_y)) // self._tile[1]
        self._go(row * self._across + event.x // self._tile[0])
