"""Something that happened in a class, as it is told: seats and counts, never a name, a label or a code."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Happening:
    """One line of what happened."""

    at: datetime
    kind: str
    """`taken`, `oom`, `restart`, … : one word for programs."""
    text: str
    seats: tuple[int, ...] = ()
    """Whose; empty for the whole class."""
    target: str = ""
    """The engine or cluster, where a class has several."""
