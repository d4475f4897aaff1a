"""Folders that programs of ours made for themselves, and left when they were killed."""

from __future__ import annotations

import shutil
from pathlib import Path

import psutil


def own_prefix(prefix: str, pid: int) -> str:
    """The beginning of the name of a folder that goes with a program."""
    return f"{prefix}{pid}-"


def remove_what_the_dead_left(folder: Path, prefix: str) -> None:
    """Remove the folders of programs that are not there any more; another user's stay."""
    for path in folder.glob(f"{prefix}*"):
        pid = path.name.removeprefix(prefix).partition("-")[0]
        if pid.isdigit() and not psutil.pid_exists(int(pid)):
            shutil.rmtree(path, ignore_errors=True)
