"""(facts, event) → facts → snapshot. The only producer of snapshots; pure."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from workshop.core.activity import HOT_SHARE, activity_of, detail_of, idle_for, warnings_of
from workshop.core.facts import RoomFacts, SeatFacts, identity
from workshop.model import events
from workshop.model.seat import Limits, Pulse, Seat, SeatRecord, SeatState, Usage
from workshop.model.snapshot import Snapshot

__all__ = ["RoomFacts", "SeatFacts", "identity", "reduce", "snapshot", "state_of"]

CHECKS_KEPT = 50
BREAKS_KEPT = 50


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
        case events.UsageRead(usage, at):
            seats = dict(facts.seats)
            for number, reading in usage.items():
                if number in seats:
                    seats[number] = _used(seats[number], reading, facts.classroom.limits, at)
            return replace(facts, seats=seats)
        case events.BreakSet(since, until):
            others = tuple(entry for entry in facts.breaks if entry[0] != since)
            added = ((since, until),) if until > since else ()
            return replace(facts, breaks=(*others, *added)[-BREAKS_KEPT:])
        case events.PulseTaken(pulse, at):
            known = facts.seats.get(pulse.number)
            return facts if known is None else _with(facts, pulse.number, _pulsed(known, pulse, at))
        case events.SeatAnswered(record):
            seat = _changed(facts.seats.get(record.number, SeatFacts()), record)
            return _with(facts, record.number, replace(seat, answered=identity(record), silent=0))
        case events.DoorMoved(door):
            return replace(facts, classroom=replace(facts.classroom, door=door))
        case events.RoomChecked(check):
            return replace(facts, checks=(*facts.checks, check)[-CHECKS_KEPT:])
        case events.SeatVisited():
            return facts  # pulses tell who is there
        case events.Warned(key, text):
            kept = tuple(entry for entry in facts.warnings if entry[0] != key)
            return replace(facts, warnings=(*kept, (key, text)) if text else kept)
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
    dated = seat.restarts_dated
    if dated is None or dated[0] != record.object_id:
        # a fresh seat has none of its predecessor's troubles
        seat = replace(seat, restarts_dated=(record.object_id, record.restarts), crashed_at=None, oom_at=None,
                       pid_limit_at=None)  # fmt: skip
    elif record.restarts > dated[1] and record.started_at is not None:  # while it is restarting, it has no start
        seat = replace(seat, restarts_dated=(record.object_id, record.restarts), crashed_at=record.started_at)
    if record.state is SeatState.READY:
        return replace(seat, record=record, answered=identity(record), silent=0)
    return replace(seat, record=record)


def _used(seat: SeatFacts, reading: Usage, limits: Limits, at: datetime | None) -> SeatFacts:
    percent = None
    before = seat.usage
    if before is not None and before.cpu_seconds is not None and reading.cpu_seconds is not None:
        span = reading.at - before.at
        if span > 0 and reading.cpu_seconds >= before.cpu_seconds:
            percent = 100 * (reading.cpu_seconds - before.cpu_seconds) / span
    if before is not None and reading.disk_bytes is None:
        reading = replace(reading, disk_bytes=before.disk_bytes)
    percent = percent if percent is not None else seat.cpu_percent
    alone = seat.pulse is None or seat.pulse.browsers == 0
    hot = alone and percent is not None and percent >= 100 * HOT_SHARE * limits.cpus
    return replace(
        seat,
        usage=reading,
        cpu_percent=percent,
        hot_since=(seat.hot_since if seat.hot_since is not None else reading.at) if hot else None,
        oom_at=at if at and _rose(before, reading, "oom_kills") else seat.oom_at,
        pid_limit_at=at if at and _rose(before, reading, "pid_limit_hits") else seat.pid_limit_at,
    )


def _rose(before: Usage | None, now: Usage, counter: str) -> bool:
    """Whether a counter of the engine is higher than at the last reading."""
    old, new = getattr(before, counter, None), getattr(now, counter)
    return old is not None and new is not None and new > old


def _pulsed(seat: SeatFacts, pulse: Pulse, at: datetime) -> SeatFacts:
    if not pulse.reachable:
        return replace(seat, pulse=pulse, silent=seat.silent + 1)
    active = seat.last_active
    if pulse.busy and (seat.claimed or pulse.browsers):
        active = at
    elif not pulse.visited and pulse.last_activity and seat.first_seen and pulse.last_activity > seat.first_seen:
        moment = min(pulse.last_activity, at)  # a seat's clock may be ahead, or its answer a lie
        active = max(active, moment) if active else moment
    return replace(
        seat,
        pulse=pulse,
        silent=0,
        last_active=active,
        first_seen=seat.first_seen or (at if pulse.browsers else None),
        answered=identity(seat.record) if seat.record else seat.answered,
    )


def _told(seat: SeatFacts, event: events.ClassEvent) -> SeatFacts:
    match event:
        case events.SeatOutOfMemory(_, at):
            return replace(seat, oom_at=at)
        case events.SeatClaimed(_, at):
            return replace(seat, claimed=True, first_seen=seat.first_seen or at, last_active=seat.last_active or at)
        case events.SeatFreed():
            fresh = SeatFacts(record=seat.record, answered=seat.answered, usage=seat.usage)
            return replace(fresh, cpu_percent=seat.cpu_percent, pulse=seat.pulse)
        case events.SeatLabelled(_, label):
            return replace(seat, label=label)
        case events.HelpAsked(_, at):
            return replace(seat, help_since=seat.help_since or at)
        case events.HelpDone():
            return replace(seat, help_since=None)
        case events.ProgressRead(_, progress):
            return replace(seat, progress=progress)
        case events.FilesChanged(_, at):
            if seat.first_seen is None or at <= seat.first_seen:
                return seat
            return replace(seat, last_active=max(seat.last_active, at) if seat.last_active else at)
        case events.KernelsRestarted(_, _at, count):
            return replace(seat, kernel_restarts=seat.kernel_restarts + count)
        case _:
            raise AssertionError(f"not an event about one seat: {event}")


def snapshot(facts: RoomFacts, now: datetime, *, gateway: bool) -> Snapshot:
    """The picture at `now`."""
    wanted = max(facts.wanted or facts.classroom.seats, *facts.seats, 0)
    regular = wanted - facts.classroom.spares
    seats = tuple(_seat(facts, number, now, spare=number > regular) for number in sorted(facts.seats))
    return Snapshot(
        classroom=facts.classroom,
        seats=seats,
        taken_at=now,
        ends=facts.ends or facts.classroom.ends,
        gateway=gateway,
        warnings=tuple(text for _, text in facts.warnings),
        checks=facts.checks,
    )


def _seat(facts: RoomFacts, number: int, now: datetime, *, spare: bool) -> Seat:
    classroom, seat = facts.classroom, facts.seats[number]
    record = seat.record or SeatRecord(number, SeatState.QUEUED, object_id="")
    state = state_of(seat)
    usage = seat.usage or Usage()
    limit = record.memory_limit or classroom.limits.memory_bytes
    activity = activity_of(seat, state, classroom.limits, now, facts.breaks)
    idle = idle_for(seat, now, facts.breaks)
    return Seat(
        number=number,
        code=classroom.code(number),
        link=classroom.link(number),
        state=state,
        claimed=seat.claimed,
        activity=activity,
        last_active=seat.last_active,
        first_seen=seat.first_seen,
        memory_bytes=usage.memory_bytes,
        memory_limit=limit,
        cpu_percent=seat.cpu_percent,
        disk_bytes=usage.disk_bytes,
        pids=usage.pids,
        restarts=record.restarts,
        kernel_restarts=seat.kernel_restarts,
        idle_seconds=idle.total_seconds() if idle is not None else None,
        browsers=seat.pulse.browsers if seat.pulse else 0,
        visited=seat.pulse is not None and seat.pulse.visited,
        label=seat.label,
        help_since=seat.help_since,
        notebook=seat.pulse.notebook if seat.pulse else "",
        progress=seat.progress,
        spare=spare and not seat.claimed,
        detail=detail_of(seat, record, state, activity),
        warnings=warnings_of(seat, usage, limit, now),
        target=record.target,
    )


def state_of(seat: SeatFacts) -> SeatState:
    """What the record says, raised to `ready` when the object it describes has answered."""
    if seat.record is None:
        return SeatState.QUEUED
    if seat.record.state is SeatState.STARTING and seat.answered == identity(seat.record):
        return SeatState.READY
    return seat.record.state
