"""A class on several targets: opened, filled up, looked at, acted on and taken down as one."""

from __future__ import annotations

import asyncio
import json
import subprocess
import tarfile
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.tui.support import Clock
from tests.tui.world import FakeBuilder
from workshop.config.paths import paths
from workshop.config.settings import settings
from workshop.errors import DoesNotFit, NameInUse, PartlyDone, RuntimeUnreachable, UnknownClassroom, UsageError
from workshop.model.labels import classroom_of
from workshop.model.parts import parts_of
from workshop.model.seat import SeatState
from workshop.runtimes.fake import FakeEngine, FakeRuntime, FakeScript
from workshop.service import PushSource, Service, UpRequest
from workshop.service.ending import collect_and_remove
from workshop.service.near_doors import NearDoors
from workshop.service.opening import failure_of
from workshop.service.wiring import Wiring

GB = 1024**3
NOTEBOOK = '{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}'


def _engine(memory: float) -> FakeEngine:
    return FakeEngine(FakeScript(image={"lesson.ipynb": NOTEBOOK.encode()}), memory_bytes=int(memory * GB / 0.9))


@dataclass
class Land:
    """This machine's two engines, and the cluster beside them."""

    folder: Path
    clock: Clock = field(default_factory=Clock)
    docker: FakeEngine = field(default_factory=lambda: _engine(64))
    process: FakeEngine = field(default_factory=lambda: _engine(64))
    builder: FakeBuilder = field(default_factory=FakeBuilder)

    def __post_init__(self) -> None:
        self.service = self.another()

    def another(self) -> Service:
        """The program started once more, or on another machine with the same engines."""
        doors = NearDoors()
        wiring = Wiring(
            settings({"address": "127.0.0.1"}),
            paths({}),
            runtimes={"docker": FakeRuntime(self.docker), "process": FakeRuntime(self.process)},
            builders={"docker": self.builder, "process": self.builder},
            doors=doors,
            clock=self.clock,
        )
        doors.attach(wiring)
        return Service(wiring=wiring)

    def workshop(self, seats: int = 6, *, weights: tuple[float, float] = (1, 2), **more: str) -> str:
        """A repository whose workshop.yaml names both targets."""
        folder = self.folder / f"lesson-{seats}"
        folder.mkdir(exist_ok=True)
        (folder / "lesson.ipynb").write_text(NOTEBOOK)
        lines = ["title: Lesson", f"seats: {seats}", "spares: 0", "limits: {memory: 1 GB}", "targets:"]
        lines += [f"  - {{runtime: {r}, weight: {w}}}" for r, w in zip(("docker", "process"), weights, strict=True)]
        (folder / "workshop.yaml").write_text("\n".join(lines + [f"{key}: {text}" for key, text in more.items()]))
        if not (folder / ".git").is_dir():
            for words in (("init", "-q"), ("add", "."), ("commit", "-qm", "First")):
                subprocess.run(["git", "-C", str(folder), *words], check=True, capture_output=True, timeout=30)
        return str(folder)

    async def up(self, service: Service | None = None, **request: Any) -> Any:
        seats = request.pop("of", 6)
        return await (service or self.service).up(UpRequest(file=self.workshop(seats), **request))

    def numbers(self) -> tuple[list[int], list[int]]:
        """The seats that there are on each target."""
        rooms = [engine.rooms.get("lesson") for engine in (self.docker, self.process)]
        return tuple(sorted(room.seats) if room else [] for room in rooms)  # type: ignore[return-value]

    def claim(self, *numbers: int) -> None:
        for engine in (self.docker, self.process):
            room = engine.rooms["lesson"]
            for number in set(numbers) & set(room.seats):
                assert self.service.wiring.store.claim(classroom_of(room.labels).uid, number, f"browser-{number}")


@pytest.fixture
async def land(tmp_path: Path) -> AsyncIterator[Land]:
    land = Land(tmp_path)
    yield land
    for engine in (land.docker, land.process):
        engine.script.unreachable = False
    await land.service.aclose()


async def test_seats_are_in_blocks_by_weight_and_the_picture_is_one(land: Land) -> None:
    opened = await land.up()
    assert land.numbers() == ([1, 2], [3, 4, 5, 6])
    picture = opened.snapshot
    assert [(seat.number, seat.target, seat.state) for seat in picture.seats] == [
        (n, "docker" if n < 3 else "process", SeatState.READY) for n in range(1, 7)
    ]
    assert picture.classroom.runtime == "docker + process"
    assert picture.gateway
    assert opened.failed == ()
    assert [room.name for room in await land.service.classrooms()] == ["lesson"]
    (summary,) = await land.service.classrooms()
    assert (summary.seats, summary.ready, summary.runtime) == (6, 6, "docker + process")


