"""Files that belong to the user: written whole or not at all, so that a full disk costs nobody a definition."""

from __future__ import annotations

import secrets
import shutil
from pathlib import Path


def write_user_file(file: Path, text: str) -> None:
    """Give a file this content, and its folder if it has none yet. A link stays a link, rights stay as they were.

    Raises:
        OSError: it cannot be written; what was there is there still.
    """
    target = file.resolve()
    target.parent.mkdir(parents=True, exist_ok=True)
    fresh = target.with_name(f".{target.name}.{secrets.token_hex(4)}.new")
    try:
        fresh.write_text(text, "utf-8")
        if target.exists():
            shutil.copymode(target, fresh)
        fresh.replace(target)
    finally:
        fresh.unlink(missing_ok=True)
