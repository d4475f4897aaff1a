"""Acts on single seats, a result for each."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from workshop.core.launch import seat_command
from workshop.core.provision import provision_one, wait_until_ready
from workshop.errors import GatewayFailed, SeatFailed, UsageError, WorkshopError
from workshop.model.amounts import capitalised, format_size
from workshop.model.events import Noted
from workshop.model.seat import LABEL_LONGEST, SeatRecord, SeatState, seat_name
from workshop.ports.build import Report
from workshop.ports.remote import remote_of
from workshop.service import noting, pushed, pushing, rooms, seat_files
from workshop.service.archive import archive_seat
from workshop.service.doors import DoorClient
from workshop.service.reports import ActReport, SeatResult
from workshop.service.wiring import Wiring

AT_ONCE = 4
GATEWAY_VERBS = {"free": "free", "label": "labelled", "help-done": "out of the help queue"}
"""Acts that the gateway does, and how each is told."""


async def each(verb: str, numbers: Sequence[int], one: Callable[[int], Awaitable[str]], report: Report) -> ActReport:
    """Run `one` on each number, a few at a time; a failure is a result, not an end."""
    gate = asyncio.Semaphore(AT_ONCE)

    async def guarded(number: int) -> SeatResult:
        async with gate:
            try:
                detail = await one(number)
            except (WorkshopError, OSError) as error:  # an archive that cannot be written, say
                message, hint = _told(error)
                report(Noted(f"seat {seat_name(number)}: {message}", level="error"))
                return SeatResult(number, False, message, hint)
            report(Noted(f"seat {seat_name(number)}: {detail or verb}"))
            return SeatResult(number, True, detail)

    return ActReport(verb, tuple(await asyncio.gather(*(guarded(number) for number in numbers))))


def _told(error: WorkshopError | OSError) -> tuple[str, str]:
    """A failure's message and hint."""
    if isinstance(error, WorkshopError):
        return error.message, error.hint
    return f"{error.filename}: {error.strerror}." if error.filename else f"{error.strerror or error}.", ""


async def records_of(room: rooms.FoundRoom, numbers: Sequence[int]) -> dict[int, SeatRecord]:
    """The records of these seats.

    Raises:
        UsageError: there is no seat of one of the numbers.
    """
    found = {record.number: record for record in await room.runtime.seats(room.classroom)}
    missing = [seat_name(number) for number in numbers if number not in found]
    if missing:
        last = seat_name(max(found)) if found else "none"
        raise UsageError(
            f"Classroom {room.classroom.name} has no seat {', '.join(missing)}.", hint=f"Its last seat is {last}."
        )
    return {number: found[number] for number in numbers}


async def restart(wiring: Wiring, room: rooms.FoundRoom, seats: Sequence[int], *, report: Report) -> ActReport:
    await records_of(room, seats)

    async def one(number: int) -> str:
        record = await room.runtime.restart(room.classroom, number)
        command = seat_command(room.classroom, number)
        await wait_until_ready(room.runtime, room.classroom, record, command, timeout=60, report=report)
        noting.done(wiring.store, room.classroom.uid, number, "restart")
        return "restarted"

    result = await each("restarted", seats, one, report)
    await pushing.hand_out_owed(wiring, room)
    await refresh(wiring, room, result)
    return result


async def reset(wiring: Wiring, room: rooms.FoundRoom, seats: Sequence[int], *, report: Report) -> ActReport:
    records = await records_of(room, seats)

    async def one(number: int) -> str:
        before = records[number]
        try:
            files = f"its files are in {await archive_seat(wiring, room, number)}"
        except SeatFailed as error:
            if not await _is_broken(room, before):
                raise
            files = f"its files could not be saved: {_reason(error)}"
        try:
            fresh = await provision_one(
                room.runtime, room.classroom, number, generation=before.generation + 1, report=report
            )
        except SeatFailed as error:
            raise SeatFailed(f"{error.message} {capitalised(files)}.") from error
        pushed.owe(wiring, room.classroom.uid, [number])
        await pushing.catch_up(wiring, room, fresh)
        wiring.store.record(room.classroom.uid, "reset", "a fresh seat", seat=number)
        return f"fresh; {files}"

    result = await each("reset", seats, one, report)
    await refresh(wiring, room, result)
    return result


async def _is_broken(room: rooms.FoundRoom, record: SeatRecord) -> bool:
    """Whether waiting would not bring the seat's files back: its machine is gone, or it keeps ending."""
    if record.state in (SeatState.FAILED, SeatState.LOST):
        return True
    now = (await records_of(room, [record.number]))[record.number]
    return now.state in (SeatState.FAILED, SeatState.LOST) or now.restarts > record.restarts


def _reason(error: SeatFailed) -> str:
    return " · ".join((error.message.removesuffix("."), *error.details[-1:]))


async def act(
    wiring: Wiring,
    room: rooms.FoundRoom,
    seats: Sequence[int],
    *,
    verb: str,
    arguments: Mapping[str, Any],
    report: Report,
) -> ActReport:
    await records_of(room, seats)
    runtime, classroom = room.runtime, room.classroom

    async def one(number: int) -> str:
        match verb:
            case "pause":
                await runtime.pause(classroom, number, paused=True)
                noting.done(wiring.store, classroom.uid, number, "pause")
                return "paused"
            case "resume":
                await runtime.pause(classroom, number, paused=False)
                noting.done(wiring.store, classroom.uid, number, "resume")
                return "goes on"
            case "stop":
                await runtime.stop(classroom, number)
                return "stopped"
            case "memory":
                return await _set_memory(wiring, room, number, int(arguments["bytes"]))
            case _ if verb in GATEWAY_VERBS:
                await _through_gateway(wiring, room, verb, {**arguments, "seat": number})
                return "its label is gone" if verb == "label" and not arguments["text"] else GATEWAY_VERBS[verb]
            case _:
                raise UsageError(f"There is no act {verb!r} on a seat.")

    result = await each(verb, seats, one, report)
    await refresh(wiring, room)
    return result


