"""A table of rows that paints only what changed: 500 seats and 50 events a second leave the keys alone."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from workshop.actions import Scope
from workshop.present.cells import fill
from workshop.present.columns import Cell, Column, fit_columns
from workshop.present.words import Tone
from workshop.tui.bindings import bindings_for
from workshop.tui.performing import Performer

TONES = tuple(tone.value for tone in Tone)
GUTTER = 2


class _OfTable(Message):
    """Something that happened in a table; `@on(…, "#id")` chooses by the table's id."""

    def __init__(self, table: RowTable) -> None:
        super().__init__()
        self.table = table

    @property
    def control(self) -> RowTable:
        return self.table


class _OfRow(_OfTable):
    """Something that happened to a row."""

    def __init__(self, table: RowTable, key: str) -> None:
        super().__init__(table)
        self.key = key


class RowTable(Performer, ScrollView, can_focus=True):
    """Rows by key, a cursor, marks. The order of the rows is the caller's."""

    SCOPES: ClassVar[tuple[Scope, ...]] = (Scope.TABLE,)
    BINDINGS: ClassVar = bindings_for(Scope.TABLE)
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "row-table--header",
        "row-table--cursor",
        "row-table--cursor-blurred",
        "row-table--mark",
        *(f"row-table--{tone}" for tone in TONES),
    }
    DEFAULT_CSS = """
    RowTable {
        height: 1fr;
        background: $background;
        scrollbar-size-vertical: 1;
        scrollbar-gutter: auto;
        overflow-x: hidden;
        & > .row-table--header { color: $text-muted; text-style: none; background: $background; }
        & > .row-table--cursor { background: $cursor-ground; text-style: bold; }
        & > .row-table--cursor-blurred { background: $cursor-blurred; }
        & > .row-table--mark { color: $accent; text-style: bold; }
        & > .row-table--normal { color: $foreground; }
        & > .row-table--good { color: $text-success; }
        & > .row-table--busy { color: $text-primary; }
        & > .row-table--warn { color: $text-warning; }
        & > .row-table--bad { color: $text-error; text-style: bold; }
        & > .row-table--muted { color: $text-muted; }
        & > .row-table--accent { color: $text-accent; }
    }
    """

    class Moved(_OfRow):
        """The cursor is on another row now."""

    class Chosen(_OfRow):
        """A row was clicked while the cursor stood on it."""

    class Left(_OfTable):
        """The cursor would leave the table, `down` or up: another table may take over."""

        def __init__(self, table: RowTable, *, down: bool) -> None:
            super().__init__(table)
            self.down = down

    class SortAsked(_OfTable):
        """The title of a column was clicked."""

        def __init__(self, table: RowTable, column: str) -> None:
            super().__init__(table)
            self.column = column

    def __init__(
        self,
        columns: Sequence[Column],
        *,
        id: str | None = None,  # noqa: A002 - Textual's own name
        header: bool = True,
        mark_glyph: str = "✓",
    ) -> None:
        super().__init__(id=id)
        self._columns = tuple(columns)
        self._header = header
        self._mark_glyph = mark_glyph
        self._rows: dict[str, Sequence[Cell]] = {}
        self._order: list[str] = []
        self._places: dict[str, int] = {}
        self._marks: frozenset[str] = frozenset()
        self._cursor = 0
        self._sorted_by: tuple[str, bool] = ("", False)
        self._layout: list[tuple[int, int]] = []
        self._layout_width = -1
        self._strips: dict[str, Strip] = {}
        self._styles_of: dict[str, Style] = {}
        self.painted = 0
        """Rows drawn since the start: what the benchmark and its test look at."""

    # What is shown

    @property
    def cursor_key(self) -> str | None:
        return self._order[self._cursor] if self._order else None

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys of the rows in the order that is shown."""
        return tuple(self._order)

    @property
    def marks(self) -> frozenset[str]:
        return self._marks

    def set_columns(self, columns: Sequence[Column]) -> None:
        self._columns = tuple(columns)
        self._forget_layout()

    def set_sorted_by(self, column: str, *, downwards: bool = False) -> None:
        """Show the sign of the order over a column; the rows come in that order from the caller."""
        if self._sorted_by != (column, downwards):
            self._sorted_by = (column, downwards)
            self.refresh()

    def set_rows(self, rows: Sequence[tuple[str, Sequence[Cell]]]) -> None:
        """Show these rows, keeping the cursor on its key; only lines that look different are painted."""
        at = self.cursor_key
        order = [key for key, _cells in rows]
        moved = order != self._order
        changed = [key for key, cells in rows if self._rows.get(key) != cells]
        self._rows = dict(rows)
        for key in changed:
            self._strips.pop(key, None)
        if not moved:
            for key in changed:
                self._refresh_row(self._places[key])
            return
        in_view = self._in_view
        self._order = order
        self._places = {key: place for place, key in enumerate(order)}
        for key in [key for key in self._strips if key not in self._rows]:
            del self._strips[key]
        self._marks = frozenset(self._marks & self._rows.keys())
        self._fit_virtual_size()
        before = self._cursor
        self._cursor = self._places.get(at, min(before, max(0, len(order) - 1))) if at else 0
        self.refresh()
        if in_view:  # the new number of rows counts for scrolling only after the next layout
            self.call_after_refresh(self._keep_in_view)
        if self.cursor_key is not None and self.cursor_key != at:
            self.post_message(self.Moved(self, self.cursor_key))

    def set_marks(self, keys: Collection[str]) -> None:
        changed = self._marks ^ frozenset(keys)
        self._marks = frozenset(keys)
        for key in changed:
            if key in self._places:
                self._refresh_row(self._places[key])

    def move_to(self, key: str) -> None:
        if key in self._places:
            self._go(self._places[key])

    # Actions

    def do_table_up(self) -> None:
        if self._cursor == 0:
            self.post_message(self.Left(self, down=False))
        self._go(self._cursor - 1)

    def do_table_down(self) -> None:
        if self._cursor >= len(self._order) - 1:
            self.post_message(self.Left(self, down=True))
        self._go(self._cursor + 1)

    def do_table_first(self) -> None:
        self._go(0)

    def do_table_last(self) -> None:
        self._go(len(self._order) - 1)

    def do_table_page_up(self) -> None:
        self._go(self._cursor - self._page)

    def do_table_page_down(self) -> None:
        self._go(self._cursor + self._page)

    # Inside

    @property
    def _top(self) -> int:
        """Lines above the first row."""
        return 1 if self._header else 0

    @property
    def _page(self) -> int:
        return max(1, self.scrollable_content_region.height - self._top)

    def _go(self, place: int) -> None:
        if not self._order:
            return
        place = max(0, min(place, len(self._order) - 1))
        if place == self._cursor:
            return
        self._refresh_row(self._cursor)
        self._cursor = place
        self._refresh_row(place)
        self._keep_in_view()
        self.post_message(self.Moved(self, self._order[place]))

    @property
    def _in_view(self) -> bool:
        first = round(self.scroll_y)
        return first <= self._cursor < first + self._page

    def _keep_in_view(self) -> None:
        first = round(self.scroll_y)
        if self._cursor < first:
            self.scroll_to(y=self._cursor, animate=False, immediate=True)
        elif self._cursor >= first + self._page:
            self.scroll_to(y=self._cursor - self._page + 1, animate=False, immediate=True)

    def _refresh_row(self, place: int) -> None:
        line = place - round(self.scroll_y) + self._top
        if self._top <= line < self.size.height:
            self.refresh(Region(0, line, self.size.width, 1))

    def be_as_tall_as_its_rows(self, beside: int) -> None:
        """Take the height of all rows, or what the terminal leaves; those that do not fit are scrolled to.

        Args:
            beside: lines of the terminal that are left to others.
        """
        self.styles.height = min(len(self._order) + self._top, max(4, self.app.size.height - beside))

    def _fit_virtual_size(self) -> None:
        self.virtual_size = Size(self.size.width, len(self._order) + self._top)

    def _forget_layout(self) -> None:
        self._layout_width = -1
        self._strips.clear()
        self.refresh()

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._styles_of.clear()
        self._strips.clear()

    def on_resize(self) -> None:
        self._fit_virtual_size()
        self._forget_layout()
        self._keep_in_view()

    def on_focus(self) -> None:
        self._refresh_row(self._cursor)

    def on_blur(self) -> None:
        self._refresh_row(self._cursor)

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        super().watch_scroll_y(old_value, new_value)
        if round(old_value) != round(new_value):
            self.refresh()

    async def on_click(self, event: events.Click) -> None:
        if event.y < self._top:
            column = self._column_at(event.x)
            if column is not None:
                self.post_message(self.SortAsked(self, column))
            return
        place = event.y - self._top + round(self.scroll_y)
        if place >= len(self._order):
            return
        if place == self._cursor and event.chain == 2:
            self.post_message(self.Chosen(self, self._order[place]))
        else:
            self._go(place)

    def _column_at(self, x: int) -> str | None:
        left = GUTTER
        for index, width in self._places_of_columns():
            if left <= x < left + width + 1:
                return self._columns[index].key
            left += width + 1
        return None

    def _places_of_columns(self) -> list[tuple[int, int]]:
        """Indexes and widths of the columns that fit, in their order."""
        width = self.scrollable_content_region.width
        if self._layout_width != width:
            self._layout_width = width
            self._layout = fit_columns(self._columns, width - GUTTER)
        return self._layout

    # Painting

    def _look(self, name: str) -> Style:
        if name not in self._styles_of:
            self._styles_of[name] = self.get_component_rich_style(f"row-table--{name}", partial=True)
        return self._styles_of[name]

    def render_line(self, y: int) -> Strip:
        width = self.scrollable_content_region.width
        if y < self._top:
            return self._header_line(width)
        place = y - self._top + round(self.scroll_y)
        if place >= len(self._order):
            return Strip.blank(width, self.rich_style)
        key = self._order[place]
        if place != self._cursor and key not in self._marks:
            if key not in self._strips:
                self._strips[key] = self._row_line(key, width)
            return self._strips[key]
        return self._row_line(key, width, cursor=place == self._cursor)

    def _header_line(self, width: int) -> Strip:
        look = self.rich_style + self._look("header")
        parts = [" " * GUTTER]
        for index, room in self._places_of_columns():
            column = self._columns[index]
            title = column.title
            if column.key == self._sorted_by[0]:
                sign = "▼" if self._sorted_by[1] else "▲"
                # the sign may use the cell between two columns
                parts.append(fill(f"{title}{sign}", room + 1, right=column.right))
                continue
            parts.append(fill(title, room, right=column.right) + " ")
        return Strip([Segment("".join(parts), look)]).adjust_cell_length(width, look)

    def _row_line(self, key: str, width: int, *, cursor: bool = False) -> Strip:
        self.painted += 1
        ground = self.rich_style
        over = Style()
        if cursor:
            over = self._look("cursor" if self.has_focus else "cursor-blurred")
        base = ground + over
        edge = "▌" if cursor and self.has_focus else " "
        mark = self._mark_glyph if key in self._marks else " "
        segments = [
            Segment(edge, base + self._look("accent") + over),
            Segment(mark, base + self._look("mark") + over),
        ]
        cells = self._rows[key]
        for index, room in self._places_of_columns():
            cell = cells[index]
            tone = cell.tone if cell.tone in TONES else "normal"
            text = fill(cell.text, room, right=self._columns[index].right, keep_end=cell.keep_end)
            segments.append(Segment(text, ground + self._look(tone) + over))
            segments.append(Segment(" ", base))
        return Strip(segments).adjust_cell_length(width, base)
