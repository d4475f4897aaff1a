"""What programs of ours made for themselves, named after their process, and left when they were killed."""

from __future__ import annotations

import glob
import shutil
from pathlib import Path


def is_gone(pid: str) -> bool:
    """Whether a part of a name is the number of a process that has ended; another user's that runs is there.

    One that was killed stays listed until its parent has asked for it, which may be never: in a container, say.
    """
    import psutil  # most commands need none

    if not pid.isdigit():
        return False
    try:
        return psutil.Process(int(pid)).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
    except psutil.AccessDenied:
        return False


def own_prefix(prefix: str, pid: int) -> str:
    """The beginning of the name of a folder that goes with a program."""
    return f"{prefix}{pid}-"


def remove_what_the_dead_left(folder: Path, prefix: str) -> None:
    """Remove the folders of programs that are gone; another user's, which cannot be removed, stay."""
    for path in folder.glob(f"{glob.escape(prefix)}*"):
        if is_gone(path.name.removeprefix(prefix).partition("-")[0]):
            shutil.rmtree(path, ignore_errors=True)


def remove_partials(folder: Path, name: str) -> None:
    """Remove files named `NAME.PID.part` that were being written when their program was killed.

    Args:
        name: as a pattern: `*` for any.
    """
    for path in folder.glob(f"{name}.*.part"):
        if is_gone(path.name.removesuffix(".part").rpartition(".")[2]):
            path.unlink(missing_ok=True)
