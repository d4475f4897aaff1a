"""Open a class on several targets: its numbers in blocks on them, one key, a gateway on each.

Each part is opened as any class is (`opening.fill`); what is special is who gets which numbers, and that every gateway
is told where the others are. Every step finds what an earlier, interrupted run has made: the first record that is
written names all parts, with their uids.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from time import monotonic

from workshop.core.sharing import Space, share
from workshop.errors import (
    DoesNotFit,
    GatewayFailed,
    NameInUse,
    RuntimeUnreachable,
    UnknownClassroom,
    UsageError,
    WorkshopError,
)
from workshop.model.classroom import OWN_SERVER_OPTION, Classroom, Door, Ui
from workshop.model.events import Noted, StepFinished, StepStarted
from workshop.model.image import Image
from workshop.model.parts import Part, all_numbers, changed, encode_parts, parts_of, with_numbers, with_parts
from workshop.model.snapshot import EngineFacts
from workshop.ports.build import Report
from workshop.ports.runtime import Runtime
from workshop.service import building, class_request, finding, fitting, opening, rooms
from workshop.service.reports import SeatResult, UpReport, UpRequest, Workshop
from workshop.service.rooms import FoundRoom
from workshop.service.spread import sites
from workshop.service.spread.sites import Site
from workshop.service.spread.watching import picture_of
from workshop.service.spread.whole import Whole, of_target, whole
from workshop.service.supplying import have_data
from workshop.service.wiring import Wiring


@dataclass(frozen=True, slots=True)
class Member:
    """One part of a class that is opened, or filled up, now."""

    classroom: Classroom
    runtime: Runtime
    facts: EngineFacts
    numbers: tuple[int, ...]
    adopted: bool
    """It is there already."""
    asked_port: bool = True
    """Its port was asked for, or links name it already."""

    @property
    def target(self) -> str:
        return str(next(part.target for part in parts_of(self.classroom) if part.uid == self.classroom.uid))


async def up(wiring: Wiring, request: UpRequest, workshop: Workshop, name: str, *, report: Report) -> UpReport:
    began = monotonic()
    asked = await sites.sites_of(wiring, workshop)
    for site in asked:
        for note in site.facts.notes if site.facts else ():
            report(Noted(f"{site.target}: {note}", level="warning"))
    async with wiring.alone(name):
        there = await found(wiring, workshop, name)
        refuse_gone(request, there, name)
        if there is None:
            members = await _new(wiring, request, workshop, name, asked, report=report)
        else:
            class_request.tell_it_is_there(name, request, report)
            there = await _counted(wiring, there)
            members = await _missing(wiring, request, workshop, there, asked, report=report)
        if request.file:
            finding.used_now(wiring, workshop, wiring.clock())
        return await _opened(wiring, members, began, adopted=there is not None, report=report)


async def add(wiring: Wiring, name: str, count: int, *, report: Report) -> UpReport:
    """More seats on the targets that the class is on, by weight and room."""
    if count < 1:
        raise UsageError("At least one seat has to be added.")
    began = monotonic()
    async with wiring.alone(name):
        there = await whole(wiring, name)
        first = there.reached.classroom
        there = await _counted(wiring, there)
        wanted = len(all_numbers(there.classroom))
        if wiring.store.room_state(first.uid).adding == count:
            report(Noted(f"An earlier call for {count} more seats did not end: finishing it."))
            parts = parts_of(there.classroom)
        else:
            parts = await _grown(wiring, there, await _sites_there(wiring, there), wanted + count)
        _say(wiring, parts, adding=count, uid=first.uid)
        members = [
            Member(with_parts(room.classroom, parts), room.runtime, await room.runtime.facts(), numbers, adopted=True)
            for room in there.rooms
            if (numbers := next(part.numbers for part in parts if part.uid == room.classroom.uid))
        ]
        added = await _opened(wiring, members, began, adopted=True, report=report)
        if not added.failed:
            wiring.store.set_room_state(first.uid, adding=0)
        return added


async def found(wiring: Wiring, workshop: Workshop, name: str) -> Whole | None:
    """The class of that name, where it is there already.

    Raises:
        NameInUse: another workshop's class has the name, or one that is in one place.
    """
    try:
        there = await whole(wiring, name)
    except UnknownClassroom:
        return None
    if there.spread and there.classroom.repository == workshop.shown:
        return there
    raise NameInUse(
        f"A classroom named {name} runs {there.classroom.workshop!r} on {there.classroom.runtime}.",
        hint="Give this one another name with `--name`, or end the other with `workshop down`.",
    )


def refuse_gone(request: UpRequest, there: Whole | None, name: str) -> None:
    """
    Raises:
        UnknownClassroom: a class was to go on, and went meanwhile.
    """
    if there is None and not request.file:
        raise UnknownClassroom(f"There is no classroom {name!r} any more.", hint="`workshop up FILE` opens one.")


# A new class


async def _new(
    wiring: Wiring, request: UpRequest, workshop: Workshop, name: str, asked: Sequence[Site], *, report: Report
) -> list[Member]:
    """Nothing is made before it is known that every target answers, may be used, and that the seats fit."""
    class_request.refuse_past_end(wiring, workshop)
    sites.refuse_silent(asked)
    for site in asked:
        await sites.refuse_obstacles(wiring, site, name, report=report)
    definition = workshop.definition
    seats, spares = wanted_seats(request, workshop)
    others = [room.classroom for room in await rooms.every(wiring)]
    images: dict[int, Image] = {
        at: await _image(wiring, site, report=report) for at, site in enumerate(asked) if site.remote is None
    }
    await have_data(wiring, definition.data, report=report)
    drafted = [sites.draft(wiring, site, name, seats=seats + spares, allow_public=request.force) for site in asked]
    spaces = []
    for at, site in enumerate(asked):
        one = replace(drafted[at], image=images[at].digest) if at in images else drafted[at]
        spaces.append((site, *await sites.space_of(wiring, site, one, seats + spares, others)))
    numbers, fits = sites.shared(seats + spares, spaces)
    if not request.force:
        fitting.refuse_too_many(fits)
    report(Noted(fits.sentence, level="info" if fits.verdict == "fits" else "warning"))
    parts = tuple(
        Part(one.uid, site.target, mine, site.weight) for one, site, mine in zip(drafted, asked, numbers, strict=True)
    )
    members: list[Member] = []
    taken = [other.door for other in others]
    for at, (site, part) in enumerate(zip(asked, parts, strict=True)):
        if not part.numbers:
            continue
        image = images[at] if at in images else await _image(wiring, site, report=report)
        one = _dressed(drafted[at], site, image, like=replace(drafted[0], spares=spares))
        door = await _door(wiring, request, site, one, taken, first=not members)
        taken.append(door)
        assert site.facts is not None
        asked_port = not members and bool(request.port or wiring.config.port or definition.access.port)
        members.append(
            Member(
                replace(one, door=door), site.runtime, site.facts, part.numbers, adopted=False, asked_port=asked_port
            )
        )
    # gateways of this machine are known by now; where a cluster's is, it says when it is made
    doors = {member.classroom.uid: member.classroom.door.url for member in members if member.classroom.door.host}
    parts = tuple(replace(part, door=doors.get(part.uid, "")) for part in parts)
    return [replace(member, classroom=with_parts(member.classroom, parts)) for member in members]


def wanted_seats(request: UpRequest, workshop: Workshop) -> tuple[int, int]:
    """Seats and spares of a new class."""
    definition = workshop.definition
    if request.seats is None:
        return definition.seats, definition.spare_seats
    return request.seats, definition.spares or 0


async def _image(wiring: Wiring, site: Site, *, report: Report) -> Image:
    return await building.build_workshop(
        wiring, site.workshop, site.target.runtime, report=of_target(report, str(site.target))
    )


def _dressed(draft: Classroom, site: Site, image: Image, *, like: Classroom) -> Classroom:
    """A drafted part with its image, and with what all parts of the class have in common."""
    if site.workshop.definition.ui is Ui.WEB and image.kind == "dockerfile":
        draft = draft.with_options(**{OWN_SERVER_OPTION: "own"})
    return replace(
        draft,
        image=image.digest,
        commit=image.commit,
        key=like.key,
        seats=like.seats,
        spares=like.spares,
        pin=like.pin,
        created=like.created,
        ends=like.ends,
    )


async def _door(
    wiring: Wiring, request: UpRequest, site: Site, classroom: Classroom, taken: Sequence[Door], *, first: bool
) -> Door:
    """Where students come in there; a cluster gives that out when its gateway is made, unless it leads through here."""
    if site.remote is not None and not await site.remote.needs_forward(classroom):
        return Door("", 0)
    return await wiring.choose_door(
        site.workshop.definition,
        address=request.address,
        port=request.port,
        taken=taken,
        force=request.force,
        any_port=not first,
    )


# A class that is there


async def _missing(
    wiring: Wiring, request: UpRequest, workshop: Workshop, there: Whole, asked: Sequence[Site], *, report: Report
) -> list[Member]:
    """Every part that can be reached, with those that an interrupted run has not made."""
    parts = parts_of(there.classroom)
    by_part = {part.uid: _site_of(part, at, asked) for at, part in enumerate(parts)}
    if request.seats is not None:
        wanted = sum(wanted_seats(request, workshop))
        if wanted > len(all_numbers(there.classroom)):
            parts = await _grown(wiring, there, by_part, wanted)
    rooms_there = {room.classroom.uid: room for room in there.rooms}
    taken = [room.classroom.door for room in await rooms.every(wiring)]
    members: list[Member] = []
    for part in parts:
        site, room = by_part[part.uid], rooms_there.get(part.uid)
        if room is not None:
            facts = site.facts if site and site.facts else await room.runtime.facts()
            members.append(Member(with_parts(room.classroom, parts), room.runtime, facts, part.numbers, adopted=True))
        elif site is not None and site.facts is not None and part.numbers and there.rooms:
            image = await _image(wiring, site, report=report)
            like = there.rooms[0].classroom
            draft = sites.draft(wiring, site, there.classroom.name, seats=like.seats)
            one = _dressed(replace(draft, uid=part.uid), site, image, like=like)
            door = await _door(wiring, request, site, one, taken, first=False)
            taken.append(door)
            one = with_parts(replace(one, door=door), parts)
            members.append(
                Member(one, site.runtime, site.facts, part.numbers, adopted=False, asked_port=bool(part.door))
            )
    for lost in there.lost:
        if not any(member.classroom.uid == lost.part.uid for member in members):
            report(Noted(f"Lost: {lost.sentence}", level="warning"))
    if not members:
        raise RuntimeUnreachable(
            f"No target of {there.classroom.name} answers.", details=tuple(lost.sentence for lost in there.lost)
        )
    return members


async def _counted(wiring: Wiring, there: Whole) -> Whole:
    """The class with every number that is in use, also where this machine has lost what it knew of later additions."""
    parts = parts_of(there.classroom)
    for room in there.rooms:
        mine = [record.number for record in await room.runtime.seats(room.classroom)]
        parts = changed(parts, with_numbers(next(p for p in parts if p.uid == room.classroom.uid), mine))
        client = await wiring.doors.client(room.classroom)
        if client is not None:  # a gateway has been told of all parts, of those too that do not answer now
            told = {part.uid: part.numbers for part in parts_of((await client.snapshot()).classroom)}
            parts = tuple(with_numbers(part, told.get(part.uid, ())) for part in parts)
    lost = tuple(replace(one, part=next(p for p in parts if p.uid == one.part.uid)) for one in there.lost)
    return replace(there, classroom=with_parts(there.classroom, parts), lost=lost)


def _site_of(part: Part, at: int, asked: Sequence[Site]) -> Site | None:
    """The definition's target that a part was opened on; None when the definition names it no more."""
    placed = [asked[at]] if at < len(asked) else []
    for site in (*placed, *asked):
        same = site.target.runtime == part.target.runtime
        if same and (site.target.context in ("", part.target.context) or not part.target.context):
            return site
    return None


