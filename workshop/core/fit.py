"""Whether a number of seats fits on an engine, before anybody tries."""

from __future__ import annotations

from workshop.model.amounts import format_size
from workshop.model.seat import Limits
from workshop.model.snapshot import EngineFacts, Fit

COMFORT = 0.9
"""Share of the engine's memory that the sum of all limits may take (research/needs.md, need 7)."""
IDLE_SEAT = 160 * 1024**2
"""A Jupyter seat with a browser and one kernel, before any data (measured 103 MB; half as much again for imports)."""
SEATS_PER_CORE = 25
"""Seats that one core carries while most people read and type; a warning, never a refusal."""


def fit(facts: EngineFacts, limits: Limits, seats: int, *, peak_bytes: int | None = None, others: int = 0) -> Fit:
    """The verdict for `seats` seats.

    Args:
        peak_bytes: what a rehearsal measured for one seat; without it an idle seat with a kernel is assumed.
        others: bytes that seats of other classrooms may take.

    `fits`: the sum of limits stays within 90 % of memory. `tight`: it does not, but seats × peak × 1.3 does.
    """
    room = max(0, int(facts.memory_bytes * COMFORT) - others)
    by_limit = room // limits.memory_bytes if limits.memory_bytes else seats
    likely = int((peak_bytes or IDLE_SEAT) * 1.3)
    by_peak = max(by_limit, room // likely)
    limit = format_size(limits.memory_bytes)
    memory = format_size(facts.memory_bytes)
    if seats <= by_limit:
        verdict = "fits"
        sentence = f"{seats} seats of {limit} fit in {memory}; up to {by_limit} would."
    elif seats <= by_peak:
        verdict = "tight"
        source = "the rehearsal's peak" if peak_bytes else "an idle notebook"
        sentence = (
            f"{seats} seats of {limit} are more than {memory} holds if all fill up ({by_limit} would be safe); "
            f"by {source} of {format_size(likely / 1.3)} each they fit."
        )
    else:
        verdict = "does not fit"
        sentence = f"{seats} seats do not fit in {memory}: at most {by_peak} do, {by_limit} with {limit} each for sure."
    if facts.cpus and seats > facts.cpus * SEATS_PER_CORE:
        sentence += f" {facts.cpus:g} cores are few for {seats} people who run cells at the same time."
    return Fit(seats=seats, largest=int(by_peak), verdict=verdict, sentence=sentence, safe=int(by_limit))
