"""`kill -9` in the middle of a collection or a push: the same call again finishes it."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.classday.conftest import LESSON, Day, archive, until

BIG = 200 * 1024 * 1024

PROGRAM = """
import asyncio, resource, sys
from pathlib import Path
from workshop.service import PushSource, Service

async def main(words):
    service = Service({"runtime": "process"})
    if words[0] == "collect":
        report = await service.collect(words[1], to=Path(words[2]))
        print([seat.sentence for seat in report.seats])
    else:
        print((await service.push(words[1], PushSource((words[2],)))).sentence)
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
    await service.aclose()

asyncio.run(main(sys.argv[1:]))
"""


def call(*words: object) -> subprocess.Popen[str]:
    """The service in a process of its own, on this test's state."""
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *map(str, words)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


async def ended(process: subprocess.Popen[str]) -> list[str]:
    out, err = await asyncio.to_thread(process.communicate, timeout=120)
    assert process.returncode == 0, err
    return out.splitlines()


@pytest.fixture
def state(monkeypatch: pytest.MonkeyPatch, machine: Path) -> None:
    """The day's runtime keeps its seats where a process of its own looks for them."""
    monkeypatch.setenv("WORKSHOP_STATE_DIR", str(machine / "state"))


@pytest.mark.usefixtures("state")
@pytest.mark.parametrize("kind", ["process"], indirect=True)
async def test_a_killed_collection_is_finished_by_the_next_in_constant_memory(day: Day, tmp_path: Path) -> None:
    day.claim(1, 2)
    await day.write(1, {"small.txt": b"small"})
    await day.sh(2, f"head -c {BIG} /dev/urandom > big.bin")
    folder = tmp_path / "work"
    first = call("collect", day.name, folder)
    await until(lambda: list(folder.glob("seat-02.*.part")), 30)
    first.send_signal(signal.SIGKILL)
    await asyncio.to_thread(first.communicate)
    assert not (folder / "seat-02.tar.gz").exists()
    assert [entry["seat"] for entry in json.loads((folder / "manifest.json").read_text())["seats"]] in ([], ["01"])
    said, megabytes = await ended(call("collect", day.name, folder))
    assert "200 MB" in said
    assert int(megabytes) < 160
    assert list(folder.glob("*.part")) == []
    assert archive(folder / "seat-01.tar.gz") == {"small.txt": b"small"}
    entries = json.loads((folder / "manifest.json").read_text())["seats"]
    assert [entry["error"] for entry in entries] == [None, None]
    assert next(iter(entries[1]["files"]))["bytes"] == BIG
    again, _ = await ended(call("collect", day.name, folder))
    assert again.count("collected before") == 2


@pytest.mark.usefixtures("state")
@pytest.mark.parametrize("kind", ["process"], indirect=True)
async def test_a_push_killed_at_any_moment_is_finished_by_the_next(day: Day, tmp_path: Path) -> None:
    mine = LESSON.replace(b"x = 1", b"x = 2")
    await day.write(2, {"lesson.ipynb": mine})
    file = tmp_path / "lesson.ipynb"
    file.write_bytes(b'{"cells": [], "fixed": 1}')
    stages = day.folder / "state" / "rooms" / day.classroom.uid / "pushes"
    homes = [Path(record.object_id) / "home" for record in await day.runtime.seats(day.classroom)]
    moments = (
        lambda: stages.is_dir(),
        lambda: any(stages.glob("[0-9]*")),
        lambda: any(list(home.glob(".workshop-push-*")) for home in homes),
    )
    for moment in moments:
        process = call("push", day.name, file)
        await until(lambda moment=moment, process=process: moment() or process.poll() is not None, 30)
        process.send_signal(signal.SIGKILL)
        await asyncio.to_thread(process.communicate)
    said = (await ended(call("push", day.name, file)))[0]
    assert "failed" not in said
    first, second = await day.read(1), await day.read(2)
    assert first["lesson.ipynb"] == b'{"cells": [], "fixed": 1}'
    assert second["lesson.ipynb"] == mine
    beside = [path for path in second if ".updated-" in path]
    assert [second[path] for path in beside] == [b'{"cells": [], "fixed": 1}']
    assert [path for path in (*first, *second) if path.startswith(".workshop-push")] == []
    assert len([place for place in stages.iterdir() if not place.name.startswith(".")]) == 1
