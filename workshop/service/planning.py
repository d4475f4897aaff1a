"""What opening a class would make, said before anything is made."""

from __future__ import annotations

from workshop.core.launch import seat_command
from workshop.core.plan import SeatPlan, plan_seats
from workshop.model.amounts import counted, format_span
from workshop.model.classroom import Classroom
from workshop.model.image import Image
from workshop.model.snapshot import Fit
from workshop.ports.build import Report
from workshop.ports.remote import remote_of
from workshop.service import building
from workshop.service.at_end import end_plan
from workshop.service.class_request import new_classroom, read_request, refuse_past_end, wanted_of
from workshop.service.fitting import fit_of
from workshop.service.plain_http import plain_http_problem
from workshop.service.reports import UpPlan, UpRequest
from workshop.service.spread import targeting
from workshop.service.wiring import Wiring

DOOR_COMES_LATER = "an address that is given out when the class is open"


async def plan(wiring: Wiring, request: UpRequest, *, report: Report) -> UpPlan:
    asked = await read_request(wiring, request)
    if targeting.is_spread(asked.workshop.definition):
        from workshop.service.spread.plan import plan as plan_spread  # few classes need it

        return await plan_spread(wiring, request, asked.workshop, asked.name, report=report)
    wanted = await wanted_of(wiring, request, asked)
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
        classroom = await new_classroom(wiring, request, asked, wanted, image, commit=commit)
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