async def _sites_there(wiring: Wiring, there: Whole) -> dict[str, Site | None]:
    """The targets that a class is on, as its records name them."""
    found: dict[str, Site | None] = {}
    for room in there.rooms:
        on = finding.as_recorded(room.classroom)
        found[room.classroom.uid] = Site(on, there.part(room).target, room.runtime, await room.runtime.facts())
    return found


async def _grown(wiring: Wiring, there: Whole, by_part: dict[str, Site | None], wanted: int) -> tuple[Part, ...]:
    """The parts with the numbers that a larger class needs; what is there stays where it is.

    Raises:
        DoesNotFit: the targets that answer have no room for so many.
    """
    others = [room.classroom for room in await rooms.every(wiring)]
    rooms_there = {room.classroom.uid: room for room in there.rooms}
    lost = {one.part.uid for one in there.lost if one.silent}
    parts = parts_of(there.classroom)
    spaces: list[Space] = []
    told: list[str] = []
    for part in parts:
        site, room = by_part.get(part.uid), rooms_there.get(part.uid)
        if site is None or site.facts is None or part.uid in lost:
            count = len(part.numbers)
            spaces.append(Space(part.weight, count, count, part.numbers))
            continue
        made = len(await room.runtime.seats(room.classroom)) if room else 0
        classroom = room.classroom if room else sites.draft(wiring, site, there.classroom.name)
        mine = [other for other in others if other.uid != classroom.uid]
        space, fits = await sites.space_of(wiring, site, classroom, wanted, mine, there=part.numbers, made=made)
        spaces.append(space)
        told.append(f"{part.target}: {fits.sentence}")
    numbers = share(wanted, spaces)
    if numbers is None:
        raise DoesNotFit(
            f"{wanted} seats do not fit on these targets. {'; '.join(told)}",
            hint="Add fewer seats, or end another classroom.",
        )
    return tuple(with_numbers(part, more) for part, more in zip(parts, numbers, strict=True))