async def test_one_key_makes_the_codes_and_each_link_names_its_own_gateway(land: Land) -> None:
    picture = (await land.up()).snapshot
    rooms = [classroom_of(engine.rooms["lesson"].labels) for engine in (land.docker, land.process)]
    assert len({room.key for room in rooms}) == 1
    assert len({room.door.port for room in rooms}) == 2
    for seat in picture.seats:
        room = rooms[0] if seat.number < 3 else rooms[1]
        assert seat.link == room.link(seat.number)
        assert seat.code == rooms[0].code(seat.number)
    assert picture.classroom.join_url() == rooms[0].join_url()


async def test_every_gateway_is_told_where_the_others_are(land: Land) -> None:
    await land.up()
    for engine in (land.docker, land.process):
        client = await land.service.wiring.doors.client(classroom_of(engine.rooms["lesson"].labels))
        assert client is not None
        parts = parts_of((await client.snapshot()).classroom)
        assert [part.numbers for part in parts] == [(1, 2), (3, 4, 5, 6)]
        assert all(part.door.startswith("http://127.0.0.1:") for part in parts)


async def test_all_gateways_of_this_machine_move_to_another_address_and_hear_of_each_other(land: Land) -> None:
    before = (await land.up()).snapshot
    ports = {seat.target: urlsplit(seat.link).port for seat in before.seats}
    report = await land.service.move_door("lesson", "127.0.0.2")
    assert report.classroom is not None
    assert report.classroom.door.url == f"http://127.0.0.2:{ports['docker']}"
    picture = await land.service.status("lesson")
    for seat, was in zip(picture.seats, before.seats, strict=True):
        assert seat.link == was.link.replace("127.0.0.1", "127.0.0.2")
    for engine in (land.docker, land.process):
        client = await land.service.wiring.doors.client(classroom_of(engine.rooms["lesson"].labels))
        assert client is not None
        parts = parts_of((await client.snapshot()).classroom)
        assert {part.door for part in parts} == {f"http://127.0.0.2:{port}" for port in ports.values()}
    with pytest.raises(UsageError, match="no address"):
        await land.service.move_door("lesson", "203.0.114.9")


async def test_what_does_not_fit_on_the_first_goes_to_the_next(land: Land) -> None:
    land.docker.memory_bytes = int(2 * GB / 0.9) + 1
    opened = await land.service.up(UpRequest(file=land.workshop(6, weights=(100, 1))))
    assert land.numbers() == ([1, 2], [3, 4, 5, 6])
    assert len(opened.snapshot.seats) == 6


async def test_what_fits_nowhere_is_refused_before_anything_is_made(land: Land) -> None:
    for engine in (land.docker, land.process):
        engine.memory_bytes = GB // 2
    with pytest.raises(DoesNotFit, match="6 seats do not fit on these targets") as refused:
        await land.up()
    assert "--seats" in refused.value.hint
    assert land.docker.rooms == land.process.rooms == {}
    assert (await land.up(force=True)).snapshot.ready == 6


async def test_a_target_that_does_not_answer_refuses_a_new_class_before_anything_is_made(land: Land) -> None:
    land.process.script.unreachable = True
    with pytest.raises(RuntimeUnreachable, match="The target process cannot be used"):
        await land.up()
    assert land.docker.rooms == {}


async def test_a_runtime_on_the_command_line_contradicts_targets(land: Land) -> None:
    with pytest.raises(UsageError, match="contradict") as refused:
        await land.up(runtime="docker")
    assert "--runtime" in refused.value.hint
    report = await land.service.check(land.workshop(), runtime="docker")
    assert [problem.path for problem in report.problems] == ["targets"]


async def test_check_and_plan_tell_how_the_seats_are_spread_and_make_nothing(land: Land) -> None:
    report = await land.service.check(land.workshop())
    assert report.fits is not None
    assert report.fits.sentence.startswith("6 seats: 2 on docker (01–02); 4 on process (03–06).")
    assert report.runtime == "docker + process"
    assert report.ok, report.problems
    plan = await land.service.plan(UpRequest(file=land.workshop()))
    assert plan.create == (1, 2, 3, 4, 5, 6)
    assert report.fits.sentence in plan.sentences
    assert any("the join page sends students on" in sentence for sentence in plan.sentences)
    assert plan.classroom.runtime == "docker + process"
    assert land.docker.rooms == land.process.rooms == {}
    land.process.script.unreachable = True
    silent = await land.service.check(land.workshop())
    assert [problem.path for problem in silent.problems] == ["targets[1]"]


