"""What is known of a classroom and its seats: only what was seen, nothing that is worked out from it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from workshop.model.classroom import Classroom
from workshop.model.room_check import RoomCheck
from workshop.model.seat import Progress, Pulse, SeatRecord, Usage


@dataclass(frozen=True, slots=True)
class SeatFacts:
    """What is known of one seat."""

    record: SeatRecord | None = None
    answered: str = ""
    """Which object of this number answered: a successor has to answer for itself."""
    claimed: bool = False
    first_seen: datetime | None = None
    pulse: Pulse | None = None
    silent: int = 0
    last_active: datetime | None = None
    usage: Usage | None = None
    cpu_percent: float | None = None
    hot_since: float | None = None
    """Monotonic seconds since when the seat computes at full speed with no browser there."""
    oom_at: datetime | None = None
    pid_limit_at: datetime | None = None
    """When a process was last refused."""
    restarts_dated: tuple[str, int] | None = None
    """Of which object how many restarts are accounted for in `crashed_at`."""
    crashed_at: datetime | None = None
    """When the seat's server was last started again by its runtime, having ended by itself."""
    kernel_restarts: int = 0
    label: str = ""
    help_since: datetime | None = None
    progress: tuple[Progress, ...] = ()


@dataclass(frozen=True, slots=True)
class RoomFacts:
    """What is known of a classroom."""

    classroom: Classroom
    seats: dict[int, SeatFacts] = field(default_factory=dict)
    ends: datetime | None = None
    checks: tuple[RoomCheck, ...] = ()
    warnings: tuple[tuple[str, str], ...] = ()
    """What is wrong with the room as a whole, by what it is about."""
    wanted: int | None = None
    """Seats wanted since the last `add`; None to take it from the classroom. The last ones are its spares."""
    breaks: tuple[tuple[datetime, datetime], ...] = ()
    """Begin and end of each break."""


def identity(record: SeatRecord) -> str:
    """Tells one life of a seat's object from the next."""
    return f"{record.object_id}/{record.generation}/{record.started_at}"
