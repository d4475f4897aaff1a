"""What is said of a workshop before anything is made: its problems, each once, and when its class would end."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from workshop.errors import UsageError
from workshop.model.events import Noted, WorkEvent
from workshop.model.snapshot import Problem
from workshop.ports.build import ignore_events
from workshop.service import Service, UpRequest


@pytest.fixture
async def service() -> AsyncIterator[Service]:
    service = Service({"runtime": "process"})
    yield service
    await service.aclose()


def written(folder: Path, text: str) -> str:
    file = folder / "workshop.yaml"
    file.write_text(f"title: Lesson\nseats: 2\n{text}")
    (folder / "notes.md").write_text("# Notes\n")
    return str(file)


async def problems(service: Service, file: str) -> dict[str, Problem]:
    report = await service.check(file, report=ignore_events)
    return {problem.path: problem for problem in report.problems if "Git" not in problem.message}


async def test_a_repository_without_notebooks_is_doubtful_unless_they_are_not_what_students_see(
    service: Service, tmp_path: Path
) -> None:
    assert (await problems(service, written(tmp_path, "")))["source"].level == "warning"
    assert await problems(service, written(tmp_path, "ui: vscode\naccess: {address: 127.0.0.1}\n")) == {}


async def test_a_link_that_names_no_repository_is_a_problem_like_others(service: Service) -> None:
    assert "names no repository" in (await problems(service, "https://github.com/"))["source"].message


async def test_what_a_check_found_is_not_told_on_the_way_too(service: Service, tmp_path: Path) -> None:
    told: list[WorkEvent] = []
    found = await service.check(written(tmp_path, ""), report=told.append)
    assert any("no Git repository" in problem.message for problem in found.problems)
    assert [event for event in told if isinstance(event, Noted)] == []


async def test_an_end_that_has_passed_is_told_and_opens_nothing(service: Service, tmp_path: Path) -> None:
    file = written(tmp_path, "times: {end: 2020-03-01T17:00:00+01:00}\n")
    assert "01 March 2020" in (await problems(service, file))["times.end"].message
    with pytest.raises(UsageError, match="would have ended"):
        await service.plan(UpRequest(file))


async def test_a_length_that_was_asked_for_stands_instead_of_what_the_file_says(
    service: Service, tmp_path: Path
) -> None:
    for times in ("", "times: {length: 3h}\n", "times: {end: 2020-03-01T17:00:00+01:00}\n"):
        plan = await service.plan(UpRequest(written(tmp_path, times), length=timedelta(minutes=90)))
        assert plan.classroom.ends is not None
        assert plan.classroom.ends - plan.classroom.created == timedelta(minutes=90)
        assert "The class goes for 1 h 30 min from now on." in plan.sentences


async def test_plain_processes_are_warned_of_in_the_plan(service: Service, tmp_path: Path) -> None:
    assert "plain processes" in (await service.plan(UpRequest(written(tmp_path, "")))).warning
