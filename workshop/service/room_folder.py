"""What this machine keeps of one classroom in files: pushes, snapshots, samples. It goes with the class."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

from workshop.service.wiring import Wiring


def room_folder(wiring: Wiring, uid: str, *parts: str) -> Path:
    """A folder of the classroom's, made for this user alone."""
    folder = wiring.state_dir / "rooms" / uid
    for part in ("", *parts):
        folder = folder / part if part else folder
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder


def existing(wiring: Wiring, uid: str, *parts: str) -> Path | None:
    """The same, if it is there."""
    folder = wiring.state_dir.joinpath("rooms", uid, *parts)
    return folder if folder.is_dir() else None


def forget(wiring: Wiring, uid: str) -> None:
    shutil.rmtree(wiring.state_dir / "rooms" / uid, ignore_errors=True)


def write_json(file: Path, document: Any, *, indent: int | None = None) -> None:
    """Whole or not at all, readable by the user alone.

    Args:
        indent: spaces for each level, where people read it too.
    """
    partial = file.with_name(f".{file.name}.{os.getpid()}.part")
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            json.dump(document, stream, indent=indent)
        partial.replace(file)
    finally:
        partial.unlink(missing_ok=True)
