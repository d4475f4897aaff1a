"""A class with all its parts as one picture: now, as it changes, and over time."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace

from workshop.core.happenings import happenings, put_together
from workshop.errors import WorkshopError
from workshop.model.happening import Happening
from workshop.model.parts import Part, parts_of
from workshop.model.seat import Seat, SeatState
from workshop.model.snapshot import Snapshot
from workshop.service import rooms, watching
from workshop.service.reports import ClassHistory, Sample
from workshop.service.samples import EVERY
from workshop.service.spread.whole import NOT_THERE, LostPart, Whole, ask_each, whole
from workshop.service.wiring import Wiring, target_of

log = logging.getLogger(__name__)

LOOK_AGAIN = 5.0
"""Seconds between looks at a part that was not found."""
PICTURES_APART = 0.2


async def status(wiring: Wiring, name: str) -> Snapshot:
    """The class now; seats of a target that does not answer are lost."""
    there = await whole(wiring, name)
    if not there.spread:
        return await watching.status(wiring, there.rooms[0])
    return await picture_of(wiring, there)


async def picture_of(wiring: Wiring, there: Whole) -> Snapshot:
    """
    Raises:
        WorkshopError: parts were found, and none could be asked.
    """
    told = await ask_each(there.rooms, lambda room: watching.status(wiring, room))
    pictures = {room.classroom.uid: answer for room, answer in told if isinstance(answer, Snapshot)}
    lost = [
        LostPart(there.part(room), answer.message, silent=True)
        for room, answer in told
        if isinstance(answer, WorkshopError)
    ]
    return together(replace(there, lost=(*there.lost, *lost)), pictures)


def together(there: Whole, pictures: Mapping[str, Snapshot]) -> Snapshot:
    """One picture of all parts' pictures, by uid."""
    shown = [(room, pictures[room.classroom.uid]) for room in there.rooms if room.classroom.uid in pictures]
    seats: list[Seat] = [seat for seat in there.lost_seats()]
    for room, picture in shown:
        seats += [replace(seat, target=str(target_of(room.classroom))) for seat in picture.seats]
    warnings = [lost.sentence for lost in there.lost]
    for room, picture in shown:
        target = target_of(room.classroom)
        warnings += [f"{target}: {text}" for text in picture.warnings]
        if picture.stale and picture is not shown[0][1]:  # the first one's is that of the whole picture
            warnings.append(f"{target}: {picture.stale}")
    seats = list({seat.number: seat for seat in sorted(seats, key=_known_last)}.values())
    if len({seat.target for seat in seats}) == 1:
        seats = [replace(seat, target="") for seat in seats]  # they are all in one place after all
    first = shown[0][1] if shown else Snapshot(there.classroom)
    return replace(
        first,
        classroom=replace(there.classroom, door=first.classroom.door),
        seats=tuple(sorted(seats, key=lambda seat: seat.number)),
        warnings=tuple(dict.fromkeys(warnings)),
        stale=f"{target_of(shown[0][0].classroom)}: {first.stale}" if first.stale else "",
        waiting=sum(picture.waiting for _, picture in shown),
        checks=tuple(sorted((check for _, picture in shown for check in picture.checks), key=lambda check: check.at)),
    )


def _known_last(seat: Seat) -> bool:
    """Of two seats of one number (one lost by the record, one found) the found one counts."""
    return seat.state is not SeatState.LOST


async def watch(wiring: Wiring, name: str) -> AsyncIterator[Snapshot]:
    """Pictures as things change in any part; ends when the last part is gone."""
    there = await whole(wiring, name)
    if not there.spread:
        async for picture in watching.watch(wiring, there.rooms[0]):
            yield picture
        return
    watched = _Watch(wiring, there)
    try:
        async for picture in watched.pictures():
            yield picture
    finally:
        await watched.stop()


