"""A repository that wants a password: the whole program reads it, and shows and keeps the password nowhere."""

from __future__ import annotations

import subprocess
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.journey.conftest import Program, make_repository
from tests.support.git_server import PASSWORD, USER, GitServer


@pytest.fixture
def runtime() -> str:
    return "process"


def test_a_password_in_the_address_is_in_nothing_that_is_shown_or_kept(
    program: Program, machine: Path, shared_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_repository(tmp_path / "lesson", title="Private lesson", runtime="process")
    bare = tmp_path / "served" / "lesson.git"
    subprocess.run(("git", "clone", "--quiet", "--bare", str(tmp_path / "lesson"), str(bare)), check=True)
    (tmp_path / "here").mkdir()
    cached = set(shared_cache.rglob("*"))  # of tests before this one: a check-out of these very tests, perhaps
    monkeypatch.chdir(tmp_path / "here")
    with GitServer(tmp_path / "served", private=True) as server:
        address = f"http://{USER}:{quote(PASSWORD, safe='')}@{server.host}/lesson.git"
        calls = (
            program.ends("check", address, "--verbose"),
            program.ends("check", address, "--json"),
            program.ends("init", address),
            program.ends("check", address.replace("lesson", "nothing")),
            program.ends("build", address.replace("lesson", "nothing"), "--verbose"),
        )
        assert [call.code for call in calls] == [0, 0, 0, 2, 1], "\n".join(map(str, calls))
        assert server.authorized
        assert "not written down" in calls[2].out
    shown = "".join(call.out + call.err for call in calls)
    kept = b"".join(
        path.read_bytes()
        for root in (machine, shared_cache, Path.cwd())
        for path in root.rglob("*")
        if path not in cached and path.is_file()
    )
    for secret in (PASSWORD, quote(PASSWORD, safe="")):
        assert secret not in shown
        assert secret.encode() not in kept
