"""Files that Git LFS keeps beside a repository: pointers to them, and why their content is not there."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

POINTER = b"version https://git-lfs.github.com/spec/"


def lfs_pointers(tree: Path) -> list[str]:
    """The files of a checkout that are pointers still."""
    found = []
    for folder, names, files in os.walk(tree):
        names[:] = [name for name in names if name != ".git"]
        for name in files:
            path = Path(folder) / name
            if path.is_symlink() or not path.is_file() or path.stat().st_size > 1024:
                continue
            with open(path, "rb") as file:
                if file.read(len(POINTER)) == POINTER:
                    found.append(str(path.relative_to(tree)))
    return sorted(found)


def missing_content(names: Sequence[str], why: str) -> str:
    """That files are pointers, and why."""
    shown = ", ".join(names[:3]) + (", …" if len(names) > 3 else "")
    are = "files are" if len(names) > 1 else "file is"
    return f"{len(names)} {are} there ({shown}) only as Git LFS pointers: {why}."


def lfs_reason(output: str) -> str:
    """Why Git LFS did not give a file's content: what its server said, else its own last words."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    said = next((line.partition("batch response:")[2] for line in lines if "batch response:" in line), "")
    return (said or (lines[-1] if lines else "no content")).strip().rstrip(".")
