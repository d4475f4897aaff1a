"""(facts, event) → facts → snapshot. The only producer of snapshots; pure."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from workshop.model import events
from workshop.model.classroom import Classroom
from workshop.model.room_check import RoomCheck
from workshop.model.seat import Activity, Limits, Progress, Pulse, Seat, SeatRecord, SeatState, Usage
from workshop.model.snapshot import Snapshot

IDLE_AFTER = timedelta(minutes=5)
"""Without a running cell or a saved change for this long, an open seat counts as idle."""
OOM_SHOWN = timedelta(minutes=10)
"""A full memory is shown this long, or until the participant has run something again."""
STUCK_AFTER = timedelta(minutes=5)
MEMORY_WARNING = 0.85
DISK_YELLOW = 1024**3
DISK_RED = 3 * 1024**3
CHECKS_KEPT = 50
SILENT_PULSES = 3
"""Readings without an answer before a seat that was ready is said not to answer."""


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
    oom_at: datetime | None = None
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


def identity(record: SeatRecord) -> str:
    """Tells one life of a seat's object from the next."""
    return f"{record.object_id}/{record.generation}/{record.started_at}"


def reduce(facts: RoomFacts, event: events.ClassEvent) -> RoomFacts:
    """The facts after the event."""
    match event:
        case events.SeatsListed(records):
            return _listed(facts, records)
        case events.SeatChanged(record):
            return _with(facts, record.number, _changed(facts.seats.get(record.number, SeatFacts()), record))
        case events.SeatGone(number):
            return replace(facts, seats={n: seat for n, seat in facts.seats.items() if n != number})
        case events.ClockSet(ends):
            return replace(facts, ends=ends)
        case events.UsageRead(usage):
            seats = dict(facts.seats)
            for number, reading in usage.items():
                if number in seats:
                    seats[number] = _used(seats[number], reading)
            return replace(facts, seats=seats)
        case events.PulseTaken(pulse, at):
            known = facts.seats.get(pulse.number)
            return facts if known is None else _with(facts, pulse.number, _pulsed(known, pulse, at))
        case events.SeatAnswered(record):
            seat = _changed(facts.seats.get(record.number, SeatFacts()), record)
            return _with(facts, record.number, replace(seat, answered=identity(record), silent=0))
        case events.RoomChecked(check):
            return replace(facts, checks=(*facts.checks, check)[-CHECKS_KEPT:])
        case events.Warned(key, text):
            others = tuple(entry for entry in facts.warnings if entry[0] != key)
            return replace(facts, warnings=(*others, (key, text)) if text else others)
        case _:
            number = event.number
            known = facts.seats.get(number, SeatFacts())
            return _with(facts, number, _told(known, event))


def _with(facts: RoomFacts, number: int, seat: SeatFacts) -> RoomFacts:
    return replace(facts, seats={**facts.seats, number: seat})


def _listed(facts: RoomFacts, records: tuple[SeatRecord, ...]) -> RoomFacts:
    seats = {}
    for record in records:
        seats[record.number] = _changed(facts.seats.get(record.number, SeatFacts()), record)
    return replace(facts, seats=seats)


def _changed(seat: SeatFacts, record: SeatRecord) -> SeatFacts:
    if record.state is SeatState.READY:
        return replace(seat, record=record, answered=identity(record), silent=0)
    return replace(seat, record=record)


def _used(seat: SeatFacts, reading: Usage) -> SeatFacts:
    percent = None
    before = seat.usage
    if before is not None and before.cpu_seconds is not None and reading.cpu_seconds is not None:
        span = reading.at - before.at
        if span > 0 and reading.cpu_seconds >= before.cpu_seconds:
            percent = 100 * (reading.cpu_seconds - before.cpu_seconds) / span
    if before is not None and reading.disk_bytes is None:
        reading = replace(reading, disk_bytes=before.disk_bytes)
    return replace(seat, usage=reading, cpu_percent=percent if percent is not None else seat.cpu_percent)


def _pulsed(seat: SeatFacts, pulse: Pulse, at: datetime) -> SeatFacts:
    if not pulse.reachable:
        return replace(seat, pulse=pulse, silent=seat.silent + 1)
    active = seat.last_active
    if pulse.busy and (seat.claimed or pulse.browsers):
        active = at
    elif pulse.last_activity is not None and seat.first_seen and pulse.last_activity > seat.first_seen:
        active = max(active, pulse.last_activity) if active else pulse.last_activity
    first = seat.first_seen or (at if pulse.browsers else None)
    answered = identity(seat.record) if seat.record else seat.answered
    return replace(seat, pulse=pulse, silent=0, last_active=active, first_seen=first, answered=answered)


