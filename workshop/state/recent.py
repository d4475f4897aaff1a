"""The workshops used on this machine, for the home screen."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path

KEPT = 20


class RecentWorkshops:
    """A small JSON file, replaced whole; a damaged one counts as empty and is replaced at the next use."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def entries(self) -> tuple[tuple[str, str, datetime], ...]:
        """File or link, title, last use; newest first."""
        try:
            rows = json.loads(self._path.read_text())
            found = [(str(row[0]), str(row[1]), datetime.fromisoformat(row[2])) for row in rows]
        except (FileNotFoundError, ValueError, TypeError, IndexError, KeyError):
            return ()
        return tuple(sorted(found, key=lambda row: row[2], reverse=True))

    def add(self, file: str, title: str, at: datetime) -> None:
        rows = [(file, title, at.astimezone(UTC))] + [row for row in self.entries() if row[0] != file]
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        temporary = self._path.with_name(f"{self._path.name}.{os.getpid()}")
        temporary.write_text(json.dumps([(f, t, when.isoformat()) for f, t, when in rows[:KEPT]], indent=1))
        temporary.chmod(0o600)
        temporary.replace(self._path)
