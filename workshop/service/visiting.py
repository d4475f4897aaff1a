"""The instructor's own way into a seat."""

from __future__ import annotations

from workshop.model.class_rules import ClassRules
from workshop.model.visit import LASTS, visit_link
from workshop.service import acts, rooms
from workshop.service.reports import Visit
from workshop.service.wiring import Wiring


async def visit(wiring: Wiring, room: rooms.FoundRoom, seat: int) -> Visit:
    """
    Raises:
        UsageError: there is no such seat.
        GatewayFailed: the classroom's gateway does not run: the link would lead nowhere.
    """
    await acts.records_of(room, [seat])
    await acts.gateway_of(wiring, room)
    until = wiring.clock() + LASTS
    shown = ClassRules.of(room.classroom).seat_bar
    return Visit(room.classroom.name, seat, visit_link(room.classroom, seat, until), until, shown=shown)
