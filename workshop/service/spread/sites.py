"""The targets of a workshop before anything is made on them: whether they answer, and how many seats each can take."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace

from workshop.core.sharing import Space, share
from workshop.errors import UsageError, WorkshopError
from workshop.model.classroom import Classroom
from workshop.model.parts import Part
from workshop.model.snapshot import EngineFacts, Fit
from workshop.model.target import Target
from workshop.ports.build import Report
from workshop.ports.remote import RemoteSide, remote_of
from workshop.ports.runtime import Runtime
from workshop.service import drafts
from workshop.service.class_request import refuse_problems
from workshop.service.fitting import fit_of
from workshop.service.reports import Workshop
from workshop.service.spread import targeting
from workshop.service.wiring import Wiring

HERE = "this machine"


@dataclass(frozen=True, slots=True)
class Site:
    """One target, with the workshop as it would run there."""

    workshop: Workshop
    target: Target
    runtime: Runtime
    facts: EngineFacts | None
    silent: WorkshopError | None = None
    """Why it does not answer."""

    @property
    def weight(self) -> float:
        return self.workshop.definition.targets[0].weight

    @property
    def remote(self) -> RemoteSide | None:
        return remote_of(self.runtime)


async def sites_of(wiring: Wiring, workshop: Workshop) -> tuple[Site, ...]:
    """Every target of a workshop, asked what it is; one that does not answer says why.

    Raises:
        UsageError: two targets are the same cluster by different names.
    """

    async def one(on: Workshop) -> Site:
        target = targeting.named(on)
        runtime = wiring.runtime(target)
        try:
            return Site(on, target, runtime, await runtime.facts())
        except WorkshopError as error:
            return Site(on, target, runtime, None, error)

    found = await asyncio.gather(*(one(on) for on in targeting.on_each(workshop)))
    seen: dict[tuple[str, str], Site] = {}
    for site in found:
        key = (site.facts.identity if site.facts else "", site.target.namespace)
        if key[0] and key in seen:
            raise UsageError(
                f"The targets {seen[key].target} and {site.target} are the same cluster.",
                hint="Take one of them out of `targets`; `weight` gives a target more seats.",
            )
        seen[key] = site
    return tuple(found)


def refuse_silent(sites: Sequence[Site]) -> None:
    """
    Raises:
        WorkshopError: a target of a class that is to be opened does not answer; its own reason.
    """
    for site in sites:
        if site.silent is not None:
            raise type(site.silent)(
                f"The target {site.target} cannot be used: {site.silent.message}",
                hint=site.silent.hint or "Mend it, or take it out of `targets`.",
                details=site.silent.details,
            )


async def refuse_obstacles(wiring: Wiring, site: Site, name: str, *, report: Report) -> None:
    """Ask before anything is built whether the class may be opened there, and whether images get there.

    Raises:
        RuntimeRefused: it may not; the message says what is missing.
    """
    if site.remote is None:
        return
    obstacles = await site.remote.obstacles(draft(wiring, site, name))
    refuse_problems(obstacles, of=str(site.target), report=report)
    await site.remote.refuse_early(site.workshop.definition)


def draft(wiring: Wiring, site: Site, name: str, *, seats: int = 0, allow_public: bool = False) -> Classroom:
    """The part of a class that would be made there, before it has an image or a door."""
    return drafts.draft(wiring, site.workshop, site.target.runtime, name=name, seats=seats, allow_public=allow_public)


async def space_of(
    wiring: Wiring,
    site: Site,
    classroom: Classroom,
    seats: int,
    others: Sequence[Classroom],
    *,
    there: tuple[int, ...] = (),
    made: int = 0,
) -> tuple[Space, Fit]:
    """What a target can take of a class of `seats` seats, and what it says about that.

    Args:
        others: classrooms whose seats may take room on the same machine.
        there: the numbers that it is to have anyway.
        made: how many of its seats exist.
    """
    assert site.facts is not None, "asked before"
    fits = await fit_of(wiring, site.runtime, site.facts, classroom, seats, others, there=made)
    safe = fits.largest if fits.safe is None else fits.safe
    place = HERE if site.remote is None else ""
    return Space(site.weight, safe, fits.largest, there, place), fits


Spaces = Sequence[tuple[Site, Space, Fit]]
"""What each target can take, and what it said."""


def shared(wanted: int, spaces: Spaces) -> tuple[tuple[tuple[int, ...], ...], Fit]:
    """The numbers that each target gets, and whether they fit there; where they do not, as if there were room."""
    found = share(wanted, [space for _, space, _ in spaces])
    numbers = found or share(wanted, [replace(space, safe=wanted, most=wanted, place="") for _, space, _ in spaces])
    assert numbers is not None, "without bounds there is room"
    most = largest(spaces)
    if found is None:
        told = "; ".join(f"{site.target}: {fits.sentence}" for site, _, fits in spaces)
        sentence = f"{wanted} seats do not fit on these targets: {most} do. {told}"
        return numbers, Fit(wanted, most, "does not fit", sentence)
    tight = any(len(mine) > space.safe for mine, (_, space, _) in zip(numbers, spaces, strict=True))
    parts = [Part("", site.target, mine) for mine, (site, _, _) in zip(numbers, spaces, strict=True)]
    spread = "; ".join(f"{len(part.numbers)} on {part.target} ({part.span})" for part in parts if part.numbers)
    sentence = f"{wanted} seats: {spread}. At most {most} fit on these targets."
    return numbers, Fit(wanted, most, "tight" if tight else "fits", sentence)


def largest(spaces: Spaces) -> int:
    """How many seats fit on all targets together."""
    here = [space.most for _, space, _ in spaces if space.place]
    return sum(space.most for _, space, _ in spaces if not space.place) + max(here, default=0)
