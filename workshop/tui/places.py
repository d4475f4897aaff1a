"""Places on this machine as people read them."""

from __future__ import annotations

from pathlib import Path


def shown(place: Path) -> str:
    """The path with `~` for the home folder."""
    home = Path.home()
    return f"~/{place.relative_to(home)}" if place.is_relative_to(home) and place != home else str(place)
