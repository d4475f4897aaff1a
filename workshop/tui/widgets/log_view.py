"""Lines that grow at the end and can be searched; only those in view are drawn."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.widgets import Input

from workshop.actions import Scope
from workshop.present.words import Tone
from workshop.tui.bindings import bindings_for
from workshop.tui.performing import Performer
from workshop.tui.widgets.text import Text

TONES = tuple(tone.value for tone in Tone)
Line = tuple[str, str]
"""A text and how it is meant."""
_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-_])")
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def clean(text: str) -> str:
    """A line that something else printed, without what would move the cursor or change the terminal."""
    last = text.rstrip("\r").rsplit("\r", 1)[-1]  # a progress bar that redrew its line: what it ended with
    return _CONTROLS.sub("", _ESCAPES.sub("", last)).expandtabs(4)


class Lines(Performer, ScrollView, can_focus=True):
    """The lines themselves. Follows the end until one scrolls away from it."""

    SCOPES: ClassVar[tuple[Scope, ...]] = (Scope.TEXT,)
    BINDINGS: ClassVar = bindings_for(Scope.TEXT)
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "lines--match",
        "lines--at",
        "lines--number",
        *(f"lines--{tone}" for tone in TONES),
    }
    DEFAULT_CSS = """
    Lines {
        height: 1fr;
        background: $background;
        scrollbar-size-vertical: 1;
        scrollbar-size-horizontal: 1;
        & > .lines--match { background: $cursor-ground; text-style: bold; }
        & > .lines--at { background: $accent; color: $background; text-style: bold; }
        & > .lines--number { color: $text-disabled; }
        & > .lines--normal { color: $foreground; }
        & > .lines--good { color: $text-success; }
        & > .lines--busy { color: $text-primary; }
        & > .lines--warn { color: $text-warning; }
        & > .lines--bad { color: $text-error; text-style: bold; }
        & > .lines--muted { color: $text-muted; }
        & > .lines--accent { color: $text-accent; }
    }
    """

    def __init__(self, *, id: str | None = None, kept: int = 20_000) -> None:  # noqa: A002 - Textual's own name
        super().__init__(id=id)
        self._kept = kept
        self._lines: list[Line] = []
        self._widest = 0
        self._following = True
        self._needle = ""
        self._matches: list[int] = []
        self._match = -1
        self._looks: dict[str, Style] = {}

    @property
    def view(self) -> LogView | None:
        parent = self.parent
        return parent if isinstance(parent, LogView) else None

    @property
    def text(self) -> str:
        return "\n".join(text for text, _tone in self._lines)

    @property
    def count(self) -> int:
        return len(self._lines)

    @property
    def following(self) -> bool:
        return self._following

    def add(self, lines: Iterable[Line]) -> None:
        """Lines at the end; the oldest go when there are too many."""
        new = [(clean(text), tone) for text, tone in lines]
        if not new:
            return
        first = len(self._lines)
        self._lines += new
        self._widest = max(self._widest, *(cell_len(text) for text, _tone in new))
        if self._needle:
            self._matches += [n for n, (text, _) in enumerate(new, first) if self._needle in text.casefold()]
        if len(self._lines) > self._kept:
            self._drop(len(self._lines) - self._kept)
        self._resize()

    def set(self, lines: Sequence[Line]) -> None:
        """These lines and no others."""
        self._lines = []
        self._widest = 0
        self._matches = []
        self._match = -1
        self.add(lines)
        if not lines:
            self._resize()

    def _drop(self, count: int) -> None:
        del self._lines[:count]
        self._matches = [n - count for n in self._matches if n >= count]
        self._match = min(self._match, len(self._matches) - 1)

    def _resize(self) -> None:
        self.virtual_size = Size(self._widest + 1, len(self._lines))
        if self._following:
            self.scroll_end(animate=False, immediate=True, force=True)
        self.refresh()
        if self.view is not None:
            self.view.show_count()

    # Search

    def search(self, needle: str) -> None:
        """Mark every line that holds the text, in any case, and go to the last one."""
        self._needle = needle.casefold()
        self._matches = (
            [n for n, (text, _) in enumerate(self._lines) if self._needle in text.casefold()] if needle else []
        )
        self._match = len(self._matches) - 1
        self._go_to_match()

    @property
    def found(self) -> tuple[int, int]:
        """Which match is shown, from 1, and how many there are."""
        return self._match + 1, len(self._matches)

    @property
    def needle(self) -> str:
        return self._needle

    def _go_to_match(self) -> None:
        if 0 <= self._match < len(self._matches):
            line = self._matches[self._match]
            self._following = False
            self.scroll_to(y=max(0, line - self.size.height // 2), animate=False, immediate=True)
        self.refresh()
        if self.view is not None:
            self.view.show_count()

    # Actions

    def do_text_search(self) -> None:
        if self.view is not None:
            self.view.open_search()

    def do_text_next(self) -> None:
        if self._matches:
            self._match = (self._match + 1) % len(self._matches)
            self._go_to_match()

    def do_text_previous(self) -> None:
        if self._matches:
            self._match = (self._match - 1) % len(self._matches)
            self._go_to_match()

    def do_text_follow(self) -> None:
        self.do_text_last()

    def do_text_up(self) -> None:
        self._move(-1)

    def do_text_down(self) -> None:
        self._move(1)

    def do_text_left(self) -> None:
        self.scroll_relative(x=-self._sideways, animate=False, immediate=True)

    def do_text_right(self) -> None:
        self.scroll_relative(x=self._sideways, animate=False, immediate=True)

    @property
    def _sideways(self) -> int:
        """Cells of one step to a side: half of what is seen."""
        return max(1, self.size.width // 2)

    def do_text_page_up(self) -> None:
        self._move(-max(1, self.size.height - 1))

    def do_text_page_down(self) -> None:
        self._move(max(1, self.size.height - 1))

    def do_text_first(self) -> None:
        self._following = False
        self.scroll_home(animate=False, immediate=True)

    def do_text_last(self) -> None:
        self._following = True
        self.scroll_end(animate=False, immediate=True, force=True)

    async def do_text_copy(self) -> None:
        await self.workshop.copy(self.text, f"{len(self._lines)} lines")

    def blocked(self, action_id: str) -> str:
        if action_id in ("text.next", "text.previous") and not self._matches:
            return "nothing was found." if self._needle else "search for something first."
        return ""

    def _move(self, lines: int) -> None:
        self.scroll_relative(y=lines, animate=False, immediate=True)

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        super().watch_scroll_y(old_value, new_value)
        if new_value < old_value and new_value < self.max_scroll_y:
            self._following = False
        elif new_value >= self.max_scroll_y:
            self._following = True
        self.refresh()

    # Painting

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._looks.clear()

    def _look(self, name: str) -> Style:
        if name not in self._looks:
            self._looks[name] = self.get_component_rich_style(f"lines--{name}", partial=True)
        return self._looks[name]

    def render_line(self, y: int) -> Strip:
        left, top = self.scroll_offset
        width = self.scrollable_content_region.width
        ground = self.rich_style
        number = top + y
        if number >= len(self._lines):
            return Strip.blank(width, ground)
        text, tone = self._lines[number]
        look = ground + self._look(tone if tone in TONES else "normal")
        segments = [Segment(" ", ground), *self._segments(text, number, look)]
        return Strip(segments).crop_extend(left, left + width, ground)

    def _segments(self, text: str, number: int, look: Style) -> list[Segment]:
        if not self._needle or self._needle not in text.casefold():
            return [Segment(text, look)]
        current = self._matches[self._match] if 0 <= self._match < len(self._matches) else -1
        over = look + self._look("at" if number == current else "match")
        segments, rest, lowered = [], text, text.casefold()
        if len(lowered) != len(text):  # casefolding changed the length: mark the whole line
            return [Segment(text, over)]
        while (place := lowered.find(self._needle)) >= 0:
            end = place + len(self._needle)
            segments += [Segment(rest[:place], look), Segment(rest[place:end], over)]
            rest, lowered = rest[end:], lowered[end:]
        return [*segments, Segment(rest, look)]


class LogView(Vertical):
    """Lines with a search field that comes and goes."""

    DEFAULT_CSS = """
    LogView {
        height: 1fr;
        & > #search-row { height: 1; display: none; background: $panel; }
        & > #search-row.open { display: block; }
    }
    """

    def __init__(self, *, id: str | None = None, first_focus: bool = False) -> None:  # noqa: A002
        super().__init__(id=id)
        self.lines = Lines()
        self._first_focus = first_focus
        self._field = Input(placeholder="search", compact=True, id="search-field")
        self._count = Text("", id="search-count")

    def compose(self) -> ComposeResult:
        if self._first_focus:
            self.lines.add_class("first-focus")
        yield self.lines
        row = SearchRow(id="search-row")
        row.compose_add_child(Text(" / ", id="search-sign"))
        row.compose_add_child(self._field)
        row.compose_add_child(self._count)
        yield row

    def open_search(self) -> None:
        self.query_one("#search-row").add_class("open")
        self._field.focus()

    def close_search(self) -> bool:
        """Take the search away; False when there was none."""
        row = self.query_one("#search-row")
        if not row.has_class("open"):
            return False
        row.remove_class("open")
        self._field.value = ""
        self.lines.search("")
        self.lines.focus()
        return True

    def show_count(self) -> None:
        at, count = self.lines.found
        if self.lines.needle:
            self._count.say(
                Content.styled(f" {at} of {count} " if count else " nothing found ", "" if count else "$text-error")
            )
        else:
            self._count.say("")

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        self.lines.search(event.value)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.lines.focus()


class SearchRow(Vertical):
    """The field and the count, in one line."""

    DEFAULT_CSS = """
    SearchRow {
        layout: horizontal;
        & > #search-sign { width: 3; color: $text-accent; }
        & > #search-field { width: 1fr; background: $panel; }
        & > #search-count { width: auto; color: $text-muted; }
    }
    """