async def test_up_again_changes_nothing_and_makes_what_is_missing(land: Land) -> None:
    links = [seat.link for seat in (await land.up()).snapshot.seats]
    calls = len([call for call in land.process.calls if call[0] == "create"])
    again = await land.up()
    assert again.adopted
    assert [seat.link for seat in again.snapshot.seats] == links
    assert len([call for call in land.process.calls if call[0] == "create"]) == calls
    del land.process.rooms["lesson"].seats[4]
    assert [seat.link for seat in (await land.up()).snapshot.seats] == links
    assert land.numbers() == ([1, 2], [3, 4, 5, 6])


async def test_up_after_a_run_that_was_killed_before_the_second_target_gives_the_same_links(land: Land) -> None:
    links = [seat.link for seat in (await land.up()).snapshot.seats]
    uid = classroom_of(land.process.rooms["lesson"].labels).uid
    del land.process.rooms["lesson"]
    await land.service.wiring.doors.stop(classroom_of(land.docker.rooms["lesson"].labels))
    service = land.another()
    again = await land.up(service)
    assert [seat.link.rpartition("/")[2] for seat in again.snapshot.seats] == [x.rpartition("/")[2] for x in links]
    assert classroom_of(land.process.rooms["lesson"].labels).uid == uid
    assert land.numbers() == ([1, 2], [3, 4, 5, 6])
    await service.aclose()


async def test_everything_is_found_again_from_the_labels_alone(land: Land) -> None:
    links = [seat.link for seat in (await land.up()).snapshot.seats]
    await land.service.aclose()
    paths({}).database.unlink()
    service = land.another()
    picture = await service.status("lesson")
    assert [seat.link for seat in picture.seats] == links
    assert [seat.target for seat in picture.seats] == ["docker"] * 2 + ["process"] * 4
    report = await service.down("lesson", discard=True)
    assert report.removal.left == ()
    assert land.docker.rooms == land.process.rooms == {}
    await service.aclose()


async def test_more_seats_go_on_where_the_highest_number_is_and_by_weight(land: Land) -> None:
    await land.up()
    added = await land.service.add("lesson", 3)
    assert land.numbers() == ([1, 2, 9], [3, 4, 5, 6, 7, 8])
    assert len(added.snapshot.seats) == 9
    links = {seat.number: seat.link for seat in added.snapshot.seats}
    assert {seat.number: seat.link for seat in (await land.up()).snapshot.seats} == links


async def test_seats_that_were_added_are_counted_by_a_machine_that_has_forgotten_them(land: Land) -> None:
    await land.up()
    await land.service.add("lesson", 3)
    await land.service.aclose()
    paths({}).database.unlink()
    service = land.another()
    assert len((await service.status("lesson")).seats) == 9
    assert len((await service.add("lesson", 1)).snapshot.seats) == 10
    first, second = land.numbers()
    assert sorted(first + second) == list(range(1, 11)), "no number is given twice"
    await service.aclose()


async def test_an_add_that_was_cut_off_is_finished_by_the_same_call(land: Land) -> None:
    await land.up()
    land.process.script.create_failures[7] = [RuntimeError("killed")]
    with pytest.raises(RuntimeError):
        await land.service.add("lesson", 2)
    await land.service.add("lesson", 2)
    assert sorted(land.numbers()[0] + land.numbers()[1]) == list(range(1, 9))


async def test_more_seats_than_fit_are_refused(land: Land) -> None:
    await land.up()
    for engine in (land.docker, land.process):
        engine.memory_bytes = int(4 * GB / 0.9)
    with pytest.raises(DoesNotFit):
        await land.service.add("lesson", 500)
    assert land.numbers() == ([1, 2], [3, 4, 5, 6])


async def test_a_target_that_is_lost_loses_its_own_seats_and_not_the_class(land: Land) -> None:
    await land.up()
    land.process.script.unreachable = True
    await land.service.wiring.doors.stop(classroom_of(land.process.rooms["lesson"].labels))
    picture = await land.service.status("lesson")
    assert [seat.state for seat in picture.seats] == [SeatState.READY] * 2 + [SeatState.LOST] * 4
    assert picture.gateway
    assert picture.seats[-1].detail == "The fake engine does not answer."
    assert any(text.startswith("process (seats 03–06)") for text in picture.warnings)
    again = await land.up()
    assert [result.number for result in again.failed] == [3, 4, 5, 6]
    assert isinstance(failure_of(again), PartlyDone)
    land.process.script.unreachable = False
    assert (await land.up()).snapshot.ready == 6