class _Watch:
    """Follows each part for itself: one that is lost holds up no other."""

    def __init__(self, wiring: Wiring, there: Whole) -> None:
        self._wiring = wiring
        self._there = there
        self._pictures: dict[str, Snapshot] = {}
        self._lost = {lost.part.uid: lost for lost in there.lost}
        self._changed = asyncio.Event()
        self._changed.set()
        found = {room.classroom.uid: room for room in there.rooms}
        parts = {there.part(room).uid: there.part(room) for room in there.rooms} | {
            lost.part.uid: lost.part for lost in there.lost
        }
        self._tasks = [asyncio.create_task(self._follow(part, found.get(uid))) for uid, part in parts.items()]

    async def pictures(self) -> AsyncIterator[Snapshot]:
        for task in self._tasks:
            task.add_done_callback(lambda _: self._changed.set())
        while True:
            await self._changed.wait()
            self._changed.clear()
            for task in self._tasks:
                if task.done():
                    task.result()
            if all(task.done() for task in self._tasks):
                return
            if len(self._pictures) + len(self._lost) >= len(self._tasks):
                yield self._now()
                await asyncio.sleep(PICTURES_APART)

    def _now(self) -> Snapshot:
        lost = tuple(lost for uid, lost in self._lost.items() if uid not in self._pictures)
        return together(replace(self._there, lost=lost), self._pictures)

    async def _follow(self, part: Part, room: rooms.FoundRoom | None) -> None:
        """Until the part is removed. One that was never found is looked for again and again."""
        known = room is not None
        while True:
            try:
                if room is None:
                    room = await rooms.find(self._wiring, part.uid)
                    self._there, known = self._with(room), True
                async for picture in watching.watch(self._wiring, room):
                    self._pictures[part.uid] = picture
                    self._lost.pop(part.uid, None)
                    self._changed.set()
            except WorkshopError as error:
                log.info("watching the part on %s: %s", part.target, error.message)
            lost = await self._lost_part(part)
            if lost is None and room is not None:
                continue
            if lost is not None and not lost.silent and known:
                break
            self._lost[part.uid] = lost or LostPart(part, "It was lost for a moment.", silent=True)
            self._pictures.pop(part.uid, None)
            self._changed.set()
            room = None
            await asyncio.sleep(LOOK_AGAIN)
        self._pictures.pop(part.uid, None)
        self._lost.pop(part.uid, None)

    async def _lost_part(self, part: Part) -> LostPart | None:
        """Why the part cannot be watched, by its own target alone; None when it is there."""
        try:
            there = await self._wiring.runtime(part.target).classrooms()
        except WorkshopError as error:
            return LostPart(part, error.message, silent=True)
        return None if any(room.uid == part.uid for room in there) else LostPart(part, NOT_THERE)

    def _with(self, room: rooms.FoundRoom) -> Whole:
        """What is known of the class, with a part that was lost before."""
        there = self._there
        if any(one.classroom.uid == room.classroom.uid for one in there.rooms):
            return there
        return replace(there, rooms=(*there.rooms, room))

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


async def events(wiring: Wiring, name: str) -> tuple[Happening, ...]:
    """What happened, oldest first, of all parts: also of those that do not answer now, as far as it is known here."""
    there = await whole(wiring, name)
    opened = [(there.classroom.created, "opened", "", None)]
    if not there.spread:
        return put_together((*happenings(opened), *watching.happened(wiring, there.rooms[0].classroom.uid)))
    told = list(happenings(opened))
    for part in parts_of(there.classroom):
        told += watching.happened(wiring, part.uid, target=str(part.target))
    return put_together(told)


async def history(wiring: Wiring, name: str) -> ClassHistory:
    """The class over time, of all parts that answer; samples that were taken about the same time are one."""
    there = await whole(wiring, name)
    if not there.spread:
        return await watching.history(wiring, there.rooms[0])
    return await history_of_all(wiring, there)


async def history_of_all(wiring: Wiring, there: Whole) -> ClassHistory:
    told = await ask_each(there.rooms, lambda room: watching.history(wiring, room))
    slots: dict[int, Sample] = {}
    for _, answer in told:
        if isinstance(answer, ClassHistory):
            mine = {int(sample.at.timestamp() // EVERY): sample for sample in answer.samples}
            for slot, sample in mine.items():
                slots[slot] = _sum(slots[slot], sample) if slot in slots else sample
    return ClassHistory(tuple(slots[slot] for slot in sorted(slots)))


def _sum(one: Sample, other: Sample) -> Sample:
    return Sample(
        at=one.at,
        ready=one.ready + other.ready,
        joined=one.joined + other.joined,
        active=one.active + other.active,
        help=one.help + other.help,
        cpu_percent=one.cpu_percent + other.cpu_percent,
        memory_bytes=one.memory_bytes + other.memory_bytes,
        seats=one.seats | other.seats,
    )
