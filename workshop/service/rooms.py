"""Find classrooms on the runtimes, from labels."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace

from workshop.errors import RuntimeUnreachable, UnknownClassroom, WorkshopError
from workshop.model.classroom import Classroom, Door
from workshop.model.seat import SeatState
from workshop.model.snapshot import ClassroomSummary
from workshop.ports.runtime import Runtime
from workshop.service.wiring import Wiring


@dataclass(frozen=True, slots=True)
class FoundRoom:
    """A classroom and the runtime it runs on."""

    classroom: Classroom
    runtime: Runtime


async def every(wiring: Wiring) -> tuple[FoundRoom, ...]:
    """Every classroom on every runtime that answers; the others are kept as sentences for `unreachable`."""
    names = wiring.searched_runtimes()
    results = await asyncio.gather(*(_of_runtime(wiring, name) for name in names), return_exceptions=True)
    found: list[FoundRoom] = []
    wiring.unreachable.clear()
    for name, result in zip(names, results, strict=True):
        if isinstance(result, RuntimeUnreachable):
            wiring.unreachable[name] = result
        elif isinstance(result, WorkshopError):
            wiring.unreachable[name] = RuntimeUnreachable(result.message, hint=result.hint)
        elif isinstance(result, BaseException):
            raise result
        else:
            found.extend(result)
    return tuple(sorted(found, key=lambda room: (room.classroom.created, room.classroom.name)))


async def _of_runtime(wiring: Wiring, name: str) -> list[FoundRoom]:
    runtime = wiring.runtime(name)
    return [FoundRoom(current(wiring, classroom), runtime) for classroom in await runtime.classrooms()]


def current(wiring: Wiring, classroom: Classroom) -> Classroom:
    """The classroom with what changed since its labels were written (another port, say)."""
    state = wiring.store.room_state(classroom.uid)
    door = classroom.door
    public_url = state.public_url if state.public_url else door.public_url
    door = Door(state.host or door.host, state.port or door.port, public_url, door.tls)
    return replace(
        classroom,
        door=door,
        ends=state.ends or classroom.ends,
        seats=state.wanted if state.wanted is not None else classroom.seats,
    )


def unreachable(wiring: Wiring) -> tuple[str, ...]:
    return tuple(f"{name}: {error.message}" for name, error in sorted(wiring.unreachable.items()))


async def find(wiring: Wiring, name: str) -> FoundRoom:
    """The classroom of that name.

    Raises:
        UnknownClassroom: there is none; the hint names those there are.
        RuntimeUnreachable: there is none on the runtimes that answer, and one does not answer.
    """
    rooms = await every(wiring)
    for room in rooms:
        if room.classroom.name == name:
            return room
    asked = wiring.flag_runtime()
    silent = wiring.unreachable.get(asked) if asked else None
    if silent is not None:
        raise silent
    names = ", ".join(room.classroom.name for room in rooms)
    hint = f"There are: {names}." if names else "There are none; `workshop up` opens one."
    if wiring.unreachable:
        hint += " Not asked: " + "; ".join(unreachable(wiring))
    raise UnknownClassroom(f"There is no classroom {name!r}.", hint=hint)


async def summaries(wiring: Wiring) -> tuple[ClassroomSummary, ...]:
    rooms = await every(wiring)
    return tuple(await asyncio.gather(*(_summary(wiring, room) for room in rooms)))


async def _summary(wiring: Wiring, room: FoundRoom) -> ClassroomSummary:
    classroom = room.classroom
    client = await wiring.doors.client(classroom)
    if client is not None:
        picture = await client.snapshot()
        seats, ready = len(picture.seats), picture.ready
    else:
        records = await room.runtime.seats(classroom)
        seats, ready = len(records), sum(record.state is SeatState.STARTING for record in records)
    return ClassroomSummary(
        name=classroom.name,
        workshop=classroom.workshop,
        runtime=classroom.runtime,
        seats=seats,
        ready=ready,
        join=classroom.join_url(),
        ends=classroom.ends,
        created=classroom.created,
        uid=classroom.uid,
        gateway=client is not None,
        detail=_detail(wiring, classroom, gateway=client is not None),
    )


def _detail(wiring: Wiring, classroom: Classroom, *, gateway: bool) -> str:
    if wiring.store.room_state(classroom.uid).closing:
        return "teardown was interrupted: run `workshop down` again"
    if classroom.ends is not None and classroom.ends < wiring.clock():
        return "past its end"
    return "" if gateway else "its gateway does not run: `workshop up` starts it again"
