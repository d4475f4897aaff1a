"""For the beamer: how everybody comes in, large, with nothing on it that is private."""

from __future__ import annotations

from typing import ClassVar

from workshop.model.amounts import format_span
from workshop.tui.screens.code import CodeScreen


class ProjectorScreen(CodeScreen):
    """The room's join code."""

    WITHOUT: ClassVar[frozenset[str]] = frozenset({"code.next", "code.previous"})

    def crumbs(self) -> tuple[str, ...]:
        return (self.room, "projector")

    def link(self) -> str:
        return self.snapshot.classroom.join_url() if self.snapshot else ""

    def title_line(self) -> str:
        return self.snapshot.classroom.workshop if self.snapshot else "Asking for the classroom…"

    def words(self) -> str:
        snapshot = self.snapshot
        if snapshot is None:
            return ""
        parts = [f"{snapshot.ready} seats ready", f"{snapshot.claimed} taken"]
        if snapshot.waiting:
            parts.append(f"{snapshot.waiting} waiting")
        if snapshot.ends is not None:
            left = (snapshot.ends - self.workshop.now()).total_seconds()
            parts.append(f"{format_span(left)} left" if left > 0 else "the class is over")
        return "  ·  ".join(parts)
