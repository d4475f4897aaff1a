"""Curves in text: one line of blocks for a seat, several for the room."""

from __future__ import annotations

from collections.abc import Sequence

BLOCKS = "▁▂▃▄▅▆▇█"


def sparkline(values: Sequence[float], width: int, *, top: float | None = None) -> str:
    """The newest values as blocks, one cell each, the newest last.

    Args:
        top: the value of a full block; the largest value by default.
    """
    shown = list(values)[-width:]
    highest = top if top is not None else max(shown, default=0.0)
    if highest <= 0:
        return "▁" * len(shown)
    steps = len(BLOCKS) - 1
    signs = [BLOCKS[max(0, min(steps, round(value / highest * steps)))] for value in shown]
    return "".join(signs)


def area(values: Sequence[float], width: int, height: int, *, top: float) -> list[str]:
    """A filled curve of several lines; it grows to the right until it is as wide as it may be, then it is thinned.

    Each cell is one of eight heights, so a plot of `height` lines tells 8 × `height` values apart.
    """
    shown = thinned(values, width)
    levels = [0 if top <= 0 else round(max(0.0, min(1.0, value / top)) * height * 8) for value in shown]
    lines = []
    for line in range(height):
        floor = (height - 1 - line) * 8
        lines.append("".join(_cell(level - floor) for level in levels))
    return lines


def over_time(points: Sequence[tuple[float, float]], width: int, until: float) -> list[float]:
    """Values at `width` moments from the first point to `until`: the highest of each stretch of time.

    Args:
        points: seconds and value, oldest first; a stretch without one goes on with the value before.
        until: seconds, at the right end.
    """
    if not points or width <= 0:
        return []
    first = points[0][0]
    length = max(until - first, 1e-9)
    found: list[float | None] = [None] * width
    for at, value in points:
        place = min(width - 1, max(0, int((at - first) / length * width)))
        before = found[place]
        found[place] = value if before is None else max(before, value)
    values, last = [], points[0][1]
    for kept in found:
        last = last if kept is None else kept
        values.append(last)
    return values


def _cell(level: int) -> str:
    return " " if level <= 0 else BLOCKS[min(8, level) - 1]


def thinned(values: Sequence[float], width: int) -> list[float]:
    """At most `width` values, each the highest of its stretch."""
    count = len(values)
    if count <= width:
        return list(values)
    stretches = [(place * count // width, (place + 1) * count // width) for place in range(width)]
    return [max(values[start : max(end, start + 1)]) for start, end in stretches]