async def _set_memory(wiring: Wiring, room: rooms.FoundRoom, number: int, size: int) -> str:
    """
    Raises:
        SeatFailed: nothing there has so much memory: such a limit would be none.
    """
    there = (await room.runtime.facts()).memory_bytes
    if size > there:
        raise SeatFailed(
            f"Seat {seat_name(number)} cannot have {format_size(size)}: there are {format_size(there)} in all.",
            hint="A limit that no seat can reach protects nobody.",
        )
    await room.runtime.set_memory(room.classroom, number, size)
    noting.done(wiring.store, room.classroom.uid, number, "memory", format_size(size))
    return f"limit changed to {format_size(size)}"


async def _through_gateway(wiring: Wiring, room: rooms.FoundRoom, verb: str, arguments: Mapping[str, Any]) -> None:
    """Ask the gateway, or change the state database when there is none: the next gateway reads it."""
    client = await wiring.doors.client(room.classroom)
    if client is not None:
        await client.act(verb, arguments)
        return
    _only_here(wiring, room)
    uid, number = room.classroom.uid, int(arguments["seat"])
    match verb:
        case "free":
            noting.free(wiring.store, uid, number)
        case "label":
            wiring.store.note(uid, number, label=str(arguments["text"])[:LABEL_LONGEST])
        case "help-done":
            noting.helped(wiring.store, uid, number, wiring.clock())


async def gateway_of(wiring: Wiring, room: rooms.FoundRoom) -> DoorClient:
    """
    Raises:
        GatewayFailed: the classroom's gateway does not run, or does not answer.
    """
    client = await wiring.doors.client(room.classroom)
    if client is None:
        raise _no_gateway(wiring, room)
    return client


def _no_gateway(wiring: Wiring, room: rooms.FoundRoom) -> GatewayFailed:
    why, then = rooms.why_no_gateway(wiring, room.classroom)
    return GatewayFailed(f"The gateway of {room.classroom.name} {why}.", hint=f"{then}, with the same links.")


def _only_here(wiring: Wiring, room: rooms.FoundRoom) -> None:
    """What is written here without a gateway is read by the next one only where that runs on this machine.

    Raises:
        GatewayFailed: it runs elsewhere.
    """
    if remote_of(room.runtime) is not None:
        raise _no_gateway(wiring, room)


async def refresh(wiring: Wiring, room: rooms.FoundRoom, came_up: ActReport | None = None) -> None:
    """Have the gateway list the seats now, where there is one.

    Args:
        came_up: an act that waited until its seats answered; the gateway need not wait for its own look at them.
    """
    client = await wiring.doors.client(room.classroom)
    if client is not None:
        answered = [result.number for result in came_up.results if result.ok] if came_up else []
        await client.act("refresh", {"answered": answered})


async def logs(wiring: Wiring, room: rooms.FoundRoom, seat: int, *, tail: int) -> str:
    await records_of(room, [seat])
    return await room.runtime.logs(room.classroom, seat, tail=tail)


async def shell_command(wiring: Wiring, room: rooms.FoundRoom, seat: int) -> tuple[str, ...]:
    """
    Raises:
        SeatFailed: the seat does not run.
    """
    record = (await records_of(room, [seat]))[seat]
    if record.state not in seat_files.RUNNING:
        verb = {SeatState.PAUSED: "resume", SeatState.STOPPED: "restart", SeatState.FAILED: "restart"}.get(record.state)
        raise SeatFailed(
            f"No shell can be opened in seat {seat_name(seat)}: it is {record.state.value}.",
            hint=f"`workshop {verb} {room.classroom.name} {seat_name(seat)}` first." if verb else "",
        )
    return room.runtime.shell_command(room.classroom, seat)


async def extend(wiring: Wiring, room: rooms.FoundRoom, span: timedelta) -> datetime:
    client = await wiring.doors.client(room.classroom)
    if client is not None:
        answer = await client.act("extend", {"seconds": span.total_seconds()})
        return datetime.fromisoformat(str(answer["ends"]))
    _only_here(wiring, room)
    ends = (room.classroom.ends or wiring.clock()) + span
    wiring.store.set_room_state(room.classroom.uid, ends=ends)
    wiring.store.record(room.classroom.uid, "extend", f"ends {ends.isoformat()}")
    return ends


async def break_(wiring: Wiring, room: rooms.FoundRoom, span: timedelta | None) -> datetime | None:
    """
    Raises:
        GatewayFailed: there is no gateway to tell students.
    """
    until = wiring.clock() + span if span is not None else None
    await (await gateway_of(wiring, room)).act("break", {"until": until.isoformat() if until else None})
    return until


async def say(wiring: Wiring, room: rooms.FoundRoom, text: str) -> None:
    if not text.strip():
        raise UsageError("There is nothing to say.")
    await (await gateway_of(wiring, room)).act("say", {"text": text.strip()[:500]})
