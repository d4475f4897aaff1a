"""Which workshops the first screen offers."""

from __future__ import annotations

from datetime import UTC, datetime

from workshop.config.paths import paths
from workshop.config.settings import settings
from workshop.service.finding import known_workshops, load, used_now
from workshop.service.wiring import Wiring


async def test_a_sample_that_was_used_is_listed_once_and_first() -> None:
    wiring = Wiring(settings({}), paths({}))
    before = [entry.title for entry in known_workshops(wiring)]
    used = await load(wiring, str(wiring.samples / "python-basics"))
    used_now(wiring, used, datetime(2026, 3, 2, tzinfo=UTC))
    first, *others = known_workshops(wiring)
    assert first.title == "Python basics"
    assert first.last_used
    assert sorted(before) == sorted([first.title, *(entry.title for entry in others)])
