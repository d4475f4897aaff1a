"""What happened between two pictures of a classroom."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.tui.support import NOW, classroom, snapshot_of
from workshop.tui.room_history import differences

KEPT = tuple(f"message {number}" for number in range(20))


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ((), ("one",), ["Said: one"]),
        (("one",), ("one", "one"), ["Said: one"]),
        (KEPT, (*KEPT[1:], "lunch"), ["Said: lunch"]),
        (KEPT, (*KEPT[3:], "a", "b", "c"), ["Said: a", "Said: b", "Said: c"]),
        (KEPT, KEPT, []),
        (("old",), ("new",), ["Said: new"]),
    ],
)
def test_every_message_is_told_once_also_when_the_first_ones_are_forgotten(
    before: tuple[str, ...], after: tuple[str, ...], told: list[str]
) -> None:
    picture = snapshot_of(classroom("lesson", 2))
    events = differences(replace(picture, messages=before), replace(picture, messages=after), NOW)
    assert [event.text for event in events] == told
