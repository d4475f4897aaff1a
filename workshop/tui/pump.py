"""One pump for each classroom that is looked at: it posts the service's snapshots, and touches no widget."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from textual.message import Message

from workshop.errors import UnknownClassroom, WorkshopError
from workshop.service import Service
from workshop.tui.messages import RoomGone, SnapshotChanged

AGAIN = 2.0
"""Seconds until a classroom that could not be watched is asked for again."""


async def pump(
    service: Service,
    room: str,
    post: Callable[[Message], object],
    lost: Callable[[WorkshopError], None],
) -> None:
    """Follow one classroom until it is gone; an engine that is lost is asked again.

    Args:
        post: takes the messages.
        lost: told once each time that the classroom cannot be asked.
    """
    told = ""
    while True:
        try:
            async for snapshot in service.watch(room):
                told = ""
                post(SnapshotChanged(room, snapshot))
            break
        except UnknownClassroom:
            break
        except WorkshopError as error:
            if error.message != told:
                told = error.message
                lost(error)
            await asyncio.sleep(AGAIN)
    post(RoomGone(room))
