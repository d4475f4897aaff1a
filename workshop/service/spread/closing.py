"""The end of a class with all its parts: what would be lost, the removal on every target, one report."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from time import monotonic

from workshop.core.class_report import ClassFacts, Moment, NotebookProgress
from workshop.core.cost import together
from workshop.errors import UnknownClassroom, WorkshopError
from workshop.model.classroom import Door
from workshop.model.events import Noted
from workshop.model.snapshot import Removal, Survivor
from workshop.ports.build import Report
from workshop.ports.remote import remote_of
from workshop.service import closing, collecting, reporting
from workshop.service.reports import DownReport, TeardownPlan, WrittenReport
from workshop.service.rooms import FoundRoom
from workshop.service.spread.watching import history_of_all
from workshop.service.spread.whole import LostPart, Whole, ask_each, of_target, whole
from workshop.service.wiring import Wiring, target_of


async def teardown_plan(wiring: Wiring, name: str) -> TeardownPlan:
    there = await whole(wiring, name)
    if not there.spread:
        return await closing.teardown_plan(wiring, there.rooms[0])
    return await _plan_of(wiring, there)


async def _plan_of(wiring: Wiring, there: Whole) -> TeardownPlan:
    """What would be removed on the targets that answer, and what cannot be looked at."""
    told = await ask_each(there.rooms, lambda room: closing.teardown_plan(wiring, room))
    plans = [answer for _, answer in told if isinstance(answer, TeardownPlan)]
    silent = tuple(("target", lost.sentence) for lost in there.lost if lost.silent)
    silent += tuple(
        ("target", f"{target_of(room.classroom)}: {answer.message}")
        for room, answer in told
        if isinstance(answer, WorkshopError)
    )
    return TeardownPlan(
        there.classroom,
        tuple(entry for plan in plans for entry in plan.objects) + silent,
        claimed=tuple(sorted(number for plan in plans for number in plan.claimed)),
        uncollected=tuple(sorted(number for plan in plans for number in plan.uncollected)),
        unsure=tuple(sorted(number for plan in plans for number in plan.unsure)),
    )


async def down(wiring: Wiring, name: str, *, collect_to: Path | None, discard: bool, report: Report) -> DownReport:
    """Remove everything of a class (its name, or the uid of a part) on every target, then look again.

    A target that does not answer is named among what is left: the same command, once it answers, finishes.

    Raises:
        PartlyDone: claimed seats have work that was neither collected nor discarded; nothing was touched.
    """
    began = monotonic()
    try:
        there = await whole(wiring, name)
    except UnknownClassroom:
        if closing.finish_forgetting(wiring, name):
            return DownReport(name, Removal(), seconds=monotonic() - began)
        raise
    if not there.spread:
        return await closing.down(wiring, there.rooms[0], collect_to=collect_to, discard=discard, report=report)
    name = there.classroom.name
    async with wiring.alone(name):
        silent = [lost for lost in there.lost if lost.silent]
        for lost in silent:
            report(Noted(f"Not looked at: {lost.sentence}", level="warning"))
            _keep_in_mind(wiring, there, lost)
        await _save_first(wiring, there, collect_to, discard=discard, report=report)
        written = await _write_report(wiring, there, report=report)
        results = await asyncio.gather(
            *(_down_one(wiring, room, collect_to, discard=discard, report=report) for room in there.rooms)
        )
        removal = sum((one.removal for one in results), Removal())
        removal += Removal({}, tuple(_not_looked_at(lost) for lost in silent))
        if not removal.left:
            for lost in there.lost:
                closing.forget(wiring, lost.part.uid)
            wiring.lock_file(name).unlink(missing_ok=True)
    collected = next((one.collected for one in results if one.collected), "")
    return DownReport(name, removal, collected, monotonic() - began, written)


async def _down_one(
    wiring: Wiring, room: FoundRoom, collect_to: Path | None, *, discard: bool, report: Report
) -> DownReport:
    """One part; what stopped its removal is a survivor, and stops no other part."""
    target = target_of(room.classroom)
    try:
        return await closing.down(
            wiring,
            room,
            collect_to=collect_to,
            discard=discard or collect_to is None,
            report=of_target(report, str(target)),
        )
    except WorkshopError as error:
        reason = " ".join((error.message, *error.details))
        return DownReport(room.classroom.name, Removal({}, (Survivor("target", str(target), reason),)))


def _not_looked_at(lost: LostPart) -> Survivor:
    return Survivor("target", str(lost.part.target), f"not looked at, seats {lost.part.span}: {lost.why}")


def _keep_in_mind(wiring: Wiring, there: Whole, lost: LostPart) -> None:
    """Have the next search look at this target too, when every other part of the class is gone."""
    part = lost.part
    remembered = {classroom.uid for classroom in wiring.store.remembered()}
    if part.uid not in remembered:
        where = {"context": part.target.context, "namespace": part.target.namespace}
        options = {name: text for name, text in where.items() if text}
        of_others = {"context", "namespace", "own_namespace", "exposure", "subnet"}
        kept = tuple(entry for entry in there.classroom.options if entry[0] not in of_others)
        bare = replace(there.classroom, uid=part.uid, runtime=part.target.runtime, door=Door("", 0), options=kept)
        wiring.store.remember(bare.with_options(**options))


async def _save_first(wiring: Wiring, there: Whole, folder: Path | None, *, discard: bool, report: Report) -> None:
    """Collect every part's work, or refuse to lose it, before anything of any part is removed.

    Raises:
        PartlyDone: there is work that was neither collected nor discarded, or a seat could not be collected.
    """
    standing = [room for room in there.rooms if not wiring.store.room_state(room.classroom.uid).closing]
    if discard:
        return
    if folder is None:
        closing.refuse_anothers(there.classroom, shared=all(remote_of(room.runtime) for room in there.rooms))
        closing.refuse_to_lose(await _plan_of(wiring, replace(there, rooms=tuple(standing))))
        return
    for room in standing:  # one after the other: they share the manifest
        await closing.collect_all(wiring, room, folder, report=report)


async def report(wiring: Wiring, name: str) -> WrittenReport:
    """The report of a class as it stands now."""
    there = await whole(wiring, name)
    if not there.spread:
        return await reporting.report(wiring, there.reached)
    return reporting.write(wiring, await _facts(wiring, there))


async def _write_report(wiring: Wiring, there: Whole, *, report: Report) -> Path | None:
    """While everything is still there to be asked. No failure here keeps a class from being removed."""
    if not there.rooms or any(wiring.store.room_state(room.classroom.uid).closing for room in there.rooms):
        return None
    try:
        facts = await _facts(wiring, there)
        if not facts.used and not facts.moments:
            return None
        return reporting.write(wiring, facts).markdown
    except (WorkshopError, OSError, ValueError) as error:
        report(Noted(f"The report of the class could not be written: {error}", level="warning"))
        return None


async def _facts(wiring: Wiring, there: Whole) -> ClassFacts:
    """What the parts that answer tell, together."""
    told = await ask_each(there.rooms, lambda room: reporting.gather(wiring, room))
    found = {str(target_of(room.classroom)): facts for room, facts in told if isinstance(facts, ClassFacts)}
    every = list(found.values())
    incidents: dict[str, int] = {}
    for words, count in (entry for facts in every for entry in facts.incidents):
        incidents[words] = incidents.get(words, 0) + count
    collected = sum(len(collecting.last_collected(wiring, room.classroom.uid)) for room in there.rooms)
    history = await history_of_all(wiring, there)
    return replace(
        every[0],
        runtime=there.classroom.runtime,
        seats=sum(facts.seats for facts in every),
        used=sum(facts.used for facts in every),
        moments=tuple(Moment(one.at, one.joined, one.active, one.memory_bytes) for one in history.samples),
        seat_peaks=tuple(sorted(peak for facts in every for peak in facts.seat_peaks)),
        progress=_progress(entry for facts in every for entry in facts.progress),
        incidents=tuple(incidents.items()),
        cost=together({target: facts.cost for target, facts in found.items() if facts.cost is not None}),
        collected=reporting.collected_sentence(collected),
    )


def _progress(entries: Iterable[NotebookProgress]) -> tuple[NotebookProgress, ...]:
    """The same notebook on several targets as one, its share weighed by seats."""
    found: dict[str, NotebookProgress] = {}
    for entry in entries:
        before = found.get(entry.notebook)
        if before is not None and before.seats + entry.seats:
            seats = before.seats + entry.seats
            share = (before.share * before.seats + entry.share * entry.seats) / seats
            entry = NotebookProgress(entry.notebook, seats, share, before.errors + entry.errors)
        found[entry.notebook] = entry
    return tuple(found.values())
