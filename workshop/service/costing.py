"""What a class costs now, so far and at its end."""

from __future__ import annotations

import logging

from workshop.core.cost import Cost, Prices, cost
from workshop.errors import WorkshopError
from workshop.service import collecting, rooms, watching
from workshop.service.wiring import Wiring

log = logging.getLogger(__name__)


def prices(wiring: Wiring) -> Prices:
    config = wiring.config
    return Prices(config.price_cpu_hour, config.price_gb_hour, config.price_image_gb_month, config.currency)


async def cost_of(wiring: Wiring, room: rooms.FoundRoom) -> Cost:
    """The bill as it stands now, with what the seats hold at this moment."""
    seats = (await watching.status(wiring, room)).seats
    read = [seat for seat in seats if seat.memory_bytes is not None]
    used = sum(seat.memory_bytes or 0 for seat in read) if read else None
    idle = sum(seat.memory_bytes or 0 for seat in read if not seat.claimed) if read else None
    return await cost_of_room(wiring, room, used_memory=used, idle_memory=idle)


async def cost_of_room(
    wiring: Wiring, room: rooms.FoundRoom, *, used_memory: int | None = None, idle_memory: int | None = None
) -> Cost:
    """The bill of a class from the seats there are and the prices that are set.

    Args:
        used_memory: bytes that the seats hold now; left out of a report, which tells of the whole class.
        idle_memory: bytes of it in seats that nobody has taken.
    """
    classroom, given = room.classroom, prices(wiring)
    there = {record.number for record in await room.runtime.seats(classroom)}
    overcommit = 1.0
    if classroom.runtime == "kubernetes" and classroom.definition:
        from workshop.model.definition import WorkshopDefinition

        overcommit = WorkshopDefinition.model_validate_json(classroom.definition).kubernetes.overcommit
    return cost(
        given,
        classroom.limits,
        seats=len(there),
        claimed=len(collecting.used_seats(wiring, room, there)),
        since=classroom.created,
        now=wiring.clock(),
        ends=classroom.ends,
        image_bytes=await _image_bytes(wiring, room) if given.image_gb_month else 0,
        overcommit=overcommit,
        machine=await room.runtime.facts(),
        used_memory=used_memory,
        idle_memory=idle_memory,
    )


async def _image_bytes(wiring: Wiring, room: rooms.FoundRoom) -> int:
    """The size of the class's image; 0 where it is not known here."""
    try:
        images = await wiring.builder(room.classroom.runtime).images()
    except WorkshopError as error:
        log.info("the image's size is not known: %s", error.message)
        return 0
    return next((image.size_bytes for image in images if image.digest == room.classroom.image), 0)
