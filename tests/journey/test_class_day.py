"""A whole class day by the command line, on every runtime that one machine has."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import socket
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.journey.conftest import SEATS, Program, commit, on_docker, on_processes, wait_until
from tests.journey.engine import Engine
from workshop.service.student import Student

SEAT_KEYS = {
    "seat", "code", "link", "state", "claimed", "activity", "last_active", "memory_bytes", "cpu_percent", "detail",
}  # fmt: skip


@pytest.fixture
def engine(runtime: str, machine: Path) -> Engine:
    return Engine(runtime, machine / "state" / "workshop")


def activity(program: Program, name: str, seat: str = "01") -> str:
    found: str = {one["seat"]: one["activity"] for one in program("status", name)["seats"]}[seat]
    return found


async def test_a_class_is_checked_built_opened_used_watched_and_closed(
    program: Program, repository: Path, unique_name: str, engine: Engine, runtime: str
) -> None:
    checked = program("check", repository)
    assert [problem for problem in checked["problems"] if problem["level"] == "error"] == []
    assert {"problems", "detected", "fits"} <= set(checked)

    built = program("build", repository)
    assert {"image", "digest", "commit", "cached", "seconds"} <= set(built)
    assert program("build", repository)["cached"] is True

    opened = program.up(repository, unique_name)
    assert {"classroom", "runtime", "join", "ends", "seats"} <= set(opened)
    assert opened["classroom"] == unique_name
    assert opened["runtime"] == runtime
    assert [seat["seat"] for seat in opened["seats"]] == ["01", "02"]
    assert all(set(seat) >= SEAT_KEYS for seat in opened["seats"])
    assert {seat["state"] for seat in opened["seats"]} == {"ready"}
    assert len(engine.shared(unique_name)) == 1
    assert len(engine.seats(unique_name)) >= SEATS

    link = opened["seats"][0]["link"]
    async with Student() as student:
        page = await student.enter(link)
        assert opened["seats"][0]["code"] not in page
        assert urlsplit(page).path.startswith("/seat/01/")
        result = await student.run_cell(
            "import os; print(sorted(name for name in os.listdir() if name[0] != '.'), 6 * 7)"
        )
        assert "lesson.ipynb" in result.output
        assert result.output.endswith("42")

    after = program("status", unique_name)
    assert {seat["seat"]: seat["claimed"] for seat in after["seats"]} == {"01": True, "02": False}
    assert [seat["link"] for seat in after["seats"]] == [seat["link"] for seat in opened["seats"]]
    (listed,) = (room for room in program("list")["classrooms"] if room["classroom"] == unique_name)
    assert (listed["seats"], listed["ready"]) == (SEATS, SEATS)

    closed = program.down(unique_name)
    assert closed["left"] == []
    assert closed["removed"]["seats"] == SEATS
    assert engine.everything(unique_name) == []
    assert unique_name not in {room["classroom"] for room in program("list")["classrooms"]}
    gateway = urlsplit(opened["join"])
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((gateway.hostname, gateway.port or 80), timeout=5).close()


async def test_status_tells_never_opened_running_and_idle_apart(
    program: Program, repository: Path, unique_name: str, tmp_path: Path
) -> None:
    opened = program.up(repository, unique_name)
    assert activity(program, unique_name) == "never opened"
    async with Student() as student:
        await student.enter(opened["seats"][0]["link"])
        silent = asyncio.create_task(
            student.run_cell(
                "import pathlib, time\nwhile not pathlib.Path('go').exists(): time.sleep(0.05)\nprint('went')"
            )
        )
        await asyncio.to_thread(
            wait_until, lambda: activity(program, unique_name) == "running", "a silent cell is running", seconds=60
        )
        async with Student() as second:
            await second.enter(opened["seats"][0]["link"])
            await second.run_cell("open('go', 'w').close()")
        assert (await silent).output == "went"
    await asyncio.to_thread(
        wait_until,
        lambda: activity(program, unique_name) in ("idle", "open", "disconnected"),
        "nothing runs any more",
        seconds=60,
    )
    assert activity(program, unique_name, "02") == "never opened"


@on_processes
async def test_an_instructor_visits_a_seat_and_claims_nothing(
    program: Program, repository: Path, unique_name: str
) -> None:
    program.up(repository, unique_name)
    visit = program("visit", unique_name, "02")
    assert {"classroom", "seat", "link", "until", "shown"} == set(visit)
    async with Student() as instructor:
        page = await instructor.enter(visit["link"])
        assert urlsplit(page).path == "/seat/02/"
        assert (await instructor.run_cell("print(6 * 7)")).output == "42"
    after = {seat["seat"]: seat for seat in program("status", unique_name)["seats"]}
    assert not after["02"]["claimed"]
    wrong = program("visit", unique_name, "09", code=2)
    assert "has no seat 09" in wrong["message"]


def test_links_say_the_same_in_every_form(program: Program, repository: Path, unique_name: str, tmp_path: Path) -> None:
    opened = program.up(repository, unique_name)
    wanted = {seat["seat"]: seat["link"] for seat in opened["seats"]}
    text = program.ends("links", unique_name)
    assert text.code == 0
    assert all(link in text.out for link in wanted.values())
    table = program.ends("links", unique_name, "--csv")
    assert {row["seat"]: row["link"] for row in csv.DictReader(io.StringIO(table.out))} == wanted
    markdown = program.ends("links", unique_name, "--markdown")
    assert all(link in markdown.out for link in wanted.values())
    assert {seat["seat"]: seat["link"] for seat in program("links", unique_name)["seats"]} == wanted
    for kind in ("cards.html", "cards.pdf"):
        program("links", unique_name, "--cards", tmp_path / kind)
        assert (tmp_path / kind).stat().st_size > 1000
    program("links", unique_name, "--qr-dir", tmp_path / "qr")
    assert len(list((tmp_path / "qr").iterdir())) >= SEATS


@on_docker
def test_more_seats_keep_the_links_of_those_there_are(program: Program, repository: Path, unique_name: str) -> None:
    first = program.up(repository, unique_name, seats=1)
    more = program("add", unique_name, "1")
    assert [seat["seat"] for seat in more["seats"]] == ["01", "02"]
    assert more["seats"][0]["link"] == first["seats"][0]["link"]
    assert {seat["state"] for seat in more["seats"]} == {"ready"}


@on_docker
async def test_a_restarted_seat_keeps_link_and_files_and_a_reset_one_keeps_its_link(
    program: Program, repository: Path, unique_name: str
) -> None:
    opened = program.up(repository, unique_name, seats=1)
    link = opened["seats"][0]["link"]
    look = "import os; print('note' in os.listdir())"

    async def in_the_seat(code: str) -> str:
        async with Student() as student:
            await student.enter(link)
            return (await student.run_cell(code)).output

    await in_the_seat("open('note', 'w').close()")
    assert program("restart", unique_name, "1")["results"] == [{"seat": "01", "ok": True, "detail": "restarted"}]
    assert await in_the_seat(look) == "True"
    assert program("reset", unique_name, "01", "--yes")["results"][0]["ok"]
    assert await in_the_seat(look) == "False"
    assert program("status", unique_name)["seats"][0]["link"] == link


@on_processes
def test_a_class_can_be_made_longer(program: Program, repository: Path, unique_name: str) -> None:
    from datetime import datetime, timedelta

    opened = program.up(repository, unique_name, seats=1)
    longer = program("extend", unique_name, "30m")
    assert datetime.fromisoformat(longer["ends"]) - datetime.fromisoformat(opened["ends"]) == timedelta(minutes=30)
    assert program("status", unique_name)["ends"] == longer["ends"]


@on_docker
def test_a_commit_that_touches_only_a_notebook_reuses_what_is_installed(program: Program, repository: Path) -> None:
    first = program("build", repository)
    (repository / "lesson.ipynb").write_text((repository / "lesson.ipynb").read_text().replace("hello", "hallo"))
    commit(repository, "Another greeting")
    second = program("build", repository)
    assert second["commit"] != first["commit"]
    assert second["cached"] is False
    assert second["digest"] != first["digest"]


@on_processes
def test_changes_that_are_not_committed_are_said_and_not_built(program: Program, repository: Path) -> None:
    first = program("build", repository)
    (repository / "lesson.ipynb").write_text("not even a notebook")
    checked = program("check", repository)
    assert any("not committed" in json.dumps(problem) for problem in checked["problems"])
    assert program("build", repository)["digest"] == first["digest"]


@on_processes
def test_a_dry_run_says_what_would_be_made_and_makes_nothing(
    program: Program, repository: Path, unique_name: str, engine: Engine
) -> None:
    import yaml

    plan = program("up", repository, "--name", unique_name, "--dry-run")
    assert plan["create"] == ["01", "02"]
    text = program.ends("up", repository, "--name", unique_name, "--dry-run", "-o", "yaml")
    assert yaml.safe_load(text.out)["classroom"] == unique_name
    assert engine.everything(unique_name) == []
