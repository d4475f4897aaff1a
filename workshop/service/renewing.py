"""A class whose making was broken off before it had a seat, and whose workshop says something else by now.

On a cluster, that an image cannot be fetched shows only when the class is there already. Whoever mends the file and
opens the class again means what the file says now; a class that has seats keeps what it was opened with.
"""

from __future__ import annotations

from workshop.errors import PartlyDone
from workshop.model.events import Noted
from workshop.ports.build import Report
from workshop.present.removal import survivor_lines
from workshop.service import building, room_folder, rooms
from workshop.service.reports import Workshop
from workshop.service.wiring import Wiring


async def begun_anew(
    wiring: Wiring, room: rooms.FoundRoom, workshop: Workshop, *, allow_public: bool, report: Report
) -> bool:
    """Remove what there is of such a class; False when it is none. The caller holds the class's lock.

    Raises:
        PartlyDone: something of it stays; the details name it.
    """
    if building.definition_json(workshop, allow_public=allow_public) == room.classroom.definition:
        return False
    if not room.classroom.definition or await room.runtime.seats(room.classroom):
        return False
    name = room.classroom.name
    report(Noted(f"An earlier try at {name} made no seat, and the workshop says something else now: beginning anew."))
    await wiring.doors.stop(room.classroom)
    removal = await room.runtime.close(room.classroom)
    if removal.left:
        raise PartlyDone(
            f"What an earlier try at {name} had made is not all gone.",
            hint="Mend what the reasons name, then run the same command again.",
            details=survivor_lines(removal),
        )
    room_folder.forget(wiring, room.classroom.uid)
    wiring.store.forget(room.classroom.uid)
    return True
