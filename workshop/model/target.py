"""Where seats run: a runtime, and which one where there can be several of a kind."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Target:
    """One engine or cluster."""

    runtime: str
    context: str = ""
    """Which cluster; empty for the only one, or the current one."""
    namespace: str = ""
    """The part of it that this user is given; empty for the whole."""

    def __str__(self) -> str:
        return f"{self.runtime} ({self.context})" if self.context else self.runtime
