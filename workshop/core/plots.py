"""Small plots as SVG, drawn without a library: lines over time, to stand in a page that loads nothing. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from html import escape

WIDTH, HEIGHT = 640, 180
LEFT, RIGHT, TOP, BOTTOM = 64, 12, 10, 26
COLOURS = ("#1c6ca8", "#1f7a45", "#8a5a00")
DASHES = ("", "6 3", "2 3")
"""Lines are told apart by more than their colour."""


def line_plot(
    title: str,
    times: Sequence[datetime],
    series: Sequence[tuple[str, Sequence[float]]],
    *,
    unit: Callable[[float], str] = "{:.0f}".format,
) -> str:
    """One or more lines over the same times; empty without at least two moments.

    Args:
        title: read out by screen readers.
        unit: how a value is written at the axis.
    """
    if len(times) < 2:
        return ""
    begin, end = times[0].timestamp(), times[-1].timestamp()
    highest = max((value for _, values in series for value in values), default=0) or 1

    def across(moment: datetime) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * (moment.timestamp() - begin) / ((end - begin) or 1)

    def up(value: float) -> float:
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * value / highest

    parts = [
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(title)}" xmlns="http://www.w3.org/2000/svg">',
        f"<title>{escape(title)}</title>",
        *_axes(times, highest, unit, across, up),
    ]
    for number, (name, values) in enumerate(series):
        points = " ".join(f"{across(moment):.1f},{up(value):.1f}" for moment, value in zip(times, values, strict=True))
        colour, dash = COLOURS[number % len(COLOURS)], DASHES[number % len(DASHES)]
        parts.append(
            f'<polyline fill="none" stroke="{colour}" stroke-width="2" stroke-dasharray="{dash}" points="{points}"/>'
        )
        parts.append(
            f'<text x="{LEFT + 8 + 110 * number}" y="{TOP + 10}" fill="{colour}" font-size="12">{escape(name)}</text>'
        )
    return "".join((*parts, "</svg>"))


def _axes(
    times: Sequence[datetime],
    highest: float,
    unit: Callable[[float], str],
    across: Callable[[datetime], float],
    up: Callable[[float], float],
) -> list[str]:
    lines = []
    for value in (0.0, highest / 2, highest):
        y = up(value)
        lines.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}" stroke="#ccd7df"/>')
        lines.append(
            f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end" font-size="11" fill="#51636f">'
            f"{escape(unit(value))}</text>"
        )
    for moment, anchor in ((times[0], "start"), (times[len(times) // 2], "middle"), (times[-1], "end")):
        lines.append(
            f'<text x="{across(moment):.1f}" y="{HEIGHT - 8}" text-anchor="{anchor}" font-size="11" fill="#51636f">'
            f"{moment.astimezone():%H:%M}</text>"
        )
    return lines
