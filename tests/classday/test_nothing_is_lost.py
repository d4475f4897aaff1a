"""Whatever removes a class asks its seats first, also where nobody here knows who came to them."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from pathlib import Path

import pytest

from tests.classday.conftest import ALL, REAL, Day, archive
from workshop.errors import NameInUse, PartlyDone
from workshop.model import labels
from workshop.service.reports import UpRequest

every_runtime = pytest.mark.parametrize("kind", ALL, indirect=True)
near_runtimes = pytest.mark.parametrize("kind", ["fake", "process"], indirect=True)


@pytest.fixture
async def unknown(day: Day) -> Day:
    """A class with work in seat 2, on a machine whose state is newer than the class."""
    day.claim(2)
    await day.write(2, {"work.txt": b"mine"})
    day.wiring.store.forget(day.classroom.uid)
    return day


@every_runtime
async def test_a_class_whose_state_was_lost_is_not_removed_with_work_in_it(unknown: Day) -> None:
    with pytest.raises(PartlyDone, match="1 seat has work that was not collected: 02"):
        await unknown.service.down(unknown.name)
    assert (await unknown.read(2))["work.txt"] == b"mine"


@near_runtimes
async def test_every_seat_of_such_a_class_is_collected(unknown: Day, tmp_path: Path) -> None:
    report = await unknown.service.collect(unknown.name, to=tmp_path)
    assert [(seat.number, seat.new) for seat in report.seats] == [(1, 0), (2, 1)]
    assert archive(tmp_path / "seat-02.tar.gz") == {"work.txt": b"mine"}
    assert (await unknown.service.down(unknown.name)).removal.left == ()


@near_runtimes
async def test_its_work_is_collected_before_it_is_removed(unknown: Day, tmp_path: Path) -> None:
    ended = await unknown.service.down(unknown.name, collect_to=tmp_path)
    assert ended.removal.left == ()
    assert archive(tmp_path / "seat-02.tar.gz") == {"work.txt": b"mine"}


@near_runtimes
async def test_an_unused_class_without_state_is_removed_without_a_question(day: Day) -> None:
    day.wiring.store.forget(day.classroom.uid)
    assert (await day.service.down(day.name)).removal.left == ()


@near_runtimes
async def test_a_cleanup_collects_the_work_of_a_class_before_it_removes_it(day: Day) -> None:
    day.claim(1)
    await day.write(1, {"work.txt": b"mine"})
    day.clock.forward(hours=4)
    told: list[str] = []
    removal = await day.service.cleanup(report=lambda event: told.append(str(event)))
    assert removal.left == ()
    assert await day.service.classrooms() == ()
    folder = day.service.collect_folder(day.classroom)
    assert archive(folder / "seat-01.tar.gz") == {"work.txt": b"mine"}
    assert any(f"is kept in {folder}" in line for line in told)


async def test_a_class_whose_work_cannot_be_saved_outlives_a_cleanup(day: Day) -> None:
    day.claim(1)
    await day.write(1, {"work.txt": b"mine"})
    folder = day.service.collect_folder(day.classroom)
    folder.parent.mkdir(parents=True)
    folder.write_text("in the way")
    (survivor,) = (await day.service.cleanup(everything=True)).left
    assert (survivor.kind, survivor.name) == ("classroom", day.name)
    assert str(folder) in survivor.reason
    assert (await day.read(1))["work.txt"] == b"mine"
    assert (await day.service.cleanup(everything=True, discard=True)).left == ()


@pytest.fixture
async def anothers(day: Day) -> Day:
    """The class of somebody else on the same engine."""
    assert day.engine is not None
    day.classroom = replace(day.classroom, opened_by="anna")
    day.engine.rooms[day.name].labels = labels.room_labels(day.classroom, "network")
    day.wiring.store.forget(day.classroom.uid)
    return day


async def test_the_class_of_somebody_else_is_shown_as_theirs(anothers: Day) -> None:
    (found,) = await anothers.service.classrooms()
    assert found.detail == "opened by anna, whose gateway is out of reach here"
    anothers.clock.forward(hours=4)
    (found,) = await anothers.service.classrooms()
    assert found.detail == "past its end; opened by anna"
    plan = await anothers.service.teardown_plan(anothers.name)
    assert plan.objects[0] == ("class", "opened by anna, not by you")


async def test_the_class_of_somebody_else_ends_only_when_it_is_said_what_becomes_of_its_work(
    anothers: Day, tmp_path: Path
) -> None:
    with pytest.raises(PartlyDone, match="was opened by anna"):
        await anothers.service.down(anothers.name)
    ended = await anothers.service.down(anothers.name, collect_to=tmp_path / "work")
    assert ended.removal.left == ()


async def test_a_cleanup_takes_the_class_of_somebody_else_once_it_is_past_its_end(anothers: Day) -> None:
    assert (await anothers.service.cleanup()).removed == {}
    assert len(await anothers.service.classrooms()) == 1
    anothers.clock.forward(hours=40)
    assert (await anothers.service.cleanup()).left == ()
    assert await anothers.service.classrooms() == ()


async def test_a_cleanup_takes_the_class_of_somebody_else_before_its_end_when_all_are_meant(anothers: Day) -> None:
    assert (await anothers.service.cleanup(everything=True)).left == ()
    assert await anothers.service.classrooms() == ()


async def test_nobody_goes_on_with_the_class_of_somebody_else_by_opening_one_of_its_name(
    anothers: Day, tmp_path: Path
) -> None:
    file = tmp_path / "workshop.yaml"
    file.write_text("title: Class day\nimage: {reference: sha256:fake}\n")
    with pytest.raises(NameInUse, match="was opened by anna on this fake"):
        await anothers.service.up(UpRequest(file=str(file), name=anothers.name, runtime="fake"))


@pytest.mark.parametrize("kind", REAL[-1:], indirect=True)
async def test_work_of_a_class_whose_network_was_removed_while_its_seats_stood_still_is_saved(
    day: Day, tmp_path: Path
) -> None:
    import docker

    day.claim(1)
    await day.write(1, {"work.txt": b"mine"})
    for number in (1, 2):
        await day.runtime.stop(day.classroom, number)
    with contextlib.closing(docker.from_env()) as client:
        client.networks.get(f"workshop-{day.name}").remove()
    (found,) = [room for room in await day.service.classrooms() if room.name == day.name]
    assert "its network is gone" in found.detail
    with pytest.raises(PartlyDone, match="not collected: 01"):
        await day.service.down(day.name)
    ended = await day.service.down(day.name, collect_to=tmp_path)
    assert ended.removal.left == ()
    assert archive(tmp_path / "seat-01.tar.gz")["work.txt"] == b"mine"
