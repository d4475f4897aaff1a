"""The program as an instructor runs it: a process of its own, on a repository of its own, on a real runtime."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import pytest

from tests.support.ports import free_port

T = TypeVar("T")
DEADLINE = 480.0
"""Seconds that any single call or condition may take before the test gives up."""
SEATS = 2

DEFINITION = """\
title: {title}
source: .
seats: {seats}
spares: 0
runtime: {runtime}
limits:
  memory: 512 MB
times:
  length: 2h
"""
NOTEBOOK = {
    "cells": [
        {
            "cell_type": "code", "execution_count": None, "id": "first", "metadata": {}, "outputs": [],
            "source": ["print('hello', 6 * 7)"],
        }
    ],
    "metadata": {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}},
    "nbformat": 4,
    "nbformat_minor": 5,
}  # fmt: skip


@dataclass(frozen=True)
class Ended:
    """How a call of the program ended."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """The one JSON document on standard output."""
        return json.loads(self.out)

    def __str__(self) -> str:
        return f"exit code {self.code}\n--- stdout\n{self.out}\n--- stderr\n{self.err}"


@dataclass
class Program:
    """Calls `workshop` as a process; remembers which classes it opened, to close them at the end."""

    runtime: str
    environment: dict[str, str] = field(default_factory=dict)
    opened: list[str] = field(default_factory=list)

    def __call__(self, *words: str | Path, code: int = 0) -> Any:
        """The JSON document of a call that has to end with this code."""
        ended = self.ends(*words, "--json")
        assert ended.code == code, f"workshop {' '.join(map(str, words))}: {ended}\n{self.logs()}"
        return ended.document

    def logs(self) -> str:
        """The last lines of everything that the program has logged: they are gone with the test's machine."""
        state = Path(os.environ["XDG_STATE_HOME"])
        lines = []
        for file in sorted(state.rglob("*.log")):
            lines += [f"--- {file}", *file.read_text(errors="replace").splitlines()[-30:]]
        return "\n".join(lines)

    def ends(self, *words: str | Path) -> Ended:
        """A call, whatever comes of it."""
        process = self.start(*words)
        out, err = process.communicate(timeout=DEADLINE)
        return Ended(process.returncode, out, err)

    def start(self, *words: str | Path) -> subprocess.Popen[str]:
        """A call that goes on beside the test."""
        return subprocess.Popen(
            [sys.executable, "-m", "workshop", *map(str, words)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | self.environment,
        )

    def up(self, file: Path, name: str, *words: str, seats: int = SEATS) -> Any:
        """A class with everybody ready."""
        self.opened.append(name)
        return self("up", file, "--name", name, "--seats", str(seats), "--yes", *words)

    def start_up(self, file: Path, name: str, seats: int = SEATS) -> subprocess.Popen[str]:
        """`up`, to be killed."""
        self.opened.append(name)
        return self.start("up", file, "--name", name, "--seats", str(seats), "--yes", "--json")

    def down(self, name: str, *, code: int = 0) -> Any:
        return self("down", name, "--discard", "--yes", code=code)

    def close_all(self) -> None:
        """Whatever a failed test has left open."""
        there = {room["classroom"] for room in self("list")["classrooms"]}
        for name in there.intersection(self.opened):
            self.down(name)


def kill(process: subprocess.Popen[str]) -> None:
    """`kill -9`, and nothing of it is left but what it made."""
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=DEADLINE)


def wait_until(
    look: Callable[[], T],
    what: str,
    *,
    process: subprocess.Popen[str] | None = None,
    seconds: float = DEADLINE,
    every: float = 0.02,
) -> T:
    """The first answer that is true.

    Args:
        process: what is to bring it about; nothing more is awaited when it has ended.

    Raises:
        AssertionError: there was none before the deadline.
    """
    deadline = time.monotonic() + seconds
    while not (answer := look()):
        assert process is None or process.poll() is None, f"it ended before {what}:\n{process.communicate()}"
        assert time.monotonic() < deadline, f"after {seconds:.0f} s still not: {what}"
        time.sleep(every)
    return answer


def make_repository(folder: Path, *, title: str, runtime: str, requirements: str = "") -> Path:
    """A Git repository with a notebook and a workshop.yaml; the same content is the same commit, so the same image."""
    folder.mkdir(parents=True)
    (folder / "workshop.yaml").write_text(DEFINITION.format(title=title, seats=SEATS, runtime=runtime))
    (folder / "requirements.txt").write_text(requirements)
    (folder / "lesson.ipynb").write_text(json.dumps(NOTEBOOK))
    commit(folder, "A lesson", first=True)
    return folder


def commit(folder: Path, message: str, *, first: bool = False) -> None:
    """Commit everything there is, at a fixed time."""
    environment = os.environ | {
        "GIT_AUTHOR_DATE": "2026-01-01T12:00:00Z",
        "GIT_COMMITTER_DATE": "2026-01-01T12:00:00Z",
    }
    commands = [["init", "-q"]] if first else []
    for words in (*commands, ["add", "."], ["commit", "-qm", message]):
        subprocess.run(["git", "-C", str(folder), *words], check=True, env=environment, timeout=60)


@pytest.fixture(scope="session")
def shared_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Checkouts and environments, made once for all journeys."""
    return tmp_path_factory.mktemp("cache")


_DOCKER = pytest.param("docker", marks=pytest.mark.docker)
on_docker = pytest.mark.parametrize("runtime", [_DOCKER])
on_processes = pytest.mark.parametrize("runtime", ["process"])
"""For what is the same on every runtime: once is enough, and where no engine is needed."""


@pytest.fixture(params=["process", _DOCKER])
def runtime(request: pytest.FixtureRequest) -> str:
    """Each runtime that seats can have on one machine."""
    name: str = request.param
    return name


@pytest.fixture
def program(runtime: str, shared_cache: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Program]:
    """The program on an empty machine; what it opened is closed at the end."""
    monkeypatch.setenv("WORKSHOP_CACHE_DIR", str(shared_cache))
    monkeypatch.setenv("WORKSHOP_ADDRESS", "127.0.0.1")
    monkeypatch.setenv("WORKSHOP_PORT", str(free_port()))
    made = Program(runtime)
    yield made
    made.close_all()


@pytest.fixture
def repository(runtime: str, built_images: str, tmp_path: Path) -> Path:
    """A small repository; all journeys of a run share its commit, and with it the image."""
    return make_repository(tmp_path / "lesson", title=f"{built_images} lesson", runtime=runtime)
