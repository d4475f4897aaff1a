"""Everything known of a classroom at one instant, and what a verb reports at its end."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from workshop.model.classroom import Classroom
from workshop.model.room_check import RoomCheck
from workshop.model.seat import Seat, SeatState


class TunnelState(StrEnum):
    """How the user's tunnel is."""

    NONE = ""
    STARTING = "starting"
    OPEN = "open"
    LOST = "lost"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One picture of a classroom. Made by `core.reduce` only; widgets and printers read it."""

    classroom: Classroom
    seats: tuple[Seat, ...] = ()
    taken_at: datetime | None = None
    ends: datetime | None = None
    gateway: bool = False
    """Whether the gateway answers: without it nobody can come in and activity is not known."""
    stale: str = ""
    """Why the picture may be old; empty when it is not."""
    waiting: int = 0
    """People in the waiting room."""
    messages: tuple[str, ...] = ()
    """What was said to the class, newest last."""
    warnings: tuple[str, ...] = ()
    break_until: datetime | None = None
    tunnel: TunnelState = TunnelState.NONE
    checks: tuple[RoomCheck, ...] = ()
    """What devices in the room found when they tested their way here, newest last."""

    @property
    def ready(self) -> int:
        return sum(seat.state is SeatState.READY for seat in self.seats)

    @property
    def claimed(self) -> int:
        return sum(seat.claimed for seat in self.seats)

    def seat(self, number: int) -> Seat | None:
        return next((seat for seat in self.seats if seat.number == number), None)


@dataclass(frozen=True, slots=True)
class ClassroomSummary:
    """A classroom as a list shows it."""

    name: str
    workshop: str
    runtime: str
    seats: int
    ready: int
    join: str
    ends: datetime | None = None
    created: datetime | None = None
    uid: str = ""
    gateway: bool = False
    detail: str = ""
    grace: timedelta = timedelta()
    """How long after its end its gateway waits before it collects the work and removes the class."""
    opened_by: str = ""
    """Login name of who opened it; empty where that is not known."""


@dataclass(frozen=True, slots=True)
class Survivor:
    """Something of ours that is still there after a removal."""

    kind: str
    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class Removal:
    """What a teardown removed and what it could not."""

    removed: dict[str, int] = field(default_factory=dict)
    """Counts by kind of object: `{"seats": 10, "networks": 1}`."""
    left: tuple[Survivor, ...] = ()

    def __add__(self, other: Removal) -> Removal:
        counts = dict(self.removed)
        for kind, count in other.removed.items():
            counts[kind] = counts.get(kind, 0) + count
        return Removal(counts, self.left + other.left)


@dataclass(frozen=True, slots=True)
class EngineFacts:
    """What is known of the machine or cluster that seats run on."""

    runtime: str
    version: str
    cpus: float
    memory_bytes: int
    memory_free_bytes: int | None = None
    disk_free_bytes: int | None = None
    disk_total_bytes: int | None = None
    isolated: bool = True
    """False for the process runtime: seats run as the instructor, without walls."""
    notes: tuple[str, ...] = ()
    identity: str = ""
    """What tells it from another of its kind that may go by the same name; empty where there is only one."""


@dataclass(frozen=True, slots=True)
class Fit:
    """Whether a number of seats fits, and why."""

    seats: int
    largest: int
    verdict: str
    """`fits`, `tight` or `does not fit`."""
    sentence: str
    safe: int | None = None
    """How many fit even if all fill up, where that is another number than `largest`."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with a definition or a repository."""

    path: str
    """Where: `seats`, `limits.memory`, `binder/apt.txt:3`."""
    message: str
    hint: str = ""
    level: str = "error"
    """`error`, or `warning` for what can be built all the same."""
