"""Open a classroom: image, gateway, seats. Every step finds what an earlier, interrupted run has made."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from time import monotonic

from workshop.core.fit import fit
from workshop.core.launch import seat_command
from workshop.core.plan import SeatPlan, plan_seats
from workshop.core.provision import Outcome, provision, starts_at_once, wait_until_ready
from workshop.errors import DoesNotFit, NameInUse, PartlyDone, RuntimeRefused, SeatFailed, UsageError, WorkshopError
from workshop.model.amounts import counted, format_span
from workshop.model.classroom import NAME, OWN_SERVER_OPTION, Classroom, Ui
from workshop.model.events import Noted, SeatChanged, StepFinished, StepStarted, WorkEvent
from workshop.model.image import Image
from workshop.model.parts import all_numbers, numbers_of, parts_of
from workshop.model.seat import SeatRecord, SeatState
from workshop.model.snapshot import EngineFacts, Fit, Problem
from workshop.ports.build import Report
from workshop.ports.remote import remote_of
from workshop.ports.runtime import Runtime
from workshop.service import addressing, building, checking, drafts, finding, peaks, pushed, pushing, rooms, watching
from workshop.service.at_end import end_plan
from workshop.service.plain_http import plain_http_problem
from workshop.service.renewing import begun_anew
from workshop.service.reports import SeatResult, UpPlan, UpReport, UpRequest, Workshop
from workshop.service.spread import targeting
from workshop.service.supplying import bring_data, have_data
from workshop.service.wiring import Wiring

DOOR_COMES_LATER = "an address that is given out when the class is open"
DOOR_WAITS = 3.0
"""Seconds that a new class's gateway waits for the first seat, at most: what keeps a seat may last."""


@dataclass(frozen=True, slots=True)
class _Asked:
    """What a request says once its definition was read."""

    workshop: Workshop
    runtime_name: str
    name: str


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What it comes to once the engines were asked: to be found out while the classroom's lock is held."""

    seats: int
    spares: int
    found: rooms.FoundRoom | None
    others: tuple[Classroom, ...]

    @property
    def total(self) -> int:
        return self.seats + self.spares


async def plan(wiring: Wiring, request: UpRequest, *, report: Report) -> UpPlan:
    asked = await _asked(wiring, request)
    if targeting.is_spread(asked.workshop.definition):
        from workshop.service.spread.plan import plan as plan_spread  # few classes need it

        return await plan_spread(wiring, request, asked.workshop, asked.name, report=report)
    wanted = await _wanted(wiring, request, asked)
    runtime = wiring.runtime(asked.runtime_name, asked.workshop.definition)
    facts = await runtime.facts()
    newer = ""
    if wanted.found is not None:
        classroom, image = wanted.found.classroom, None
        records = await runtime.seats(classroom)
    else:
        refuse_past_end(wiring, asked.workshop)
        found = await building.planned(wiring, asked.workshop, asked.runtime_name, report=report)
        image, records = found.image, ()
        commit = found.request.source.commit if found.request else image.commit if image else ""
        newer = found.request.source.newer if found.request else ""
        classroom = await _new_classroom(wiring, request, asked, wanted, image, commit=commit)
    seats = plan_seats(range(1, wanted.total + 1), records)
    fits = await fit_of(wiring, runtime, facts, classroom, wanted.total, wanted.others, there=len(records))
    remote = remote_of(runtime)
    end = end_plan(wiring, asked.workshop.definition, elsewhere=remote is not None)
    sentences = (*_sentences(classroom, seats, fits, image, exists=wanted.found is not None), end.sentence)
    plain = plain_http_problem(asked.workshop.definition, classroom.door)
    if plain is not None:
        sentences += (f"{plain.message} {plain.hint}",)
    if newer:
        sentences += (building.newer_sentence(newer, classroom.commit),)
    commands = {number: seat_command(classroom, number) for number in range(1, wanted.total + 1)}
    return UpPlan(
        classroom=classroom,
        create=seats.create,
        keep=seats.keep + seats.start,
        fits=fits,
        exists=wanted.found is not None,
        sentences=sentences,
        image=image,
        warning=" ".join((*facts.notes, *([plain.message] if plain is not None else []))),
        newer=newer,
        end=end,
        objects=tuple(await remote.described(classroom, commands, wiring.config.image())) if remote else (),
    )


def _sentences(
    classroom: Classroom, seats: SeatPlan, fits: Fit, image: Image | None, *, exists: bool
) -> tuple[str, ...]:
    there = len(seats.keep) + len(seats.start)
    return (
        seats_sentence(len(seats.create), there, spares=classroom.spares),
        *(() if exists else first_sentences(classroom, image)),
        door_sentence(classroom),
        fits.sentence,
    )


