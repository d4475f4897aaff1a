"""A tunnel of the user's through the whole program: its address is everywhere, and it lives as long as the gateway."""

from __future__ import annotations

import json
import os
import shlex
import signal
import sys
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import psutil
import pytest

from tests.journey.conftest import Program, commit, on_processes, wait_until
from tests.support import tunnel_program

WORDS = [sys.executable, "-u", tunnel_program.__file__]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the tunnel program says which processes it is."""
    made = tmp_path / "tunnel"
    made.mkdir()
    return made


def name_tunnel(repository: Path, command: str) -> None:
    """Have the workshop's file say it."""
    file = repository / "workshop.yaml"
    kept = file.read_text().split("access:")[0]
    file.write_text(f"{kept}access:\n  tunnel: {json.dumps(command)}\n")
    commit(repository, "A tunnel")


def processes(folder: Path) -> list[psutil.Process]:
    """Those of the tunnel that runs now, or ran last."""
    pids = (folder / "pids").read_text().split()
    return [psutil.Process(int(pid)) for pid in pids if psutil.pid_exists(int(pid))]


def run(folder: Path) -> bool:
    return any(process.status() != psutil.STATUS_ZOMBIE for process in processes(folder))


def page(link: str) -> httpx.Response:
    """What a browser far away gets, whose resolver knows the tunnel's name."""
    parts = urlsplit(link)
    near = parts._replace(netloc=f"127.0.0.1:{parts.port}").geturl()
    return httpx.get(near, headers={"Host": parts.netloc}, trust_env=False)


@on_processes
def test_students_come_in_through_the_tunnel_and_it_ends_with_the_class(
    program: Program, repository: Path, unique_name: str, folder: Path, machine: Path
) -> None:
    name_tunnel(repository, shlex.join([*WORDS, str(folder), "{port}"]))
    opened = program.up(repository, unique_name, seats=1)
    first = opened["join"]
    assert urlsplit(first).hostname == f"t{processes(folder)[0].pid}.example.org"
    assert opened["seats"][0]["link"].startswith(first)
    assert page(f"{first}check").status_code == 200
    assert page(opened["seats"][0]["link"]).status_code == 200
    assert program("status", unique_name)["tunnel"] == "open"
    assert program("links", unique_name)["join"] == first

    processes(folder)[0].kill()
    again = wait_until(lambda: _join_other_than(program, unique_name, first), "the tunnel has a new address", every=0.2)
    assert page(f"{again}check").status_code == 200
    status = program.ends("status", unique_name)
    assert "new address" in status.err
    assert again in program.ends("links", unique_name).out

    (lock,) = (machine / "state" / "workshop" / "run").glob("*.lock")
    os.kill(int(lock.read_text()), signal.SIGKILL)
    wait_until(lambda: not run(folder), "a gateway that was killed leaves no tunnel", seconds=10)
    third = program.up(repository, unique_name, seats=1)["join"]
    assert third not in (first, again)
    assert page(f"{third}check").status_code == 200

    assert program.down(unique_name)["left"] == []
    assert not run(folder)


def _join_other_than(program: Program, name: str, known: str) -> str:
    join: str = program("status", name)["join"]
    return join if join != known else ""


@on_processes
def test_a_tunnel_that_cannot_be_opened_is_said_and_the_class_goes_on_with_another(
    program: Program, repository: Path, unique_name: str, folder: Path
) -> None:
    name_tunnel(repository, "no-such-tunnel {port}")
    missing = program("up", repository, "--name", unique_name, "--yes", code=2)
    assert "no-such-tunnel is not there" in missing["message"]
    assert program("list")["classrooms"] == []

    name_tunnel(repository, shlex.join([sys.executable, "-c", "print('no account')"]))
    program.opened.append(unique_name)
    ended = program.ends("up", repository, "--name", unique_name, "--seats", "1", "--yes")
    assert ended.code == 1, ended
    assert "ended" in ended.err
    assert "no account" in ended.err
    assert "Run it by hand" in ended.err
    assert program("status", unique_name)["tunnel"] in ("lost", "starting")

    name_tunnel(repository, shlex.join([*WORDS, str(folder), "{port}"]))
    mended = program.up(repository, unique_name, seats=1)
    assert mended["seats"][0]["state"] == "ready"
    assert page(f"{mended['join']}check").status_code == 200