async def test_the_watched_picture_follows_all_parts_and_ends_with_the_last(land: Land) -> None:
    await land.up()
    pictures = land.service.watch("lesson")
    assert (await anext(pictures)).ready == 6
    land.process.kill(classroom_of(land.process.rooms["lesson"].labels), 5)
    while (picture := await anext(pictures)).ready != 5:
        pass
    seat = picture.seat(5)
    assert seat is not None
    assert (seat.state, seat.target) == (SeatState.FAILED, "process")
    await land.service.down("lesson", discard=True)
    async for _ in pictures:  # it ends
        pass


async def test_acts_go_where_the_seat_is(land: Land) -> None:
    await land.up()
    done = await land.service.restart("lesson", [2, 3, 6])
    assert [(result.number, result.ok) for result in done.results] == [(2, True), (3, True), (6, True)]
    assert ("restart", 2) in land.docker.calls
    assert {("restart", 3), ("restart", 6)} <= set(land.process.calls)
    assert not (await land.service.reset("lesson", [1, 4])).failed
    assert not (await land.service.move("lesson", [1, 5])).failed
    assert not (await land.service.act("lesson", "label", [6], text="Ada")).failed
    assert (await land.service.status("lesson")).seats[5].label == "Ada"
    assert "listening" in await land.service.logs("lesson", 5)
    with pytest.raises(UsageError, match="no seat 09"):
        await land.service.restart("lesson", [1, 9])


async def test_events_are_those_of_all_targets_and_what_concerns_all_is_told_once(land: Land) -> None:
    await land.up()
    land.claim(1, 4)
    await land.service.act("lesson", "pause", [1, 3])
    await land.service.say("lesson", "Lunch")
    await land.service.break_("lesson", timedelta(minutes=15))
    await land.service.act("lesson", "free", [4])
    land.process.script.unreachable = True
    told = [(one.kind, one.seats, one.target) for one in await land.service.events("lesson")]
    assert sorted(told) == sorted([
        ("opened", (), ""), ("taken", (1, 4), ""), ("pause", (1, 3), ""), ("say", (), ""), ("break", (), ""),
        ("free", (4,), "process"),
    ])  # fmt: skip


async def test_an_act_on_a_lost_seat_is_that_seats_result(land: Land) -> None:
    await land.up()
    land.process.script.unreachable = True
    done = await land.service.restart("lesson", [1, 3])
    assert [(result.number, result.ok) for result in done.results] == [(1, True), (3, False)]
    with pytest.raises(RuntimeUnreachable, match=r"seats are lost: process \(seats 03–06\)"):
        await land.service.restart("lesson", [3, 5])
    with pytest.raises(RuntimeUnreachable, match="Seat 03 is lost"):
        await land.service.logs("lesson", 3)


async def test_the_class_has_one_end_and_hears_one_message(land: Land) -> None:
    picture = (await land.up()).snapshot
    assert picture.ends is not None
    ends = await land.service.extend("lesson", timedelta(minutes=15))
    assert ends == picture.ends + timedelta(minutes=15)
    await land.service.say("lesson", "Lunch")
    for engine in (land.docker, land.process):
        client = await land.service.wiring.doors.client(classroom_of(engine.rooms["lesson"].labels))
        assert client is not None
        told = await client.snapshot()
        assert (told.ends, told.messages) == (ends, ("Lunch",))
    assert (await land.service.status("lesson")).messages == ("Lunch",)


async def test_files_are_pushed_and_collected_everywhere(land: Land, tmp_path: Path) -> None:
    await land.up()
    land.claim(2, 3)
    file = tmp_path / "new.csv"
    file.write_text("a,b\n")
    plan = await land.service.push_plan("lesson", PushSource((str(file),)))
    assert [seat.number for seat in plan.seats] == [1, 2, 3, 4, 5, 6]
    pushed = await land.service.push("lesson", PushSource((str(file),)))
    assert pushed.failed == ()
    for engine in (land.docker, land.process):
        for seat in engine.rooms["lesson"].seats.values():
            assert seat.contents["new.csv"] == b"a,b\n"
    collected = await land.service.collect("lesson", to=tmp_path / "work")
    assert [(seat.number, seat.error) for seat in collected.seats] == [(2, ""), (3, "")]
    names = sorted(path.name for path in (tmp_path / "work").iterdir())
    assert names == ["manifest.json", "seat-02.tar.gz", "seat-03.tar.gz"]
    some = await land.service.push("lesson", PushSource((str(file),)), seats=[6])
    assert [seat.number for seat in some.seats] == [6]


