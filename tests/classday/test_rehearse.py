"""A rehearsal runs the real notebooks, says what a seat needs, and leaves nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.classday.conftest import course
from workshop.core.fit import fit
from workshop.errors import UsageError
from workshop.model.seat import Limits
from workshop.model.snapshot import EngineFacts
from workshop.service import Service, peaks, rehearsal_rooms
from workshop.service.wiring import Wiring

GB = 1024**3


@pytest.fixture
async def service(course_cache: Path) -> AsyncIterator[Service]:
    service = Service(wiring=Wiring.from_settings({"runtime": "process"}))
    yield service
    for room in await service.wiring.runtime("process").classrooms():
        await service.wiring.runtime("process").close(room)
    await service.aclose()


@pytest.fixture
def file(tmp_path: Path, course_title: str) -> Path:
    folder = course(tmp_path / "course")
    (folder / "workshop.yaml").write_text(f"title: {course_title}\nseats: 12\nlimits: {{memory: 512 MB}}\n")
    return folder


def skip_bad(folder: Path) -> str:
    with (folder / "workshop.yaml").open("a") as stream:
        stream.write("rehearse: {skip: [bad.ipynb]}\n")
    return str(folder)


@pytest.mark.network
async def test_each_notebook_s_first_failing_cell_is_named_and_nothing_is_left(service: Service, file: Path) -> None:
    found = await service.rehearse(str(file), runtime="process")
    bad, good = found.notebooks
    assert (bad.notebook, bad.ok, bad.failing_cell) == ("bad.ipynb", False, 2)
    assert bad.reason == "cell 2: ValueError: on purpose"
    assert (good.notebook, good.ok, good.cells) == ("good.ipynb", True, 2)
    assert 40 * 1024**2 < found.peak_memory_bytes < GB
    assert not found.ok
    assert await service.wiring.runtime("process").classrooms() == ()
    assert list((service.wiring.state_dir / "locks").iterdir()) == []


@pytest.mark.network
async def test_several_seats_run_at_once_and_the_peak_answers_whether_a_class_fits(
    service: Service, file: Path
) -> None:
    found = await service.rehearse(skip_bad(file), runtime="process", seats=2, machine_memory=4 * GB)
    assert (found.ok, found.seats, [notebook.notebook for notebook in found.notebooks]) == (True, 2, ["good.ipynb"])
    assert found.proposed_memory % (256 * 1024**2) == 0
    assert found.proposed_memory >= found.peak_memory_bytes * 1.3
    assert (found.fits.verdict, "4 GB" in found.fits.sentence) == ("tight", True)
    checked = await service.check(str(file), runtime="process")
    assert checked.image is not None
    assert peaks.peak_of(service.wiring, checked.image.digest) == found.peak_memory_bytes


@pytest.mark.network
async def test_a_rehearsal_that_is_given_up_leaves_nothing(
    service: Service, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = asyncio.Event()

    async def endless(*_: Any, **__: Any) -> Any:
        runs.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(service.wiring.runtime("process"), "run", endless)
    task = asyncio.create_task(service.rehearse(str(file), runtime="process"))
    await asyncio.wait_for(runs.wait(), 120)
    (room,) = await service.wiring.runtime("process").classrooms()
    assert rehearsal_rooms.is_under_way(service.wiring, room.name)
    assert room.name not in {summary.name for summary in await service.classrooms()}
    assert room.name not in {summary.name for summary in await service.cleanup_plan()}
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await service.wiring.runtime("process").classrooms() == ()


async def test_a_workshop_without_notebooks_cannot_be_rehearsed(service: Service, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="at once"):
        await service.rehearse(str(tmp_path), seats=0)


def test_a_rehearsed_peak_changes_the_verdict() -> None:
    machine = EngineFacts("docker", "1", cpus=8, memory_bytes=8 * GB)
    assert fit(machine, Limits(2 * GB), 10).verdict == "tight"
    assert fit(machine, Limits(2 * GB), 10, peak_bytes=GB).verdict == "does not fit"


def test_a_damaged_list_of_peaks_is_begun_anew(machine: Path) -> None:
    wiring = Wiring.from_settings({})
    peaks.remember(wiring, "sha256:a", 5)
    assert peaks.peak_of(wiring, "sha256:a") == 5
    (wiring.state_dir / peaks.FILE).write_text("{")
    assert peaks.peak_of(wiring, "sha256:a") is None
    peaks.remember(wiring, "sha256:b", 7)
    assert peaks.peak_of(wiring, "sha256:b") == 7
