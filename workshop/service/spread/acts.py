"""Acts on a class with all its parts: each seat's where that seat is, the class's own everywhere."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from workshop.core.cost import Cost, together
from workshop.errors import RuntimeUnreachable, UsageError, WorkshopError
from workshop.model.seat import seat_name
from workshop.ports.build import Report, ignore_events
from workshop.ports.remote import remote_of
from workshop.service import acts, addressing, collecting, costing, pushing, snapshots
from workshop.service.reports import (
    ActReport,
    AddressReport,
    CollectedSeat,
    CollectReport,
    PushReport,
    PushSource,
    SeatPush,
    SeatResult,
    SeatSnapshot,
)
from workshop.service.rooms import FoundRoom
from workshop.service.spread.whole import LostPart, Whole, ask_each, owners, tell_each, whole
from workshop.service.wiring import Wiring, target_of

SeatAct = Callable[[Wiring, FoundRoom, Sequence[int]], Awaitable[ActReport]]


async def on_seats(wiring: Wiring, name: str, seats: Sequence[int], act: SeatAct) -> ActReport:
    """An act on these seats, each part's together; seats of a target that does not answer have that as their result.

    Raises:
        UsageError: there is no seat of one of the numbers; nothing was done.
        RuntimeUnreachable: no target of any of these seats answers.
    """
    there = await whole(wiring, name)
    if not there.spread:
        return await act(wiring, there.rooms[0], seats)
    here, lost = await _where(there, seats)
    if lost and not here and any(part.silent for part in lost.values()):
        told = dict.fromkeys(part.sentence for part in lost.values())
        raise RuntimeUnreachable(f"The seats are lost: {' '.join(told)}")
    by_part: dict[str, list[int]] = {}
    for number in seats:
        if number in here:
            by_part.setdefault(here[number].classroom.uid, []).append(number)
    rooms = {room.classroom.uid: room for room in here.values()}
    reports = await asyncio.gather(*(_acted(wiring, rooms[uid], numbers, act) for uid, numbers in by_part.items()))
    results = {result.number: result for report in reports for result in report.results}
    results |= {number: SeatResult(number, False, part.why) for number, part in lost.items()}
    verb = next((report.verb for report in reports if report.verb), "done")
    return ActReport(verb, tuple(results[number] for number in seats if number in results))


async def _acted(wiring: Wiring, room: FoundRoom, numbers: Sequence[int], act: SeatAct) -> ActReport:
    try:
        return await act(wiring, room, numbers)
    except RuntimeUnreachable as error:
        return ActReport("", tuple(SeatResult(number, False, error.message, error.hint) for number in numbers))


async def _where(there: Whole, seats: Sequence[int]) -> tuple[dict[int, FoundRoom], dict[int, LostPart]]:
    """
    Raises:
        UsageError: there is no seat of one of the numbers.
    """
    here, lost = await owners(there, seats)
    missing = [seat_name(number) for number in seats if number not in here and number not in lost]
    if missing:
        raise UsageError(
            f"Classroom {there.classroom.name} has no seat {', '.join(missing)}.",
            hint=f"It has {there.classroom.seats} seats.",
        )
    return here, lost


async def room_of(wiring: Wiring, name: str, seat: int) -> FoundRoom:
    """The part that a seat is on.

    Raises:
        UsageError: there is no such seat.
        RuntimeUnreachable: its target does not answer.
    """
    there = await whole(wiring, name)
    if not there.spread:
        return there.rooms[0]
    here, lost = await _where(there, [seat])
    if seat in lost:
        raise RuntimeUnreachable(f"Seat {seat_name(seat)} is lost: {lost[seat].sentence}")
    return here[seat]


async def list_snapshots(wiring: Wiring, name: str, seats: Sequence[int] | None) -> tuple[SeatSnapshot, ...]:
    there = await whole(wiring, name)
    if not there.spread:
        return await snapshots.list_snapshots(wiring, there.rooms[0], seats)
    if seats is None:
        told = await ask_each(there.rooms, lambda room: snapshots.list_snapshots(wiring, room, None))
    else:
        here, _ = await _where(there, seats)
        rooms = list({room.classroom.uid: room for room in here.values()}.values())
        told = await ask_each(
            rooms, lambda room: snapshots.list_snapshots(wiring, room, [n for n in seats if here.get(n) is room])
        )
    found = (snapshot for _, answer in told if isinstance(answer, tuple) for snapshot in answer)
    return tuple(sorted(found, key=lambda snapshot: (snapshot.number, snapshot.id)))


# The class's own


async def extend(wiring: Wiring, name: str, span: timedelta) -> datetime:
    """Move the end of all parts, to the same moment."""
    there = await whole(wiring, name)
    ends = there.classroom.ends or wiring.clock()

    async def one(room: FoundRoom) -> datetime:
        mine = room.classroom.ends or wiring.clock()
        return await acts.extend(wiring, room, span if not there.spread else ends + span - mine)

    return (await tell_each(wiring, name, one, done="The end was moved"))[0]


async def break_(wiring: Wiring, name: str, span: timedelta | None) -> datetime | None:
    done = "The break was set"
    return (await tell_each(wiring, name, lambda room: acts.break_(wiring, room, span), done=done))[0]


async def say(wiring: Wiring, name: str, text: str) -> None:
    await tell_each(wiring, name, lambda room: acts.say(wiring, room, text), done="It was said")


async def cost_of(wiring: Wiring, name: str) -> Cost:
    """What the parts that answer cost together."""
    there = await whole(wiring, name)
    if not there.spread:
        return await costing.cost_of(wiring, there.reached)
    told = await ask_each(there.rooms, lambda room: costing.cost_of(wiring, room))
    return together({str(target_of(room.classroom)): cost for room, cost in told if isinstance(cost, Cost)})


async def move_door(wiring: Wiring, name: str, address: str, *, port: int | None, allow_public: bool) -> AddressReport:
    """Move the gateways that run on this machine, the first to the port that was asked for; all others are told.

    Raises:
        UsageError: no gateway of the class runs on this machine.
    """
    there = await whole(wiring, name)
    near = [room for room in there.rooms if remote_of(room.runtime) is None]
    if not there.spread or not near:
        room = near[0] if near else there.reached
        return await addressing.move_door(wiring, room, address, port=port, allow_public=allow_public)
    from workshop.service.spread.opening import introduce

    moved = [
        await addressing.move_door(wiring, room, address, port=None if at else port, allow_public=allow_public)
        for at, room in enumerate(near)
    ]
    await introduce(wiring, await whole(wiring, name), report=ignore_events)
    return moved[0]


# Files


async def push(
    wiring: Wiring, name: str, source: PushSource, *, seats: Sequence[int] | None, planned: bool, report: Report
) -> PushReport:
    """Files to the seats of every part, or the plan of it.

    Raises:
        UsageError: there is no such seat.
        WorkshopError: no part could be given anything; the first one's reason.
    """
    verb = pushing.push_plan if planned else pushing.push
    there = await whole(wiring, name)
    if not there.spread:
        return await verb(wiring, there.rooms[0], source, seats=seats, report=report)
    lost = {number: part for part in there.lost for number in part.part.numbers}
    chosen: dict[str, list[int] | None] = {room.classroom.uid: None for room in there.rooms}
    if seats is not None:
        here, lost = await _where(there, seats)
        chosen = {uid: [n for n in seats if n in here and here[n].classroom.uid == uid] for uid in chosen}
    rooms = [room for room in there.rooms if chosen[room.classroom.uid] != []]
    told = await ask_each(
        rooms, lambda room: verb(wiring, room, source, seats=chosen[room.classroom.uid], report=report)
    )
    reports = [answer for _, answer in told if isinstance(answer, PushReport)]
    results = [seat for one in reports for seat in one.seats]
    for room, answer in told:
        if isinstance(answer, WorkshopError):
            numbers = chosen[room.classroom.uid] or there.part(room).numbers
            results += [SeatPush(number, error=answer.message) for number in numbers]
    results += [SeatPush(number, error=part.why) for number, part in lost.items()]
    if not reports:
        raise RuntimeUnreachable("None of these seats can be reached.", details=tuple(p.sentence for p in there.lost))
    notes = tuple(dict.fromkeys(note for one in reports for note in one.notes))
    return replace(reports[0], seats=tuple(sorted(results, key=lambda seat: seat.number)), notes=notes)


async def collect(
    wiring: Wiring,
    name: str,
    *,
    to: Path | None,
    seats: Sequence[int] | None,
    everything: bool,
    report: Report,
) -> CollectReport:
    """The work of every part into one folder with one manifest.

    Raises:
        UsageError: there is no such seat, or the folder holds another class's work.
    """
    there = await whole(wiring, name)
    if not there.spread:
        return await collecting.collect(
            wiring, there.rooms[0], to=to, seats=seats, everything=everything, report=report
        )
    folder = to or collecting.default_folder(wiring, there.classroom)
    lost = {number: part for part in there.lost for number in part.part.numbers} if seats is None else {}
    here: dict[int, FoundRoom] = {}
    if seats is not None:
        here, lost = await _where(there, seats)
    collected: list[CollectedSeat] = []
    for room in there.rooms:  # one after the other: they share the manifest
        mine = None if seats is None else [n for n in seats if n in here and here[n] is room]
        if mine == []:
            continue
        try:
            found = await collecting.collect(wiring, room, to=folder, seats=mine, everything=everything, report=report)
            collected += found.seats
        except RuntimeUnreachable as error:
            lost |= {number: LostPart(there.part(room), error.message) for number in mine or there.part(room).numbers}
    used = set(seats or ()) or {claim.number for p in there.lost for claim in wiring.store.claims(p.part.uid)}
    collected += [CollectedSeat(n, None, error=part.why) for n, part in sorted(lost.items()) if n in used]
    return CollectReport(there.classroom.name, folder, tuple(sorted(collected, key=lambda seat: seat.number)))
