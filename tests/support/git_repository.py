"""Repositories that tests make."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

Write = Callable[..., Path]
"""`write({"a.txt": "…"}, folder=…)` writes files below a folder and returns it."""
Commit = Callable[..., str]
"""`commit({"a.txt": "…"}, folder=…, branch=…)` writes files, commits them and returns the commit."""


def git(folder: Path, *arguments: str) -> str:
    """Run git in a test's repository, with an identity that depends on nobody's configuration."""
    identity = ("-c", "user.name=T", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false")
    done = subprocess.run(("git", *identity, *arguments), cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout.strip()
