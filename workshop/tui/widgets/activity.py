"""The room over time: who joined, who is active, memory. The newest is at the right end."""

from __future__ import annotations

from datetime import datetime

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content

from workshop.model.amounts import format_size, format_span
from workshop.tui.room_history import EVERY, RoomHistory
from workshop.tui.widgets.plots import area
from workshop.tui.widgets.text import Text

AXIS = 9


class ActivityPlots(VerticalScroll):
    """Three curves under each other."""

    def compose(self) -> ComposeResult:
        yield Text("", id="plots")

    def show(self, history: RoomHistory, now: datetime) -> None:
        snapshot = history.snapshot
        points = list(history.points)
        if snapshot is None or not points:
            self.query_one("#plots", Text).say(Content.styled("No readings yet.", "$text-muted"))
            return
        seats = len(snapshot.seats)
        width = max(20, self.scrollable_content_region.width - AXIS - 2)
        height = max(2, (self.size.height - 8) // 3)
        limit = sum(seat.memory_limit or 0 for seat in snapshot.seats)
        used = [point.memory_bytes for point in points]
        top = max(max(used) * 1.25, limit * 0.05, 1.0)
        joined, active = [point.joined for point in points], [point.active for point in points]
        content = Content("\n\n").join(
            [
                _plot("Joined", f"{joined[-1]} of {seats}", joined, seats, str(seats), "$text-primary", width, height),
                _plot("Active", f"{active[-1]} of {seats}", active, seats, str(seats), "$text-success", width, height),
                _plot(
                    "Memory",
                    f"{format_size(used[-1])}, limits {format_size(limit)} in all",
                    used,
                    top,
                    format_size(top),
                    "$text-accent",
                    width,
                    height,
                ),
            ]
        )
        since = format_span(now - points[0].at)
        foot = Content.styled(
            f"\n\n{'':>{AXIS}} Seen from this terminal for {since}; a point every {EVERY.seconds} s.", "$text-muted"
        )
        self.query_one("#plots", Text).say(content + foot)


def _plot(
    title: str, value: str, values: list[int], top: float, top_text: str, style: str, width: int, height: int
) -> Content:
    lines = [Content.assemble((f"{title:>{AXIS}} ", "bold"), (value, style))]
    drawn = area([float(value) for value in values], width, height, top=float(top))
    for number, line in enumerate(drawn):
        edge = top_text if number == 0 else "0" if number == len(drawn) - 1 else ""
        lines.append(
            Content.assemble((f"{edge:>{AXIS}} ", "$text-muted"), (f"{line:<{width}}", f"{style} on $surface"))
        )
    return Content("\n").join(lines)
