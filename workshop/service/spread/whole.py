"""A class with all its parts: most have one, a class with `targets:` has one on each engine or cluster.

Each part is a classroom of its own (`model.parts`); what is done to a class is done to each part, and the answers
are put together. A target that does not answer makes its own seats lost, never the class.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from workshop.errors import PartlyDone, RuntimeUnreachable, WorkshopError
from workshop.model.classroom import Classroom
from workshop.model.events import Noted, StepFinished, StepStarted, WorkEvent
from workshop.model.parts import Part, all_numbers, class_uid, parts_of, with_numbers, with_parts
from workshop.model.seat import Seat, SeatState
from workshop.model.snapshot import ClassroomSummary
from workshop.ports.build import Report
from workshop.service import rooms
from workshop.service.rooms import FoundRoom
from workshop.service.wiring import Wiring, target_of

Answer = TypeVar("Answer")
NOT_THERE = "It is not there (any more): `workshop up` makes it."


@dataclass(frozen=True, slots=True)
class LostPart:
    """A part that cannot be asked."""

    part: Part
    why: str
    silent: bool = False
    """Its target does not answer; else it is known not to be there."""

    @property
    def sentence(self) -> str:
        seats = f"seats {self.part.span}" if self.part.numbers else "nothing of the class"
        return f"{self.part.target} ({seats}): {self.why}"


@dataclass(frozen=True, slots=True)
class Whole:
    """A class as it was found."""

    classroom: Classroom
    """The class for people: its first part that was found, with the seats and targets of all."""
    rooms: tuple[FoundRoom, ...]
    """The parts that were found, in their order; the first one's join page is the room's."""
    lost: tuple[LostPart, ...] = ()
    """Parts whose target does not answer, or that are not there (any more)."""

    @property
    def spread(self) -> bool:
        """Whether it has, or was to have, several parts."""
        return bool(parts_of(self.classroom))

    @property
    def reached(self) -> FoundRoom:
        """The first part that was found.

        Raises:
            RuntimeUnreachable: no target of the class answers.
        """
        if not self.rooms:
            details = tuple(lost.sentence for lost in self.lost)
            raise RuntimeUnreachable(f"No target of {self.classroom.name} answers.", details=details)
        return self.rooms[0]

    def part(self, room: FoundRoom) -> Part:
        return next(part for part in parts_of(self.classroom) if part.uid == room.classroom.uid)

    def lost_seats(self) -> tuple[Seat, ...]:
        """The seats of parts that cannot be asked."""
        return tuple(
            Seat(
                number=number,
                code=self.classroom.code(number),
                link=f"{lost.part.door}/s/{self.classroom.code(number)}" if lost.part.door else "",
                state=SeatState.LOST,
                detail=lost.why,
                target=str(lost.part.target),
            )
            for lost in self.lost
            for number in lost.part.numbers
        )


async def whole(wiring: Wiring, name: str) -> Whole:
    """The class of that name.

    Raises:
        UnknownClassroom: there is none.
        RuntimeUnreachable: there is none on the runtimes that answer, and one does not answer.
    """
    found = await rooms.search_for(wiring, name)
    mine = [room for room in found if name in (room.classroom.name, room.classroom.uid)]
    if mine:
        return joined(wiring, mine[0].classroom, found)
    silent = [
        room
        for room in wiring.store.remembered()
        if room.name == name and parts_of(room) and target_of(room) in wiring.unreachable
    ]
    if silent:
        return joined(wiring, rooms.current(wiring, silent[0]), found)
    raise rooms.unknown(wiring, name, found)


def joined(wiring: Wiring, one: Classroom, every: Iterable[FoundRoom]) -> Whole:
    """The class that `one` belongs to, from what the last search found."""
    if not parts_of(one):
        return Whole(one, tuple(room for room in every if room.classroom.uid == one.uid))
    of = {room.classroom.uid: room for room in every if class_uid(room.classroom) == class_uid(one)}
    parts = merged(of.values(), parts_of(one))
    found = tuple(of[part.uid] for part in parts if part.uid in of)
    lost = tuple(
        LostPart(part, _why(wiring, part), silent=_silent(wiring, part) is not None)
        for part in parts
        if part.uid not in of and _expected(wiring, part)
    )
    first = found[0].classroom if found else one
    shown = with_parts(first, parts)
    targets = " + ".join(str(part.target) for part in parts if part.numbers)
    return Whole(replace(shown, seats=len(all_numbers(shown)), runtime=targets or first.runtime), found, lost)


def merged(found: Iterable[FoundRoom], parts: Sequence[Part]) -> tuple[Part, ...]:
    """The list of parts as all of them know it together: each says best where it is and where its door is."""
    at = {part.uid: part for part in parts}
    for room in found:
        for part in parts_of(room.classroom):
            known = at.get(part.uid, part)
            at[part.uid] = replace(with_numbers(known, part.numbers), door=known.door or part.door)
    for room in found:
        classroom = room.classroom
        door = classroom.door.url if classroom.door.host or classroom.door.public_url else ""
        at[classroom.uid] = replace(at[classroom.uid], target=target_of(classroom), door=door)
    return tuple(at.values())


def _expected(wiring: Wiring, part: Part) -> bool:
    """Whether something of the class ought to be there. What was removed by an earlier `down` is not missed."""
    gone = wiring.store.room_state(part.uid).closing and _silent(wiring, part) is None
    return bool(part.numbers) and not gone


def _silent(wiring: Wiring, part: Part) -> RuntimeUnreachable | None:
    return wiring.unreachable.get(part.target)


def _why(wiring: Wiring, part: Part) -> str:
    silent = _silent(wiring, part)
    return silent.message if silent is not None else NOT_THERE


# Each part


async def ask_each(
    found: Sequence[FoundRoom], one: Callable[[FoundRoom], Awaitable[Answer]]
) -> list[tuple[FoundRoom, Answer | WorkshopError]]:
    """What each part answers, all at once; an error is an answer too.

    Raises:
        WorkshopError: no part could do it; the first one's.
    """
    answers = await asyncio.gather(*(one(room) for room in found), return_exceptions=True)
    told: list[tuple[FoundRoom, Answer | WorkshopError]] = []
    for room, answer in zip(found, answers, strict=True):
        if isinstance(answer, BaseException) and not isinstance(answer, WorkshopError):
            raise answer
        told.append((room, answer))
    errors = [answer for _, answer in told if isinstance(answer, WorkshopError)]
    if errors and len(errors) == len(told):
        raise errors[0]
    return told


async def tell_each(
    wiring: Wiring, name: str, one: Callable[[FoundRoom], Awaitable[Answer]], *, done: str
) -> tuple[Answer, ...]:
    """Have every part do something; what each answered.

    Args:
        done: what was done where it could be, in the past tense, for the message.

    Raises:
        PartlyDone: some targets could not be told; the others were.
    """
    there = await whole(wiring, name)
    first = there.reached
    if not there.spread:
        return (await one(first),)
    told = await ask_each(there.rooms, one)
    failed = [f"{target_of(room.classroom)}: {a.message}" for room, a in told if isinstance(a, WorkshopError)]
    failed += [lost.sentence for lost in there.lost]
    if failed:
        raise PartlyDone(
            f"{done} where the class can be reached; {len(failed)} of its targets could not be told.",
            hint="`workshop status` shows which.",
            details=tuple(failed),
        )
    return tuple(answer for _, answer in told if not isinstance(answer, WorkshopError))


async def owners(there: Whole, numbers: Sequence[int]) -> tuple[dict[int, FoundRoom], dict[int, LostPart]]:
    """Where each of these seats is: on parts that answer, and on those that do not. Unknown numbers are in neither."""
    recorded = {number: room for room in there.rooms for number in there.part(room).numbers}
    unasked = {number: lost for lost in there.lost for number in lost.part.numbers}
    found: dict[int, FoundRoom] = {}

    async def look(room: FoundRoom) -> None:
        try:
            for record in await room.runtime.seats(room.classroom):
                found.setdefault(record.number, room)
        except RuntimeUnreachable as error:
            part = there.part(room)
            unasked.update({number: LostPart(part, error.message, silent=True) for number in part.numbers})

    await asyncio.gather(*(look(room) for room in there.rooms))
    here = {number: found.get(number) or recorded[number] for number in numbers if number in found | recorded}
    return (
        {number: room for number, room in here.items() if number in found or number not in unasked},
        {number: unasked[number] for number in numbers if number in unasked and number not in found},
    )


def of_target(report: Report, target: str) -> Report:
    """Reports with the target's name in front, as steps of their own; what single seats do is passed on as it is."""

    def told(event: WorkEvent) -> None:
        match event:
            case StepStarted(step, text):
                report(replace(event, step=f"{step} on {target}", text=f"{target}: {text}", total=0, index=0))
            case StepFinished(step, text):
                report(replace(event, step=f"{step} on {target}", text=f"{target}: {text}"))
            case Noted(text):
                report(replace(event, text=f"{target}: {text}"))
            case _:
                report(event)

    return told


# The list


async def summaries(wiring: Wiring) -> tuple[ClassroomSummary, ...]:
    """Every class that is found, a class with several parts once."""
    every = await rooms.every(wiring)
    classes = [joined(wiring, room.classroom, every) for room in every]
    seen = {class_uid(there.classroom): there for there in reversed(classes)}
    return tuple(await asyncio.gather(*(_summary(wiring, there) for there in reversed(seen.values()))))


async def _summary(wiring: Wiring, there: Whole) -> ClassroomSummary:
    if not there.spread:
        return await rooms.summary(wiring, there.rooms[0])
    told = await ask_each(there.rooms, lambda room: rooms.summary(wiring, room))
    parts = [answer for _, answer in told if not isinstance(answer, WorkshopError)]
    details = [answer.message for _, answer in told if isinstance(answer, WorkshopError)]
    details += [f"{part.runtime}: {part.detail}" for part in parts if part.detail]
    details += [f"{lost.part.target}: {lost.why}" for lost in there.lost]
    return replace(
        parts[0],
        runtime=there.classroom.runtime,
        seats=sum(part.seats for part in parts) + len(there.lost_seats()),
        ready=sum(part.ready for part in parts),
        gateway=all(part.gateway for part in parts),
        detail="; ".join(details),
    )
