"""What a gateway's process does beside serving: samples, progress, a look at the machine, the report at the end."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.classday.conftest import LESSON, Day, until
from tests.support.full_disk import full_for
from workshop.model.classroom import Classroom
from workshop.model.definition import AccessPart, WorkshopDefinition
from workshop.model.events import PulseTaken, UsageRead
from workshop.model.seat import Pulse, Usage
from workshop.model.snapshot import EngineFacts
from workshop.service.duties import Duties
from workshop.service.host_watch import HostWatch
from workshop.service.near_doors import NearClient
from workshop.service.progress import FILE, ProgressReader
from workshop.service.room import Room
from workshop.service.samples import Sampler
from workshop.service.wall_watch import WallWatch

MB = 1024**2


async def room_of(day: Day) -> Room:
    """The room of the class's own process, with its seats."""
    await day.doors.ensure(day.classroom)
    client = await day.doors.client(day.classroom)
    assert isinstance(client, NearClient)
    await until(lambda: len(client.room.facts.seats) == 2 and client.room.snapshot().ready == 2)
    return client.room


async def test_the_class_over_time_is_kept_and_handed_out(day: Day) -> None:
    day.claim(1)
    room = await room_of(day)
    await room.act("refresh", {})
    sampler = Sampler(day.wiring, room)
    for memory in (100, 300, 200):
        room.report(UsageRead({1: Usage(memory_bytes=memory * MB, at=1), 2: Usage(memory_bytes=50 * MB, at=1)}))
        sampler.look()
    sampler.write()
    day.clock.forward(seconds=30)
    sampler.look()
    sampler.write()
    history = await day.service.history(day.name)
    first, second = history.samples
    assert (first.joined, first.ready, first.memory_bytes, first.seats) == (1, 2, 350 * MB, {1: 300 * MB, 2: 50 * MB})
    assert second.at - first.at == timedelta(seconds=30)
    assert [sample.seats[1] for sample in history.samples] == [300 * MB, 200 * MB]
    await day.doors.stop(day.classroom)
    assert (await day.service.history(day.name)).samples == history.samples


async def test_a_sample_cut_off_by_a_kill_is_passed_over(day: Day) -> None:
    room = await room_of(day)
    sampler = Sampler(day.wiring, room)
    sampler.write()
    (file,) = (day.wiring.state_dir / "rooms" / day.classroom.uid).glob("samples.jsonl")
    with file.open("a") as stream:
        stream.write('{"at": 17')
    assert len((await day.service.history(day.name)).samples) == 1
    assert file.stat().st_mode & 0o077 == 0


async def test_a_disk_that_is_nearly_full_is_warned_of_and_the_warning_goes(day: Day) -> None:
    room = await room_of(day)
    watch = HostWatch(room)
    facts = EngineFacts("docker", "1", 8, 64 * 1024**3, 32 * 1024**3, 9 * 1024**3, 100 * 1024**3)
    watch.tell(facts)
    assert room.snapshot().warnings[0].startswith("The seats' disk is nearly full: 9 GB of 100 GB")
    watch.tell(replace(facts, disk_free_bytes=11 * 1024**3, memory_free_bytes=1024**3))
    assert [text.partition(":")[0] for text in room.snapshot().warnings] == ["The machine's memory is nearly full"]
    watch.tell(replace(facts, disk_free_bytes=None))
    assert room.snapshot().warnings == ()


class Walled:
    """A runtime whose walls fall, and cannot be put up again."""

    def __init__(self) -> None:
        self.left_open = ""
        self.looked = 0

    async def keep_walls(self, _classroom: Classroom) -> str:
        self.looked += 1
        return self.left_open


