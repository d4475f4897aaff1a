"""The class's history in sentences."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from workshop.core.class_report import WORDS
from workshop.core.happenings import Line, happenings, put_together
from workshop.model.happening import Happening

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def after(seconds: float, kind: str, seat: int | None = None, text: str = "") -> Line:
    return NOW + timedelta(seconds=seconds), kind, text, seat


def told(*lines: Line) -> list[tuple[str, tuple[int, ...]]]:
    return [(one.text, one.seats) for one in put_together(happenings(lines))]


@pytest.mark.parametrize("kind", WORDS)
def test_whatever_a_report_counts_has_words(kind: str) -> None:
    (one,) = happenings([after(0, kind, text="ends 2026-03-02T10:00:00+00:00" if kind == "extend" else "1")])
    assert one.kind == kind
    assert one.text != kind or kind in ("restart", "reset")


def test_what_a_line_keeps_for_the_program_is_not_told() -> None:
    lines = [after(0, "collected", 3, "5f1d7a90c2"), after(1, "restore", 4, "20260302T085500"), after(2, "odd", 5, "x")]
    assert [one.text for one in happenings(lines)] == ["work collected", "restored from a snapshot", "odd"]


def test_what_happens_to_several_seats_within_a_minute_is_one_event_at_its_first_moment() -> None:
    lines = [after(0, "collected", 2), after(10, "collected", 1), after(59, "collected", 3), after(61, "collected", 4)]
    found = put_together(happenings(lines))
    assert [(one.at, one.seats) for one in found] == [(lines[0][0], (1, 2, 3)), (lines[3][0], (4,))]


def test_no_event_is_put_before_what_happened_to_the_same_seat_earlier() -> None:
    lines = [after(0, "resume", 1), after(5, "pause", 2), after(10, "resume", 2)]
    assert told(*lines) == [("resumed", (1,)), ("paused", (2,)), ("resumed", (2,))]


def test_the_same_twice_on_one_seat_is_two_events() -> None:
    assert told(after(0, "restart", 7), after(5, "restart", 7)) == [("restarted", (7,)), ("restarted", (7,))]


def test_two_messages_are_two_events_and_one_that_all_targets_heard_is_one() -> None:
    assert len(told(after(0, "say"), after(5, "say"))) == 2
    on_two = (*happenings([after(0, "say")], target="docker"), *happenings([after(0.2, "say")], target="process"))
    assert put_together(on_two) == (Happening(NOW, "say", "a message to the class"),)


def test_a_seat_that_was_freed_was_taken_before() -> None:
    since = (NOW - timedelta(minutes=40)).isoformat()
    found = put_together(happenings([after(0, "free", 3, f"taken {since}"), after(1, "free", 4, "")]))
    assert [(one.at, one.text, one.seats) for one in found] == [
        (NOW - timedelta(minutes=40), "taken", (3,)),
        (NOW, "freed", (3, 4)),
    ]


def test_files_that_were_handed_out_are_counted() -> None:
    assert told(after(0, "push", text="3 files")) == [("3 files handed out", ())]
