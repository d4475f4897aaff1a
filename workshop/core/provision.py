"""Bring seats up, paced by their readiness.

Starting is bound by the CPU: with about as many between start and ready as there are cores, the first seat is there in
seconds and the last one no later than if all had been started at once (`benchmarks/opening.py`).
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from time import monotonic

from workshop.core.launch import seat_command
from workshop.errors import RuntimeUnreachable, SeatFailed, WorkshopError
from workshop.model.classroom import Classroom
from workshop.model.events import SeatChanged
from workshop.model.seat import SeatCommand, SeatRecord, SeatState, seat_name
from workshop.ports.build import Report
from workshop.ports.runtime import BatchRuntime, Runtime

TRIES = 3
PROBE_EVERY = 0.05
PROBE_SLOWEST = 0.5
LOOK_EVERY = 2.0
"""Seconds between looks whether a seat that does not answer still runs."""
TELL_AFTER = 10.0
"""Seconds after which it is told what a seat waits for (a node, its volume)."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one seat came up."""

    number: int
    record: SeatRecord | None
    error: WorkshopError | None = None
    ready_after: float = 0.0
    """Seconds since the provisioning began."""


def probe_pause(waited: float) -> float:
    """Seconds until the next question to a seat that has been starting for `waited` seconds.

    A twentieth of the time it took so far: no seat is found ready much later than it was, and few are asked often.
    """
    return min(PROBE_SLOWEST, max(PROBE_EVERY, waited / 20))


def starts_at_once(cpus: float) -> int:
    """How many seats may be between start and ready: one for each core, and a few that the engine is still making."""
    return max(2, math.floor(cpus * 1.25))


async def provision(
    runtime: Runtime,
    classroom: Classroom,
    commands: Mapping[int, SeatCommand],
    *,
    at_once: int,
    report: Report,
    ready_timeout: float = 180,
    generation: int = 1,
) -> tuple[Outcome, ...]:
    """Create and start each seat and wait until it answers; one seat's failure stops no other.

    Args:
        at_once: how many seats may be between start and ready.
        ready_timeout: seconds from a seat's start until it is given up.

    Raises:
        RuntimeUnreachable: the engine was lost; what is there can be finished by the same call later.
    """
    began = monotonic()
    if isinstance(runtime, BatchRuntime) and len(commands) > 1:
        return await _all_at_once(runtime, classroom, commands, ready_timeout, generation, report)
    gate = asyncio.Semaphore(at_once)
    lost: list[RuntimeUnreachable] = []

    async def one(number: int, command: SeatCommand) -> Outcome:
        async with gate:
            if lost:
                return Outcome(number, None, lost[0])
            try:
                record = await _with_tries(runtime, classroom, number, command, ready_timeout, generation, report)
            except RuntimeUnreachable as error:
                lost.append(error)
                return Outcome(number, None, error)
            except WorkshopError as error:
                failed = SeatRecord(number, SeatState.FAILED, object_id="", detail=error.message)
                report(SeatChanged(failed))
                return Outcome(number, failed, error)
            return Outcome(number, record, ready_after=monotonic() - began)

    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one(number, command)) for number, command in sorted(commands.items())]
    except BaseExceptionGroup as failures:
        raise failures.exceptions[0] from failures
    if lost:
        raise lost[0]
    return tuple(task.result() for task in tasks)


async def provision_one(
    runtime: Runtime, classroom: Classroom, number: int, *, generation: int, report: Report
) -> SeatRecord:
    """One seat of this generation, which answers: made, or started where it was made already.

    Raises:
        SeatFailed: it could not be made, or does not answer.
        RuntimeUnreachable: the engine was lost.
    """
    commands = {number: seat_command(classroom, number)}
    (outcome,) = await provision(runtime, classroom, commands, at_once=1, generation=generation, report=report)
    if outcome.error is not None or outcome.record is None:
        raise SeatFailed(outcome.error.message if outcome.error else f"Seat {seat_name(number)} was not made.")
    return outcome.record


