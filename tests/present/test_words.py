"""States are told by word, glyph and tone together."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from workshop.model.seat import Activity, Seat, SeatState
from workshop.present.cells import cell_width
from workshop.present.words import ACTIVITIES, HELP, SPARE, STATES, Tone, activity_words, seat_words

ALL = [*STATES.values(), *ACTIVITIES.values(), HELP, SPARE]


def test_every_state_and_every_activity_has_words() -> None:
    assert set(STATES) == set(SeatState)
    assert set(ACTIVITIES) == set(Activity)


@pytest.mark.parametrize("attribute", ["word", "glyph", "ascii_glyph"])
def test_no_two_states_look_the_same_without_colour(attribute: str) -> None:
    shown = [getattr(words, attribute) for words in (*STATES.values(), *ACTIVITIES.values(), HELP)]
    assert len(set(shown)) == len(shown)


def test_glyphs_take_one_cell_and_their_stand_ins_are_ascii() -> None:
    assert [words.word for words in ALL if cell_width(words.glyph) != 1] == []
    assert [words.word for words in ALL if not words.ascii_glyph.isascii() or len(words.ascii_glyph) != 1] == []


def test_trouble_is_told_in_the_tone_of_trouble() -> None:
    bad = {SeatState.FAILED, SeatState.LOST}
    assert {state for state, words in STATES.items() if words.tone is Tone.BAD} == bad
    assert {activity for activity, words in ACTIVITIES.items() if words.tone is Tone.BAD} == {
        Activity.OUT_OF_MEMORY, Activity.PROCESS_LIMIT, Activity.CRASHED,
    }  # fmt: skip


def test_a_seat_is_told_by_its_state_until_it_is_ready_then_by_its_activity(
    make_seat: Callable[..., Seat], now: datetime
) -> None:
    assert seat_words(make_seat(1, state=SeatState.STARTING, activity=Activity.RUNNING)).word == "starting"
    assert seat_words(make_seat(1)).word == "ready"
    assert seat_words(make_seat(1, activity=Activity.RUNNING)).word == "running"
    idle = make_seat(1, activity=Activity.IDLE, last_active=now - timedelta(minutes=12))
    assert seat_words(idle, now).text() == "◐ idle 12 min"
    assert seat_words(idle, now).text(ascii_only=True) == "~ idle 12 min"


def test_a_clock_that_went_back_makes_no_negative_span(now: datetime) -> None:
    assert activity_words(Activity.IDLE, last_active=now + timedelta(minutes=1), now=now).word == "idle 0 s"
