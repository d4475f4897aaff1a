"""Find classrooms on the runtimes, from labels."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from glob import escape
from pathlib import Path
from time import monotonic

from workshop.config.login import login
from workshop.errors import GatewayFailed, RuntimeUnreachable, UnknownClassroom, WorkshopError
from workshop.model.class_rules import ClassRules
from workshop.model.classroom import Classroom, Door
from workshop.model.parts import PARTS_OPTION, parts_of
from workshop.model.seat import SeatState
from workshop.model.snapshot import ClassroomSummary, Snapshot
from workshop.model.target import Target
from workshop.ports.remote import remote_of
from workshop.ports.runtime import Runtime
from workshop.runtimes.registry import prepare
from workshop.service import rehearsal_rooms
from workshop.service.wiring import Wiring, target_of

log = logging.getLogger(__name__)

SLOW = 2.0
"""Seconds after which a target's silence is slow."""
NOT_SO_SOON = 15.0
"""Seconds in which a target that was slow to fail is taken for silent without being asked."""


@dataclass(frozen=True, slots=True)
class FoundRoom:
    """A classroom and the runtime it runs on."""

    classroom: Classroom
    runtime: Runtime


async def every(wiring: Wiring, *, only: str = "") -> tuple[FoundRoom, ...]:
    """Every classroom on every runtime that answers; the others are kept as sentences for `unreachable`.

    Args:
        only: the one runtime to be searched.
    """
    targets = [target for target in wiring.searched_targets() if only in ("", target.runtime)]
    wiring.unreachable.clear()
    found = await _search(wiring, targets)
    elsewhere = {
        part.target
        for room in found.values()
        for part in parts_of(room.classroom)
        if part.numbers and part.uid not in found and only in ("", part.target.runtime)
    }
    if more := sorted(elsewhere - set(targets)):
        found |= await _search(wiring, more)
    return tuple(sorted(found.values(), key=lambda room: (room.classroom.created, room.classroom.name)))


async def search_for(wiring: Wiring, name: str) -> tuple[FoundRoom, ...]:
    """The classrooms among which the class of this name (or uid) is.

    One that this machine knows is looked for where it is: a verb on it loads no other engine's client, and waits for
    no cluster that does not answer. Everywhere only when it is not there (any more), or has parts on other targets.
    """
    places = {target_of(one) for one in wiring.store.remembered() if name in (one.name, one.uid)}
    if len(places) == 1 and places <= set(wiring.searched_targets()):
        wiring.unreachable.clear()
        found = await _search(wiring, tuple(places))
        mine = [room for room in found.values() if name in (room.classroom.name, room.classroom.uid)]
        if len(mine) == 1 and not parts_of(mine[0].classroom):
            return (mine[0],)
    return await every(wiring)


async def _search(wiring: Wiring, targets: Sequence[Target]) -> dict[str, FoundRoom]:
    results = await asyncio.gather(*(_patiently(wiring, target) for target in targets), return_exceptions=True)
    found: dict[str, FoundRoom] = {}
    for target, result in zip(targets, results, strict=True):
        if isinstance(result, RuntimeUnreachable):
            wiring.unreachable[target] = result
        elif isinstance(result, WorkshopError):
            wiring.unreachable[target] = RuntimeUnreachable(result.message, hint=result.hint)
        elif isinstance(result, BaseException):
            raise result
        else:
            # the current context of a cluster and the same one by its name find the same classrooms
            found |= {room.classroom.uid: room for room in result}
    return found


async def _patiently(wiring: Wiring, target: Target) -> list[FoundRoom]:
    """As `_of_target`; a target that has just kept a search waiting in vain is not waited for again so soon."""
    known = wiring.slow_to_fail.get(target)
    if known is not None and monotonic() - known[0] < NOT_SO_SOON:
        raise known[1]
    began = monotonic()
    try:
        return await _of_target(wiring, target)
    except RuntimeUnreachable as error:
        if monotonic() - began > SLOW:
            wiring.slow_to_fail[target] = (monotonic(), error)
        raise


async def _of_target(wiring: Wiring, target: Target) -> list[FoundRoom]:
    await asyncio.to_thread(prepare, target.runtime)  # a screen that waits for the list is painted meanwhile
    runtime = wiring.runtime(target)
    remote = remote_of(runtime)
    if remote is None:
        return [FoundRoom(current(wiring, classroom), runtime) for classroom in await runtime.classrooms()]
    classrooms, memories = await asyncio.gather(runtime.classrooms(), remote.memories())
    known = {classroom.uid for classroom in wiring.store.remembered()}
    for classroom in classrooms:
        if classroom.uid in memories:
            wiring.store.take_over(classroom.uid, memories[classroom.uid])
        if classroom.uid not in known:
            wiring.store.remember(classroom)  # from here on it is looked for without being asked
    return [FoundRoom(current(wiring, classroom), runtime) for classroom in classrooms]


def current(wiring: Wiring, classroom: Classroom) -> Classroom:
    """The classroom with what changed since its labels were written (another port, say)."""
    state = wiring.store.room_state(classroom.uid)
    door = classroom.door
    public_url = state.public_url if state.public_url else door.public_url
    door = Door(state.host or door.host, state.port or door.port, public_url, door.tls)
    if state.parts is not None and classroom.option(PARTS_OPTION):
        classroom = classroom.with_options(**{PARTS_OPTION: state.parts})
    return replace(
        classroom,
        door=door,
        ends=state.ends or classroom.ends,
        seats=state.wanted if state.wanted is not None else classroom.seats,
    )


