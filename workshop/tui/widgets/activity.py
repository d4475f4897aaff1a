"""The room over time: who joined, who is active, memory. The newest is at the right end of each curve."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content

from workshop.model.amounts import format_size, format_span
from workshop.tui.room_history import RoomHistory
from workshop.tui.widgets.plots import area, over_time
from workshop.tui.widgets.text import Text

AXIS = 9
SHORT = 600.0
"""Seconds until a curve is as wide as the window: before that it grows to the right."""


@dataclass(frozen=True, slots=True)
class _Curve:
    title: str
    value: str
    """What stands beside the title: how it is now."""
    points: list[float]
    top: float
    top_text: str
    style: str


class ActivityPlots(VerticalScroll):
    """Three curves under each other, over one line of time."""

    _shown: tuple[RoomHistory, datetime, Callable[[datetime], datetime]] | None = None

    def compose(self) -> ComposeResult:
        yield Text("", id="plots")

    def on_resize(self) -> None:
        """Before it is laid out for the first time it does not know how wide it is."""
        if self._shown is not None:
            self.show(*self._shown)

    def show(self, history: RoomHistory, now: datetime, local: Callable[[datetime], datetime]) -> None:
        """
        Args:
            local: a moment in the zone in which times are shown.
        """
        self._shown = (history, now, local)
        plots = self.query_one("#plots", Text)
        if history.snapshot is None or not history.points:
            plots.say(Content.styled("No readings yet.", "$text-muted"))
            return
        began = history.points[0].at
        span = max(0.0, (now - began).total_seconds())
        width = max(20, self.scrollable_content_region.width - AXIS - 2)
        drawn = max(1, min(width, round(width * span / SHORT)))
        height = max(2, (self.size.height - 8) // 3)
        times = [point.at.timestamp() for point in history.points]
        parts = []
        for curve in _curves(history):
            values = over_time(list(zip(times, curve.points, strict=True)), drawn, now.timestamp())
            parts.append(_plot(curve, values, width, height))
        parts.append(_foot(history, began, now, local, drawn, width))
        plots.say(Content("\n\n").join(parts))


def _curves(history: RoomHistory) -> tuple[_Curve, ...]:
    assert history.snapshot is not None
    seats, points = len(history.snapshot.seats), history.points
    limit = sum(seat.memory_limit or 0 for seat in history.snapshot.seats)
    joined, active, used = zip(*((point.joined, point.active, point.memory_bytes) for point in points), strict=True)
    top = max(max(used) * 1.25, limit * 0.05, 1.0)
    memory = f"{format_size(used[-1])}, limits {format_size(limit)} in all"
    return (
        _Curve("Joined", f"{joined[-1]} of {seats}", list(map(float, joined)), seats, str(seats), "$text-primary"),
        _Curve("Active", f"{active[-1]} of {seats}", list(map(float, active)), seats, str(seats), "$text-success"),
        _Curve("Memory", memory, list(map(float, used)), top, format_size(top), "$text-accent"),
    )


def _plot(curve: _Curve, values: list[float], width: int, height: int) -> Content:
    lines = [Content.assemble((f"{curve.title:>{AXIS}} ", "bold"), (curve.value, curve.style))]
    drawn = area(values, width, height, top=curve.top)
    for number, line in enumerate(drawn):
        edge = curve.top_text if number == 0 else "0" if number == len(drawn) - 1 else ""
        lines.append(
            Content.assemble((f"{edge:>{AXIS}} ", "$text-muted"), (f"{line:<{width}}", f"{curve.style} on $surface"))
        )
    return Content("\n").join(lines)


def _foot(
    history: RoomHistory,
    began: datetime,
    now: datetime,
    local: Callable[[datetime], datetime],
    drawn: int,
    width: int,
) -> Content:
    """The line of time: when the curves begin, and now, where they end."""
    first, last = f"{local(began):%H:%M}", f"{local(now):%H:%M}"
    whose = "" if history.from_the_start else ", seen from this terminal"
    text = f"{format_span(now - began)}{whose}"
    right = max(drawn, len(first) + len(last) + 2)
    middle = f"{first}{last:>{right - len(first)}}" if right > len(first) + len(last) else first
    rest = text if len(middle) + len(text) + 2 <= width else ""
    if not rest and len(first) + len(text) + len(last) + 4 <= right:
        room = right - len(first) - len(last)
        middle, rest = f"{first}{text:^{room}}{last}", ""
    return Content.styled(f"{'':>{AXIS}} {middle}  {rest}".rstrip(), "$text-muted")
