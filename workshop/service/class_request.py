"""What a call for a class asks, once its definition was read and the engines were asked; and what refuses it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from workshop.errors import NameInUse, RuntimeRefused, UsageError
from workshop.model.amounts import capitalised
from workshop.model.classroom import NAME, OWN_SERVER_OPTION, Classroom, Ui
from workshop.model.events import Noted
from workshop.model.image import Image
from workshop.model.parts import parts_of
from workshop.model.snapshot import Problem
from workshop.ports.build import Report
from workshop.ports.remote import remote_of
from workshop.service import building, checking, drafts, finding, rooms
from workshop.service.reports import UpRequest, Workshop
from workshop.service.spread import targeting
from workshop.service.wiring import Wiring


@dataclass(frozen=True, slots=True)
class Asked:
    """What a request says once its definition was read."""

    workshop: Workshop
    runtime_name: str
    name: str


@dataclass(frozen=True, slots=True)
class Wanted:
    """What it comes to once the engines were asked: to be found out while the classroom's lock is held."""

    seats: int
    spares: int
    found: rooms.FoundRoom | None
    others: tuple[Classroom, ...]

    @property
    def total(self) -> int:
        return self.seats + self.spares


async def read_request(wiring: Wiring, request: UpRequest) -> Asked:
    """
    Raises:
        UsageError: what is asked for contradicts itself, or names nothing.
        UnknownClassroom: it names no file, and there is no class of its name.
    """
    if not request.file:
        return await _of_class_there(wiring, request)
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
    return Asked(workshop, runtime_name, name)


async def _of_class_there(wiring: Wiring, request: UpRequest) -> Asked:
    """What a class was opened with: it goes on though nobody has its file at hand."""
    only = "" if request.runtime == "auto" else request.runtime
    if request.name:
        found = await rooms.find(wiring, request.name, only=only)
    else:
        there = {room.classroom.name: room for room in await rooms.every(wiring, only=only)}
        if len(there) != 1:
            names = ", ".join(there)
            raise UsageError(
                "A FILE is needed: a workshop.yaml, a folder with notebooks, a Git URL or a mybinder.org link.",
                hint=f"Without one, `--name` says which class goes on: {names}." if names else "No class is there.",
            )
        (found,) = there.values()
    classroom = found.classroom
    if not classroom.definition:
        raise UsageError(
            f"The class {classroom.name} does not say what it was opened with.", hint="`workshop up FILE` finishes it."
        )
    if parts_of(classroom):
        from workshop.service.spread.whole import whole  # few classes need it

        workshop = targeting.as_opened(await whole(wiring, classroom.name))
        return Asked(workshop, classroom.runtime, classroom.name)
    return Asked(finding.as_recorded(classroom), classroom.runtime, classroom.name)


async def refuse_obstacles(wiring: Wiring, asked: Asked, report: Report) -> None:
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


async def wanted_of(wiring: Wiring, request: UpRequest, asked: Asked) -> Wanted:
    there = await rooms.every(wiring)
    found = next((room for room in there if room.classroom.name == asked.name), None)
    if found is None and not request.file:
        raise rooms.unknown(wiring, asked.name, there)  # it went meanwhile
    if found is not None:
        shared = remote_of(found.runtime) is not None
        _same_workshop(found.classroom, asked.workshop, asked.runtime_name, shared=shared)
    definition = asked.workshop.definition
    if found is not None and request.seats is None:
        seats, spares = found.classroom.seats - found.classroom.spares, found.classroom.spares
    else:
        seats = request.seats if request.seats is not None else definition.seats
        spares = definition.spare_seats if request.seats is None else (definition.spares or 0)
    return Wanted(seats, spares, found, tuple(room.classroom for room in there))


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
        raise NameInUse(f"A classroom named {classroom.name} cannot go on.", hint=f"{capitalised(broken)}.")
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


async def new_classroom(
    wiring: Wiring, request: UpRequest, asked: Asked, wanted: Wanted, image: Image | None, *, commit: str
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
