"""A class that is spread over several engines or clusters: which numbers are where, recorded with every part of it.

Each part is a classroom of its own, with its own record, gateway and end. All have one name and one key, so that codes,
tokens and cookies are the same wherever a seat is; and each names all parts, so that any of them finds the others.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from workshop.model.classroom import Classroom
from workshop.model.target import Target

PARTS_OPTION = "parts"
"""The option of a classroom that lists the parts of its class."""


@dataclass(frozen=True, slots=True)
class Part:
    """What one engine or cluster has of a class."""

    uid: str
    """Of the classroom that it is there."""
    target: Target
    numbers: tuple[int, ...] = ()
    """Its seats, ascending; none where it got none (yet)."""
    weight: float = 1.0
    door: str = ""
    """The address of its gateway, without a slash at the end; empty while it is not known."""

    @property
    def span(self) -> str:
        """Its numbers as people read them: `01–04, 09`."""
        return seat_span(self.numbers)


def seat_span(numbers: Iterable[int]) -> str:
    """`01–04, 09`."""
    return ", ".join(f"{a:02d}" if a == b else f"{a:02d}–{b:02d}" for a, b in blocks(numbers))


def blocks(numbers: Iterable[int]) -> list[tuple[int, int]]:
    """Runs of numbers, first and last of each."""
    runs: list[tuple[int, int]] = []
    for number in sorted(numbers):
        if runs and number == runs[-1][1] + 1:
            runs[-1] = (runs[-1][0], number)
        else:
            runs.append((number, number))
    return runs


def encode_parts(parts: Iterable[Part]) -> str:
    """One line of JSON."""
    document = [
        {
            "uid": part.uid,
            "target": [part.target.runtime, part.target.context, part.target.namespace],
            "numbers": blocks(part.numbers),
            "weight": part.weight,
            "door": part.door,
        }
        for part in parts
    ]
    return json.dumps(document, separators=(",", ":"))


@lru_cache(maxsize=256)
def decode_parts(text: str) -> tuple[Part, ...]:
    """The reverse of `encode_parts`; nothing for an empty text.

    Raises:
        ValueError: the text is no such line.
    """
    if not text:
        return ()
    try:
        return tuple(_part(entry) for entry in json.loads(text))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"not the parts of a class: {error}") from error


def _part(entry: dict[str, Any]) -> Part:
    runtime, context, namespace = entry["target"]
    numbers = tuple(number for first, last in entry["numbers"] for number in range(first, last + 1))
    door = str(entry.get("door", ""))
    return Part(str(entry["uid"]), Target(runtime, context, namespace), numbers, float(entry.get("weight", 1)), door)


def parts_of(classroom: Classroom) -> tuple[Part, ...]:
    """All parts of the class that a classroom belongs to, its own among them; nothing for a class in one place."""
    return decode_parts(classroom.option(PARTS_OPTION))


def with_parts(classroom: Classroom, parts: Sequence[Part]) -> Classroom:
    """The classroom with this list of its class's parts."""
    return classroom.with_options(**{PARTS_OPTION: encode_parts(parts)})


def own_part(classroom: Classroom) -> Part | None:
    """The entry of a classroom in its own list; None for a class in one place."""
    return next((part for part in parts_of(classroom) if part.uid == classroom.uid), None)


def numbers_of(classroom: Classroom) -> tuple[int, ...]:
    """The numbers that a classroom's own seats are to have."""
    part = own_part(classroom)
    return tuple(range(1, classroom.seats + 1)) if part is None else part.numbers


def first_number(classroom: Classroom) -> int:
    """The smallest of them; 1 for a classroom without seats."""
    return min(numbers_of(classroom), default=1)


def all_numbers(classroom: Classroom) -> tuple[int, ...]:
    """The numbers of the whole class, ascending."""
    parts = parts_of(classroom)
    return tuple(sorted(n for part in parts for n in part.numbers)) if parts else numbers_of(classroom)


def class_uid(classroom: Classroom) -> str:
    """What all parts of one class have in common: the first part's uid. A class in one place has its own."""
    parts = parts_of(classroom)
    return parts[0].uid if parts else classroom.uid


def changed(parts: Iterable[Part], part: Part) -> tuple[Part, ...]:
    """The list with the entry of that uid replaced."""
    return tuple(part if other.uid == part.uid else other for other in parts)


def with_numbers(part: Part, more: Iterable[int]) -> Part:
    """The part with these numbers beside its own."""
    return replace(part, numbers=tuple(sorted({*part.numbers, *more})))
