"""Open a classroom: image, gateway, seats. Every step finds what an earlier, interrupted run has made."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from time import monotonic

from workshop.core.launch import seat_command
from workshop.core.plan import plan_seats
from workshop.core.provision import Outcome, provision, starts_at_once, wait_until_ready
from workshop.errors import DoesNotFit, PartlyDone, SeatFailed, UsageError, WorkshopError
from workshop.model.classroom import Classroom
from workshop.model.events import Noted, SeatChanged, StepFinished, StepStarted, WorkEvent
from workshop.model.parts import all_numbers, parts_of
from workshop.model.seat import SeatRecord, SeatState
from workshop.model.snapshot import EngineFacts
from workshop.ports.build import Report
from workshop.ports.remote import remote_of
from workshop.ports.runtime import Runtime
from workshop.service import addressing, building, finding, pushed, pushing, rooms, watching
from workshop.service.class_request import (
    new_classroom,
    read_request,
    refuse_obstacles,
    refuse_past_end,
    tell_it_is_there,
    wanted_of,
)
from workshop.service.fitting import fit_of, refuse_too_many
from workshop.service.plain_http import plain_http_problem
from workshop.service.renewing import begun_anew
from workshop.service.reports import SeatResult, UpReport, UpRequest
from workshop.service.spread import targeting
from workshop.service.supplying import bring_data, have_data
from workshop.service.wiring import Wiring

DOOR_WAITS = 3.0
"""Seconds that a new class's gateway waits for the first seat, at most: what keeps a seat may last."""


async def up(wiring: Wiring, request: UpRequest, *, report: Report) -> UpReport:
    began = monotonic()
    asked = await read_request(wiring, request)
    if targeting.is_spread(asked.workshop.definition):
        from workshop.service.spread.opening import up as up_spread  # few classes need it

        return await up_spread(wiring, request, asked.workshop, asked.name, report=report)
    runtime = wiring.runtime(asked.runtime_name, asked.workshop.definition)
    facts = await runtime.facts()
    for note in facts.notes:
        report(Noted(note, level="warning"))
    async with wiring.alone(asked.name):
        wanted = await wanted_of(wiring, request, asked)
        if (
            request.file
            and wanted.found is not None
            and await begun_anew(wiring, wanted.found, asked.workshop, allow_public=request.force, report=report)
        ):
            wanted = await wanted_of(wiring, request, asked)
        if wanted.found is not None:
            classroom = wanted.found.classroom
            tell_it_is_there(classroom.name, request, report)
            if (address := wiring.flagged("address")) and address != classroom.door.host:
                hint = f"`workshop address {classroom.name} {address}` moves it."
                report(Noted(f"It stays at {classroom.door.host}. {hint}", level="warning"))
        else:
            refuse_past_end(wiring, asked.workshop)
            await refuse_obstacles(wiring, asked, report)
            image = await building.build_workshop(wiring, asked.workshop, asked.runtime_name, report=report)
            # Before anything of the class is made: a file that cannot be had leaves nothing behind.
            await have_data(wiring, asked.workshop.definition.data, report=report)
            classroom = await new_classroom(wiring, request, asked, wanted, image, commit=image.commit)
        there = len(await runtime.seats(classroom)) if wanted.found else 0
        fits = await fit_of(wiring, runtime, facts, classroom, wanted.total, wanted.others, there=there)
        if not request.force:
            refuse_too_many(fits)
        if fits.verdict == "tight":
            report(Noted(fits.sentence, level="warning"))
        if plain := plain_http_problem(asked.workshop.definition, classroom.door):
            report(Noted(f"{plain.message} {plain.hint}", level="warning"))
        classroom = rooms.current(wiring, await runtime.open(classroom))
        wiring.store.remember(classroom)
        wiring.store.set_room_state(classroom.uid, wanted=wanted.total, closing=False, adding=0)
        if not there:
            wiring.store.set_room_state(classroom.uid, since_opening=True)
        if request.file:
            finding.used_now(wiring, asked.workshop, wiring.clock())
        wiring.image_uses.add(classroom.image, wiring.clock())
        adopted = wanted.found is not None
        access = asked.workshop.definition.access
        asked_port = wiring.config.port or access.port if request.port is None else request.port
        return await fill(
            wiring, classroom, runtime, facts, range(1, wanted.total + 1), began, adopted=adopted,
            tunnel=access.tunnel, other_port=not adopted and not asked_port, report=report,
        )  # fmt: skip


async def add(wiring: Wiring, name: str, count: int, *, report: Report) -> UpReport:
    if count < 1:
        raise UsageError("At least one seat has to be added.")
    began = monotonic()
    room = await rooms.find(wiring, name)
    if parts_of(room.classroom):
        from workshop.service.spread.opening import add as add_spread  # few classes need it

        return await add_spread(wiring, name, count, report=report)
    facts = await room.runtime.facts()
    async with wiring.alone(name):
        records = await room.runtime.seats(room.classroom)
        there = max((record.number for record in records), default=0)
        state = wiring.store.room_state(room.classroom.uid)
        wanted = state.wanted or room.classroom.seats
        if state.adding == count:
            report(Noted(f"An earlier call for {count} more seats did not end: finishing it."))
        else:
            wanted = max(there, wanted) + count
        others = tuple(other.classroom for other in await rooms.every(wiring))
        fits = await fit_of(wiring, room.runtime, facts, room.classroom, wanted, others, there=len(records))
        if fits.verdict == "does not fit":
            raise DoesNotFit(fits.sentence, hint="Add fewer seats, or end another classroom.")
        wiring.store.set_room_state(room.classroom.uid, wanted=wanted, adding=count)
        classroom = rooms.current(wiring, room.classroom)
        numbers = range(1, wanted + 1)
        added = await fill(wiring, classroom, room.runtime, facts, numbers, began, adopted=True, report=report)
        if not added.failed:
            wiring.store.set_room_state(room.classroom.uid, adding=0)
        return added


