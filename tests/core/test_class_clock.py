"""What is due when."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from workshop.core.class_clock import Phase, phase_of, reminder_due, reminder_text

END = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
GRACE = 30 * MINUTE


def test_a_class_is_on_then_in_grace_then_over() -> None:
    assert phase_of(END - MINUTE, END, GRACE) is Phase.ON
    assert phase_of(END, END, GRACE) is Phase.GRACE
    assert phase_of(END + 29 * MINUTE, END, GRACE) is Phase.GRACE
    assert phase_of(END + GRACE, END, GRACE) is Phase.OVER
    assert phase_of(END, None, GRACE) is Phase.ON


def test_students_are_told_a_quarter_of_an_hour_and_five_minutes_before_once_each() -> None:
    assert reminder_due(END - 16 * MINUTE, END, frozenset()) is None
    assert reminder_due(END - 15 * MINUTE, END, frozenset()) == 15
    assert reminder_due(END - 10 * MINUTE, END, frozenset({15})) is None
    assert reminder_due(END - 5 * MINUTE, END, frozenset({15})) == 5
    assert reminder_due(END - MINUTE, END, frozenset({15, 5})) is None
    assert reminder_due(END + MINUTE, END, frozenset()) is None


def test_after_a_sleep_only_the_latest_reminder_is_given() -> None:
    assert reminder_due(END - 3 * MINUTE, END, frozenset()) == 5


def test_the_reminder_says_how_long_is_left() -> None:
    assert "ends in 15 minutes" in reminder_text(END - 15 * MINUTE, END)
    assert "ends in 1 minute," in reminder_text(END - timedelta(seconds=50), END)
