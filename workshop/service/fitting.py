"""Whether seats fit: of a definition that is being edited, and of a class that is to be opened or to grow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from workshop.core.fit import fit
from workshop.errors import DoesNotFit
from workshop.model.classroom import Classroom
from workshop.model.parts import numbers_of
from workshop.model.seat import Limits
from workshop.model.snapshot import EngineFacts, Fit
from workshop.ports.remote import remote_of
from workshop.ports.runtime import Runtime

if TYPE_CHECKING:
    from workshop.model.definition import WorkshopDefinition
    from workshop.service.wiring import Wiring


def fit_of_definition(facts: EngineFacts, definition: WorkshopDefinition) -> Fit:
    """The verdict for a definition's seats and spares on an engine that was asked before."""
    limits = Limits(definition.memory_bytes, definition.limits.cpus, definition.limits.pids)
    return fit(facts, limits, definition.seats + definition.spare_seats)


async def fit_of(
    wiring: Wiring,
    runtime: Runtime,
    facts: EngineFacts,
    classroom: Classroom,
    seats: int,
    others: Sequence[Classroom] = (),
    *,
    there: int = 0,
) -> Fit:
    """Whether that many seats fit, by the machine's memory or by what a cluster says of itself.

    Args:
        others: classrooms whose seats may take room on the same machine.
        there: how many of the seats exist.
    """
    remote = remote_of(runtime)
    if remote is not None:
        return await remote.fit(classroom, seats, there=there)
    taken = sum(
        other.limits.memory_bytes * len(numbers_of(other))
        for other in others
        if other.runtime == classroom.runtime and other.uid != classroom.uid
    )
    from workshop.service import peaks  # forms need none

    peak = peaks.peak_of(wiring, classroom.image) if classroom.image else None
    return fit(facts, classroom.limits, seats, peak_bytes=peak, others=taken)


def refuse_too_many(fits: Fit) -> None:
    """
    Raises:
        DoesNotFit: there is no room for so many seats.
    """
    if fits.verdict == "does not fit":
        fewer = f"Ask for {fits.largest} with `--seats`, lower" if fits.largest else "Lower"
        raise DoesNotFit(fits.sentence, hint=f"{fewer} `limits.memory`, or use `--force`.")
