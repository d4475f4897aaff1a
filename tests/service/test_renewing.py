"""A class that never had a seat begins anew when its workshop says something else; any other is kept as it is."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.runtimes.worlds import make_classroom, server_command
from workshop.config.paths import paths
from workshop.config.settings import settings
from workshop.ports.build import ignore_events
from workshop.runtimes.fake import FakeRuntime
from workshop.service import building, finding
from workshop.service.near_doors import NearDoors
from workshop.service.renewing import begun_anew
from workshop.service.rooms import FoundRoom
from workshop.service.wiring import Wiring


@pytest.fixture
async def wiring() -> AsyncIterator[Wiring]:
    wiring = Wiring(settings({}), paths({}), runtimes={"fake": FakeRuntime()}, doors=NearDoors())
    yield wiring
    await wiring.aclose()


@pytest.mark.parametrize(("mended", "seats", "anew"), [(True, 0, True), (False, 0, False), (True, 1, False)])
async def test_only_a_class_without_seats_whose_file_was_mended_begins_anew(
    wiring: Wiring, tmp_path: Path, mended: bool, seats: int, anew: bool
) -> None:
    workshop = await finding.load(wiring, str(tmp_path))
    runtime = wiring.runtime("fake")
    recorded = building.definition_json(workshop)
    room = await runtime.open(make_classroom("algebra", "fake", "x", definition=recorded))
    if seats:
        await runtime.create(room, 1, server_command(room, 1))
    if mended:
        image = workshop.definition.image.model_copy(update={"reference": "registry.example.org/mended:1"})
        workshop = replace(workshop, definition=workshop.definition.model_copy(update={"image": image}))
    found = FoundRoom(room, runtime)
    assert await begun_anew(wiring, found, workshop, allow_public=False, report=ignore_events) is anew
    assert (await runtime.classrooms() == ()) is anew