async def test_down_refuses_to_lose_work_on_any_target(land: Land, tmp_path: Path) -> None:
    await land.up()
    land.claim(4)
    info = tarfile.TarInfo("mine.txt")
    info.size = 4
    seat = land.process.rooms["lesson"].seats[4]
    seat.files["mine.txt"], seat.contents["mine.txt"] = info, b"mine"
    plan = await land.service.teardown_plan("lesson")
    assert plan.uncollected == (4,)
    with pytest.raises(PartlyDone, match="1 seat has work that was not collected: 04"):
        await land.service.down("lesson")
    assert land.numbers() == ([1, 2], [3, 4, 5, 6])
    report = await land.service.down("lesson", collect_to=tmp_path / "work")
    assert report.removal.left == ()
    assert report.removal.removed["seats"] == 6
    assert (tmp_path / "work" / "seat-04.tar.gz").is_file()
    assert report.report is not None
    assert "docker + process" in report.report.read_text()
    with pytest.raises(UnknownClassroom):
        await land.service.status("lesson")


async def test_down_says_what_it_could_not_look_at_and_finishes_later(land: Land) -> None:
    await land.up()
    land.process.script.unreachable = True
    report = await land.service.down("lesson", discard=True)
    assert [(left.kind, left.name) for left in report.removal.left] == [("target", "process")]
    assert "not looked at, seats 03–06" in report.removal.left[0].reason
    assert land.docker.rooms == {}
    again = await land.service.down("lesson", discard=True)
    assert [left.name for left in again.removal.left] == ["process"]
    land.process.script.unreachable = False
    done = await land.service.down("lesson", discard=True)
    assert done.removal.left == ()
    assert land.process.rooms == {}
    assert await land.service.classrooms() == ()


async def test_down_that_was_cut_off_between_targets_is_finished_by_the_same_call(land: Land) -> None:
    await land.up()
    land.process.script.remove_failures[5] = "it hangs"
    report = await land.service.down("lesson", discard=True)
    assert "seat" in {left.kind for left in report.removal.left}
    assert land.docker.rooms == {}
    del land.process.script.remove_failures[5]
    assert (await land.service.down("lesson", discard=True)).removal.left == ()
    assert land.process.rooms == {}


async def test_cleanup_takes_a_class_on_all_its_targets(land: Land) -> None:
    await land.up()
    land.clock.forward(hours=9)
    assert [room.name for room in await land.service.cleanup_plan()] == ["lesson"]
    removal = await land.service.cleanup()
    assert removal.left == ()
    assert land.docker.rooms == land.process.rooms == {}


async def test_each_gateway_ends_its_own_part_and_they_share_a_manifest(land: Land, tmp_path: Path) -> None:
    await land.up()
    land.claim(1, 3)
    rooms = []
    for engine in (land.docker, land.process):
        client: Any = await land.service.wiring.doors.client(classroom_of(engine.rooms["lesson"].labels))
        rooms.append(client.room)
    gone = await asyncio.gather(*(collect_and_remove(land.service.wiring, room) for room in rooms))
    assert gone == [True, True]
    assert land.docker.rooms == land.process.rooms == {}
    (folder,) = paths({}).collected.iterdir()
    assert sorted(path.name for path in folder.iterdir()) == ["manifest.json", "seat-01.tar.gz", "seat-03.tar.gz"]
    listed = json.loads((folder / "manifest.json").read_text())["seats"]
    assert [entry["seat"] for entry in listed] == ["01", "03"]


async def test_a_name_that_another_class_has_is_refused(land: Land) -> None:
    await land.up()
    plain = Path(land.workshop(2))
    (plain / "workshop.yaml").write_text("title: Lesson\nseats: 1\nruntime: docker\n")
    with pytest.raises(NameInUse):
        await land.service.up(UpRequest(file=str(plain)))
    await land.service.down("lesson", discard=True)
    await land.service.up(UpRequest(file=str(plain)))
    with pytest.raises(NameInUse):
        await land.up()


async def test_one_target_alone_is_a_class_like_any_other(land: Land) -> None:
    folder = Path(land.workshop(2))
    (folder / "workshop.yaml").write_text("title: Lesson\nseats: 2\ntargets: [{runtime: process}]\n")
    opened = await land.service.up(UpRequest(file=str(folder)))
    assert opened.snapshot.classroom.runtime == "process"
    assert parts_of(opened.snapshot.classroom) == ()
    assert {seat.target for seat in opened.snapshot.seats} == {""}


async def test_the_cost_is_that_of_all_targets(land: Land) -> None:
    await land.up()
    cost = await land.service.cost("lesson")
    assert cost.machine_memory == land.docker.memory_bytes + land.process.memory_bytes
    assert "docker:" in cost.sentence
    assert "process:" in cost.sentence
