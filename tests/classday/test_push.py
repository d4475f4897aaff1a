"""A corrected file reaches everybody, and nobody loses what they have written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.classday.conftest import ALL, LESSON, REAL, Day
from workshop.core.push_plan import Step
from workshop.errors import UsageError
from workshop.service import PushSource, pushing

every_runtime = pytest.mark.parametrize("kind", ALL, indirect=True)
near_runtimes = pytest.mark.parametrize("kind", ["fake", "process"], indirect=True)
real_runtimes = pytest.mark.parametrize("kind", REAL, indirect=True)


def corrected(folder: Path, name: str = "lesson.ipynb", text: bytes = b'{"cells": [], "fixed": 1}') -> str:
    file = folder / "from-my-desk" / name
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(text)
    return str(file)


def steps(report: Any) -> list[list[str]]:
    return [[f"{step.step.value} {step.target}" for step in seat.steps] for seat in report.seats]


@every_runtime
async def test_untouched_copies_are_replaced_and_changed_ones_kept(day: Day, tmp_path: Path) -> None:
    day.clock.forward(hours=5, minutes=5)
    mine = LESSON.replace(b"x = 1", b"x = 2")
    await day.write(2, {"lesson.ipynb": mine})
    report = await day.service.push(day.name, PushSource((corrected(tmp_path),)))
    stamp = f"{day.clock().astimezone():%H%M}"
    assert report.sentence == "1 replaced, 1 beside"
    first, second = await day.read(1), await day.read(2)
    assert first["lesson.ipynb"] == b'{"cells": [], "fixed": 1}'
    assert second["lesson.ipynb"] == mine
    assert second[f"lesson.updated-{stamp}.ipynb"] == b'{"cells": [], "fixed": 1}'
    assert not [path for seat in (first, second) for path in seat if ".workshop-push" in path]


@near_runtimes
async def test_the_plan_says_the_same_and_writes_nothing(day: Day, tmp_path: Path) -> None:
    await day.write(2, {"lesson.ipynb": b"mine"})
    before = [await day.read(1), await day.read(2)]
    source = PushSource((corrected(tmp_path),))
    plan = await day.service.push_plan(day.name, source)
    assert [await day.read(1), await day.read(2)] == before
    assert plan.planned
    assert steps(plan) == steps(await day.service.push(day.name, source))


@near_runtimes
async def test_repeating_a_push_changes_nothing_and_a_second_version_replaces_the_first(
    day: Day, tmp_path: Path
) -> None:
    await day.write(2, {"lesson.ipynb": b"mine"})
    source = PushSource((corrected(tmp_path),))
    await day.service.push(day.name, source)
    after = [await day.read(1), await day.read(2)]
    again = await day.service.push(day.name, source)
    assert again.sentence == "2 there already"
    assert [await day.read(1), await day.read(2)] == after
    second = await day.service.push(day.name, PushSource((corrected(tmp_path, text=b'{"cells": [], "fixed": 2}'),)))
    assert [seat.steps[0].step for seat in second.seats] == [Step.REPLACE, Step.BESIDE]
    assert (await day.read(2))["lesson.ipynb"] == b"mine"


@pytest.mark.parametrize("kind", ["process"], indirect=True)
async def test_a_notebook_that_was_only_opened_is_replaced(day: Day, tmp_path: Path) -> None:
    """JupyterLab writes kernel and language into a notebook that is opened, and its own layout of the JSON."""
    document = json.loads(LESSON)
    document["metadata"] = {"kernelspec": {"name": "python3"}, "language_info": {"version": "3.12"}}
    document["cells"][1]["source"] = "x = 1"
    await day.write(1, {"lesson.ipynb": json.dumps(document, indent=1).encode()})
    report = await day.service.push(day.name, PushSource((corrected(tmp_path),)))
    assert [seat.steps[0].step for seat in report.seats] == [Step.REPLACE, Step.REPLACE]


@every_runtime
async def test_a_seat_that_is_down_gets_it_when_it_returns(day: Day, tmp_path: Path) -> None:
    await day.runtime.stop(day.classroom, 2)
    report = await day.service.push(day.name, PushSource((corrected(tmp_path),)))
    assert report.sentence == "1 replaced; 1 seat is down and gets it later"
    record = await day.runtime.restart(day.classroom, 2)
    (late,) = await pushing.catch_up(day.wiring, day.found, record)
    assert late.steps[0].step is Step.REPLACE
    assert (await day.read(2))["lesson.ipynb"] == b'{"cells": [], "fixed": 1}'
    assert await pushing.catch_up(day.wiring, day.found, record) == ()


@near_runtimes
async def test_a_folder_keeps_its_shape_and_a_known_name_finds_its_place(day: Day, tmp_path: Path) -> None:
    folder = tmp_path / "extra"
    (folder / "deep").mkdir(parents=True)
    (folder / "deep" / "über.py").write_text("print()")
    (folder / "__pycache__").mkdir()
    (folder / "__pycache__" / "x.pyc").write_bytes(b"")
    table = tmp_path / "table.csv"
    table.write_text("a,b\n3,4\n")
    report = await day.service.push(day.name, PushSource((str(folder), str(table))), seats=[1])
    assert report.files == ("data/table.csv", "extra/deep/über.py")
    assert "data/table.csv" in report.notes[0]
    seat = await day.read(1)
    assert (seat["extra/deep/über.py"], seat["data/table.csv"]) == (b"print()", b"a,b\n3,4\n")
    into = await day.service.push(day.name, PushSource((str(table),), into="other"), seats=[1])
    assert into.files == ("other/table.csv",)


async def test_what_cannot_be_pushed_is_said(day: Day, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no file"):
        await day.service.push(day.name, PushSource((str(tmp_path / "nothing"),)))
    with pytest.raises(UsageError, match="not a folder inside"):
        await day.service.push(day.name, PushSource((corrected(tmp_path),), into="../up"))
    with pytest.raises(UsageError, match="nothing to push"):
        await day.service.push(day.name, PushSource())


@pytest.mark.parametrize("kind", ["process"], indirect=True)
async def test_a_file_saved_between_the_look_and_the_write_is_kept(
    day: Day, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, saved = day.runtime.write_files, []

    async def slow(classroom: Any, number: int, path: str, tar: Any) -> None:
        await real(classroom, number, path, tar)
        if not saved:
            saved.append(path)
            await day.write(1, {"lesson.ipynb": b"saved just now"})

    monkeypatch.setattr(day.runtime, "write_files", slow)
    report = await day.service.push(day.name, PushSource((corrected(tmp_path),)), seats=[1])
    assert saved
    assert report.seats[0].steps[0].step is Step.BESIDE
    assert (await day.read(1))["lesson.ipynb"] == b"saved just now"


@pytest.mark.parametrize("kind", ["process"], indirect=True)
async def test_something_else_in_the_way_is_an_error_of_that_seat_alone(day: Day, tmp_path: Path) -> None:
    await day.sh(1, "rm lesson.ipynb && mkdir lesson.ipynb")
    report = await day.service.push(day.name, PushSource((corrected(tmp_path),)))
    assert "in the way" in report.seats[0].error
    assert report.seats[1].error == ""


@real_runtimes
async def test_a_link_out_of_the_home_folder_is_not_followed(day: Day, tmp_path: Path) -> None:
    await day.sh(1, "rm -r data && mkdir /tmp/elsewhere-$$ && ln -s /tmp/elsewhere-$$ data")
    report = await day.service.push(day.name, PushSource((corrected(tmp_path, "table.csv", b"new"),)))
    assert "leads out" in report.seats[0].error
    assert (await day.sh(1, "ls data/; rm -r $(readlink data)")).strip() == ""


@pytest.mark.parametrize("kind", ["process"], indirect=True)
async def test_a_newer_commit_brings_what_it_changed_and_nothing_else(day: Day, tmp_path: Path) -> None:
    from dataclasses import replace

    from tests.classday.conftest import REPOSITORY
    from tests.support.git_repository import git

    repository = tmp_path / "repository"
    changed = {"lesson.ipynb": b'{"cells": [], "fixed": 1}', "new.py": b"print()", "workshop.yaml": b"title: T\n"}
    for path, data in (REPOSITORY | changed).items():
        (repository / path).parent.mkdir(parents=True, exist_ok=True)
        (repository / path).write_bytes(data)
    git(repository, "init", "--quiet", "--initial-branch=main")
    git(repository, "add", "--all")
    git(repository, "commit", "--quiet", "--message", "a correction")
    room = replace(day.found, classroom=replace(day.classroom, repository=str(repository)))
    from workshop.ports.build import ignore_events
    from workshop.service import push_source
    from workshop.service.baseline import baseline

    base = await baseline(day.wiring, room)
    named = await push_source.named_files(day.wiring, room, PushSource(newer=True), base, (), report=ignore_events)
    assert sorted(named.files) == ["lesson.ipynb", "new.py"]
    assert named.commit == git(repository, "rev-parse", "HEAD")


@pytest.mark.parametrize("name", ["workshop.yaml", "workshop.yml"])
async def test_files_that_the_image_was_to_be_without_are_not_pushed_with_a_newer_commit(
    day: Day, tmp_path: Path, name: str
) -> None:
    """The definition may hold the class's PIN, an ignored folder the solutions."""
    from dataclasses import replace

    from workshop.ports.build import ignore_events
    from workshop.service import push_source
    from workshop.service.baseline import baseline

    files = {name: "title: T\naccess: {pin: '4711'}\n", ".dockerignore": "solutions/\n", "new.py": "print()"}
    for path, text in (files | {"solutions/lesson.py": "42"}).items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(text)
    room = replace(day.found, classroom=replace(day.classroom, repository=str(tmp_path)))
    base = await baseline(day.wiring, room)
    named = await push_source.named_files(day.wiring, room, PushSource(newer=True), base, (), report=ignore_events)
    assert sorted(named.files) == [".dockerignore", "new.py"]
    whole = PushSource(files=(str(tmp_path),))
    named = await push_source.named_files(day.wiring, room, whole, base, (), report=ignore_events)
    assert sorted(named.files) == [".dockerignore", "new.py", "solutions/lesson.py"]
