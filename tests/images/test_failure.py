"""What uv, apt, BuildKit and the engine say, as one sentence: their own words, recorded."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from workshop.errors import SourceError
from workshop.images.checkouts import Checkouts
from workshop.images.failure import FailedBuild, explain

FETCH = "error: Request failed after 3 retries in 8.9s\n  cause: Failed to fetch: https://index.example.org/simple/x/\n"
ROWS: list[tuple[str, str, str, str]] = [
    ("no route to the index",
     FETCH + "  cause: dns error\n  cause: failed to lookup address information: Name or service not known",
     "index.example.org could not be reached", "WORKSHOP_IMAGE_INDEX_URL"),
    ("certificate", FETCH + "  cause: client error (Connect)\n  cause: invalid peer certificate: UnknownIssuer",
     "certificate is not trusted", "WORKSHOP_IMAGE_CA_BUNDLE"),
    ("git host",
     "error: Failed to download and build `x @ git+https://github.com/x/y`\n  cause: Git operation failed\n"
     "fatal: unable to access 'https://github.com/x/y/': Could not resolve host: github.com",
     "github.com could not be reached", "network"),
    ("git host that refuses",
     "error: Failed to download and build `x @ git+https://github.com/x/y`\n"
     "fatal: unable to access 'https://github.com/x/y/': Failed to connect to github.com port 443",
     "github.com could not be reached", "network"),
    ("private requirement",
     "error: Failed to download and build `x @ git+https://github.com/x/y`\n  cause: Git operation failed\n"
     "fatal: could not read Username for 'https://github.com': terminal prompts disabled",
     "in a private repository of github.com", "submodule"),
    ("editable repository", "error: Unsupported editable requirement in `r.txt` at line 1: `git+https://h/a#egg=a`\n"
     "  cause: Git sources cannot be editable", "git+https://h/a#egg=a is to be editable", "Take the `-e `"),
    ("pip freeze on Debian",
     "error: No solution found when resolving dependencies\n  cause: Because pkg-resources was not found in the "
     "package registry and you require pkg-resources==0.0.0, we can conclude that your requirements are "
     "unsatisfiable.", "pkg-resources is no package", "by mistake"),
    ("Debian mirror",
     "E: Failed to fetch http://deb.debian.org/x/InRelease  Temporary failure resolving 'deb.debian.org'",
     "deb.debian.org could not be reached", "network"),
    ("unknown package",
     "error: No solution found when resolving dependencies\n  cause: Because nope was not found in the package "
     "registry and you require nope, we can conclude that your requirements are unsatisfiable.",
     "There is no Python package nope.", "Mend"),
    ("unknown version",
     "error: No solution found when resolving dependencies\n  cause: Because there is no version of iniconfig==99 and "
     "you require iniconfig==99, we can conclude that your requirements are unsatisfiable.",
     "There is no iniconfig==99.", "Mend"),
    ("conflict",
     "error: No solution found when resolving dependencies\n  cause: Because you require a==2 and a==1, we can "
     "conclude that your requirements are unsatisfiable.", "contradict each other", "loosen"),
    ("wrong Python",
     "error: No solution found when resolving dependencies\n  cause: Because tensorflow==1.15.0 has no wheels with a "
     "matching Python ABI tag (e.g., `cp311`) and you require tensorflow==1.15",
     "tensorflow==1.15.0 does not exist for this version of Python", "runtime.txt"),
    ("unreadable list",
     "error: Couldn't parse requirement in `/opt/r.txt` at position 0\n  cause: no such operator \"=\"",
     "cannot be read", "line named below"),
    ("no compiler",
     "error: Failed to build `regex==2026.11.15`\n  cause: The build backend returned an error\n"
     "         error: [Errno 2] No such file or directory: 'x86_64-linux-gnu-gcc'",
     "there is no compiler", "build-essential"),
    ("a package's own build", "error: Failed to build `old==1.0`\n  cause: The build backend returned an error\n  boom",
     "old==1.0 could not be built", "wheel"),
    ("disk full", "cp: error writing '/x/venv/a.pyc': No space left on device", "The disk is full", "images prune"),
    ("disk full in BuildKit", "failed to solve: failed to copy: write /var/lib/docker/x: no space left on device",
     "The disk is full", "images prune"),
    ("a Dockerfile that cannot be read",
     "ERROR: failed to solve: rpc error: code = Unknown desc = failed to solve with frontend dockerfile.v0: failed to "
     "create LLB definition: dockerfile parse error line 3: unknown instruction: ECHO",
     "Line 3 of the Dockerfile cannot be read: unknown instruction: ECHO.", "<<EOF"),
    ("a file that is not there", 'failed to compute cache key: "/nothing.txt" not found: not found',
     "The Dockerfile copies nothing.txt, which is not in the repository.", "binder/"),
    ("a base that is no Debian",
     "workshop: base: not a Debian or Ubuntu image", "cannot be used: not a Debian", "Debian"),
    ("memory",
     "process \"/bin/sh -c x\" did not complete successfully: exit code: 137", "ended from outside", "memory"),
]  # fmt: skip


@pytest.mark.parametrize(("log", "message", "hint"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS])
def test_a_failure_is_told_in_a_sentence_and_a_hint(log: str, message: str, hint: str) -> None:
    error = explain(FailedBuild(lines=log.split("\n"), step="installing", base="b:1"))
    assert message in error.message
    assert hint in error.hint
    assert error.details


def test_what_nobody_knows_is_shown_with_its_last_lines() -> None:
    error = explain(FailedBuild(lines=[f"line {number}" for number in range(50)], step="installing x"))
    assert error.message == "The build failed while installing x."
    assert error.details[-1] == "line 49"
    assert len(error.details) == 15


def test_an_ordinary_exit_code_is_no_lack_of_memory() -> None:
    error = explain(FailedBuild(lines=["boom", "executor failed running [/bin/sh -c x]: exit code: 3"], step="x"))
    assert error.message == "The build failed while x."


async def test_a_disk_that_fills_during_a_checkout_is_said_and_leaves_nothing(tmp_path: Path) -> None:
    checkouts = Checkouts(tmp_path)

    async def fill() -> None:
        async with checkouts.scratch() as tree:
            (tree / "half").write_text("x")
            raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(SourceError, match="The disk is full"):
        await fill()
    assert list(tmp_path.iterdir()) == []


def test_a_step_of_ones_own_dockerfile_is_named_as_it_is_written() -> None:
    assert explain(FailedBuild(lines=["boom"], step="RUN ./make")).message == "The build failed at `RUN ./make`."
    assert explain(FailedBuild(lines=["boom"], step="copying")).message == "The build failed while copying."
