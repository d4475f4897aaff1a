"""What can be known before anything is built of a workshop with several targets: each of them is asked."""

from __future__ import annotations

from dataclasses import replace

from workshop.errors import RuntimeRefused, SourceError, UsageError, WorkshopError
from workshop.model.image import Image
from workshop.model.snapshot import Fit, Problem
from workshop.ports.build import Report
from workshop.service import building, checking
from workshop.service.reports import CheckReport, Workshop
from workshop.service.spread import sites
from workshop.service.spread.sites import Site
from workshop.service.wiring import Wiring


async def check(wiring: Wiring, workshop: Workshop, *, seats: int | None, report: Report) -> CheckReport:
    """Every problem of the workshop and its targets; how its seats would be spread."""
    problems: list[Problem] = []
    names = " + ".join(target.runtime for target in workshop.definition.targets)
    try:
        asked = await sites.sites_of(wiring, workshop)
    except UsageError as error:
        return CheckReport(workshop, (Problem("targets", error.message, error.hint),), runtime=names)
    for at, site in enumerate(asked):
        problems += await _problems(wiring, site, f"targets[{at}]")
    answering = [site for site in asked if site.facts is not None]
    found: building.Found | None = None
    try:
        runtime = answering[0].target.runtime if answering else ""
        on = answering[0].workshop if answering else asked[0].workshop
        found = await building.planned(wiring, on, runtime, report=report)
        problems += checking.repository_problems(workshop, found)
    except SourceError as error:
        problems.append(Problem("source", error.message, error.hint))
    except WorkshopError as error:
        problems.append(Problem("image", error.message, error.hint))
    image = found.image if found else None
    fits = None
    if answering and len(answering) == len(asked):
        wanted = seats if seats is not None else workshop.definition.seats + workshop.definition.spare_seats
        fits = await _fit(wiring, answering, wanted, image)
        if fits.verdict != "fits":
            level = "error" if fits.verdict == "does not fit" else "warning"
            problems.append(Problem("seats", fits.sentence, f"At most {fits.largest} fit.", level=level))
    request = found.request if found else None
    return CheckReport(
        workshop,
        tuple(problems),
        request.source if request else None,
        request.detected if request else None,
        " + ".join(str(site.target) for site in asked),
        answering[0].facts if answering else None,
        fits,
        image,
    )


async def _problems(wiring: Wiring, site: Site, path: str) -> list[Problem]:
    """What keeps a part of the class from being opened there."""
    if site.silent is not None:
        return [Problem(path, f"{site.target}: {site.silent.message}", site.silent.hint)]
    if site.remote is None:
        return []
    problems: list[Problem] = []
    try:
        obstacles = await site.remote.obstacles(sites.draft(wiring, site, ""))
        problems += [replace(one, path=path, message=f"{site.target}: {one.message}") for one in obstacles]
        await site.remote.refuse_early(site.workshop.definition)
    except RuntimeRefused as error:
        problems.append(Problem(f"{path}.registry", f"{site.target}: {error.message}", error.hint))
    except WorkshopError as error:
        problems.append(Problem(path, f"{site.target}: {error.message}", error.hint))
    return problems


async def _fit(wiring: Wiring, answering: list[Site], wanted: int, image: Image | None) -> Fit:
    spaces = []
    for site in answering:
        one = sites.draft(wiring, site, "", seats=wanted)
        known = replace(one, image=image.digest) if image and site.remote is None else one
        spaces.append((site, *await sites.space_of(wiring, site, known, wanted, ())))
    return sites.shared(wanted, spaces)[1]