async def test_walls_are_looked_after_and_what_cannot_be_closed_any_more_is_warned_of(
    day: Day, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = await room_of(day)
    runtime = Walled()
    monkeypatch.setattr(room, "_runtime", runtime)
    watch = asyncio.create_task(WallWatch(room, every=0.001).run())
    await until(lambda: runtime.looked > 1)
    assert room.snapshot().warnings == ()
    runtime.left_open = "Seats can connect to the machine."
    await until(lambda: room.snapshot().warnings == ("Seats can connect to the machine.",))
    runtime.left_open = ""
    await until(lambda: room.snapshot().warnings == ())
    room.store.set_room_state(room.classroom.uid, closing=True)
    watch.cancel()
    await asyncio.gather(watch, return_exceptions=True)


def arrived(day: Day, room: Room, at: datetime | None = None) -> None:
    room.report(PulseTaken(Pulse(1, reachable=True, browsers=1), at or day.clock()))


@pytest.mark.parametrize("kind", ["process"], indirect=True)
async def test_only_seats_where_something_happened_are_looked_into(day: Day) -> None:
    day.claim(1)
    room = await room_of(day)
    await room.act("refresh", {})
    arrived(day, room)
    reader = ProgressReader(day.wiring, room)
    assert await reader.look() == 1
    assert await reader.look() == 0
    assert room.facts.seats[2].progress == ()


@pytest.mark.parametrize(
    "answer", [{}, {"newest": "x"}, {"newest": 1e20, "kernels": {}}, {"newest": 0, "kernels": {"k": 1}}]
)
@pytest.mark.parametrize("kind", ["process"], indirect=True)
async def test_a_seat_whose_python_answers_nonsense_hides_no_other(
    day: Day, monkeypatch: pytest.MonkeyPatch, answer: dict[str, Any]
) -> None:
    day.claim(1)
    day.claim(2)
    room = await room_of(day)
    await room.act("refresh", {})
    for number in (1, 2):
        room.report(PulseTaken(Pulse(number, reachable=True, browsers=1), day.clock()))
    asked: list[int] = []

    async def ask(_room: object, number: int, _order: object, **_rest: object) -> dict[str, Any]:
        asked.append(number)
        return answer

    monkeypatch.setattr("workshop.service.seat_files.ask", ask)
    assert await ProgressReader(day.wiring, room).look() == 2
    assert asked == [1, 2]


@pytest.mark.parametrize("kind", ["process"], indirect=True)
async def test_a_full_disk_ends_no_reading_of_how_far_the_class_is(day: Day, monkeypatch: pytest.MonkeyPatch) -> None:
    document = json.loads(LESSON)
    document["cells"][1]["execution_count"] = 1
    await day.write(1, {"mine.ipynb": json.dumps(document).encode()})
    day.claim(1)
    room = await room_of(day)
    await room.act("refresh", {})
    arrived(day, room)
    with full_for(monkeypatch, FILE):
        assert await ProgressReader(day.wiring, room).look() == 1
    assert room.facts.seats[1].progress != ()


@pytest.mark.parametrize("kind", ["process"], indirect=True)
async def test_a_seat_at_its_limits_is_left_alone(day: Day) -> None:
    day.claim(1)
    room = await room_of(day)
    await room.act("refresh", {})
    arrived(day, room)
    reader = ProgressReader(day.wiring, room)
    room.report(UsageRead({1: Usage(memory_bytes=127 * MB, pids=5, at=1)}))
    assert await reader.look() == 0
    room.report(UsageRead({1: Usage(memory_bytes=60 * MB, pids=63, at=2)}))
    assert await reader.look() == 0
    room.report(UsageRead({1: Usage(memory_bytes=60 * MB, pids=5, at=3)}))
    assert await reader.look() == 1


@pytest.mark.parametrize("kind", ["process"], indirect=True)
async def test_outputs_that_came_with_the_repository_are_nobodys_progress(day: Day) -> None:
    document = json.loads(LESSON)
    for number, cell in enumerate(document["cells"][1:], start=1):
        cell["execution_count"] = number
    (Path(day.classroom.image) / "repo" / "ran.ipynb").write_text(json.dumps(document))
    await day.write(1, {"ran.ipynb": json.dumps(document).encode()})
    day.claim(1)
    room = await room_of(day)
    await room.act("refresh", {})
    arrived(day, room)
    assert await ProgressReader(day.wiring, room).look() == 1
    assert [(entry.notebook, entry.run) for entry in room.facts.seats[1].progress if entry.run] == []


class TestStrictPrivacy:
    @pytest.fixture
    def definition(self) -> WorkshopDefinition:
        return WorkshopDefinition(title="Strict", seats=2, access=AccessPart(privacy="strict"))

    async def test_no_notebook_is_read_where_privacy_is_strict(self, day: Day) -> None:
        names = [name for name, _ in Duties(day.wiring, await room_of(day))._duties]
        assert "progress" not in names
        assert "clock" in names


async def test_down_writes_a_report_that_outlives_the_class_and_names_nobody(day: Day, tmp_path: Path) -> None:
    day.claim(1)
    room = await room_of(day)
    await room.act("label", {"seat": 1, "text": "Ana Example"})
    Sampler(day.wiring, room).write()
    day.clock.forward(hours=2)
    Sampler(day.wiring, room).write()
    report = await day.service.down(day.name, collect_to=tmp_path / "work")
    assert report.report is not None
    page = report.report.with_suffix(".html").read_text()
    for text in (report.report.read_text(), page):
        assert "1 used" in text
        assert "Ana" not in text
        assert day.classroom.code(1) not in text
    assert "<svg" in page
    assert not (day.wiring.state_dir / "rooms" / day.classroom.uid).exists()
    assert day.wiring.store.history(day.classroom.uid) == ()


async def test_a_report_that_cannot_be_written_keeps_no_class_open(day: Day) -> None:
    day.claim(1)
    (day.wiring.state_dir).mkdir(parents=True, exist_ok=True)
    (day.wiring.state_dir / "reports").write_text("in the way")
    report = await day.service.down(day.name)
    assert (report.removal.left, report.report) == ((), None)


async def test_the_bill_of_a_class(day: Day) -> None:
    day.claim(1)
    day.clock.forward(hours=1)
    bill = await day.service.cost(day.name)
    assert not bill.priced
    assert bill.memory_share is not None
    assert "of the memory" in bill.sentence