def _told(seat: SeatFacts, event: events.ClassEvent) -> SeatFacts:
    match event:
        case events.SeatOutOfMemory(_, at):
            return replace(seat, oom_at=at)
        case events.SeatClaimed(_, at):
            return replace(seat, claimed=True, first_seen=seat.first_seen or at, last_active=seat.last_active or at)
        case events.SeatFreed():
            return replace(seat, claimed=False, first_seen=None, last_active=None, label="", help_since=None)
        case events.SeatLabelled(_, label):
            return replace(seat, label=label)
        case events.HelpAsked(_, at):
            return replace(seat, help_since=seat.help_since or at)
        case events.HelpDone():
            return replace(seat, help_since=None)
        case events.ProgressRead(_, progress):
            return replace(seat, progress=progress)
        case _:
            raise AssertionError(f"not an event about one seat: {event}")


def snapshot(facts: RoomFacts, now: datetime, *, gateway: bool) -> Snapshot:
    """The picture at `now`."""
    wanted = max(facts.wanted or facts.classroom.seats, *facts.seats, 0)
    regular = wanted - facts.classroom.spares
    seats = tuple(
        _seat(facts.classroom, number, facts.seats[number], now, spare=number > regular)
        for number in sorted(facts.seats)
    )
    return Snapshot(
        classroom=facts.classroom,
        seats=seats,
        taken_at=now,
        ends=facts.ends or facts.classroom.ends,
        gateway=gateway,
        warnings=tuple(text for _, text in facts.warnings),
        checks=facts.checks,
    )


def _seat(classroom: Classroom, number: int, seat: SeatFacts, now: datetime, *, spare: bool) -> Seat:
    record = seat.record or SeatRecord(number, SeatState.QUEUED, object_id="")
    state = state_of(seat)
    usage = seat.usage or Usage()
    limit = record.memory_limit or classroom.limits.memory_bytes
    return Seat(
        number=number,
        code=classroom.code(number),
        link=classroom.link(number),
        state=state,
        claimed=seat.claimed,
        activity=activity_of(seat, state, classroom.limits, now),
        last_active=seat.last_active,
        first_seen=seat.first_seen,
        memory_bytes=usage.memory_bytes,
        memory_limit=limit,
        cpu_percent=seat.cpu_percent,
        disk_bytes=usage.disk_bytes,
        pids=usage.pids,
        restarts=record.restarts,
        browsers=seat.pulse.browsers if seat.pulse else 0,
        label=seat.label,
        help_since=seat.help_since,
        notebook=seat.pulse.notebook if seat.pulse else "",
        progress=seat.progress,
        spare=spare and not seat.claimed,
        detail=_detail(seat, record, state),
        warnings=_warnings(seat, usage, limit, now),
        target=record.target,
    )


def state_of(seat: SeatFacts) -> SeatState:
    """What the record says, raised to `ready` when the object it describes has answered."""
    if seat.record is None:
        return SeatState.QUEUED
    if seat.record.state is SeatState.STARTING and seat.answered == identity(seat.record):
        return SeatState.READY
    return seat.record.state


def activity_of(seat: SeatFacts, state: SeatState, limits: Limits, now: datetime) -> Activity:
    """What the participant is doing. A running cell is running, however long and silent it is."""
    used = seat.claimed or seat.first_seen is not None
    if state in (SeatState.STOPPED, SeatState.FAILED, SeatState.LOST):
        return Activity.CRASHED if used else Activity.NEVER_OPENED
    recovered = seat.last_active is not None and seat.oom_at is not None and seat.last_active > seat.oom_at
    if seat.oom_at is not None and now - seat.oom_at < OOM_SHOWN and not recovered:
        return Activity.OUT_OF_MEMORY
    if seat.usage is not None and seat.usage.pids is not None and seat.usage.pids >= limits.pids * 0.98:
        return Activity.PROCESS_LIMIT
    if seat.pulse is None:
        return Activity.UNKNOWN if used else Activity.NEVER_OPENED
    if seat.pulse.busy:
        return Activity.RUNNING
    if not used:
        return Activity.NEVER_OPENED
    if seat.pulse.browsers == 0 and seat.pulse.connections == 0:
        return Activity.DISCONNECTED
    if seat.last_active is not None and now - seat.last_active >= IDLE_AFTER:
        return Activity.IDLE
    return Activity.OPEN


def _detail(seat: SeatFacts, record: SeatRecord, state: SeatState) -> str:
    if record.detail:
        return record.detail
    if state is SeatState.READY and seat.silent >= SILENT_PULSES:
        return "does not answer"
    return seat.pulse.detail if seat.pulse else ""


def _warnings(seat: SeatFacts, usage: Usage, limit: int, now: datetime) -> tuple[str, ...]:
    found = []
    if usage.memory_bytes and limit and usage.memory_bytes > limit * MEMORY_WARNING:
        found.append(f"memory {usage.memory_bytes * 100 // limit} %")
    if usage.disk_bytes and usage.disk_bytes > DISK_YELLOW:
        found.append("disk over 3 GB" if usage.disk_bytes > DISK_RED else "disk over 1 GB")
    stuck = [entry for entry in seat.progress if entry.error_since and now - entry.error_since >= STUCK_AFTER]
    if stuck and seat.last_active and now - seat.last_active < IDLE_AFTER:
        found.append("stuck")
    if seat.pulse and seat.pulse.browsers > 1:
        found.append(f"{seat.pulse.browsers} browsers")
    return tuple(found)
