"""A QR code on the screen: black on white whatever the theme, and a sentence instead of a clipped one."""

from __future__ import annotations

from rich.segment import Segment
from rich.style import Style
from textual.geometry import Size
from textual.strip import Strip
from textual.widget import Widget

from workshop.present.cells import cut
from workshop.present.qr import QrCode, blocks, cell_size, qr_code, too_small

INK = Style.parse("#000000 on #ffffff")
PAPER = Style.parse("on #ffffff")


class QrView(Widget):
    """The code of one link, as large as it has to be and never smaller."""

    DEFAULT_CSS = """
    QrView { width: auto; height: auto; color: $text-warning; }
    """

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's own name
        super().__init__(id=id)
        self._code: QrCode | None = None
        self._full = False
        self._lines: tuple[str, ...] = ()
        self._room = Size(0, 0)

    @property
    def link(self) -> str:
        return self._code.text if self._code else ""

    @property
    def full(self) -> bool:
        return self._full

    def show(self, link: str, *, full: bool | None = None) -> None:
        """Draw the code of a link, with half or full blocks."""
        wanted = self._full if full is None else full
        if link == self.link and wanted == self._full:
            return
        self._full = wanted
        self._code = qr_code(link) if link else None
        self._lines = blocks(self._code, full=wanted) if self._code else ()
        self.refresh(layout=True)

    def set_room(self, room: Size) -> None:
        """How many cells there are for the code; without this call it takes what it needs."""
        if room != self._room:
            self._room = room
            self.refresh(layout=True)

    @property
    def problem(self) -> str:
        """Why the code cannot be shown in the room there is; empty when it can."""
        if self._code is None or not self._room:
            return ""
        return too_small(self._code, self._room.width, self._room.height, full=self._full)

    def needs(self) -> Size:
        """The cells that the drawing takes."""
        if self._code is None:
            return Size(0, 0)
        size = cell_size(self._code, full=self._full)
        return Size(size.columns, size.rows)

    def get_content_width(self, container: Size, viewport: Size) -> int:
        return self._room.width if self.problem else self.needs().width

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        return len(_wrapped(self.problem, max(10, width))) if self.problem else self.needs().height

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        if self.problem:
            lines = _wrapped(self.problem, max(10, width))
            text = lines[y] if y < len(lines) else ""
            return Strip([Segment(cut(text, width), self.rich_style)]).adjust_cell_length(width, self.rich_style)
        if y >= len(self._lines):
            return Strip.blank(width, self.rich_style)
        return Strip([Segment(self._lines[y], INK)]).adjust_cell_length(width, PAPER)


def _wrapped(text: str, width: int) -> list[str]:
    """The text in lines of at most that many signs."""
    lines, line = [], ""
    for word in text.split():
        if line and len(line) + 1 + len(word) > width:
            lines.append(line)
            line = word
        else:
            line = f"{line} {word}".strip()
    return [*lines, line] if line else lines