# Both


async def _opened(
    wiring: Wiring, members: Sequence[Member], began: float, *, adopted: bool, report: Report
) -> UpReport:
    """Have each part's record, gateway and seats; then tell every gateway where the others are."""
    standing = []
    for member in members:
        classroom = rooms.current(wiring, await member.runtime.open(member.classroom))
        classroom = with_parts(classroom, parts_of(member.classroom))
        wiring.store.remember(classroom)
        wiring.image_uses.add(classroom.image, wiring.clock())
        standing.append(replace(member, classroom=classroom))
    parts = parts_of(standing[0].classroom)
    last = max(number for part in parts for number in part.numbers)
    _say(wiring, parts, wanted=last)
    total = sum(len(member.numbers) for member in standing)
    report(StepStarted("seats", f"{total} seats on {len(standing)} targets", total=total))
    results = await asyncio.gather(
        *(_fill(wiring, member, began, report=of_target(report, member.target)) for member in standing),
        return_exceptions=True,
    )
    failed: list[SeatResult] = []
    told: list[UpReport] = []
    for member, result in zip(standing, results, strict=True):
        if isinstance(result, UpReport):
            told.append(result)
            failed += result.failed
        elif isinstance(result, WorkshopError):
            reason = " · ".join((result.message, *result.details[-3:]))
            report(Noted(f"{member.target}: {reason}", level="error"))
            failed += [SeatResult(number, False, f"{member.target}: {reason}") for number in member.numbers]
        else:
            raise result
    if not told:
        raise next(result for result in results if isinstance(result, WorkshopError))
    there = await whole(wiring, standing[0].classroom.name)
    there = await introduce(wiring, there, report=report)
    failed += [SeatResult(seat.number, False, seat.detail) for seat in there.lost_seats()]
    report(StepFinished("seats", f"{last - len(failed)} of {last} seats ready", monotonic() - began))
    firsts = [result.first_ready_seconds for result in told if result.first_ready_seconds is not None]
    return UpReport(
        snapshot=await picture_of(wiring, there),
        failed=tuple(sorted({result.number: result for result in failed}.values(), key=lambda one: one.number)),
        seconds=monotonic() - began,
        first_ready_seconds=min(firsts, default=None),
        adopted=adopted,
    )


