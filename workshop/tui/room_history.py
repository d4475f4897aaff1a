"""What this session has seen of a classroom: the newest picture, what happened, curves over time. Bounded, pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from workshop.model.happening import Happening
from workshop.model.parts import seat_span
from workshop.model.seat import Activity, Seat, SeatState
from workshop.model.snapshot import Snapshot
from workshop.service import Sample

EVENTS_KEPT = 2000
POINTS_KEPT = 4000
"""Points of a curve of the whole room, what the gateway has written down included."""
SEAT_POINTS_KEPT = 60
EVERY = timedelta(seconds=10)
"""Between two points of this session: the curves of a room reach back eleven hours, those of a seat ten minutes."""
ACTIVE = (Activity.OPEN, Activity.RUNNING)
TROUBLE = (Activity.OUT_OF_MEMORY, Activity.PROCESS_LIMIT, Activity.CRASHED)


@dataclass(frozen=True, slots=True)
class RoomEvent:
    """Something that happened, as it is told."""

    at: datetime
    text: str
    tone: str = "normal"
    seat: int | None = None


@dataclass(frozen=True, slots=True)
class RoomPoint:
    """The room at one moment, in numbers."""

    at: datetime
    joined: int
    active: int
    memory_bytes: int
    cpu_percent: float


class RoomHistory:
    """Follows one classroom, snapshot by snapshot."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.snapshot: Snapshot | None = None
        self.stale = ""
        """Why the newest picture may be old, as far as this side knows."""
        self.received: datetime | None = None
        self.events: deque[RoomEvent] = deque(maxlen=EVENTS_KEPT)
        self.told = 0
        """Events ever noted: tells a reader how many are new."""
        self.points: deque[RoomPoint] = deque(maxlen=POINTS_KEPT)
        self.from_the_start = False
        """Whether `points` reach back to before this session began to watch."""
        self.events_from_the_start = False
        """Whether `events` reach back to before this session began to watch."""
        self._cpu: dict[int, deque[float]] = {}
        self._memory: dict[int, deque[float]] = {}

    def take(self, snapshot: Snapshot, now: datetime) -> None:
        before, self.snapshot = self.snapshot, snapshot
        self.stale = snapshot.stale
        self.received = now
        for event in differences(before, snapshot, now):
            self.events.append(event)
            self.told += 1
        if not self.points or now - self.points[-1].at >= EVERY:
            self._add_points(snapshot, now)

    def begin_with(self, samples: Iterable[Sample]) -> None:
        """Put what was written down before this session began to watch in front of its own points."""
        first = self.points[0].at if self.points else None
        own = list(self.points)
        earlier = [
            RoomPoint(sample.at, sample.joined, sample.active, sample.memory_bytes, sample.cpu_percent)
            for sample in samples
            if first is None or sample.at < first
        ]
        self.points = deque([*earlier, *own], maxlen=POINTS_KEPT)
        self.from_the_start = True

    def begin_events_with(self, happened: Iterable[Happening]) -> None:
        """Put what happened before this session began to watch in front of its own events."""
        own = list(self.events)
        earlier = [_earlier(one) for one in happened if not own or one.at < own[0].at]
        self.events = deque([*earlier, *own], maxlen=EVENTS_KEPT)
        self.events_from_the_start = True

    def lost(self, reason: str) -> None:
        """The classroom cannot be asked now; the last picture stays."""
        self.stale = reason

    def cpu(self, number: int) -> tuple[float, ...]:
        """CPU percent of a seat over time, oldest first."""
        return tuple(self._cpu.get(number, ()))

    def memory(self, number: int) -> tuple[float, ...]:
        """Bytes of memory of a seat over time, oldest first."""
        return tuple(self._memory.get(number, ()))

    def _add_points(self, snapshot: Snapshot, now: datetime) -> None:
        seats = snapshot.seats
        self.points.append(
            RoomPoint(
                now,
                joined=sum(seat.claimed or seat.first_seen is not None for seat in seats),
                active=sum(seat.activity in ACTIVE for seat in seats),
                memory_bytes=sum(seat.memory_bytes or 0 for seat in seats),
                cpu_percent=sum(seat.cpu_percent or 0 for seat in seats),
            )
        )
        there = {seat.number for seat in seats}
        for curves in (self._cpu, self._memory):
            for number in [number for number in curves if number not in there]:
                del curves[number]
        for seat in seats:
            self._point(self._cpu, seat.number, seat.cpu_percent)
            self._point(self._memory, seat.number, seat.memory_bytes)

    @staticmethod
    def _point(curves: dict[int, deque[float]], number: int, value: float | None) -> None:
        if value is not None:
            curves.setdefault(number, deque(maxlen=SEAT_POINTS_KEPT)).append(float(value))


