"""A participant gets a new seat, or older files, and nothing is lost on the way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.classday.conftest import ALL, LESSON, REAL, REPOSITORY, Day, archive, until
from workshop.errors import SeatFailed, UsageError
from workshop.model.seat import SeatState
from workshop.runtimes.process.seats import ProcessSeats
from workshop.service import moving
from workshop.service.baseline import baseline
from workshop.service.snapshots import take_snapshot

every_runtime = pytest.mark.parametrize("kind", ALL, indirect=True)
near_runtimes = pytest.mark.parametrize("kind", ["fake", "process"], indirect=True)
real_runtimes = pytest.mark.parametrize("kind", REAL, indirect=True)


@every_runtime
async def test_moving_keeps_link_code_and_files_and_changes_the_seat(day: Day) -> None:
    (before, other) = await day.runtime.seats(day.classroom)
    link = day.classroom.link(1)
    await day.write(1, {"lesson.ipynb": LESSON + b" ", "mine/ü.txt": b"mine", "data/none": b""})
    await day.link(1, "shortcut", "mine/ü.txt")
    report = await day.service.move(day.name, [1])
    assert report.results[0].ok, report.results[0].detail
    after, other_after = await day.runtime.seats(day.classroom)
    assert after.generation == before.generation + 1
    assert (after.object_id != before.object_id, other_after.object_id) == (True, other.object_id)
    assert (await day.service.status(day.name)).seats[0].link == link
    files = await day.read(1)
    assert {path: files[path] for path in ("lesson.ipynb", "mine/ü.txt", "data/none", "shortcut", "README.md")} == {
        "lesson.ipynb": LESSON + b" ",
        "mine/ü.txt": b"mine",
        "data/none": b"",
        "shortcut": b"-> mine/\xc3\xbc.txt",
        "README.md": b"hello\n",
    }


@real_runtimes
async def test_what_the_participant_deleted_stays_deleted_and_a_raised_limit_stays_raised(day: Day) -> None:
    await day.sh(1, "rm README.md && mkdir junk && rmdir junk")
    if day.classroom.runtime == "docker":
        await day.service.act(day.name, "memory", [1], bytes=192 * 1024**2)
    assert (await day.service.move(day.name, [1])).results[0].ok
    assert "README.md" not in await day.read(1)
    assert "lesson.ipynb" in await day.read(1)
    if day.classroom.runtime == "docker":
        assert (await day.runtime.seats(day.classroom))[0].memory_limit == 192 * 1024**2


@real_runtimes
async def test_a_broken_seat_is_moved_too(day: Day) -> None:
    await day.write(1, {"mine.txt": b"mine"})
    await day.runtime.stop(day.classroom, 1)
    report = await day.service.move(day.name, [1])
    assert report.results[0].ok, report.results[0].detail
    assert (await day.read(1))["mine.txt"] == b"mine"
    assert (await day.runtime.seats(day.classroom))[0].state is SeatState.STARTING


@every_runtime
async def test_a_move_that_fails_leaves_the_old_seat_running(day: Day, monkeypatch: pytest.MonkeyPatch) -> None:
    await day.write(1, {"mine.txt": b"mine"})

    async def refuse(*_: Any, **__: Any) -> None:
        raise SeatFailed("The engine has no room.")

    with monkeypatch.context() as patch:
        patch.setattr(day.runtime, "create", refuse)
        patch.setattr("workshop.core.provision.TRIES", 1)
        report = await day.service.move(day.name, [1])
    assert not report.results[0].ok
    assert "no room" in report.results[0].detail
    record = (await day.runtime.seats(day.classroom))[0]
    assert (record.generation, record.state) == (1, SeatState.STARTING)
    assert moving.interrupted(day.wiring, day.classroom.uid) == ()
    assert (await day.service.move(day.name, [1])).results[0].ok
    assert (await day.read(1))["mine.txt"] == b"mine"


class Killed(BaseException):
    """Stands for `kill -9`: nothing of ours runs after it."""


@every_runtime
async def test_a_move_killed_after_the_new_seat_was_made_is_finished_by_the_gateway(
    day: Day, monkeypatch: pytest.MonkeyPatch
) -> None:
    await day.write(1, {"mine.txt": b"mine"})

    async def killed(*_: Any, **__: Any) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(moving._Move, "deliver", killed)
        with pytest.raises(Killed):
            await day.service.move(day.name, [1])
    assert "mine.txt" not in await day.read(1)
    assert moving.interrupted(day.wiring, day.classroom.uid) == (1,)
    await day.doors.ensure(day.classroom)
    await until(lambda: not moving.interrupted(day.wiring, day.classroom.uid))
    assert (await day.read(1))["mine.txt"] == b"mine"


@near_runtimes
async def test_a_move_killed_before_anything_was_made_lets_the_old_seat_go_on(
    day: Day, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def killed(*_: Any, **__: Any) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(moving, "take", killed)
        patch.setattr(moving, "_leave_as_it_was", killed)
        with pytest.raises(Killed):
            await day.service.move(day.name, [1])
    assert (await day.runtime.seats(day.classroom))[0].state is SeatState.PAUSED
    await day.doors.ensure(day.classroom)
    await until(lambda: not moving.interrupted(day.wiring, day.classroom.uid))
    assert (await day.runtime.seats(day.classroom))[0].state is SeatState.STARTING


async def test_a_move_that_is_asked_for_while_another_one_goes_on_waits_for_it(day: Day) -> None:
    await day.write(1, {"mine.txt": b"mine"})
    one, two = await asyncio.gather(day.service.move(day.name, [1]), day.service.move(day.name, [1]))
    assert sorted([one.results[0].detail, two.results[0].detail]) == [
        "a new seat with 1 own files",
        "an earlier move was finished: its files are back",
    ]
    (seat, _other) = await day.runtime.seats(day.classroom)
    assert seat.generation == 2
    assert (await day.read(1))["mine.txt"] == b"mine"


@pytest.mark.parametrize("kind", ["process"], indirect=True)
@pytest.mark.parametrize("by", ["the next move", "the gateway"])
async def test_a_move_killed_before_the_new_seat_was_started_is_finished(
    day: Day, monkeypatch: pytest.MonkeyPatch, by: str
) -> None:
    await day.write(1, {"mine.txt": b"mine"})

    def killed(*_: Any, **__: Any) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(ProcessSeats, "_ensure_running", killed)
        patch.setattr(moving, "_leave_as_it_was", killed)
        with pytest.raises(Killed):
            await day.service.move(day.name, [1])
    assert (await day.runtime.seats(day.classroom))[0].state is SeatState.CREATING
    if by == "the gateway":
        await day.doors.ensure(day.classroom)
        await until(lambda: not moving.interrupted(day.wiring, day.classroom.uid))
    else:
        assert not (await day.service.move(day.name, [1])).failed
    (seat, _other) = await day.runtime.seats(day.classroom)
    assert (seat.state, seat.generation) == (SeatState.STARTING, 2)
    assert (await day.read(1))["mine.txt"] == b"mine"


@every_runtime
async def test_reset_gives_the_image_s_files_and_what_was_pushed(day: Day, tmp_path: Path) -> None:
    from workshop.service import PushSource

    (tmp_path / "lesson.ipynb").write_bytes(b'{"cells": [], "fixed": 1}')
    await day.service.push(day.name, PushSource((str(tmp_path / "lesson.ipynb"),)))
    await day.write(1, {"README.md": b"spoilt", "mine.txt": b"mine"})
    report = await day.service.reset(day.name, [1])
    assert report.results[0].ok, report.results[0].detail
    files = {path: data for path, data in (await day.read(1)).items() if not path.startswith(".")}
    assert files == REPOSITORY | {"lesson.ipynb": b'{"cells": [], "fixed": 1}'}
    (kept,) = (day.wiring.state_dir / "archive" / day.name).glob("*.tar.gz")
    assert archive(kept)["mine.txt"] == b"mine"


@pytest.mark.parametrize(("broken", "words"), [(True, "could not be saved: tar is missing"), (False, "tar is missing")])
async def test_reset_waits_for_no_files_of_a_seat_that_keeps_ending_and_says_so(
    day: Day, monkeypatch: pytest.MonkeyPatch, broken: bool, words: str
) -> None:
    async def refuse(*_: Any) -> AsyncIterator[bytes]:
        raise SeatFailed("tar is missing.")
        yield b""

    if broken:
        assert day.engine is not None
        day.engine.change(day.classroom, 1, state=SeatState.FAILED, detail="its server ended with code 3", restarts=4)
    monkeypatch.setattr(day.runtime, "read_files", refuse)
    (result,) = (await day.service.reset(day.name, [1])).results
    assert (result.ok, words in result.detail) == (broken, True)
    record = (await day.runtime.seats(day.classroom))[0]
    assert (record.generation, record.state) == (1 + broken, SeatState.STARTING)


@near_runtimes
async def test_snapshots_are_taken_of_changes_only_and_three_are_kept(day: Day) -> None:
    base = await baseline(day.wiring, day.found)

    async def take() -> Any:
        day.clock.forward(minutes=10)
        record = (await day.runtime.seats(day.classroom))[0]
        return await take_snapshot(day.wiring, day.found, record, base)

    assert await take() is None
    for number in range(5):
        await day.write(1, {"mine.txt": str(number).encode()})
        assert (await take()).files == 1
        assert await take() is None
    kept = await day.service.snapshots(day.name)
    assert [archive(snapshot.file)["mine.txt"] for snapshot in kept] == [b"2", b"3", b"4"]
    assert all(snapshot.file.stat().st_mode & 0o077 == 0 for snapshot in kept)


@every_runtime
async def test_a_seat_is_restored_from_a_snapshot_and_what_was_there_is_kept(day: Day) -> None:
    base = await baseline(day.wiring, day.found)
    record = (await day.runtime.seats(day.classroom))[0]
    await day.write(1, {"mine.txt": b"good"})
    snapshot = await take_snapshot(day.wiring, day.found, record, base)
    assert snapshot is not None
    await day.write(1, {"mine.txt": b"spoilt", "later.txt": b"later"})
    report = await day.service.restore(day.name, [1])
    assert report.results[0].ok, report.results[0].detail
    files = await day.read(1)
    assert (files["mine.txt"], files["later.txt"]) == (b"good", b"later")
    (kept,) = (day.wiring.state_dir / "archive" / day.name).glob("*.tar.gz")
    assert archive(kept) == {"mine.txt": b"spoilt", "later.txt": b"later"}
    with pytest.raises(UsageError, match="no snapshots"):
        await day.service.restore(day.name, [2])
    with pytest.raises(UsageError, match="no snapshot 'x'"):
        await day.service.restore(day.name, [1], snapshot="x")


@near_runtimes
async def test_the_gateway_brings_a_returning_seat_what_was_pushed(day: Day, tmp_path: Path) -> None:
    from workshop.service import PushSource

    await day.doors.ensure(day.classroom)
    await day.runtime.stop(day.classroom, 2)
    (tmp_path / "lesson.ipynb").write_bytes(b'{"cells": [], "fixed": 1}')
    report = await day.service.push(day.name, PushSource((str(tmp_path / "lesson.ipynb"),)))
    assert [seat.waits for seat in report.seats] == [False, True]
    assert (await day.service.restart(day.name, [2])).results[0].ok

    async def arrived() -> bool:
        return (await day.read(2))["lesson.ipynb"] == b'{"cells": [], "fixed": 1}'

    await until(arrived)


@near_runtimes
@pytest.mark.parametrize("verb", ["move", "reset"])
async def test_a_seat_whose_files_cannot_be_kept_is_left_as_it_was(day: Day, verb: str) -> None:
    await day.write(1, {"mine.txt": b"mine"})
    in_the_way = day.wiring.state_dir / "archive"
    in_the_way.write_text("")
    report = await getattr(day.service, verb)(day.name, [1, 2])
    assert [result.ok for result in report.results] == [False, False]
    assert str(in_the_way) in report.results[0].detail
    assert (await day.read(1))["mine.txt"] == b"mine"
    assert (await day.runtime.seats(day.classroom))[0].state is SeatState.STARTING