async def _fill(wiring: Wiring, member: Member, began: float, *, report: Report) -> UpReport:
    async with wiring.alone(rooms.lock_name(member.classroom)):
        wiring.store.set_room_state(member.classroom.uid, closing=False)
        if not member.adopted:
            wiring.store.set_room_state(member.classroom.uid, since_opening=True)
        return await opening.fill(
            wiring, member.classroom, member.runtime, member.facts, member.numbers, began,
            adopted=member.adopted, other_port=not member.asked_port and not member.adopted, report=report,
        )  # fmt: skip


def _say(wiring: Wiring, parts: Sequence[Part], *, uid: str = "", adding: int = 0, wanted: int | None = None) -> None:
    """Keep what the class is to be, so that a run that is killed from here on is finished by the next one."""
    text = encode_parts(parts)
    for part in parts:
        changes: dict[str, object] = {"parts": text}
        if wanted is not None:
            changes["wanted"] = wanted
        if part.uid == uid:
            changes["adding"] = adding
        wiring.store.set_room_state(part.uid, **changes)


async def introduce(wiring: Wiring, there: Whole, *, report: Report) -> Whole:
    """Tell every gateway which numbers are where, and at which address the others are; and one end for all."""
    parts = parts_of(there.classroom)
    _say(wiring, parts)
    text = encode_parts(parts)
    ends = there.rooms[0].classroom.ends

    async def tell(room: FoundRoom) -> None:
        client = await wiring.doors.client(room.classroom)
        if client is None:
            why, then = rooms.why_no_gateway(wiring, room.classroom)
            raise GatewayFailed(f"Its gateway {why}.", hint=f"{then}.")
        await client.act("parts", {"parts": text})
        mine = room.classroom.ends
        if ends is not None and mine is not None and ends != mine:
            await client.act("extend", {"seconds": (ends - mine).total_seconds()})

    for room in there.rooms:
        try:
            await tell(room)
        except WorkshopError as error:
            target = there.part(room).target
            report(Noted(f"The gateway on {target} was not told of the others: {error.message}", level="warning"))
    return there