def seats_sentence(create: int, there: int, *, spares: int) -> str:
    """`12 seats to make, 2 of them spare.`"""
    spare = f", {spares} of them spare" if spares and not there else ""
    return f"{counted(create, 'seat')} to make{spare}" + (f", {there} there already." if there else ".")


def first_sentences(classroom: Classroom, image: Image | None) -> tuple[str, ...]:
    """What is said of a class that is not there yet."""
    built = "The image is there." if image else "The image has to be built first."
    if classroom.ends is None:
        return (built,)
    return (built, f"The class goes for {format_span(classroom.ends - classroom.created)} from now on.")


def door_sentence(classroom: Classroom) -> str:
    return f"Students come in at {classroom.join_url() or DOOR_COMES_LATER}"


async def up(wiring: Wiring, request: UpRequest, *, report: Report) -> UpReport:
    began = monotonic()
    asked = await _asked(wiring, request)
    if targeting.is_spread(asked.workshop.definition):
        from workshop.service.spread.opening import up as up_spread  # few classes need it

        return await up_spread(wiring, request, asked.workshop, asked.name, report=report)
    runtime = wiring.runtime(asked.runtime_name, asked.workshop.definition)
    facts = await runtime.facts()
    for note in facts.notes:
        report(Noted(note, level="warning"))
    async with wiring.alone(asked.name):
        wanted = await _wanted(wiring, request, asked)
        if wanted.found is not None and await begun_anew(
            wiring, wanted.found, asked.workshop, allow_public=request.force, report=report
        ):
            wanted = await _wanted(wiring, request, asked)
        if wanted.found is not None:
            classroom = wanted.found.classroom
            tell_it_is_there(classroom.name, request, report)
            if (address := wiring.flagged("address")) and address != classroom.door.host:
                hint = f"`workshop address {classroom.name} {address}` moves it."
                report(Noted(f"It stays at {classroom.door.host}. {hint}", level="warning"))
        else:
            refuse_past_end(wiring, asked.workshop)
            await _refuse_obstacles(wiring, asked, report)
            image = await building.build_workshop(wiring, asked.workshop, asked.runtime_name, report=report)
            # Before anything of the class is made: a file that cannot be had leaves nothing behind.
            await have_data(wiring, asked.workshop.definition.data, report=report)
            classroom = await _new_classroom(wiring, request, asked, wanted, image, commit=image.commit)
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


async def _asked(wiring: Wiring, request: UpRequest) -> _Asked:
    workshop = finding.lasting(await finding.load(wiring, request.file), request.length)
    name = request.name or workshop.slug
    if NAME.fullmatch(name) is None:
        raise UsageError(
            f"{name!r} cannot be a classroom's name.",
            hint="Use lower-case letters, digits and dashes, at most 40, starting and ending with a letter or digit.",
        )
    if request.seats is not None and not 1 <= request.seats <= 2000:
        raise UsageError(f"{request.seats} seats cannot be opened.", hint="Ask for 1 to 2000.")
    targeting.refuse_runtime(workshop, request.runtime)
    runtime_name = await building.choose_runtime(wiring, workshop, request.runtime)
    if problem := checking.tunnel_problem(workshop.definition.access.tunnel, runtime_name):
        raise UsageError(f"{problem.path}: {problem.message}", hint=problem.hint)
    return _Asked(workshop, runtime_name, name)


async def _refuse_obstacles(wiring: Wiring, asked: _Asked, report: Report) -> None:
    """Ask before anything is built whether the class may be opened where it is to run.

    Raises:
        RuntimeRefused: it may not; the message says what is missing.
    """
    remote = remote_of(wiring.runtime(asked.runtime_name, asked.workshop.definition))
    if remote is None:
        return
    draft = drafts.draft(wiring, asked.workshop, asked.runtime_name, name=asked.name)
    refuse_problems(await remote.obstacles(draft), report=report)


def refuse_problems(found: Iterable[Problem], *, of: str = "", report: Report) -> None:
    """Note the warnings among what was found.

    Args:
        of: the target that is spoken of, where there are several.

    Raises:
        RuntimeRefused: one is an error.
    """
    for problem in found:
        message = f"{of}: {problem.message}" if of else problem.message
        if problem.level == "error":
            raise RuntimeRefused(message, hint=problem.hint)
        report(Noted(f"{message} {problem.hint}", level="warning"))


