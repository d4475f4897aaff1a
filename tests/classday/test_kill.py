"""`kill -9` in the middle of a collection or a push: the same call again finishes it."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from tests.classday.conftest import LESSON, REAL, Day, archive, until

BIG = 200 * 1024 * 1024

PROGRAM = '''
import asyncio, resource, sys
from pathlib import Path
from workshop.errors import UnknownClassroom
from workshop.service import PushSource, Service

def peak():
    """Megabytes; `ru_maxrss` would count what the tests held when they started this."""
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 20
    return next(int(line.split()[1]) >> 10 for line in status.read_text().splitlines() if line.startswith("VmHWM"))

async def main(runtime, verb, *words):
    service = Service({"runtime": runtime})
    match verb:
        case "collect":
            report = await service.collect(words[0], to=Path(words[1]))
            print([seat.sentence for seat in report.seats])
        case "move":
            (seat,) = (await service.move(words[0], [int(words[1])])).results
            print(f"{seat.ok}: {seat.detail}")
        case "down":
            try:
                report = await service.down(words[0], collect_to=Path(words[1]))
                print(f"{len(report.removal.left)} left")
            except UnknownClassroom:
                print("gone already")
        case _:
            print((await service.push(words[0], PushSource((words[1],)))).sentence)
    print(peak())
    await service.aclose()

asyncio.run(main(*sys.argv[1:]))
'''


def call(*words: object, runtime: str = "process") -> subprocess.Popen[str]:
    """The service in a process of its own, on this test's state."""
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, runtime, *map(str, words)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


async def ended(process: subprocess.Popen[str]) -> list[str]:
    out, err = await asyncio.to_thread(process.communicate, timeout=120)
    assert process.returncode == 0, err
    return out.splitlines()


@pytest.fixture
def state(monkeypatch: pytest.MonkeyPatch, machine: Path) -> None:
    """The day's runtime keeps its seats where a process of its own looks for them."""
    monkeypatch.setenv("WORKSHOP_STATE_DIR", str(machine / "state"))


async def killed_at(moment: Callable[[], bool | Awaitable[bool]], *words: object, runtime: str) -> bool:
    """Begin a call and kill it at the moment; False when it came to its end before."""
    process = call(*words, runtime=runtime)

    async def reached() -> bool:
        found = moment()
        return (found if isinstance(found, bool) else await found) or process.poll() is not None

    await until(reached, 60)
    process.send_signal(signal.SIGKILL)
    await asyncio.to_thread(process.communicate)
    return process.returncode == -signal.SIGKILL


@pytest.mark.usefixtures("state")
@pytest.mark.parametrize("kind", REAL, indirect=True)
async def test_a_killed_collection_is_finished_by_the_next_in_constant_memory(day: Day, tmp_path: Path) -> None:
    day.claim(1, 2)
    await day.write(1, {"small.txt": b"small"})
    await day.sh(2, f"head -c {BIG} /dev/urandom > big.bin")
    folder, runtime = tmp_path / "work", day.classroom.runtime
    collect = ("collect", day.name, folder)
    assert await killed_at(lambda: any(folder.glob("seat-02.*.part")), *collect, runtime=runtime)
    assert not (folder / "seat-02.tar.gz").exists()
    assert [entry["seat"] for entry in json.loads((folder / "manifest.json").read_text())["seats"]] in ([], ["01"])
    said, megabytes = await ended(call(*collect, runtime=runtime))
    assert "200 MB" in said
    assert int(megabytes) < 160
    assert list(folder.glob("*.part")) == []
    assert archive(folder / "seat-01.tar.gz") == {"small.txt": b"small"}
    entries = json.loads((folder / "manifest.json").read_text())["seats"]
    assert [entry["error"] for entry in entries] == [None, None]
    assert next(iter(entries[1]["files"]))["bytes"] == BIG
    again, _ = await ended(call(*collect, runtime=runtime))
    assert again.count("collected before") == 2