async def fill(
    wiring: Wiring,
    classroom: Classroom,
    runtime: Runtime,
    facts: EngineFacts,
    numbers: Sequence[int],
    began: float,
    *,
    adopted: bool,
    report: Report,
    tunnel: str | None = None,
    other_port: bool = False,
) -> UpReport:
    """Have the gateway and the seats of these numbers, the gateway while the seats start.

    A new class's gateway begins when its first seat is ready: until then it would lead nowhere and take the processor
    from the seats.

    Args:
        tunnel: the command that the definition names now; None to leave the tunnel as it is.
        other_port: no link was given out yet, and nobody asked for this port.
    """
    seated = asyncio.Event()
    if adopted or remote_of(runtime) is not None:
        seated.set()  # students may be waiting for a door that was lost; a cluster's takes nothing from its seats

    def look(event: WorkEvent) -> None:
        if isinstance(event, SeatChanged) and event.record.state is SeatState.READY:
            seated.set()
        report(event)

    async def open_door() -> Classroom:
        with suppress(TimeoutError):
            await asyncio.wait_for(seated.wait(), DOOR_WAITS)
        return await addressing.open_door(wiring, classroom, other_port=other_port, report=report)

    try:
        async with asyncio.TaskGroup() as group:
            seating = group.create_task(_seat_all(wiring, classroom, runtime, facts, numbers, report=look))
            seating.add_done_callback(lambda _: seated.set())
            door = group.create_task(open_door())
    except BaseExceptionGroup as failures:
        raise failures.exceptions[0] from failures
    outcomes, classroom = seating.result(), door.result()
    client = await wiring.doors.client(classroom)
    if client is not None:
        # seats that answered here need not wait for the gateway's own look at them
        answered = [outcome.number for outcome in outcomes if outcome.error is None]
        await client.act("refresh", {"answered": answered, "wanted": _last(classroom, numbers)})
        if tunnel is not None and (tunnel or adopted) and remote_of(runtime) is None:
            await addressing.open_tunnel(client, tunnel, report=report)
    await pushing.hand_out_owed(wiring, rooms.FoundRoom(classroom, runtime))
    failed = tuple(_result(outcome) for outcome in outcomes if outcome.error is not None)
    ready_after = [outcome.ready_after for outcome in outcomes if outcome.error is None and outcome.ready_after]
    report(StepFinished("seats", f"{len(numbers) - len(failed)} of {len(numbers)} seats ready", monotonic() - began))
    return UpReport(
        snapshot=await watching.status(wiring, rooms.FoundRoom(classroom, runtime)),
        failed=failed,
        seconds=monotonic() - began,
        first_ready_seconds=min(ready_after, default=None),
        adopted=adopted,
    )


def _last(classroom: Classroom, numbers: Sequence[int]) -> int:
    """The highest number of the whole class: its last ones are the spares."""
    return max(all_numbers(classroom) if parts_of(classroom) else numbers, default=0)


async def _seat_all(
    wiring: Wiring,
    classroom: Classroom,
    runtime: Runtime,
    facts: EngineFacts,
    numbers: Sequence[int],
    *,
    report: Report,
) -> tuple[Outcome, ...]:
    """Make what is missing, start what is stopped, and wait for all."""
    records = {record.number: record for record in await runtime.seats(classroom)}
    seats = plan_seats(numbers, records.values())
    total = len(numbers)
    pushed.owe(wiring, classroom.uid, seats.create)
    remote = remote_of(runtime)
    if remote is not None and seats.create:
        await remote.fetch(classroom, report=report)
    if seats.create or seats.start:
        await bring_data(wiring, runtime, classroom, report=report)
    report(StepStarted("seats", f"{len(seats.create) + len(seats.start)} of {total} seats to start", total=total))
    commands = {number: seat_command(classroom, number) for number in (*seats.create, *seats.start)}
    at_once = wiring.starts_at_once() or starts_at_once(facts.cpus)
    # `keep` goes through the same wait: a seat that an interrupted run started may not answer yet
    outcomes, kept = await asyncio.gather(
        provision(runtime, classroom, commands, at_once=at_once, report=report),
        _await_kept(runtime, classroom, [records[number] for number in seats.keep], report=report),
    )
    return (*outcomes, *kept)


async def _await_kept(
    runtime: Runtime, classroom: Classroom, records: list[SeatRecord], *, report: Report
) -> tuple[Outcome, ...]:
    async def one(record: SeatRecord) -> Outcome:
        if record.state is SeatState.PAUSED:
            return Outcome(record.number, record)
        command = seat_command(classroom, record.number)
        try:
            ready = await wait_until_ready(runtime, classroom, record, command, timeout=180, report=report)
        except SeatFailed as error:
            return Outcome(record.number, None, error)
        return Outcome(record.number, ready)

    return tuple(await asyncio.gather(*(one(record) for record in records)))


def _result(outcome: Outcome) -> SeatResult:
    assert outcome.error is not None
    return SeatResult(outcome.number, False, " · ".join((outcome.error.message, *outcome.error.details[-3:])))


def failure_of(report: UpReport) -> WorkshopError | None:
    """`PartlyDone` when seats failed, for front ends that turn errors into exit codes."""
    if not report.failed:
        return None
    numbers = ", ".join(f"{result.number:02d}" for result in report.failed)
    return PartlyDone(
        f"{len(report.failed)} of {len(report.snapshot.seats)} seats are not ready: {numbers}.",
        hint="Run the same command again to try these once more; `workshop status` has each seat's reason.",
        details=tuple(f"{result.number:02d}  {result.detail}" for result in report.failed),
    )
