"""Bringing seats up: how long one is waited for, and what is told meanwhile."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.runtimes.worlds import make_classroom, server_command
from workshop.core import provision
from workshop.errors import SeatFailed
from workshop.model.classroom import Classroom
from workshop.model.events import SeatChanged
from workshop.model.seat import SeatRecord, SeatState
from workshop.runtimes.fake import FakeEngine, FakeRuntime, FakeScript

NEVER = 10**6


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Looks and words as soon as a test can wait for them."""
    assert provision.LOOK_EVERY < provision.TELL_AFTER
    monkeypatch.setattr(provision, "LOOK_EVERY", 0.05)
    monkeypatch.setattr(provision, "TELL_AFTER", 0.1)


class Waiting(FakeRuntime):
    """Its seats say what they wait for."""

    detail = ""

    async def seats(self, classroom: Classroom) -> tuple[SeatRecord, ...]:
        return tuple(
            replace(record, state=SeatState.QUEUED, detail=self.detail) if self.detail else record
            for record in await super().seats(classroom)
        )


async def brought_up(script: FakeScript, detail: str = "") -> tuple[Any, list[Any], list[str]]:
    """How one seat came up, which seats were created one after the other, and what was told of them."""
    engine, told = FakeEngine(script), []
    runtime = Waiting(engine)
    runtime.detail = detail
    room = await runtime.open(make_classroom("algebra", "fake", "image"))
    (outcome,) = await provision.provision(
        runtime, room, {1: server_command(room, 1)}, at_once=1, report=told.append, ready_timeout=0.5
    )
    words = [event.record.detail for event in told if isinstance(event, SeatChanged)]
    return outcome, [number for verb, number in engine.calls if verb == "create"], words


async def test_a_seat_that_was_given_all_its_time_is_not_tried_again(quick: None) -> None:
    outcome, created, _ = await brought_up(FakeScript(ready_delay={1: NEVER}))
    assert "did not answer within" in outcome.error.message
    assert created == [1]


async def test_a_seat_that_fails_at_once_is_tried_again(quick: None) -> None:
    outcome, created, _ = await brought_up(FakeScript(create_failures={1: [SeatFailed("the engine is busy")]}))
    assert (outcome.error, created) == (None, [1, 1])


async def test_what_a_seat_waits_for_is_told_while_it_waits_and_at_the_end(quick: None) -> None:
    outcome, _, words = await brought_up(FakeScript(ready_delay={1: NEVER}), "no node has room: memory")
    assert "no node has room: memory" in words
    assert outcome.error.message.endswith(": no node has room: memory.")