@pytest.mark.usefixtures("state")
@pytest.mark.parametrize("kind", REAL, indirect=True)
async def test_a_push_killed_at_any_moment_is_finished_by_the_next(day: Day, tmp_path: Path) -> None:
    mine = LESSON.replace(b"x = 1", b"x = 2")
    await day.write(2, {"lesson.ipynb": mine})
    file = tmp_path / "lesson.ipynb"
    file.write_bytes(b'{"cells": [], "fixed": 1}')
    stages = day.folder / "state" / "rooms" / day.classroom.uid / "pushes"
    runtime = day.classroom.runtime

    async def is_in_a_seat() -> bool:
        both = await asyncio.gather(day.read(1), day.read(2))
        return any(path.startswith(".workshop-push-") for files in both for path in files)

    moments: tuple[Callable[[], bool | Awaitable[bool]], ...] = (
        stages.is_dir,
        lambda: any(stages.glob("[0-9]*")),
        is_in_a_seat,
    )
    killed = [await killed_at(moment, "push", day.name, file, runtime=runtime) for moment in moments]
    assert any(killed)
    said = (await ended(call("push", day.name, file, runtime=runtime)))[0]
    assert "failed" not in said
    first, second = await day.read(1), await day.read(2)
    assert first["lesson.ipynb"] == b'{"cells": [], "fixed": 1}'
    assert second["lesson.ipynb"] == mine
    beside = [path for path in second if ".updated-" in path]
    assert [second[path] for path in beside] == [b'{"cells": [], "fixed": 1}']
    assert [path for path in (*first, *second) if path.startswith(".workshop-push")] == []
    assert len([place for place in stages.iterdir() if not place.name.startswith(".")]) == 1


@pytest.mark.usefixtures("state")
@pytest.mark.parametrize("kind", REAL, indirect=True)
async def test_a_move_killed_at_any_moment_is_finished_by_the_next(day: Day) -> None:
    await day.write(1, {"mine.txt": b"mine", "data/meins ä.txt": b"too"})
    link, runtime = day.classroom.link(1), day.classroom.runtime
    state = day.folder / "state"

    async def has_a_successor() -> bool:
        return any(record.number == 1 and record.generation > 1 for record in await day.runtime.seats(day.classroom))

    moments: tuple[Callable[[], bool | Awaitable[bool]], ...] = (
        lambda: any(state.glob("rooms/*/moves/*")),
        lambda: any(state.glob("archive/*/seat-01-*-moved.tar.gz")),
        has_a_successor,
    )
    killed = [await killed_at(moment, "move", day.name, 1, runtime=runtime) for moment in moments]
    assert any(killed)
    (said, _memory) = await ended(call("move", day.name, 1, runtime=runtime))
    assert said.startswith("True"), said
    files = await day.read(1)
    assert (files["mine.txt"], files["data/meins ä.txt"]) == (b"mine", b"too")
    records = await day.runtime.seats(day.classroom)
    assert [record.number for record in records] == [1, 2]
    assert records[0].generation > 1
    assert (await day.service.status(day.name)).seats[0].link == link


@pytest.mark.usefixtures("state")
@pytest.mark.parametrize("kind", REAL, indirect=True)
async def test_an_end_of_class_killed_at_any_moment_loses_no_work_and_is_finished_by_the_next(
    day: Day, tmp_path: Path
) -> None:
    day.claim(1, 2)
    await day.write(1, {"mine.txt": b"mine"})
    await day.sh(2, "head -c 3000000 /dev/urandom > large.bin")
    folder, runtime = tmp_path / "work", day.classroom.runtime

    async def a_seat_is_gone() -> bool:
        return len(await day.runtime.seats(day.classroom)) < 2

    moments: tuple[Callable[[], bool | Awaitable[bool]], ...] = (
        lambda: any(folder.glob("*.part")),
        lambda: day.wiring.store.room_state(day.classroom.uid).closing,
        a_seat_is_gone,
    )
    killed = [await killed_at(moment, "down", day.name, folder, runtime=runtime) for moment in moments]
    assert killed[0]
    if all(killed):
        (said, _memory) = await ended(call("down", day.name, folder, runtime=runtime))
        assert said in ("0 left", "gone already"), "the last kill may have come when all was done"
    assert await day.runtime.seats(day.classroom) == ()
    assert day.name not in {room.name for room in await day.runtime.classrooms()}
    assert archive(folder / "seat-01.tar.gz") == {"mine.txt": b"mine"}
    assert len(archive(folder / "seat-02.tar.gz")["large.bin"]) == 3_000_000
