"""A class as it looks at one moment, always the same: its seats, its picture, its image, its clock."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from workshop.errors import WorkshopError
from workshop.model.classroom import Classroom, Door
from workshop.model.events import (
    WorkEvent,
)
from workshop.model.image import Image
from workshop.model.seat import Activity, Limits, Progress, Seat, SeatState
from workshop.model.snapshot import Snapshot

NOW = datetime(2026, 3, 2, 9, 41, 7, tzinfo=UTC)
Report = Callable[[WorkEvent], None]


class Clock:
    """A clock that moves when it is told to."""

    def __init__(self, now: datetime = NOW) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **span: float) -> None:
        self.now += timedelta(**span)


def classroom(name: str = "python-basics", seats: int = 24, **changes: Any) -> Classroom:
    room = Classroom(
        name=name,
        uid=f"uid{name}"[:12],
        key="5a" * 32,
        workshop="Python basics",
        runtime="docker",
        image="sha256:" + "3f" * 32,
        commit="3f2a1b9c0d" * 4,
        seats=seats,
        door=Door("192.168.1.20", 8080),
        created=NOW - timedelta(minutes=52),
        ends=NOW + timedelta(hours=2, minutes=8),
        limits=Limits(1024**3, 1.0, 512),
    )
    return replace(room, **changes)


def seat_of(room: Classroom, number: int, **changes: Any) -> Seat:
    seat = Seat(
        number=number,
        code=room.code(number),
        link=room.link(number),
        state=SeatState.READY,
        activity=Activity.NEVER_OPENED,
        memory_bytes=72 * 1024**2,
        memory_limit=1024**3,
        cpu_percent=0.3,
        pids=3,
    )
    return replace(seat, **changes)


def class_seats(room: Classroom) -> tuple[Seat, ...]:
    """A class in full swing: something of everything."""
    megabyte = 1024**2
    seats = [seat_of(room, number) for number in range(1, room.seats + 1)]

    def used(number: int, activity: Activity, minutes: float, memory: int, cpu: float, **more: Any) -> None:
        if number > room.seats:
            return
        seats[number - 1] = replace(
            seats[number - 1],
            claimed=True,
            activity=activity,
            first_seen=NOW - timedelta(minutes=48),
            last_active=NOW - timedelta(minutes=minutes),
            memory_bytes=memory * megabyte,
            cpu_percent=cpu,
            pids=18,
            browsers=1,
            notebook="02-loops.ipynb",
            **more,
        )

    for number in range(1, 19):
        used(number, Activity.OPEN, number % 4 + 0.3, 150 + number * 7, 1.5)
    used(2, Activity.RUNNING, 0, 412, 97)
    used(5, Activity.IDLE, 12, 160, 0.2)
    used(7, Activity.OPEN, 1, 230, 2, help_since=NOW - timedelta(minutes=4), label="Ada")
    used(8, Activity.RUNNING, 0, 905, 99, warnings=("memory 88 % of its limit",))
    used(11, Activity.DISCONNECTED, 7, 140, 0.1)
    used(13, Activity.OUT_OF_MEMORY, 2, 300, 3, detail="a kernel was killed at 09:39")
    used(15, Activity.OPEN, 3, 190, 1, help_since=NOW - timedelta(minutes=1), label="Grace H.")
    used(17, Activity.OPEN, 0.2, 201, 4, progress=(Progress("02-loops.ipynb", 24, 15, NOW - timedelta(minutes=6)),))
    nothing: dict[str, Any] = {"memory_bytes": None, "cpu_percent": None, "pids": None}
    if room.seats >= 21:
        detail = "ended while it started with exit code 137"
        seats[20] = replace(seats[20], state=SeatState.FAILED, detail=detail, **nothing)
    if room.seats >= 22:
        seats[21] = replace(seats[21], state=SeatState.STARTING, activity=Activity.UNKNOWN, **nothing)
    for number in (23, 24):
        if number <= room.seats:
            seats[number - 1] = replace(seats[number - 1], spare=True)
    return tuple(seats)


def snapshot_of(room: Classroom, seats: Sequence[Seat] | None = None, **changes: Any) -> Snapshot:
    picture = Snapshot(
        classroom=room,
        seats=class_seats(room) if seats is None else tuple(seats),
        taken_at=NOW,
        ends=room.ends,
        gateway=True,
    )
    return replace(picture, **changes)


def image(**changes: Any) -> Image:
    known = Image(
        reference="workshop/python-basics:3f2a1b9-9c8d7e6f",
        digest="sha256:" + "3f" * 32,
        commit="3f2a1b9c0d" * 4,
        recipe="9c8d7e6f",
        runtime="docker",
        seconds=84.2,
        size_bytes=612 * 1024**2,
        created=NOW - timedelta(days=1),
        workshop="python-basics",
        repository="https://github.com/example/python-basics",
        last_used=NOW - timedelta(hours=1),
    )
    return replace(known, **changes)


def unreachable_error() -> WorkshopError:
    from workshop.errors import RuntimeUnreachable

    return RuntimeUnreachable("The Docker engine does not answer.", hint="Start Docker.")
