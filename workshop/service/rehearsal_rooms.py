"""Which classrooms are rehearsals: known by their names, without what runs one."""

from __future__ import annotations

from datetime import datetime, timedelta

from workshop.service.doors import is_locked
from workshop.service.wiring import Wiring

PREFIX = "rehearsal-"
ANOTHERS = timedelta(hours=3)
"""A rehearsal of another machine is taken for dead after this."""


def is_rehearsal(name: str) -> bool:
    return name.startswith(PREFIX)


def is_under_way(wiring: Wiring, name: str) -> bool:
    """Whether a rehearsal of this machine holds the classroom; one that was killed does not."""
    return is_rehearsal(name) and is_locked(wiring.lock_file(name))


def is_left_over(wiring: Wiring, name: str, created: datetime | None) -> bool:
    """Whether a rehearsal was killed: one of this machine that nobody holds, or an old one of another machine."""
    if not is_rehearsal(name) or is_under_way(wiring, name):
        return False
    ours = wiring.lock_file(name).exists()
    return ours or created is None or wiring.clock() - created > ANOTHERS
