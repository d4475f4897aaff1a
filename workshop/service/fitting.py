"""Whether a definition as it is being edited would fit: for forms that answer while one types."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workshop.core.fit import fit
from workshop.model.seat import Limits
from workshop.model.snapshot import EngineFacts, Fit

if TYPE_CHECKING:
    from workshop.model.definition import WorkshopDefinition


def fit_of(facts: EngineFacts, definition: WorkshopDefinition) -> Fit:
    """The verdict for a definition's seats and spares on an engine that was asked before."""
    limits = Limits(definition.memory_bytes, definition.limits.cpus, definition.limits.pids)
    return fit(facts, limits, definition.seats + definition.spare_seats)
