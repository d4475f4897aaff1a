"""What an instructor does to seats in the middle of a class, by the command line: real seats, results for each."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.cli.terminal import Terminal
from tests.journey.conftest import Program, on_docker, on_processes, wait_until
from tests.support.participant import ask_for_help
from workshop.config.paths import paths
from workshop.service.doors import locked_by
from workshop.service.student import Student


def by_seat(document: Any, key: str) -> dict[str, Any]:
    return {seat["seat"]: seat[key] for seat in document["seats"]}


def results(document: Any) -> dict[str, tuple[bool, str]]:
    return {result["seat"]: (result["ok"], result["detail"]) for result in document["results"]}


def told(program: Program, name: str) -> list[tuple[str, list[str]]]:
    return [(event["kind"], event["seats"]) for event in program("events", name)["events"]]


async def test_seats_are_paused_labelled_helped_freed_and_looked_into(
    program: Program, repository: Path, unique_name: str
) -> None:
    opened = program.up(repository, unique_name)
    links = by_seat(opened, "link")
    for seat in ("02", "01"):
        await ask_for_help(links[seat])
    asking = program("status", unique_name)
    assert asking["help"] == ["02", "01"]
    assert all(by_seat(asking, "help_since").values())
    assert "Asking for help: 02 (" in program.ends("status", unique_name).out

    async with Student() as student:
        await student.enter(links["01"])
        assert results(program("pause", unique_name, "1")) == {"01": (True, "paused")}
        assert by_seat(program("status", unique_name), "state") == {"01": "paused", "02": "ready"}
        refused = program("shell", unique_name, "1", code=1)
        assert "resume" in refused["hint"]
        assert results(program("resume", unique_name, "1-2", "01"))["01"] == (True, "goes on")
        assert (await student.run_cell("print(6 * 7)")).output == "42"

    assert results(program("label", unique_name, "2", " Ada "))["02"] == (True, "labelled")
    assert results(program("helped", unique_name, "2"))["02"][0]
    after = program("status", unique_name)
    assert (after["help"], by_seat(after, "label")) == (["01"], {"01": "", "02": "Ada"})
    program("label", unique_name, "2", "")
    assert by_seat(program("status", unique_name), "label")["02"] == ""

    assert program("free", unique_name, "1", code=2)["error"] == "confirmation-needed"
    with Terminal("free", unique_name, "1-2") as terminal:
        terminal.wait_for("[y/N]")
        assert "seat 01: taken by a browser, which loses it" in terminal.text
        terminal.type("y\n")
        assert terminal.ends() == 0
    assert by_seat(program("status", unique_name), "claimed") == {"01": False, "02": False}

    printed = program("logs", unique_name, "1", "--tail", "3")
    assert len(printed["lines"]) == 3
    assert "Jupyter" in "".join(program("logs", unique_name, "1")["lines"])
    kinds = told(program, unique_name)
    assert [kind for kind in kinds if kind[0] in ("pause", "resume", "help-done", "free", "taken")] == [
        ("taken", ["01", "02"]), ("pause", ["01"]), ("resume", ["01", "02"]), ("help-done", ["02"]),
        ("free", ["01", "02"]),
    ]  # fmt: skip
    assert "Ada" not in json.dumps(program("events", unique_name))
    assert [(event["kind"], event["seats"]) for event in program("events", unique_name, "--tail", "2")["events"]] == (
        kinds[-2:]
    )
    assert program("pause", unique_name, "9", code=2)["error"] == "usage"
    assert program("pause", f"{unique_name}-other", "1", code=2)["error"] == "unknown-classroom"


@on_docker
def test_memory_is_changed_live_and_what_the_engine_refuses_is_the_seats_result(
    program: Program, repository: Path, unique_name: str
) -> None:
    program.up(repository, unique_name)
    assert results(program("memory", unique_name, "1-2", "700M")) == {
        "01": (True, "limit changed to 700 MB"), "02": (True, "limit changed to 700 MB"),
    }  # fmt: skip
    picture = program("status", unique_name)
    assert set(by_seat(picture, "memory_limit_bytes").values()) == {700 * 1024**2}
    assert set(by_seat(picture, "state").values()) == {"ready"}
    for size in ("2M", "900TB"):
        refused = program("memory", unique_name, "1", size, code=1)
        assert refused["results"][0]["ok"] is False
        assert refused["results"][0]["hint"]
    assert by_seat(program("status", unique_name), "memory_limit_bytes")["01"] == 700 * 1024**2


@on_processes
def test_without_a_gateway_seats_can_still_be_helped_and_a_break_cannot_be_told(
    program: Program, repository: Path, unique_name: str
) -> None:
    opened = program.up(repository, unique_name)
    begun = program("break", unique_name, "20m")
    left = datetime.fromisoformat(begun["break_until"]) - datetime.now(UTC)
    assert timedelta(minutes=19) < left <= timedelta(minutes=20)
    assert program("status", unique_name)["break_until"] == begun["break_until"]
    assert program("break", unique_name, "--end")["break_until"] is None
    assert program("status", unique_name)["break_until"] is None
    refused = program("memory", unique_name, "1", "1GB", code=1)
    assert "plain process" in refused["results"][0]["detail"]

    asyncio.run(ask_for_help(by_seat(opened, "link")["02"]))
    (lock,) = paths({}).sockets.glob("*.lock")
    pid = locked_by(lock)
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: locked_by(lock) is None, "it is gone")
    assert program("status", unique_name)["help"] == ["02"]
    assert program("helped", unique_name, "2")["results"][0]["ok"]
    assert program("status", unique_name)["help"] == []
    assert program("break", unique_name, "20m", code=1)["error"] == "gateway"
    assert [kind for kind, _ in told(program, unique_name)] == ["opened", "break", "break", "taken", "help-done"]


@on_processes
def test_a_shell_has_the_terminal_and_without_one_the_command_is_told(
    program: Program, repository: Path, unique_name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program.up(repository, unique_name, seats=1)
    command = program("shell", unique_name, "1")["command"]
    assert command[0] == "env"
    piped = program.ends("shell", unique_name, "1")
    assert piped.code == 2
    assert "needs a terminal" in piped.err
    assert "env -i" in piped.err
    with Terminal("shell", unique_name, "1") as terminal:
        terminal.wait_for("`exit` comes back")
        terminal.type("ls; sh -c 'echo run\"\"ning; exec sleep 600'\n")
        terminal.wait_for("running")
        assert "lesson.ipynb" in terminal.text
        terminal.type("\x03")
        terminal.type("echo still $((40 + 2)); exit\n")
        terminal.wait_for("still 42")
        assert terminal.ends() == 0
    with Terminal("shell", unique_name, "1") as terminal:
        terminal.wait_for("`exit` comes back")
        terminal.type("exit 7\n")
        assert terminal.ends() == 1
        assert "ended with 7" in terminal.text
    (tmp_path / "bin").mkdir()
    git = shutil.which("git")
    assert git is not None
    (tmp_path / "bin" / "git").symlink_to(git)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    with Terminal("shell", unique_name, "1") as terminal:
        assert terminal.ends() == 1
        assert "env cannot be run: No such file or directory." in terminal.text
        assert "Traceback" not in terminal.text
