"""One class on two targets of one machine: a real Docker engine and plain processes, by the command line."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import pytest

from tests.journey.conftest import Program, commit, kill, make_repository, wait_until
from tests.journey.engine import Engine
from tests.support.participant import take_next_seat
from tests.support.ports import free_port
from workshop.config.paths import paths
from workshop.service.doors import locked_by
from workshop.service.student import Student

pytestmark = pytest.mark.docker
TARGETS = """\
title: {title}
source: .
seats: 3
spares: 0
limits:
  memory: 512 MB
times:
  length: 2h
targets:
  - runtime: docker
  - runtime: process
    weight: 2
"""
SPREAD = {"01": "docker", "02": "process", "03": "process"}


@pytest.fixture
def program(shared_cache: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Program]:
    monkeypatch.setenv("WORKSHOP_CACHE_DIR", str(shared_cache))
    monkeypatch.setenv("WORKSHOP_ADDRESS", "127.0.0.1")
    monkeypatch.setenv("WORKSHOP_PORT", str(free_port()))
    made = Program("docker")
    yield made
    made.close_all()


@pytest.fixture
def spread(built_images: str, tmp_path: Path) -> Path:
    """A repository whose workshop has two targets."""
    title = f"{built_images} lesson"
    folder = make_repository(tmp_path / "lesson", title=title, runtime="auto")
    (folder / "workshop.yaml").write_text(TARGETS.format(title=title))
    commit(folder, "Two targets")
    return folder


@pytest.fixture
def engines(machine: Path) -> tuple[Engine, Engine]:
    state = machine / "state" / "workshop"
    return Engine("docker", state), Engine("process", state)


def links(document: Any) -> dict[str, str]:
    return {seat["seat"]: seat["link"] for seat in document["seats"]}


def targets(document: Any) -> dict[str, str]:
    return {seat["seat"]: seat["target"] for seat in document["seats"]}


async def test_a_class_on_both_is_opened_joined_used_grown_and_closed(
    program: Program, spread: Path, unique_name: str, engines: tuple[Engine, Engine], tmp_path: Path
) -> None:
    opened = program.up(spread, unique_name, seats=3)
    assert targets(opened) == SPREAD
    assert {seat["state"] for seat in opened["seats"]} == {"ready"}
    assert [len(engine.seats(unique_name)) for engine in engines] == [1, 2]
    doors = {number: urlsplit(link).netloc for number, link in links(opened).items()}

    places = [await take_next_seat(opened["join"]) for _ in range(3)]
    assert places == [(doors[number], f"/seat/{number}/") for number in ("01", "02", "03")]
    async with Student() as student:  # the code of a process's seat, at the docker gateway
        code = links(opened)["03"].rpartition("/")[2]
        assert urlsplit(await student.enter(f"http://{doors['01']}/s/{code}")).netloc == doors["03"]
        assert (await student.run_cell("print(6 * 7)")).output == "42"
        await student.run_cell("open('mine.txt', 'w').write('mine')")

    more = program("add", unique_name, "2")
    assert targets(more) == SPREAD | {"04": "process", "05": "docker"}
    assert links(program.up(spread, unique_name, seats=3)) == links(more)
    refused = program("down", unique_name, "--yes", code=4)
    assert "03" in refused["message"]
    ended = program("down", unique_name, "--yes", "--collect", tmp_path / "work")
    assert ended["left"] == []
    assert (tmp_path / "work" / "seat-03.tar.gz").is_file()
    assert [engine.everything(unique_name) for engine in engines] == [[], []]


def test_up_and_down_that_were_killed_are_finished_by_the_same_commands(
    program: Program, spread: Path, unique_name: str, engines: tuple[Engine, Engine]
) -> None:
    docker, process = engines
    for there in (lambda: docker.shared(unique_name), lambda: process.seats(unique_name)):
        first = program.start_up(spread, unique_name, seats=3)
        wait_until(there, "something of the class is there", process=first)
        kill(first)
    finished, again = [links(program.up(spread, unique_name, seats=3)) for _ in range(2)]
    assert finished == again
    assert sorted(finished) == ["01", "02", "03"]
    whole = sum(len(engine.everything(unique_name)) for engine in engines)
    ending = program.start("down", unique_name, "--discard", "--yes", "--json")
    wait_until(
        lambda: sum(len(engine.everything(unique_name)) for engine in engines) < whole, "it began", process=ending
    )
    kill(ending)
    assert program.down(unique_name)["left"] == []
    assert [engine.everything(unique_name) for engine in engines] == [[], []]


def test_a_gateway_that_was_killed_leaves_the_other_one_open(program: Program, spread: Path, unique_name: str) -> None:
    opened = program.up(spread, unique_name, seats=3)
    pids = {lock: locked_by(lock) for lock in paths({}).sockets.glob("*.lock")}
    assert len(pids) == 2
    by_name = {seat["target"]: urlsplit(seat["link"]).netloc for seat in opened["seats"]}
    second = f"http://{by_name['process']}/"
    (killed,) = (
        (lock, pid) for lock, pid in pids.items() if pid and "docker" in Path(f"/proc/{pid}/cmdline").read_text()
    )
    os.kill(killed[1], signal.SIGKILL)
    wait_until(lambda: locked_by(killed[0]) is None, "it is gone")
    with pytest.raises(aiohttp.ClientConnectionError):
        asyncio.run(take_next_seat(opened["join"]))
    assert [asyncio.run(take_next_seat(second))[1] for _ in range(2)] == ["/seat/02/", "/seat/03/"]
    again = program("up", "--name", unique_name)  # without the file
    assert links(again) == links(opened)
    assert asyncio.run(take_next_seat(opened["join"]))[1] == "/seat/01/"
