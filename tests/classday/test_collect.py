"""Work is taken out of seats: what differs from the image, in any state of the seat, and never twice for nothing."""

from __future__ import annotations

import hashlib
import json
import stat
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.classday.conftest import ALL, LESSON, REAL, REPOSITORY, Day, archive
from tests.support.full_disk import full_for
from workshop.errors import PartlyDone, StateError, UsageError
from workshop.model.seat import SeatState

every_runtime = pytest.mark.parametrize("kind", ALL, indirect=True)
near_runtimes = pytest.mark.parametrize("kind", ["fake", "process"], indirect=True)
real_runtimes = pytest.mark.parametrize("kind", REAL, indirect=True)


def manifest(folder: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((folder / "manifest.json").read_text())
    return document


def entry(folder: Path, seat: str) -> dict[str, Any]:
    return next(found for found in manifest(folder)["seats"] if found["seat"] == seat)


@every_runtime
async def test_an_archive_holds_what_differs_from_the_image_and_nothing_else(day: Day, tmp_path: Path) -> None:
    day.claim(1)
    await day.write(1, {"README.md": b"changed\n", "mine/größe.txt": b"mein", "data/nothing": b"", ".cache/x": b"junk"})
    await day.link(1, "shortcut", "data/table.csv")
    report = await day.service.collect(day.name, to=tmp_path / "work")
    (seat,) = report.seats
    assert (seat.number, seat.new, seat.changed, seat.deleted, seat.error) == (1, 3, 1, 0, "")
    assert seat.file is not None
    assert archive(seat.file) == {
        "README.md": b"changed\n",
        "mine/größe.txt": b"mein",
        "data/nothing": b"",
        "shortcut": b"-> data/table.csv",
    }
    assert stat.S_IMODE(seat.file.stat().st_mode) == 0o600


@near_runtimes
async def test_the_manifest_has_sizes_digests_and_no_secret(day: Day, tmp_path: Path) -> None:
    day.claim(1, 2)
    await day.write(1, {"a.txt": b"abc"})
    await day.service.collect(day.name, to=tmp_path)
    found = entry(tmp_path, "01")
    assert found["files"] == [
        {"path": "a.txt", "state": "new", "bytes": 3, "sha256": hashlib.sha256(b"abc").hexdigest()}
    ]
    data = (tmp_path / "seat-01.tar.gz").read_bytes()
    assert (found["bytes"], found["sha256"]) == (len(data), hashlib.sha256(data).hexdigest())
    text = (tmp_path / "manifest.json").read_text()
    assert day.classroom.code(1) not in text
    assert day.classroom.key not in text


@near_runtimes
async def test_everything_takes_the_whole_home(day: Day, tmp_path: Path) -> None:
    day.claim(1)
    await day.write(1, {"a.txt": b"abc"})
    report = await day.service.collect(day.name, to=tmp_path, everything=True)
    assert report.seats[0].file is not None
    assert archive(report.seats[0].file).items() >= (REPOSITORY | {"a.txt": b"abc"}).items()


@near_runtimes
async def test_the_work_of_a_seat_s_last_person_is_not_replaced_by_the_next_one_s(day: Day, tmp_path: Path) -> None:
    day.claim(1)
    await day.write(1, {"morning.txt": b"mine"})
    await day.service.collect(day.name, to=tmp_path)
    day.clock.forward(hours=1)
    await day.service.act(day.name, "free", [1])
    await day.service.reset(day.name, [1])
    day.clock.forward(hours=1)
    await day.write(1, {"afternoon.txt": b"mine too"})
    for _ in range(2):
        await day.service.collect(day.name, to=tmp_path)
    assert archive(tmp_path / "seat-01.tar.gz") == {"afternoon.txt": b"mine too"}
    (earlier,) = manifest(tmp_path)["earlier"]
    assert archive(tmp_path / earlier["file"]) == {"morning.txt": b"mine"}
    assert hashlib.sha256((tmp_path / earlier["file"]).read_bytes()).hexdigest() == earlier["sha256"]


@near_runtimes
async def test_two_classes_of_one_name_that_began_in_one_minute_are_collected_into_two_folders(day: Day) -> None:
    day.claim(1)
    first = day.service.collect_folder(day.classroom)
    await day.service.collect(day.name)
    other = replace(day.classroom, uid="fedcba987654")
    second = day.service.collect_folder(other)
    assert second == first.with_name(f"{first.name}-fedcba")
    assert day.service.collect_folder(day.classroom) == first


@near_runtimes
async def test_archives_that_no_manifest_tells_of_are_not_replaced(day: Day, tmp_path: Path) -> None:
    day.claim(1)
    await day.write(1, {"a.txt": b"a"})
    (tmp_path / "seat-01.tar.gz").write_bytes(b"somebody's")
    with pytest.raises(UsageError, match="that says whose work it is"):
        await day.service.collect(day.name, to=tmp_path)
    assert (tmp_path / "seat-01.tar.gz").read_bytes() == b"somebody's"


@real_runtimes
async def test_files_in_a_folder_that_their_owner_has_closed_are_work_too(day: Day, tmp_path: Path) -> None:
    day.claim(1)
    await day.sh(1, "mkdir closed && echo mine > closed/work.txt && chmod 0 closed")
    with pytest.raises(PartlyDone, match="1 seat has work"):
        await day.service.down(day.name)
    await day.service.collect(day.name, to=tmp_path)
    assert archive(tmp_path / "seat-01.tar.gz") == {"closed/work.txt": b"mine\n"}


@every_runtime
async def test_a_stopped_seat_is_collected_like_any_other(day: Day, tmp_path: Path) -> None:
    day.claim(1)
    await day.write(1, {"a.txt": b"abc", "README.md": b"HELLO\n"})
    await day.runtime.stop(day.classroom, 1)
    report = await day.service.collect(day.name, to=tmp_path)
    assert report.seats[0].file is not None
    assert archive(report.seats[0].file) == {"a.txt": b"abc", "README.md": b"HELLO\n"}
    assert entry(tmp_path, "01")["state"] == "stopped"


@real_runtimes
async def test_deleted_files_are_named_and_both_ways_of_reading_agree(day: Day, tmp_path: Path) -> None:
    day.claim(1)
    await day.write(1, {"a/b.txt": b"b"})
    await day.sh(1, "rm data/table.csv; ln a/b.txt hard.txt; mkdir hollow; mkfifo pipe")
    await day.service.collect(day.name, to=tmp_path / "running")
    await day.runtime.stop(day.classroom, 1)
    await day.service.collect(day.name, to=tmp_path / "stopped")
    running, stopped = entry(tmp_path / "running", "01"), entry(tmp_path / "stopped", "01")
    assert running["files"] == stopped["files"]
    assert {file["path"]: file["state"] for file in running["files"]} == {
        "a/b.txt": "new", "data/table.csv": "deleted", "hard.txt": "new",
    }  # fmt: skip
    for folder in ("running", "stopped"):
        assert archive(tmp_path / folder / "seat-01.tar.gz") == {"a/b.txt": b"b", "hard.txt": b"b"}


@near_runtimes
async def test_a_second_collection_reads_only_what_has_changed(day: Day, tmp_path: Path) -> None:
    day.claim(1, 2)
    await day.write(1, {"a.txt": b"one"})
    await day.write(2, {"b.txt": b"two"})
    await day.service.collect(day.name, to=tmp_path)
    before = {file.name: file.stat().st_mtime_ns for file in tmp_path.glob("*.gz")}
    await day.write(2, {"b.txt": b"TWO"})
    report = await day.service.collect(day.name, to=tmp_path)
    if day.classroom.runtime != "fake":  # a fake seat cannot be asked, only read
        assert [seat.unchanged for seat in report.seats] == [True, False]
        assert (tmp_path / "seat-01.tar.gz").stat().st_mtime_ns == before["seat-01.tar.gz"]
    assert archive(tmp_path / "seat-02.tar.gz") == {"b.txt": b"TWO"}


@pytest.mark.parametrize("kind", ["process"], indirect=True)
async def test_an_archive_that_is_damaged_is_made_again(day: Day, tmp_path: Path) -> None:
    day.claim(1)
    await day.write(1, {"a.txt": b"one"})
    await day.service.collect(day.name, to=tmp_path)
    file = tmp_path / "seat-01.tar.gz"
    whole = file.read_bytes()
    file.write_bytes(whole[:-10] + b"0123456789")
    assert not (await day.service.collect(day.name, to=tmp_path)).seats[0].unchanged
    assert archive(file) == {"a.txt": b"one"}


@near_runtimes
async def test_a_seat_that_cannot_be_read_is_named_and_stops_no_other(
    day: Day, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from workshop.errors import SeatFailed

    day.claim(1, 2)
    await day.write(1, {"a.txt": b"a"})
    await day.write(2, {"a.txt": b"a"})
    await day.runtime.stop(day.classroom, 2)
    real = day.runtime.read_files

    async def broken(classroom: Any, number: int, path: str) -> Any:
        sent = 0
        async for piece in real(classroom, number, path):
            if number == 2 and sent:
                raise SeatFailed("The connection to seat 02 was lost.")
            yield piece[:700] if number == 2 else piece
            sent += 1

    monkeypatch.setattr(day.runtime, "read_files", broken)
    report = await day.service.collect(day.name, to=tmp_path)
    assert [bool(seat.error) for seat in report.seats] == [False, True]
    assert entry(tmp_path, "02")["error"]
    assert not (tmp_path / "seat-02.tar.gz").exists()
    assert [file.name for file in tmp_path.glob("*.part")] == []


@pytest.mark.parametrize("kind", ["process"], indirect=True)
async def test_a_seat_that_could_not_be_read_once_and_is_as_before_is_collected(
    day: Day, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from workshop.errors import SeatFailed

    day.claim(1)
    await day.write(1, {"a.txt": b"a"})
    await day.service.collect(day.name, to=tmp_path)
    await day.runtime.stop(day.classroom, 1)

    async def broken(*_: Any) -> Any:
        raise SeatFailed("The seat's files cannot be read.")
        yield b""

    with monkeypatch.context() as patch:
        patch.setattr(day.runtime, "read_files", broken)
        assert (await day.service.collect(day.name, to=tmp_path)).failed
    await day.service.restart(day.name, [1])
    report = await day.service.collect(day.name, to=tmp_path)
    assert (report.failed, report.seats[0].unchanged) == ((), True)
    assert entry(tmp_path, "01")["error"] is None
    assert (await day.service.down(day.name, collect_to=tmp_path)).removal.left == ()


@near_runtimes
async def test_a_manifest_that_cannot_be_written_is_a_reason_and_the_next_collection_writes_it(
    day: Day, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    day.claim(1, 2)
    await day.write(1, {"a.txt": b"a"})
    with (
        full_for(monkeypatch, "manifest.json"),
        pytest.raises(PartlyDone, match="could not be collected") as caught,
    ):
        await day.service.down(day.name, collect_to=tmp_path)
    assert "manifest.json cannot be written: No space left" in caught.value.details[0]
    assert [file.name for file in tmp_path.glob("*.part")] == []
    assert (await day.service.collect(day.name, to=tmp_path)).failed == ()
    assert entry(tmp_path, "01")["error"] is None


async def test_work_is_collected_where_the_history_cannot_be_written(
    day: Day, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise StateError("The state database cannot be written: the disk is full.")

    day.claim(1)
    await day.write(1, {"a.txt": b"a"})
    monkeypatch.setattr(day.wiring.store, "record", refuse)
    assert (await day.service.collect(day.name, to=tmp_path)).failed == ()
    assert archive(tmp_path / "seat-01.tar.gz") == {"a.txt": b"a"}


@near_runtimes
async def test_another_class_s_folder_is_refused(day: Day, tmp_path: Path) -> None:
    day.claim(1)
    (tmp_path / "manifest.json").write_text('{"classroom": "other", "classroom_uid": "1", "seats": []}')
    with pytest.raises(UsageError, match="another class"):
        await day.service.collect(day.name, to=tmp_path)


async def test_seats_nobody_used_are_not_collected_unless_named(day: Day, tmp_path: Path) -> None:
    day.claim(1)
    assert [seat.number for seat in (await day.service.collect(day.name, to=tmp_path)).seats] == [1]
    assert [seat.number for seat in (await day.service.collect(day.name, to=tmp_path, seats=[2])).seats] == [2]
    with pytest.raises(UsageError, match="no seat 07"):
        await day.service.collect(day.name, to=tmp_path, seats=[7])


@every_runtime
async def test_teardown_is_refused_while_work_would_be_lost_and_names_the_seats(day: Day, tmp_path: Path) -> None:
    day.claim(1, 2)
    await day.write(2, {"lesson.ipynb": LESSON + b" ", ".ipynb_checkpoints/lesson.ipynb": b"junk"})
    plan = await day.service.teardown_plan(day.name)
    assert (plan.claimed, plan.uncollected, plan.unsure) == ((1, 2), (2,), ())
    with pytest.raises(PartlyDone, match="1 seat has work that was not collected: 02"):
        await day.service.down(day.name)
    assert {record.number for record in await day.runtime.seats(day.classroom)} == {1, 2}
    await day.service.collect(day.name, to=tmp_path)
    assert (await day.service.teardown_plan(day.name)).uncollected == ()
    await day.write(2, {"lesson.ipynb": LESSON + b"  "})
    assert (await day.service.teardown_plan(day.name)).uncollected == (2,)
    report = await day.service.down(day.name, discard=True)
    assert report.removal.left == ()


@near_runtimes
async def test_teardown_collects_when_asked_and_a_failure_removes_nothing(
    day: Day, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    day.claim(1)
    await day.write(1, {"a.txt": b"a"})
    (tmp_path / "full").mkdir()
    with full_for(monkeypatch, ".tar.gz"), pytest.raises(PartlyDone, match="could not be collected") as caught:
        await day.service.down(day.name, collect_to=tmp_path / "full")
    assert "No space left" in caught.value.details[0]
    assert len(await day.runtime.seats(day.classroom)) == 2
    report = await day.service.down(day.name, collect_to=tmp_path / "full")
    assert report.removal.left == ()
    assert archive(tmp_path / "full" / "seat-01.tar.gz") == {"a.txt": b"a"}


@near_runtimes
async def test_a_paused_seat_is_read_without_waking_it(day: Day, tmp_path: Path) -> None:
    day.claim(1)
    await day.write(1, {"a.txt": b"a"})
    await day.runtime.pause(day.classroom, 1, paused=True)
    report = await day.service.collect(day.name, to=tmp_path)
    assert report.seats[0].new == 1
    assert (await day.runtime.seats(day.classroom))[0].state is SeatState.PAUSED
    await day.runtime.pause(day.classroom, 1, paused=False)


@real_runtimes
async def test_work_of_before_a_restart_is_collected_also_when_its_folder_was_moved(day: Day, tmp_path: Path) -> None:
    """What tells the image's files from a participant's must not be reset by a restart."""
    day.claim(1)
    await day.sh(1, "printf HELLO > README.md && printf a,b > data/table.csv && truncate -s 8 data/table.csv && sync")
    await day.sh(1, "mv data data2 && mkdir data && cp -p data2/empty data/empty")
    await day.runtime.restart(day.classroom, 1)
    report = await day.service.collect(day.name, to=tmp_path)
    assert report.seats[0].file is not None
    assert archive(report.seats[0].file) == {
        "README.md": b"HELLO", "data2/table.csv": b"a,b" + bytes(5), "data2/empty": b"",
    }  # fmt: skip
    assert (await day.service.teardown_plan(day.name)).uncollected == ()
    await day.sh(1, "printf HELLA > README.md")
    assert (await day.service.teardown_plan(day.name)).uncollected == (1,)