_TONES = {
    "taken": "good", "help-done": "good", "help": "warn", "oom": "bad", "process-limit": "bad", "crash": "bad",
    "end-failed": "bad", "kernel-restart": "warn", "opened": "accent", "say": "accent", "extend": "accent",
    "break": "accent",
}  # fmt: skip


def _earlier(one: Happening) -> RoomEvent:
    tone = _TONES.get(one.kind, "normal")
    if len(one.seats) > 1:
        return RoomEvent(one.at, f"seats {seat_span(one.seats)} {one.text}", tone)
    return RoomEvent(one.at, one.text, tone, next(iter(one.seats), None))


def differences(before: Snapshot | None, after: Snapshot, now: datetime) -> Iterator[RoomEvent]:
    """What happened between two pictures, told in the order of the seats."""
    if before is None:
        yield RoomEvent(now, f"{after.ready} of {len(after.seats)} seats are ready, {after.claimed} claimed", "accent")
        return
    if bool(before.stale) != bool(after.stale):
        yield RoomEvent(now, after.stale or "The classroom answers again.", "warn" if after.stale else "good")
    if before.ends != after.ends and before.ends is not None and after.ends is not None:
        yield RoomEvent(now, f"The class now ends {_moved(before.ends, after.ends)}.", "accent")
    for message in _new_messages(before.messages, after.messages):
        yield RoomEvent(now, f"Said: {message}", "accent")
    for warning in after.warnings:
        if warning not in before.warnings:
            yield RoomEvent(now, warning, "warn")
    known = {seat.number: seat for seat in before.seats}
    for seat in after.seats:
        yield from _of_seat(known.pop(seat.number, None), seat, now)
    for number in known:
        yield RoomEvent(now, "is gone", "muted", number)


def _new_messages(before: Sequence[str], after: Sequence[str]) -> Sequence[str]:
    """What was said since; only the last messages are kept, so the first ones may be missing now."""
    for forgotten in range(len(before) + 1):
        kept = before[forgotten:]
        if after[: len(kept)] == kept:
            return after[len(kept) :]
    return after


def _moved(before: datetime, after: datetime) -> str:
    minutes = round((after - before).total_seconds() / 60)
    return f"{abs(minutes)} min {'later' if minutes > 0 else 'earlier'}"


def _of_seat(before: Seat | None, after: Seat, now: datetime) -> Iterable[RoomEvent]:
    if before is None:
        yield RoomEvent(now, f"is new: {after.state.value}", "normal", after.number)
        return
    if before == after:
        return
    number = after.number
    if not before.claimed and after.claimed:
        yield RoomEvent(now, "was taken", "good", number)
    if before.claimed and not after.claimed:
        yield RoomEvent(now, "was freed", "normal", number)
    if before.state is not after.state:
        bad = after.state in (SeatState.FAILED, SeatState.LOST, SeatState.STOPPED)
        tone = "bad" if bad else "good" if after.state is SeatState.READY else "normal"
        why = f": {after.detail}" if after.detail and bad else ""
        yield RoomEvent(now, f"{before.state.value} → {after.state.value}{why}", tone, number)
    if before.activity is not after.activity and after.activity in TROUBLE:
        yield RoomEvent(now, after.activity.value, "bad", number)
    elif before.activity in TROUBLE and after.activity not in TROUBLE:
        yield RoomEvent(now, f"no longer {before.activity.value}", "good", number)
    if after.visited and not before.visited:
        yield RoomEvent(now, "is visited by the instructor", "accent", number)
    if before.help_since is None and after.help_since is not None:
        yield RoomEvent(now, "asks for help", "warn", number)
    if before.help_since is not None and after.help_since is None:
        yield RoomEvent(now, "no longer asks for help", "good", number)
    if after.restarts > before.restarts:
        yield RoomEvent(now, f"restarted (for the {_nth(after.restarts)} time)", "warn", number)
    for warning in after.warnings:
        if warning not in before.warnings:
            yield RoomEvent(now, warning, "warn", number)


def _nth(count: int) -> str:
    endings = {1: "st", 2: "nd", 3: "rd"}
    return f"{count}{endings.get(count if count < 20 else count % 10, 'th')}"
