"""What opening a class on several targets would make; nothing is made, and nothing built."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from workshop.core.launch import seat_command
from workshop.model.classroom import Door
from workshop.model.image import Image
from workshop.model.parts import Part, all_numbers, with_parts
from workshop.model.snapshot import Fit
from workshop.ports.build import Report
from workshop.service import building, planning, rooms
from workshop.service.at_end import end_plan
from workshop.service.class_request import refuse_past_end
from workshop.service.plain_http import plain_http_problem
from workshop.service.reports import EndPlan, UpPlan, UpRequest, Workshop
from workshop.service.spread import sites
from workshop.service.spread.opening import found, refuse_gone, wanted_seats
from workshop.service.spread.sites import Site
from workshop.service.spread.whole import Whole, of_target
from workshop.service.wiring import Wiring


async def plan(wiring: Wiring, request: UpRequest, workshop: Workshop, name: str, *, report: Report) -> UpPlan:
    there = await found(wiring, workshop, name)
    refuse_gone(request, there, name)
    if there is not None:
        return await _standing(wiring, there)
    refuse_past_end(wiring, workshop)
    asked = await sites.sites_of(wiring, workshop)
    sites.refuse_silent(asked)
    for site in asked:
        await sites.refuse_obstacles(wiring, site, name, report=report)
    image, newer = await _image(wiring, asked[0], report=report)
    seats, spares = wanted_seats(request, workshop)
    total = seats + spares
    others = [room.classroom for room in await rooms.every(wiring)]
    drafted = [sites.draft(wiring, site, name, seats=total) for site in asked]
    spaces = []
    for site, one in zip(asked, drafted, strict=True):
        known = replace(one, image=image.digest) if image and site.remote is None else one
        spaces.append((site, *await sites.space_of(wiring, site, known, total, others)))
    numbers, fits = sites.shared(total, spaces)
    parts = tuple(
        Part(one.uid, site.target, mine, site.weight) for one, site, mine in zip(drafted, asked, numbers, strict=True)
    )
    doors = await _doors(wiring, request, asked, numbers, [other.door for other in others])
    used = [at for at, mine in enumerate(numbers) if mine]
    first = with_parts(replace(drafted[used[0]], door=doors[used[0]]), parts)
    ends = _ends(wiring, workshop, [asked[at] for at in used])
    plain = plain_http_problem(workshop.definition, first.door)
    sentences = [
        planning.seats_sentence(total, 0, spares=spares),
        *planning.first_sentences(first, image),
        planning.door_sentence(first),
        fits.sentence,
        *_ways_in(asked, doors, used),
        ends.sentence,
    ]
    sentences += [f"{plain.message} {plain.hint}"] if plain else []
    sentences += [building.newer_sentence(newer, image.commit)] if newer and image else []
    objects = await _objects(
        wiring, asked, [with_parts(replace(one, key=first.key), parts) for one in drafted], numbers
    )
    shown = replace(
        first, runtime=" + ".join(str(asked[at].target) for at in used), commit=image.commit if image else ""
    )
    return UpPlan(
        shown, tuple(range(1, total + 1)), (), fits, False, tuple(sentences), image=image,
        warning=plain.message if plain else "", newer=newer, end=ends, objects=objects,
    )  # fmt: skip


async def _standing(wiring: Wiring, there: Whole) -> UpPlan:
    """A class that is there: which of its seats are missing."""
    numbers = all_numbers(there.classroom)
    listed = await asyncio.gather(*(room.runtime.seats(room.classroom) for room in there.rooms))
    made = {record.number for records in listed for record in records}
    create = tuple(number for number in numbers if number not in made)
    sentence = planning.seats_sentence(len(create), len(made), spares=0)
    lost = tuple(f"Lost: {one.sentence}" for one in there.lost)
    join = planning.door_sentence(there.classroom)
    fits = Fit(len(numbers), len(numbers), "fits", "It was opened already.")
    return UpPlan(there.classroom, create, tuple(sorted(made)), fits, True, (sentence, join, *lost), end=EndPlan())


async def _image(wiring: Wiring, site: Site, *, report: Report) -> tuple[Image | None, str]:
    """The first target's image, and a newer commit that would not be taken."""
    known = await building.planned(
        wiring, site.workshop, site.target.runtime, report=of_target(report, str(site.target))
    )
    return known.image, known.request.source.newer if known.request else ""


async def _doors(
    wiring: Wiring, request: UpRequest, asked: Sequence[Site], numbers: Sequence[Sequence[int]], taken: list[Door]
) -> list[Door]:
    doors: list[Door] = []
    for site, mine in zip(asked, numbers, strict=True):
        door = Door("", 0)
        one = sites.draft(wiring, site, "any")
        if mine and (site.remote is None or await site.remote.needs_forward(one)):
            door = await wiring.choose_door(
                site.workshop.definition, address=request.address, port=request.port, taken=taken,
                force=request.force, any_port=any(other.host for other in doors),
            )  # fmt: skip
            taken.append(door)
        doors.append(door)
    return doors


def _ends(wiring: Wiring, workshop: Workshop, used: Sequence[Site]) -> EndPlan:
    """What the gateways do at the end, which is another thing in a cluster than on this machine."""
    near = [site for site in used if site.remote is None]
    ends = end_plan(wiring, workshop.definition, elsewhere=not near)
    if ends.by_itself and near and len(near) < len(used):
        return replace(
            ends, sentence=f"{ends.sentence} In clusters, what was not collected by then goes with the seats."
        )
    return ends


def _ways_in(asked: Sequence[Site], doors: Sequence[Door], used: Sequence[int]) -> list[str]:
    """How students come to each target's seats, where that is not plain."""
    lines = []
    for at in used:
        if asked[at].remote is not None and doors[at].host:
            lines.append(
                f"{asked[at].target} has no door of its own: its students come in through {doors[at].url} of this "
                "machine, as long as it is on."
            )
        elif at != used[0] and doors[at].host:
            lines.append(f"Seats on {asked[at].target} are at {doors[at].url}; the join page sends students on.")
    return lines


async def _objects(
    wiring: Wiring, asked: Sequence[Site], drafted: Sequence[Any], numbers: Sequence[Sequence[int]]
) -> tuple[Mapping[str, Any], ...]:
    made: list[Mapping[str, Any]] = []
    for site, one, mine in zip(asked, drafted, numbers, strict=True):
        if site.remote is not None and mine:
            commands = {number: seat_command(one, number) for number in mine}
            made += await site.remote.described(one, commands, wiring.config.image())
    return tuple(made)
