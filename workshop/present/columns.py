"""Columns that leave by priority when a table is narrow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Cell:
    """What stands in one place of a table, and how it is meant."""

    text: str
    tone: str = "normal"
    keep_end: bool = False
    """A path: what does not fit goes at its beginning."""


@dataclass(frozen=True, slots=True)
class Column:
    """How a column takes its place."""

    key: str
    title: str
    width: int
    priority: int = 0
    """0 is always shown; the highest numbers go first when the table is narrow."""
    right: bool = False
    grow: bool = False
    """Takes the width that is left."""


def fit_columns(columns: Sequence[Column], width: int, *, gap: int = 1) -> list[tuple[int, int]]:
    """Which columns fit into `width` cells with `gap` between them: index and width of each, in their order.

    Columns of priority 0 stay whatever the width; then the last of them that may grow gives way first.
    """
    kept = list(range(len(columns)))
    for index in sorted(kept, key=lambda i: (-columns[i].priority, -i)):
        if _needed(columns, kept, gap) <= width or columns[index].priority == 0:
            break
        kept.remove(index)
    widths = {index: columns[index].width for index in kept}
    spare = width - _needed(columns, kept, gap)
    growing = [index for index in kept if columns[index].grow]
    if growing and spare >= 0:
        for place, index in enumerate(growing):
            widths[index] += spare // len(growing) + (1 if place < spare % len(growing) else 0)
    elif growing:
        widths[growing[-1]] = max(1, widths[growing[-1]] + spare)
    return [(index, widths[index]) for index in kept]


def _needed(columns: Sequence[Column], kept: Sequence[int], gap: int) -> int:
    return sum(columns[index].width for index in kept) + gap * max(0, len(kept) - 1)
