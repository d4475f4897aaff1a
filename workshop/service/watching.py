"""The classroom as it is now, and as it changes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

from workshop.core.happenings import Line, happenings
from workshop.core.launch import seat_command
from workshop.core.reduce import RoomFacts, reduce, snapshot
from workshop.errors import GatewayFailed, RuntimeUnreachable, UnknownClassroom
from workshop.model import events
from workshop.model.happening import Happening
from workshop.model.seat import SeatState
from workshop.model.snapshot import Snapshot
from workshop.service import rooms
from workshop.service.reports import ClassHistory
from workshop.service.samples import history_of, read_history
from workshop.service.wiring import Wiring

LOOK_AGAIN = 2.0
"""Seconds between looks while there is no gateway to tell of changes."""


async def status(wiring: Wiring, room: rooms.FoundRoom) -> Snapshot:
    client = await wiring.doors.client(room.classroom)
    if client is not None:
        return await client.snapshot()
    return await from_engine(wiring, room)


async def from_engine(wiring: Wiring, room: rooms.FoundRoom) -> Snapshot:
    """The picture without a gateway: the engine's records, a probe of each, and what the state database knows."""
    classroom = room.classroom
    records = await room.runtime.seats(classroom)
    running = [record for record in records if record.state is SeatState.STARTING]
    answers = await asyncio.gather(
        *(room.runtime.probe(classroom, record, seat_command(classroom, record.number)) for record in running)
    )
    facts = RoomFacts(classroom)
    happened: list[events.ClassEvent] = [events.SeatsListed(records)]
    happened += [events.SeatAnswered(record) for record, ok in zip(running, answers, strict=True) if ok]
    present = {record.number for record in records}
    happened += [
        events.SeatClaimed(claim.number, claim.at)
        for claim in wiring.store.claims(classroom.uid)
        if claim.number in present
    ]
    happened += [
        events.SeatLabelled(note.number, note.label)
        for note in wiring.store.notes(classroom.uid).values()
        if note.label and note.number in present
    ]
    happened += [
        events.HelpAsked(note.number, note.help_since)
        for note in wiring.store.notes(classroom.uid).values()
        if note.help_since is not None and note.number in present
    ]
    happened.append(events.UsageRead(dict(await room.runtime.usage(classroom))))
    for event in happened:
        facts = reduce(facts, event)
    picture = snapshot(facts, wiring.clock(), gateway=False)
    why, then = rooms.why_no_gateway(wiring, classroom)
    return replace(picture, stale=f"The gateway {why}: students cannot come in. {then}.")


async def watch(wiring: Wiring, room: rooms.FoundRoom) -> AsyncIterator[Snapshot]:
    """Snapshots until the classroom is gone; a lost gateway or engine makes them stale, not fewer."""
    last: Snapshot | None = None
    known: rooms.FoundRoom | None = room
    while True:
        try:
            room = known or await rooms.find(wiring, room.classroom.uid, called=room.classroom.name)
            known = None
            client = await wiring.doors.client(room.classroom)
            if client is None:
                last = await from_engine(wiring, room)
                yield last
                await asyncio.sleep(LOOK_AGAIN)
                continue
            async for picture in client.changes():
                last = picture
                yield picture
        except UnknownClassroom:
            if last is None:
                raise
            return
        except (GatewayFailed, RuntimeUnreachable) as error:
            if last is None:
                raise
            yield replace(last, stale=error.message, gateway=False)
            await asyncio.sleep(LOOK_AGAIN)


async def history(wiring: Wiring, room: rooms.FoundRoom) -> ClassHistory:
    """From the gateway, or from what it has written here."""
    client = await wiring.doors.client(room.classroom)
    if client is None:
        return read_history(wiring, room.classroom.uid)
    answer = await client.act("history", {})
    return history_of(list(answer["samples"]))


def happened(wiring: Wiring, uid: str, *, target: str = "") -> tuple[Happening, ...]:
    """What the state database knows of a class, or of one part of it: its lines, who has a seat, who waits for help."""
    store = wiring.store
    lines: list[Line] = list(store.history(uid, limit=100_000))
    lines += [(claim.at, "taken", "", claim.number) for claim in store.claims(uid)]
    lines += [
        (note.help_since, "help", "", note.number) for note in store.notes(uid).values() if note.help_since is not None
    ]
    return happenings(lines, target=target)
