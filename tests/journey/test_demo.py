"""The demo without a terminal: everything from the sample to a cell's output, and nothing left."""

from __future__ import annotations

import socket
from pathlib import Path

from tests.cli.terminal import Terminal
from tests.journey.conftest import Program, on_docker, on_processes
from tests.journey.engine import Engine


@on_docker
def test_the_demo_runs_a_cell_in_a_seat_and_leaves_nothing(
    program: Program, unique_name: str, machine: Path, runtime: str
) -> None:
    done = program("demo", "--headless", "--seats", "2", "--name", unique_name, "--runtime", runtime)
    assert done["runtime"] == runtime
    assert done["seats"] == 2
    assert done["output"].startswith("42 and 3 notebooks")
    assert done["link"].endswith("/seat/01/")
    assert done["removed"]["seats"] == 2
    assert done["left"] == []
    assert Engine(runtime, machine / "state" / "workshop").everything(unique_name) == []


@on_processes
def test_a_demo_that_fails_half_way_says_why_and_leaves_nothing(
    program: Program, unique_name: str, machine: Path, runtime: str
) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = str(other.getsockname()[1])
        done = program("demo", "--headless", "--name", unique_name, "--runtime", runtime, "--port", port, code=1)
    assert done["error"] == "port-taken"
    assert port in done["message"]
    assert Engine(runtime, machine / "state" / "workshop").everything(unique_name) == []


@on_processes
def test_a_demo_removes_no_class_that_it_has_not_opened(
    program: Program, repository: Path, unique_name: str, runtime: str
) -> None:
    program.up(repository, unique_name)
    before = program("status", unique_name)["seats"]
    refused = program("demo", "--headless", "--name", unique_name, "--runtime", runtime, code=2)
    assert refused["error"] == "name-in-use"
    with Terminal("demo", "--name", unique_name, "--runtime", runtime) as terminal:
        assert terminal.ends(180) == 2
        assert f"A classroom named {unique_name} runs" in terminal.text
    assert [seat["link"] for seat in program("status", unique_name)["seats"]] == [seat["link"] for seat in before]