async def _all_at_once(
    runtime: Runtime,
    classroom: Classroom,
    commands: Mapping[int, SeatCommand],
    ready_timeout: float,
    generation: int,
    report: Report,
) -> tuple[Outcome, ...]:
    """For a runtime that paces by itself: one call makes all, then each is waited for."""
    assert isinstance(runtime, BatchRuntime)
    began = monotonic()
    for number in sorted(commands):
        report(SeatChanged(SeatRecord(number, SeatState.CREATING, object_id="")))
    records = await runtime.create_all(classroom, commands, generation=generation)

    async def one(number: int, command: SeatCommand) -> Outcome:
        try:
            record = await wait_until_ready(
                runtime, classroom, records[number], command, timeout=ready_timeout, report=report
            )
        except RuntimeUnreachable:
            raise
        except WorkshopError as error:
            failed = SeatRecord(number, SeatState.FAILED, object_id="", detail=error.message)
            report(SeatChanged(failed))
            return Outcome(number, failed, error)
        return Outcome(number, record, ready_after=monotonic() - began)

    return tuple(await asyncio.gather(*(one(number, command) for number, command in sorted(commands.items()))))


async def _with_tries(
    runtime: Runtime,
    classroom: Classroom,
    number: int,
    command: SeatCommand,
    ready_timeout: float,
    generation: int,
    report: Report,
) -> SeatRecord:
    began = monotonic()
    for attempt in range(1, TRIES + 1):
        try:
            report(SeatChanged(SeatRecord(number, SeatState.CREATING, object_id="")))
            record = await runtime.create(classroom, number, command, generation=generation)
            report(SeatChanged(record))
            return await wait_until_ready(runtime, classroom, record, command, timeout=ready_timeout, report=report)
        except RuntimeUnreachable:
            raise
        except WorkshopError:
            if attempt == TRIES or monotonic() - began >= ready_timeout:
                raise
            await asyncio.sleep(0.5 * 2**attempt)
    raise AssertionError("unreachable")


async def wait_until_ready(
    runtime: Runtime,
    classroom: Classroom,
    record: SeatRecord,
    command: SeatCommand,
    *,
    timeout: float,
    report: Report,
) -> SeatRecord:
    """Probe a started seat until it answers.

    Raises:
        SeatFailed: it ended, or did not answer in time; the message has the last lines it printed.
    """
    began = monotonic()
    deadline, look_at = began + timeout, began + LOOK_EVERY
    while not await runtime.probe(classroom, record, command):
        if monotonic() > min(look_at, deadline):
            look_at = monotonic() + LOOK_EVERY
            record = await _still_running(runtime, classroom, record)
            if monotonic() - began > TELL_AFTER and record.detail:
                report(SeatChanged(record))
            if monotonic() > deadline:
                why = f": {record.detail}" if record.detail else ""
                raise SeatFailed(
                    f"Seat {record.number:02d} did not answer within {timeout:.0f} s{why}.",
                    hint="Its last lines say why; `workshop rehearse` tries the image in one seat.",
                    details=await _last_lines(runtime, classroom, record.number),
                )
        await asyncio.sleep(probe_pause(monotonic() - began))
    ready = replace(record, state=SeatState.READY)
    report(SeatChanged(ready))
    return ready


async def _still_running(runtime: Runtime, classroom: Classroom, record: SeatRecord) -> SeatRecord:
    found = {seat.number: seat for seat in await runtime.seats(classroom)}.get(record.number)
    if found is None:
        raise SeatFailed(f"Seat {record.number:02d} was removed while it started.", hint="Run the same command again.")
    if found.state in (SeatState.STOPPED, SeatState.FAILED, SeatState.LOST) or found.restarts >= TRIES:
        code = f" with exit code {found.exit_code}" if found.exit_code is not None else ""
        raise SeatFailed(
            f"Seat {record.number:02d} ended while it started{code}. {found.detail}".strip(),
            hint="Its last lines say why; `workshop rehearse` tries the image in one seat.",
            details=await _last_lines(runtime, classroom, record.number),
        )
    return found


async def _last_lines(runtime: Runtime, classroom: Classroom, number: int) -> tuple[str, ...]:
    try:
        return tuple((await runtime.logs(classroom, number, tail=15)).splitlines())
    except WorkshopError as error:
        return (f"(its log could not be read: {error.message})",)
