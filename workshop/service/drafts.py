"""A workshop's definition as the classroom that would be made of it: before there is a key, an image or a door."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from workshop.config.login import login
from workshop.model.classroom import Classroom, Door, new_key, new_uid
from workshop.model.seat import Limits
from workshop.model.snapshot import Problem
from workshop.service import building
from workshop.service.reports import Workshop
from workshop.service.supplying import data_options
from workshop.service.wiring import Wiring

if TYPE_CHECKING:
    from workshop.model.definition import WorkshopDefinition


def past_end_problem(definition: WorkshopDefinition, now: datetime) -> Problem | None:
    """What is wrong with the end of a class that is to be opened now: a date of the last time, say."""
    end = definition.times.end
    if end is None or end > now:
        return None
    return Problem(
        "times.end",
        f"The class would have ended on {end:%d %B %Y at %H:%M}.",
        "Write a later end, or `length` instead.",
    )


def draft(
    wiring: Wiring, workshop: Workshop, runtime: str, *, name: str = "", seats: int = 0, allow_public: bool = False
) -> Classroom:
    """A new classroom with what the definition says of its seats, its clock and its runtime.

    Args:
        name: empty for the workshop's own.
        seats: spares included; 0 for what the definition says.
        allow_public: recorded with the definition; it was said at `up`.
    """
    definition, now = workshop.definition, wiring.clock()
    options = {"egress": definition.docker.egress, "subnet": definition.docker.subnet, **data_options(definition)}
    return Classroom(
        name=name or workshop.slug,
        uid=new_uid(),
        key=new_key(),
        workshop=definition.title,
        runtime=runtime,
        image="",
        commit="",
        seats=seats or definition.seats + definition.spare_seats,
        door=Door("", 0),
        created=now,
        ends=definition.times.end or now + definition.times.length,
        ui=definition.ui,
        open_path=definition.open,
        limits=Limits(definition.memory_bytes, definition.limits.cpus, definition.limits.pids),
        pin=definition.access.pin,
        repository=workshop.shown,
        definition=building.definition_json(workshop, allow_public=allow_public),
        opened_by=login(),
        options=tuple(sorted((name, value) for name, value in options.items() if value)),
    )
