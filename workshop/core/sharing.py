"""How many of a class's seats each of its targets gets, and which numbers. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Space:
    """What one target can take."""

    weight: float
    safe: int
    """Seats of the class that fit there for sure, those that are there included."""
    most: int
    """Seats that fit there at all."""
    there: tuple[int, ...] = ()
    """Numbers that it has."""
    place: str = ""
    """Targets of one place share its room: the larger of what each would have alone. Empty for a place of its own."""


def share(wanted: int, spaces: Sequence[Space]) -> tuple[tuple[int, ...], ...] | None:
    """The numbers that each target has when the class has `wanted` seats; None when they do not all fit.

    By weight as long as there is room: each further seat goes where the share of the weight is most behind, the first
    of equals. What fits nowhere for sure goes where it fits at all. What is there stays. New numbers are given out in
    blocks; on targets that have some already, the one with the highest goes first, so that its numbers have no holes.
    """
    taken = [len(space.there) for space in spaces]
    have = {number for space in spaces for number in space.there}
    new = [number for number in range(1, wanted + 1) if number not in have]
    places = [space.place or str(at) for at, space in enumerate(spaces)]
    for limits in ([space.safe for space in spaces], [space.most for space in spaces]):
        while sum(taken) - len(have) < len(new):
            room = {place: 0 for place in places}
            for at, place in enumerate(places):
                room[place] = max(room[place], limits[at])
            for at, place in enumerate(places):
                room[place] -= taken[at]
            open_ = [at for at, place in enumerate(places) if taken[at] < limits[at] and room[place] > 0]
            if not open_:
                break
            at = min(open_, key=lambda at: ((taken[at] + 1) / spaces[at].weight, at))
            taken[at] += 1
    if sum(taken) - len(have) < len(new):
        return None
    numbers = [list(space.there) for space in spaces]
    for at in sorted(range(len(spaces)), key=lambda at: (-max(spaces[at].there, default=0), at)):
        count = taken[at] - len(spaces[at].there)
        numbers[at] += new[:count]
        new = new[count:]
    return tuple(tuple(sorted(found)) for found in numbers)
