"""The class's history in sentences. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from workshop.model.amounts import counted
from workshop.model.happening import Happening

Line = tuple[datetime, str, str, int | None]
"""As the state database keeps it: when, kind, text, seat."""
TOGETHER = timedelta(minutes=1)
"""Seats to which the same happens within this time are one line."""

_SENTENCES: dict[str, str | Callable[[str], str]] = {
    "opened": "the class was opened",
    "taken": "taken",
    "second browser": "a second browser came with the code",
    "free": "freed",
    "help": "asking for help",
    "help-done": lambda text: f"helped after {text}",
    "oom": "memory full",
    "process-limit": "process limit reached",
    "crash": "the server ended by itself",
    "kernel-restart": lambda text: (
        f"{counted(int(text), 'kernel')} restarted" if text.isdigit() else "kernel restarted"
    ),
    "visit": "opened by the instructor",
    "restart": "restarted",
    "reset": "reset",
    "move": "moved to a new seat under the same link",
    "restore": "restored from a snapshot",
    "pause": "paused",
    "resume": "resumed",
    "memory": lambda text: f"memory limit {text}",
    "push": lambda text: f"{text} handed out",
    "pushed": lambda text: f"files arrived: {text}",
    "collected": "work collected",
    "say": "a message to the class",
    "extend": lambda text: f"the class {_moment(text)}",
    "break": lambda text: f"a break {_moment(text)}" if text else "the break is over",
    "address": lambda text: text,
    "tunnel": lambda text: f"tunnel: {text}",
    "end-failed": "the class could not be ended; `workshop status` says why",
}
"""By kind, from the line's own text where that says more. What a line keeps for programs alone is not told."""


def happenings(lines: Iterable[Line], *, target: str = "") -> tuple[Happening, ...]:
    """Each line in words, in their order."""
    return tuple(
        Happening(at, kind, _sentence(kind, text), () if seat is None else (seat,), target)
        for line in lines
        for at, kind, text, seat in (*_taken_before(line), line)
    )


def _taken_before(line: Line) -> tuple[Line, ...]:
    """A seat that was freed has forgotten who had it, but not since when."""
    _, kind, text, seat = line
    word, _, since = text.partition(" ")
    return ((datetime.fromisoformat(since), "taken", "", seat),) if (kind, word) == ("free", "taken") else ()


def put_together(found: Iterable[Happening]) -> tuple[Happening, ...]:
    """Oldest first; what happened to several seats, or on all targets, at about the same time is one."""
    told: list[Happening] = []
    for one in sorted(found, key=lambda happening: (happening.at, happening.seats)):
        into = _joins(told, one)
        if into is None:
            told.append(one)
        else:
            before = told[into]
            target = before.target if before.target == one.target else ""
            told[into] = replace(before, seats=tuple(sorted((*before.seats, *one.seats))), target=target)
    return tuple(told)


def _joins(told: Sequence[Happening], one: Happening) -> int | None:
    """Which line of the last minute it belongs to; none from before something else happened to the same seat."""
    for at in range(len(told) - 1, -1, -1):
        before = told[at]
        if one.at - before.at > TOGETHER:
            return None
        if _is_same(before, one):
            return at
        if set(before.seats) & set(one.seats):
            return None
    return None


def _is_same(before: Happening, one: Happening) -> bool:
    """Whether they are one line, given that they are not far apart."""
    if (before.kind, before.text) != (one.kind, one.text) or bool(before.seats) is not bool(one.seats):
        return False
    return not set(before.seats) & set(one.seats) if one.seats else before.target != one.target


def _sentence(kind: str, text: str) -> str:
    words = _SENTENCES.get(kind, kind)
    return words if isinstance(words, str) else words(text)


def _moment(text: str) -> str:
    """`ends 2026-03-01T17:00:00+00:00` as this machine's clock shows it: `ends 17:00`."""
    word, _, moment = text.partition(" ")
    return f"{word} {datetime.fromisoformat(moment).astimezone():%H:%M}"
