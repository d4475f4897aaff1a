"""The class's clock: what is due at a moment, and what students are told. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum

REMINDERS = (15, 5)
"""Minutes before the end at which students are told."""


class Phase(StrEnum):
    """Where a class stands."""

    ON = "on"
    GRACE = "grace"
    """The end has come; students may finish and download their work."""
    OVER = "over"
    """The grace has passed: the door closes."""


def phase_of(now: datetime, ends: datetime | None, grace: timedelta) -> Phase:
    """A class without an end is always on."""
    if ends is None or now < ends:
        return Phase.ON
    return Phase.GRACE if now < ends + grace else Phase.OVER


def reminder_due(now: datetime, ends: datetime | None, given: frozenset[int]) -> int | None:
    """Which reminder students get now: the latest that is due, so that a machine that slept does not send them all.

    Args:
        given: minutes of the reminders that were given for this end.
    """
    if ends is None or now >= ends:
        return None
    due = [minutes for minutes in REMINDERS if now >= ends - timedelta(minutes=minutes)]
    return min(due) if due and min(due) not in given else None


def reminder_text(now: datetime, ends: datetime) -> str:
    """What students read."""
    minutes = max(1, round((ends - now).total_seconds() / 60))
    left = "1 minute" if minutes == 1 else f"{minutes} minutes"
    return f"The class ends in {left}, at {ends.astimezone():%H:%M}. Save your work and download what you want to keep."
