"""States as word, glyph and tone together: never colour alone."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from workshop.model.amounts import format_span
from workshop.model.seat import Activity, Seat, SeatState


class Tone(StrEnum):
    """How something is meant. What it looks like is the theme's business."""

    NORMAL = "normal"
    GOOD = "good"
    BUSY = "busy"
    WARN = "warn"
    BAD = "bad"
    MUTED = "muted"
    ACCENT = "accent"


@dataclass(frozen=True, slots=True)
class Words:
    """How a state is told."""

    word: str
    glyph: str
    """One cell wide."""
    ascii_glyph: str
    """The same where the terminal or the font knows no other signs."""
    tone: Tone

    def sign(self, *, ascii_only: bool = False) -> str:
        return self.ascii_glyph if ascii_only else self.glyph

    def text(self, *, ascii_only: bool = False) -> str:
        """Glyph and word."""
        return f"{self.sign(ascii_only=ascii_only)} {self.word}"


STATES: dict[SeatState, Words] = {
    SeatState.QUEUED: Words("queued", "·", ".", Tone.MUTED),
    SeatState.CREATING: Words("creating", "◔", "c", Tone.BUSY),
    SeatState.STARTING: Words("starting", "◑", "s", Tone.BUSY),
    SeatState.READY: Words("ready", "●", "*", Tone.GOOD),
    SeatState.PAUSED: Words("paused", "‖", "=", Tone.WARN),
    SeatState.STOPPED: Words("stopped", "■", "#", Tone.WARN),
    SeatState.FAILED: Words("failed", "✗", "x", Tone.BAD),
    SeatState.LOST: Words("lost", "?", "?", Tone.BAD),
    SeatState.REMOVING: Words("removing", "◌", "-", Tone.MUTED),
}
ACTIVITIES: dict[Activity, Words] = {
    Activity.UNKNOWN: Words("unknown", "…", "_", Tone.MUTED),
    Activity.NEVER_OPENED: Words("never opened", "○", "o", Tone.MUTED),
    Activity.OPEN: Words("open", "◉", "@", Tone.GOOD),
    Activity.RUNNING: Words("running", "▶", ">", Tone.BUSY),
    Activity.IDLE: Words("idle", "◐", "~", Tone.NORMAL),
    Activity.DISCONNECTED: Words("disconnected", "⌀", "/", Tone.WARN),
    Activity.OUT_OF_MEMORY: Words("out of memory", "▲", "!", Tone.BAD),
    Activity.PROCESS_LIMIT: Words("process limit", "△", "%", Tone.BAD),
    Activity.CRASHED: Words("crashed", "✖", "X", Tone.BAD),
}
HELP = Words("help", "⚑", "H", Tone.ACCENT)
SPARE = Words("spare", "+", "+", Tone.MUTED)


def activity_words(activity: Activity, *, last_active: datetime | None = None, now: datetime | None = None) -> Words:
    """An activity; `idle 12 min` where the time since the last sign of life is known."""
    words = ACTIVITIES[activity]
    if activity is Activity.IDLE and last_active is not None and now is not None:
        return replace(words, word=f"{words.word} {format_span(max(0.0, (now - last_active).total_seconds()))}")
    return words


def seat_words(seat: Seat, now: datetime | None = None) -> Words:
    """What is most worth saying of a seat: its state until it is ready, then what its participant does."""
    if seat.state is not SeatState.READY or seat.activity is Activity.UNKNOWN:
        return STATES[seat.state]
    since = seat.last_active
    if now is not None and seat.idle_seconds is not None:
        since = now - timedelta(seconds=seat.idle_seconds)  # breaks of the class are taken out
    return activity_words(seat.activity, last_active=since, now=now)
