"""When classrooms were last opened with which image, on this machine."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path

KEPT = 200


class ImageUses:
    """A small JSON file, replaced whole; a damaged one counts as empty. What it does not say, labels of classes do."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def entries(self) -> dict[str, datetime]:
        """Last use by digest."""
        try:
            rows = json.loads(self._path.read_text())
            return {str(digest): datetime.fromisoformat(when) for digest, when in rows.items()}
        except (FileNotFoundError, ValueError, TypeError, AttributeError):
            return {}

    def add(self, digest: str, at: datetime) -> None:
        rows = self.entries() | {digest: at.astimezone(UTC)}
        newest = sorted(rows.items(), key=lambda row: row[1], reverse=True)[:KEPT]
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        temporary = self._path.with_name(f"{self._path.name}.{os.getpid()}")
        temporary.write_text(json.dumps({digest: when.isoformat() for digest, when in newest}, indent=1))
        temporary.chmod(0o600)
        temporary.replace(self._path)
