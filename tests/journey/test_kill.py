"""`kill -9` at any moment is normal: the same verb again finishes what was begun, with the same links."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.journey.conftest import SEATS, Program, kill, on_docker, wait_until
from tests.journey.engine import Engine

WANTED = SEATS + 1


@pytest.fixture
def engine(runtime: str, machine: Path) -> Engine:
    return Engine(runtime, machine / "state" / "workshop")


def links(document: Any) -> dict[str, str]:
    return {seat["seat"]: seat["link"] for seat in document["seats"]}


FIRST_SEAT = "when the first seat is there"
MOMENTS: dict[str, Callable[[Engine, str], bool]] = {
    "when what the seats share is there": lambda engine, name: bool(engine.shared(name)),
    FIRST_SEAT: lambda engine, name: len(engine.seats(name)) >= 1,
    "when the last seat is there": lambda engine, name: len(engine.seats(name)) >= WANTED,
}


@pytest.mark.parametrize(
    ("runtime", "moment"),
    [*(pytest.param("docker", moment, marks=pytest.mark.docker) for moment in MOMENTS), ("process", FIRST_SEAT)],
)
def test_up_that_was_killed_is_finished_by_the_next_up(
    moment: str, program: Program, repository: Path, unique_name: str, engine: Engine
) -> None:
    program("build", repository)
    first = program.start_up(repository, unique_name, seats=WANTED)
    wait_until(lambda: MOMENTS[moment](engine, unique_name), moment, process=first)
    kill(first)
    begun = {room["classroom"] for room in program("list")["classrooms"]}
    known = links(program("status", unique_name)) if unique_name in begun else {}

    second = program.up(repository, unique_name, seats=WANTED)
    assert sorted(links(second)) == ["01", "02", "03"]
    assert {seat["state"] for seat in second["seats"]} == {"ready"}
    assert known.items() <= links(second).items()
    assert len(engine.shared(unique_name)) == 1
    if engine.runtime == "docker":
        assert len(engine.seats(unique_name)) == WANTED

    third = program.up(repository, unique_name, seats=WANTED)
    assert links(third) == links(second)
    assert program.down(unique_name)["left"] == []
    assert engine.everything(unique_name) == []


@on_docker
def test_add_that_was_killed_is_finished_and_not_repeated(
    program: Program, repository: Path, unique_name: str, engine: Engine
) -> None:
    before = program.up(repository, unique_name, seats=1)
    there = len(engine.seats(unique_name))
    adding = program.start("add", unique_name, "2", "--json")
    wait_until(lambda: len(engine.seats(unique_name)) > there, "the first added seat is there", process=adding)
    kill(adding)
    after = program("add", unique_name, "2")
    assert sorted(links(after)) == ["01", "02", "03"]
    assert links(before).items() <= links(after).items()


def test_down_that_was_killed_is_finished_by_the_next_down(
    program: Program, repository: Path, unique_name: str, engine: Engine
) -> None:
    program.up(repository, unique_name, seats=WANTED)
    there = len(engine.seats(unique_name))
    closing = program.start("down", unique_name, "--discard", "--yes", "--json")
    wait_until(
        lambda: len(engine.seats(unique_name)) < there or closing.poll() is not None,
        f"one of {there} objects is gone",
        every=0.002,
    )
    kill(closing)
    again = program.ends("down", unique_name, "--discard", "--yes", "--json")
    assert again.code in (0, 2), again  # 2: the first had ended already
    assert again.code == 2 or again.document["left"] == []
    assert engine.everything(unique_name) == []
    program.down(unique_name, code=2)


def test_a_class_is_found_again_with_the_same_links_without_state_and_gateway(
    program: Program, repository: Path, unique_name: str, engine: Engine, machine: Path, runtime: str
) -> None:
    opened = program.up(repository, unique_name)
    state = machine / "state" / "workshop"
    for lock in (state / "run").glob("*.lock"):
        end_for_sure(int(lock.read_text()))
    for path in state.iterdir():
        if path.name == "process":
            continue  # the process runtime's engine, so to say
        shutil.rmtree(path) if path.is_dir() else path.unlink()

    (found,) = (room for room in program("list")["classrooms"] if room["classroom"] == unique_name)
    assert found["seats"] == SEATS
    assert links(program("status", unique_name)) == links(opened)
    again = program.up(repository, unique_name)
    assert links(again) == links(opened)
    assert again["join"] == opened["join"]
    assert program.down(unique_name)["left"] == []
    assert engine.everything(unique_name) == []


@on_docker
def test_a_killed_gateway_is_brought_back_by_up_with_the_same_links(
    program: Program, repository: Path, unique_name: str, machine: Path
) -> None:
    opened = program.up(repository, unique_name)
    (lock,) = (machine / "state" / "workshop" / "run").glob("*.lock")
    end_for_sure(int(lock.read_text()))
    again = program.up(repository, unique_name)
    assert links(again) == links(opened)
    assert int(lock.read_text()) > 0

    end_for_sure(int(lock.read_text()))
    assert f"`workshop up --name {unique_name}` starts it again" in program.ends("list").out
    assert links(program("up", "--name", unique_name)) == links(opened)
    assert int(lock.read_text()) > 0


@on_docker
def test_ctrl_c_ends_up_with_130_and_says_how_to_go_on(
    program: Program, repository: Path, unique_name: str, engine: Engine
) -> None:
    program("build", repository)
    first = program.start_up(repository, unique_name, seats=WANTED)
    wait_until(lambda: engine.seats(unique_name), "the first seat is there", process=first)
    first.send_signal(signal.SIGINT)
    out, err = first.communicate(timeout=60)
    assert first.returncode == 130, err
    assert '"error": "interrupted"' in out
    assert "Traceback" not in out + err
    assert links(program.up(repository, unique_name, seats=WANTED)).keys() == {"01", "02", "03"}


def end_for_sure(pid: int) -> None:
    """`kill -9` of a process that is not ours to wait for; returns when it is gone."""
    os.kill(pid, signal.SIGKILL)
    deadline = time.monotonic() + 30
    with contextlib.suppress(ProcessLookupError):
        while time.monotonic() < deadline:
            os.kill(pid, 0)
            time.sleep(0.02)
        raise AssertionError(f"process {pid} cannot be killed")