async def _wanted(wiring: Wiring, request: UpRequest, asked: _Asked) -> _Wanted:
    there = await rooms.every(wiring)
    found = next((room for room in there if room.classroom.name == asked.name), None)
    if found is not None:
        shared = remote_of(found.runtime) is not None
        _same_workshop(found.classroom, asked.workshop, asked.runtime_name, shared=shared)
    definition = asked.workshop.definition
    if found is not None and request.seats is None:
        seats, spares = found.classroom.seats - found.classroom.spares, found.classroom.spares
    else:
        seats = request.seats if request.seats is not None else definition.seats
        spares = definition.spare_seats if request.seats is None else (definition.spares or 0)
    return _Wanted(seats, spares, found, tuple(room.classroom for room in there))


def _same_workshop(classroom: Classroom, workshop: Workshop, runtime: str, *, shared: bool) -> None:
    """
    Args:
        shared: whoever may use the runtime goes on with anybody's class: its gateway and its state are there.
    """
    if rooms.is_anothers(classroom) and not shared:
        raise NameInUse(
            f"A classroom named {classroom.name} was opened by {classroom.opened_by} on this {classroom.runtime}.",
            hint="Give this one another name with `--name`.",
        )
    if broken := classroom.option("broken"):
        raise NameInUse(f"A classroom named {classroom.name} cannot go on.", hint=f"{broken[0].upper()}{broken[1:]}.")
    if parts_of(classroom):
        raise NameInUse(
            f"The classroom {classroom.name} is spread over several targets, and the workshop names none (any more).",
            hint="Give this one another name with `--name`, or end the other with `workshop down`.",
        )
    if classroom.runtime != runtime or classroom.repository != workshop.shown:
        raise NameInUse(
            f"A classroom named {classroom.name} runs {classroom.workshop!r} on {classroom.runtime}.",
            hint="Give this one another name with `--name`, or end the other with `workshop down`.",
        )


def tell_it_is_there(name: str, request: UpRequest, report: Report) -> None:
    """That a class is finished and not made, and what of the request cannot be had that way."""
    report(Noted(f"Classroom {name} is there already; making what is missing."))
    if request.length is not None:
        report(Noted(f"Its end stays where it is; `workshop extend {name} 30m` moves it.", level="warning"))


def refuse_past_end(wiring: Wiring, workshop: Workshop) -> None:
    """
    Raises:
        UsageError: a class that is opened now would have ended already.
    """
    if (problem := drafts.past_end_problem(workshop.definition, wiring.clock())) is not None:
        raise UsageError(f"{problem.path}: {problem.message}", hint=problem.hint)


async def _new_classroom(
    wiring: Wiring, request: UpRequest, asked: _Asked, wanted: _Wanted, image: Image | None, *, commit: str
) -> Classroom:
    definition = asked.workshop.definition
    drafted = drafts.draft(
        wiring, asked.workshop, asked.runtime_name, name=asked.name, seats=wanted.total, allow_public=request.force
    )
    if definition.ui is Ui.WEB and image is not None and image.kind == "dockerfile":
        drafted = drafted.with_options(**{OWN_SERVER_OPTION: "own"})
    classroom = replace(drafted, image=image.digest if image else "", commit=commit, spares=wanted.spares)
    remote = remote_of(wiring.runtime(asked.runtime_name, definition))
    if remote is not None and not await remote.needs_forward(classroom):
        return classroom
    taken = [other.door for other in wanted.others]
    door = await wiring.choose_door(
        definition, address=request.address, port=request.port, taken=taken, force=request.force
    )
    return replace(classroom, door=door)


def refuse_too_many(fits: Fit) -> None:
    """
    Raises:
        DoesNotFit: there is no room for so many seats.
    """
    if fits.verdict == "does not fit":
        fewer = f"Ask for {fits.largest} with `--seats`, lower" if fits.largest else "Lower"
        raise DoesNotFit(fits.sentence, hint=f"{fewer} `limits.memory`, or use `--force`.")


async def fit_of(
    wiring: Wiring,
    runtime: Runtime,
    facts: EngineFacts,
    classroom: Classroom,
    seats: int,
    others: Sequence[Classroom] = (),
    *,
    there: int = 0,
) -> Fit:
    """Whether that many seats fit, by the machine's memory or by what a cluster says of itself.

    Args:
        others: classrooms whose seats may take room on the same machine.
        there: how many of the seats exist.
    """
    remote = remote_of(runtime)
    if remote is not None:
        return await remote.fit(classroom, seats, there=there)
    taken = sum(
        other.limits.memory_bytes * len(numbers_of(other))
        for other in others
        if other.runtime == classroom.runtime and other.uid != classroom.uid
    )
    peak = peaks.peak_of(wiring, classroom.image) if classroom.image else None
    return fit(facts, classroom.limits, seats, peak_bytes=peak, others=taken)


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
