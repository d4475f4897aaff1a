"""Repositories to build from, the engine to build on, and what events said."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes files below a folder: `write({"a.txt": "…"}, folder=…)`."""

    def make(files: dict[str, str], *, folder: Path | None = None) -> Path:
        root = folder or tmp_path / "repo"
        root.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        return root

    return make


def git(folder: Path, *arguments: str) -> str:
    """Run git in a test's repository, with an identity that depends on nobody's configuration."""
    identity = ("-c", "user.name=T", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false")
    done = subprocess.run(("git", *identity, *arguments), cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.fixture
def commit(write: Write) -> Callable[..., str]:
    """Writes files into a repository and commits them; returns the commit."""

    def make(files: dict[str, str], *, folder: Path | None = None, branch: str = "main") -> str:
        root = write(files, folder=folder)
        if not (root / ".git").exists():
            git(root, "init", "--quiet", f"--initial-branch={branch}")
        git(root, "add", "--all")
        git(root, "commit", "--quiet", "--message", "a change")
        return git(root, "rev-parse", "HEAD")

    return make
