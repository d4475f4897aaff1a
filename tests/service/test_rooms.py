"""Where a class is looked for: where this machine knows it to be, and else everywhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.service.test_targets import Land
from workshop.errors import RuntimeUnreachable, UnknownClassroom
from workshop.model.target import Target
from workshop.runtimes.fake import FakeEngine, FakeRuntime
from workshop.service import Service, UpRequest
from workshop.service.rooms import collections, search_for


class Searched(FakeRuntime):
    """Counts how often it is asked for its classrooms."""

    def __init__(self, engine: FakeEngine) -> None:
        super().__init__(engine)
        self.times = 0

    async def classrooms(self) -> Any:
        self.times += 1
        return await super().classrooms()


def searched(land: Land, service: Service) -> dict[str, Searched]:
    """Has the service search runtimes that count."""
    made = {"docker": Searched(land.docker), "process": Searched(land.process)}
    for name, runtime in made.items():
        service.wiring._runtimes[Target(name)] = runtime
    return made


@pytest.fixture
async def land(tmp_path: Path) -> Any:
    land = Land(tmp_path)
    yield land
    await land.service.aclose()


def single(land: Land) -> str:
    """A workshop that names one runtime."""
    folder = Path(land.workshop())
    (folder / "workshop.yaml").write_text("title: Lesson\nseats: 2\nspares: 0\nlimits: {memory: 1 GB}\n")
    return str(folder)


async def test_a_class_that_this_machine_knows_is_looked_for_where_it_is_alone(land: Land) -> None:
    await land.service.up(UpRequest(file=single(land), runtime="process"))
    counts = searched(land, land.service)
    assert (await land.service.status("lesson")).classroom.name == "lesson"
    assert (counts["docker"].times, counts["process"].times > 0) == (0, True)


async def test_an_engine_that_does_not_answer_is_not_in_the_way_of_classes_on_another(land: Land) -> None:
    await land.service.up(UpRequest(file=single(land), runtime="process"))
    land.docker.script.unreachable = True
    (room,) = await search_for(land.service.wiring, "lesson")
    assert room.classroom.name == "lesson"
    assert land.service.unreachable() == ()


async def test_on_a_machine_that_does_not_know_it_a_class_is_looked_for_everywhere(land: Land) -> None:
    await land.service.up(UpRequest(file=single(land), runtime="process"))
    (one,) = land.service.wiring.store.remembered()
    land.service.wiring.store.forget(one.uid)
    counts = searched(land, land.service)
    assert (await land.service.status("lesson")).classroom.name == "lesson"
    assert min(counts["docker"].times, counts["process"].times) > 0


async def test_a_class_whose_engine_does_not_answer_is_not_said_to_be_gone(land: Land) -> None:
    await land.service.up(UpRequest(file=single(land), runtime="process"))
    land.process.script.unreachable = True
    with pytest.raises(RuntimeUnreachable):
        await land.service.status("lesson")
    land.process.script.unreachable = False


async def test_all_parts_of_a_spread_class_are_found(land: Land) -> None:
    await land.up()
    assert {room.classroom.runtime for room in await search_for(land.service.wiring, "lesson")} == {"docker", "process"}


async def test_an_engine_that_was_asked_for_in_vain_is_told_beside_what_others_have(
    land: Land, monkeypatch: pytest.MonkeyPatch
) -> None:
    await land.service.up(UpRequest(file=single(land), runtime="process"))
    land.docker.script.unreachable = True
    assert [room.name for room in await land.service.classrooms()] == ["lesson"]
    assert (len(land.service.unreachable()), land.service.asked_in_vain()) == (1, None)
    monkeypatch.setattr(land.service.wiring, "flag_runtime", lambda: "docker")
    silent = land.service.asked_in_vain()
    assert silent is not None
    assert silent.exit_code == 3


async def test_a_class_that_is_gone_is_answered_with_where_its_work_went(land: Land) -> None:
    for name in ("lesson-20260301-0900", "lesson-20260302-0900", "lesson-two-20260303-0900"):
        (collections(land.service.wiring) / name).mkdir(parents=True)
    with pytest.raises(UnknownClassroom) as raised:
        await land.service.status("lesson")
    assert raised.value.hint.endswith(f"collected into {collections(land.service.wiring)}/lesson-20260302-0900.")
    with pytest.raises(UnknownClassroom) as raised:
        await land.service.status("other")
    assert "collected" not in raised.value.hint
