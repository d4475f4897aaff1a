"""Wanted and found seats, compared."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from workshop.model.seat import SeatRecord, SeatState

_STANDING = {SeatState.STARTING, SeatState.READY, SeatState.PAUSED}
"""Not `creating`: what was made by a run that was killed before it started the seat would wait for ever."""


@dataclass(frozen=True, slots=True)
class SeatPlan:
    create: tuple[int, ...]
    """Numbers with nothing under them."""
    start: tuple[int, ...]
    """Numbers whose seat is there and does not run."""
    keep: tuple[int, ...]
    """Numbers whose seat runs."""
    beyond: tuple[int, ...]
    """Seats above the wanted number: shown, never removed by `up`."""


def plan_seats(numbers: Sequence[int], records: Iterable[SeatRecord]) -> SeatPlan:
    """What it takes to have the seats of these numbers, ascending."""
    found = {record.number: record for record in records}
    last = max(numbers, default=0)
    keep = tuple(n for n in numbers if n in found and found[n].state in _STANDING)
    return SeatPlan(
        create=tuple(n for n in numbers if n not in found),
        start=tuple(n for n in numbers if n in found and found[n].state not in _STANDING),
        keep=keep,
        beyond=tuple(sorted(n for n in found if n > last)),
    )
