"""What a participant is doing, and what the instructor should look at: worked out from facts. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from workshop.core.facts import SeatFacts
from workshop.model.seat import Activity, Limits, SeatRecord, SeatState, Usage

IDLE_AFTER = timedelta(minutes=5)
"""Without a running cell or a saved change for this long, an open seat counts as idle."""
TROUBLE_SHOWN = timedelta(minutes=10)
"""A full memory or a crash is shown this long, or until the participant has run something again."""
SETTLING = timedelta(seconds=30)
"""After a crash or a full memory, activity within this time is the server's and the kernel's own restart."""
PID_LIMIT_SHOWN = timedelta(minutes=1)
STUCK_AFTER = timedelta(minutes=5)
MEMORY_WARNING = 0.85
DISK_YELLOW = 1024**3
DISK_RED = 3 * 1024**3
HOT_SHARE = 0.9
HOT_AFTER = 15 * 60.0
"""Seconds of full speed without a browser, after which somebody should look (research/needs.md, need 24)."""
SILENT_PULSES = 3
"""Readings without an answer before a seat that was ready is said not to answer."""

Breaks = tuple[tuple[datetime, datetime], ...]


def activity_of(seat: SeatFacts, state: SeatState, limits: Limits, now: datetime, breaks: Breaks = ()) -> Activity:
    """What the participant is doing. A running cell is running, however long and silent it is."""
    used = seat.claimed or seat.first_seen is not None
    if not used and state in (SeatState.STOPPED, SeatState.FAILED, SeatState.PAUSED):
        return Activity.NEVER_OPENED
    if state is SeatState.FAILED or _in_trouble(seat.crashed_at, seat, now):
        return Activity.CRASHED
    if state is SeatState.LOST:
        return Activity.UNKNOWN
    if state in (SeatState.STOPPED, SeatState.PAUSED):
        return Activity.DISCONNECTED
    if _in_trouble(seat.oom_at, seat, now):
        return Activity.OUT_OF_MEMORY
    if at_process_limit(seat, limits, now):
        return Activity.PROCESS_LIMIT
    if seat.pulse is None:
        return Activity.UNKNOWN if used else Activity.NEVER_OPENED
    if seat.pulse.busy:
        return Activity.RUNNING
    if not used:
        return Activity.NEVER_OPENED
    # the seat's own server counts a visitor's connections too
    if seat.pulse.browsers == 0 and (seat.pulse.connections == 0 or seat.pulse.visited):
        return Activity.DISCONNECTED
    idle = idle_for(seat, now, breaks)
    return Activity.IDLE if idle is not None and idle >= IDLE_AFTER else Activity.OPEN


def _in_trouble(at: datetime | None, seat: SeatFacts, now: datetime) -> bool:
    """Whether something that happened then still describes the seat."""
    if at is None or now - at >= TROUBLE_SHOWN:
        return False
    return seat.last_active is None or seat.last_active <= at + SETTLING


def at_process_limit(seat: SeatFacts, limits: Limits, now: datetime) -> bool:
    if seat.pid_limit_at is not None and now - seat.pid_limit_at < PID_LIMIT_SHOWN:
        return True
    pids = seat.usage.pids if seat.usage else None
    return pids is not None and pids >= limits.pids * 0.98


def idle_for(seat: SeatFacts, now: datetime, breaks: Breaks = ()) -> timedelta | None:
    """How long the participant has done nothing while the class was on; None when nobody was there."""
    since = seat.last_active or seat.first_seen
    if since is None:
        return None
    if seat.pulse is not None and seat.pulse.busy:
        return timedelta()
    return max(timedelta(), now - since - _overlap(since, now, breaks))


def _overlap(since: datetime, now: datetime, breaks: Iterable[tuple[datetime, datetime]]) -> timedelta:
    total = timedelta()
    for begin, end in breaks:
        total += max(timedelta(), min(end, now) - max(begin, since))
    return total


def detail_of(seat: SeatFacts, record: SeatRecord, state: SeatState, activity: Activity) -> str:
    """One short sentence for the seat's row; empty when there is nothing to say."""
    if record.detail:
        return record.detail
    restarted = f", kernel restarted ×{seat.kernel_restarts}" if seat.kernel_restarts else ""
    if activity is Activity.OUT_OF_MEMORY and seat.oom_at is not None:
        return f"memory full {seat.oom_at.astimezone():%H:%M}{restarted}"
    if activity is Activity.CRASHED and seat.crashed_at is not None:
        return f"the server ended {seat.crashed_at.astimezone():%H:%M} and was started again"
    if state is SeatState.READY and seat.silent >= SILENT_PULSES:
        return "does not answer"
    return seat.pulse.detail if seat.pulse else ""


def warnings_of(seat: SeatFacts, usage: Usage, limit: int, now: datetime) -> tuple[str, ...]:
    """What the instructor should look at, a few words each."""
    found = []
    if usage.memory_bytes and limit and usage.memory_bytes > limit * MEMORY_WARNING:
        found.append(f"memory {usage.memory_bytes * 100 // limit} %")
    if usage.disk_bytes and usage.disk_bytes > DISK_YELLOW:
        found.append("disk over 3 GB" if usage.disk_bytes > DISK_RED else "disk over 1 GB")
    stuck = [entry for entry in seat.progress if entry.error_since and now - entry.error_since >= STUCK_AFTER]
    if stuck and seat.last_active and now - seat.last_active < IDLE_AFTER:
        found.append("stuck")
    if seat.hot_since is not None and usage.at - seat.hot_since >= HOT_AFTER:
        found.append("computes at full speed, no browser")
    if seat.pulse and seat.pulse.browsers > 1:
        found.append(f"{seat.pulse.browsers} browsers")
    return tuple(found)
