"""The class's clock: what is due at a moment, and what students are told. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum

from workshop.model.amounts import format_span

REMINDERS = (15, 5)
"""Minutes before the end at which students are told."""


SLEPT = timedelta(minutes=2)
"""A clock that is further on than this since it was last looked at: the machine slept, or the clock was set."""
LAST_GRACE = timedelta(minutes=5)
"""What is left to everybody of a class whose end and grace passed in such a gap, when nobody could be told."""


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


def overslept(last: datetime | None, now: datetime, ends: datetime | None, grace: timedelta) -> bool:
    """Whether a class became over while nobody looked at the clock.

    Args:
        last: when it was last looked at; None when it never was.
    """
    if last is None or now - last < SLEPT:
        return False
    return phase_of(last, ends, grace) is not Phase.OVER and phase_of(now, ends, grace) is Phase.OVER


def closing_text(closes: datetime) -> str:
    """What students of a class read whose end was slept through."""
    at = f"{closes.astimezone():%H:%M}"
    return f"The class is over. It closes at {at}: save your work, and download what you want to keep."


def over_text(grace: timedelta, closes: datetime | None, *, collects: bool) -> str:
    """What the instructor reads of a class that is over and still there.

    Args:
        closes: when it is removed, if its end and its grace were slept through.
        collects: whether the work is fetched before; where a cluster ends a class, nothing is there to keep it.
    """
    moment = f"At {closes.astimezone():%H:%M}" if closes else f"{format_span(grace)} after its end"
    return (
        ("This machine slept past the end of the class. " if closes else "The class is over. ")
        + moment
        + (" the work is collected and the class" if collects else " it is")
        + " removed"
        + ("" if collects else ", with all work that was not collected")
        + "; extending it keeps it open."
    )


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
