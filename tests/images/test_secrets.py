"""Folders with a build's secrets: gone with the build, and with the next one where it was killed."""

from __future__ import annotations

import os
from pathlib import Path

import psutil
import pytest

from workshop.images import docker_builder


def test_what_a_killed_build_left_is_removed_by_the_next_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    dead = next(pid for pid in range(2**21, 2**22) if not psutil.pid_exists(pid))
    killed = tmp_path / f"{docker_builder.SECRETS}{dead}-abcd"
    at_work = tmp_path / f"{docker_builder.SECRETS}{os.getpid()}-abcd"
    for folder in (killed, at_work):
        folder.mkdir()
        (folder / "index").write_text("https://user:password@example.org/simple")
    docker_builder._clear_secrets()
    assert [path.name for path in tmp_path.iterdir()] == [at_work.name]