def unreachable(wiring: Wiring) -> tuple[str, ...]:
    return tuple(f"{target}: {error.message}" for target, error in sorted(wiring.unreachable.items()))


def asked_in_vain(wiring: Wiring) -> RuntimeUnreachable | None:
    """Why the runtime that a flag, the environment or a setting names did not answer the last search."""
    asked = wiring.flag_runtime()
    return wiring.unreachable.get(wiring.target(asked)) if asked else None


async def find(wiring: Wiring, which: str, *, only: str = "", called: str = "") -> FoundRoom:
    """The classroom of that name or uid. Of a class that is spread over several targets, the first part.

    Args:
        only: the one runtime to be searched.
        called: its name, where it is asked for by its uid.

    Raises:
        UnknownClassroom: there is none; the hint names those there are.
        RuntimeUnreachable: there is none on the runtimes that answer, and that on which it is known to be, or that was
            asked for, does not answer.
    """
    rooms = await (every(wiring, only=only) if only else search_for(wiring, which))
    for room in rooms:
        if which in (room.classroom.name, room.classroom.uid):
            return room
    raise unknown(wiring, called or which, rooms)


def collections(wiring: Wiring) -> Path:
    """Where the work of classes goes, a folder each, unless another one is named."""
    return Path(wiring.setting("collect_dir") or wiring.places.collected)


def unknown(wiring: Wiring, name: str, rooms: Sequence[FoundRoom]) -> WorkshopError:
    """Why no classroom of that name was found among `rooms`, the last search's."""
    remembered = {target_of(one) for one in wiring.store.remembered() if name in (one.name, one.uid)}
    for target, silent in wiring.unreachable.items():
        if target.runtime == wiring.flag_runtime() or target in remembered:
            return silent
    names = ", ".join(dict.fromkeys(room.classroom.name for room in rooms))  # a class has a room on each target
    hint = f"There are: {names}." if names else "There are none; `workshop up` opens one."
    kept = sorted(collections(wiring).glob(f"{escape(name)}-{'[0-9]' * 8}-{'[0-9]' * 4}*"))
    hint += f" Work of a class of that name was collected into {kept[-1]}." if kept else ""
    if wiring.unreachable:
        hint += " Not asked: " + "; ".join(unreachable(wiring))
    return UnknownClassroom(f"There is no classroom {name!r}.", hint=hint)


def knows_who_came(wiring: Wiring, room: FoundRoom) -> bool:
    """Whether claims and notes tell of everybody who came: kept here since the opening, or with the class itself."""
    return remote_of(room.runtime) is not None or wiring.store.room_state(room.classroom.uid).since_opening


def lock_name(classroom: Classroom) -> str:
    """What verbs that change this classroom alone lock; the lock of a whole class is its name."""
    return f"{classroom.name}.{classroom.uid}" if parts_of(classroom) else classroom.name


async def summary(wiring: Wiring, room: FoundRoom) -> ClassroomSummary:
    classroom = room.classroom
    picture = await _picture(wiring, classroom)
    if picture is not None:
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
        gateway=picture is not None,
        opened_by=classroom.opened_by,
        detail=_detail(wiring, classroom, gateway=picture is not None),
        grace=_grace(classroom),
    )


def _grace(classroom: Classroom) -> timedelta:
    """No time, for a class whose label another version wrote: it has to be listed all the same."""
    try:
        return ClassRules.of(classroom).grace
    except ValueError:
        return timedelta()


def is_anothers(classroom: Classroom | ClassroomSummary) -> bool:
    """Whether somebody else on the same engine or cluster has opened it."""
    return classroom.opened_by not in ("", login())


async def _picture(wiring: Wiring, classroom: Classroom) -> Snapshot | None:
    """What the classroom's gateway says; None when none answers."""
    client = await wiring.doors.client(classroom)
    if client is None:
        return None
    try:
        return await client.snapshot()
    except GatewayFailed as error:
        log.info("the gateway of %s does not answer: %s", classroom.name, error.details or error.message)
        return None


def why_no_gateway(wiring: Wiring, classroom: Classroom) -> tuple[str, str]:
    """What a gateway does that there is no client for, and what helps: two sentences without a full stop."""
    again = f"`workshop up --name {classroom.name}`"
    if wiring.doors.hangs(classroom):
        return "does not answer", f"{again} ends it and starts another"
    return "does not run", f"{again} starts it again"


def _detail(wiring: Wiring, classroom: Classroom, *, gateway: bool) -> str:
    if wiring.store.room_state(classroom.uid).closing:
        return "teardown was interrupted: run `workshop down` again"
    if broken := classroom.option("broken"):
        return broken
    if rehearsal_rooms.is_rehearsal(classroom.name):
        under_way = rehearsal_rooms.is_under_way(wiring, classroom.name)
        return "a rehearsal under way" if under_way else "a rehearsal: `workshop cleanup` removes one that was killed"
    if classroom.ends is not None and classroom.ends < wiring.clock():
        ended = "past its end"
        return f"{ended}; opened by {classroom.opened_by}" if is_anothers(classroom) else ended
    if not gateway and is_anothers(classroom):
        return f"opened by {classroom.opened_by}, whose gateway is out of reach here"
    return "" if gateway else "its gateway {}: {}".format(*why_no_gateway(wiring, classroom))
