"""Folders that a build makes for itself: gone with the build, and with the next one where it was killed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from workshop.engines.dead_programs import own_prefix, remove_partials, remove_what_the_dead_left
from workshop.images import context, docker_builder


@pytest.mark.parametrize("prefix", [docker_builder.SECRETS, context.PREFIX])
def test_what_a_killed_build_left_is_removed_by_the_next_one(tmp_path: Path, prefix: str) -> None:
    dead = next(pid for pid in range(2**21, 2**22) if not psutil.pid_exists(pid))
    killed, at_work = (tmp_path / f"{own_prefix(prefix, pid)}abcd" for pid in (dead, os.getpid()))
    others = tmp_path / f"{prefix}abcd"
    for folder in (killed, at_work, others):
        folder.mkdir()
        (folder / "index").write_text("https://user:password@example.org/simple")
    remove_what_the_dead_left(tmp_path, prefix)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted((at_work.name, others.name))


def test_a_killed_program_that_nobody_asked_for_yet_is_gone(tmp_path: Path) -> None:
    program = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    partial = tmp_path / f"seat-01.tar.gz.{program.pid}.part"
    partial.touch()
    remove_partials(tmp_path, "seat-01.tar.gz")
    assert partial.exists(), "it is at work"
    program.kill()
    os.waitid(os.P_PID, program.pid, os.WEXITED | os.WNOWAIT)  # it has ended, and stays listed
    remove_partials(tmp_path, "seat-01.tar.gz")
    assert not partial.exists()
    program.wait()
