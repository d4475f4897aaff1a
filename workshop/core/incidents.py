"""What went wrong between two states of the facts: lines for the class's history and its report. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from workshop.core.facts import RoomFacts, SeatFacts
from workshop.model.seat import SeatState

APART = timedelta(minutes=1)
"""The engine's events and its counters tell of the same incident, seconds apart."""


@dataclass(frozen=True, slots=True)
class Incident:
    """One line: never a name, a code or a path."""

    kind: str
    """`oom`, `crash`, `process-limit`, `kernel-restart`."""
    text: str
    seat: int


def incidents(before: RoomFacts, after: RoomFacts) -> tuple[Incident, ...]:
    """What is new in `after`."""
    found: list[Incident] = []
    for number, seat in after.seats.items():
        old = before.seats.get(number)
        if old is not None and old is not seat:
            found += _of_seat(number, old, seat)
    return tuple(found)


def _of_seat(number: int, old: SeatFacts, new: SeatFacts) -> list[Incident]:
    found = []
    if _again(old.oom_at, new.oom_at):
        found.append(Incident("oom", "memory full", number))
    if _again(old.pid_limit_at, new.pid_limit_at):
        found.append(Incident("process-limit", "a process was refused", number))
    if new.crashed_at not in (None, old.crashed_at) or (_failed(new) and not _failed(old)):
        found.append(Incident("crash", "the server ended by itself", number))
    if new.kernel_restarts > old.kernel_restarts:
        found.append(Incident("kernel-restart", f"{new.kernel_restarts - old.kernel_restarts}", number))
    return found


def _again(old: datetime | None, new: datetime | None) -> bool:
    return new is not None and (old is None or new - old >= APART)


def _failed(seat: SeatFacts) -> bool:
    return seat.record is not None and seat.record.state is SeatState.FAILED
