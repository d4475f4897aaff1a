"""Run a workshop's notebooks in seats under its real limits, and say what a seat needs. Nothing of it is left."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING

from workshop.core.fit import fit
from workshop.core.launch import seat_command
from workshop.core.provision import provision, starts_at_once
from workshop.errors import RuntimeUnreachable, SeatFailed, UsageError, WorkshopError
from workshop.images.rehearsal import (
    NotebookOutcome,
    chosen_notebooks,
    proposed_memory,
    read_outcome,
    rehearsal_command,
)
from workshop.model.amounts import counted
from workshop.model.classroom import Classroom, Door
from workshop.model.events import Noted, StepFinished, StepStarted
from workshop.model.image import Image
from workshop.model.names import slug
from workshop.model.seat import SeatState, seat_name
from workshop.model.snapshot import EngineFacts
from workshop.ports.build import Report
from workshop.ports.remote import remote_of
from workshop.ports.runtime import Runtime
from workshop.service import building, drafts, finding, peaks
from workshop.service.rehearsal_rooms import PREFIX
from workshop.service.reports import RehearsalReport, RehearsedNotebook, Workshop
from workshop.service.spread import targeting
from workshop.service.supplying import bring_data, have_data
from workshop.service.wiring import Wiring

if TYPE_CHECKING:
    from workshop.model.definition import RehearsePart

LONGEST = timedelta(hours=12)
"""A rehearsal that is killed is past its end after this, and `cleanup` takes it."""
CALL_SPARE = 60.0
"""Seconds that the call may take longer than the notebook: a kernel has to start."""
WATCH_EVERY = 0.5


async def rehearse(
    wiring: Wiring,
    file: str,
    *,
    seats: int,
    runtime: str,
    machine_memory: int | None,
    report: Report,
) -> RehearsalReport:
    """
    Raises:
        UsageError: there are no notebooks to be run.
        SeatFailed: no seat came up.
    """
    if not 1 <= seats <= 200:
        raise UsageError(f"{seats} seats cannot rehearse at once.", hint="Ask for 1 to 200.")
    workshop = targeting.in_one_place(await finding.load(wiring, file), runtime)
    name = await building.choose_runtime(wiring, workshop, runtime)
    if workshop.definition.image.reference:
        image = await building.build_workshop(wiring, workshop, name, report=report)
        request = await building.prepare(wiring, workshop, report=report)
    else:
        await building.refuse_early(wiring, workshop, name)
        found = await building.look(wiring, workshop, name, report=report)
        if found.request is None:
            raise found.why or UsageError("The repository's notebooks are not here.")
        request, image = found.request, await building.image_of(wiring, found, name, report=report)
        image = await building.delivered(wiring, workshop, name, image, report=report)
    notebooks = chosen_notebooks(request.detected.notebooks, workshop.definition.rehearse)
    if not notebooks:
        raise UsageError(
            "There are no notebooks to rehearse.", hint="`rehearse.notebooks` and `rehearse.skip` choose among them."
        )
    await have_data(wiring, workshop.definition.data, report=report)
    engine = wiring.runtime(name, workshop.definition)
    facts = await engine.facts()
    classroom = _classroom(wiring, workshop, image, name, seats)
    async with wiring.alone(classroom.name):
        try:
            return await _rehearse(
                wiring, engine, facts, classroom, workshop, image, notebooks,
                machine_memory=machine_memory, report=report,
            )  # fmt: skip
        finally:
            await asyncio.shield(asyncio.ensure_future(_remove(wiring, engine, classroom, report)))
            wiring.lock_file(classroom.name).unlink(missing_ok=True)


async def _remove(wiring: Wiring, engine: Runtime, classroom: Classroom, report: Report) -> None:
    """Take everything away, also after a cancellation; what stays is named, and `cleanup` knows it by its labels."""
    try:
        removal = await engine.close(classroom)
    except RuntimeUnreachable as error:
        report(Noted(f"{classroom.name} could not be removed: {error.message} `workshop cleanup` does it.", "error"))
        return
    if not removal.left:
        wiring.store.forget(classroom.uid)
    for left in removal.left:
        report(Noted(f"{left.kind} {left.name} is left: {left.reason}. `workshop cleanup` removes it.", "error"))


def _classroom(wiring: Wiring, workshop: Workshop, image: Image, runtime: str, seats: int) -> Classroom:
    name = f"{PREFIX}{slug(workshop.slug)[:22].strip('-')}-{secrets.token_hex(3)}"
    drafted = drafts.draft(wiring, workshop, runtime, name=name, seats=seats)
    return replace(
        drafted,
        image=image.digest,
        commit=image.commit,
        door=Door("127.0.0.1", 0),
        ends=drafted.created + LONGEST,
        open_path="",
        pin="",
    )


async def _rehearse(
    wiring: Wiring,
    engine: Runtime,
    facts: EngineFacts,
    classroom: Classroom,
    workshop: Workshop,
    image: Image,
    notebooks: Sequence[str],
    *,
    machine_memory: int | None,
    report: Report,
) -> RehearsalReport:
    began = monotonic()
    classroom = await engine.open(classroom)
    remote = remote_of(engine)
    if remote is not None:
        wiring.store.remember(classroom)  # `cleanup` searches the cluster of one that was killed
        await remote.fetch(classroom, report=report)
    await bring_data(wiring, engine, classroom, report=report)
    commands = {number: seat_command(classroom, number) for number in range(1, classroom.seats + 1)}
    report(
        StepStarted("seats", f"Starting {counted(classroom.seats, 'seat')} for the rehearsal", total=classroom.seats)
    )
    outcomes = await provision(engine, classroom, commands, at_once=starts_at_once(facts.cpus), report=report)
    ready = [outcome.number for outcome in outcomes if outcome.error is None]
    if not ready:
        error = next(outcome.error for outcome in outcomes if outcome.error is not None)
        raise SeatFailed(error.message, hint=error.hint, details=error.details)
    failed = tuple(
        f"seat {seat_name(outcome.number)}: {outcome.error.message}"
        for outcome in outcomes
        if outcome.error is not None
    )
    report(StepFinished("seats", f"{len(ready)} of {classroom.seats} seats ready", monotonic() - began))
    watch = _Watch(engine, classroom)
    # without walls, a seat's own counters are those of the whole machine
    run_all = partial(_run_all, engine, classroom, own_counters=facts.isolated)
    watching = asyncio.create_task(watch.run())
    try:
        ran = await asyncio.gather(
            *(run_all(number, notebooks, workshop.definition.rehearse, watch, report) for number in ready)
        )
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
    outcomes_of = [[seat[index] for seat in ran] for index in range(len(notebooks))]
    results = tuple(_together(found) for found in outcomes_of)
    peak = max((outcome.peak_memory_bytes for seat in ran for outcome in seat), default=0)
    peak = max(peak, watch.memory)
    if peak and all(result.ok for result in results):
        peaks.remember(wiring, image.digest, peak)
    machine = EngineFacts("", "", facts.cpus, machine_memory) if machine_memory else facts
    wanted = workshop.definition.seats + workshop.definition.spare_seats
    if remote is not None and not machine_memory:
        fits = await remote.fit(classroom, wanted, there=classroom.seats)
    else:
        fits = fit(machine, classroom.limits, wanted, peak_bytes=peak or None)
    return RehearsalReport(
        workshop=classroom.workshop,
        runtime=classroom.runtime,
        seats=len(ready),
        notebooks=results,
        peak_memory_bytes=peak,
        disk_bytes=watch.disk,
        memory_limit=classroom.limits.memory_bytes,
        proposed_memory=proposed_memory(peak) if peak else 0,
        fits=fits,
        seconds=monotonic() - began,
        failed_seats=failed,
    )


async def _run_all(
    engine: Runtime,
    classroom: Classroom,
    number: int,
    notebooks: Sequence[str],
    part: RehearsePart,
    watch: _Watch,
    report: Report,
    *,
    own_counters: bool,
) -> list[NotebookOutcome]:
    """Every notebook in one seat, one after the other, as a participant would.

    Args:
        own_counters: what a seat says of its own peak is the seat's.
    """
    found = []
    so_far = 0  # a seat's own counter never goes down: it is a notebook's peak only where the notebook raised it
    for notebook in notebooks:
        report(Noted(f"seat {seat_name(number)}: {notebook}"))
        watch.since_now(number)
        outcome = await _run(engine, classroom, number, notebook, part)
        if not own_counters or outcome.peak_memory_bytes <= so_far:
            outcome = replace(outcome, peak_memory_bytes=watch.highest(number))
        so_far = max(so_far, outcome.peak_memory_bytes)
        found.append(outcome)
        word = f"ok, {outcome.seconds:.1f} s" if outcome.ok else outcome.reason
        report(Noted(f"seat {seat_name(number)}: {notebook}: {word}", level="info" if outcome.ok else "error"))
    return found


async def _run(
    engine: Runtime, classroom: Classroom, number: int, notebook: str, part: RehearsePart
) -> NotebookOutcome:
    seconds = part.timeout.total_seconds()
    argv = rehearsal_command(notebook, seconds=seconds, allow_errors=part.allow_errors)
    try:
        result = await engine.run(classroom, number, argv, timeout=seconds + CALL_SPARE)
    except TimeoutError:
        return NotebookOutcome(notebook, ok=False, reason=f"it did not end within {seconds:.0f} s")
    except RuntimeUnreachable:
        raise
    except WorkshopError as error:
        reason = await _why(engine, classroom, number) or error.message
        return NotebookOutcome(notebook, ok=False, reason=reason)
    output = result.stdout.decode("utf-8", "replace")
    errors = result.stderr.decode("utf-8", "replace")
    return read_outcome(notebook, output, exit_code=result.exit_code, errors=errors)


async def _why(engine: Runtime, classroom: Classroom, number: int) -> str:
    """Why a seat in which a notebook ran is not there any more."""
    for record in await engine.seats(classroom):
        if record.number == number and record.state not in (SeatState.STARTING, SeatState.READY):
            return record.detail or f"the seat is {record.state.value}"
    return ""


def _together(found: Sequence[NotebookOutcome]) -> RehearsedNotebook:
    """One notebook over all seats: it is well when it was in each; the longest time and the highest peak count."""
    bad = next((outcome for outcome in found if not outcome.ok), None)
    failing = bad.failing if bad else None
    return RehearsedNotebook(
        notebook=found[0].notebook,
        ok=bad is None,
        seconds=max(outcome.seconds for outcome in found),
        peak_memory_bytes=max(outcome.peak_memory_bytes for outcome in found),
        cells=max(len(outcome.cells) for outcome in found),
        failed_in=sum(not outcome.ok for outcome in found),
        reason=bad.reason if bad else "",
        failing_cell=failing.cell if failing else None,
        failing_line=failing.line if failing else "",
        traceback=failing.traceback if failing else "",
    )


class _Watch:
    """The highest memory and disk of any seat while notebooks run, for runtimes whose seats cannot tell."""

    def __init__(self, engine: Runtime, classroom: Classroom) -> None:
        self._engine = engine
        self._classroom = classroom
        self.memory = 0
        self.disk = 0
        self._by_seat: dict[int, int] = {}

    def since_now(self, number: int) -> None:
        """Begin anew for one seat."""
        self._by_seat[number] = 0

    def highest(self, number: int) -> int:
        return self._by_seat.get(number, 0)

    async def run(self) -> None:
        while True:
            for number, usage in (await self._engine.usage(self._classroom)).items():
                memory = usage.memory_bytes or 0
                self._by_seat[number] = max(self._by_seat.get(number, 0), memory)
                self.memory = max(self.memory, memory)
                self.disk = max(self.disk, usage.disk_bytes or 0)
            await asyncio.sleep(WATCH_EVERY)
