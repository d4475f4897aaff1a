"""Remove classes that were left behind, and stray objects of ours, on every runtime, from labels alone."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

from workshop.errors import PartlyDone, RuntimeUnreachable, WorkshopError
from workshop.model.events import Noted
from workshop.model.snapshot import ClassroomSummary, Removal, Survivor
from workshop.ports.build import Report
from workshop.service import collecting, rehearsal_rooms, rooms
from workshop.service.doors import is_locked
from workshop.service.spread import closing as joint_closing
from workshop.service.spread import whole
from workshop.service.wiring import Wiring

MAKING = timedelta(minutes=10)
"""A class of another machine that has neither seats nor a gateway is taken for broken off after this."""


async def cleanup_plan(wiring: Wiring, *, everything: bool) -> tuple[ClassroomSummary, ...]:
    """The classes that would go; of one runtime alone where a flag names it."""
    found = await whole.summaries(wiring)
    if wiring.unreachable and not found:
        raise next(iter(wiring.unreachable.values()))
    now = wiring.clock()
    return tuple(
        summary
        for summary in found
        if _is_meant(wiring, summary.runtime)
        and (
            everything
            or rehearsal_rooms.is_left_over(wiring, summary.name, summary.created)
            or _is_over(summary, now)
            or (not rooms.is_anothers(summary) and _is_abandoned(wiring, summary))
        )
    )


def _is_meant(wiring: Wiring, runtime: str) -> bool:
    return wiring.flagged("runtime") in ("", "auto", runtime)


def _is_abandoned(wiring: Wiring, summary: ClassroomSummary) -> bool:
    """Whether a verb of this machine left it half-made or half-gone; of another's classes that cannot be told here."""
    return wiring.store.room_state(summary.uid).closing or _is_half_made(wiring, summary)


def _is_over(summary: ClassroomSummary, now: datetime) -> bool:
    """Whether a class is past its end, and past its grace where a gateway is there to collect its work after it."""
    if summary.ends is None:
        return False
    return summary.ends + (summary.grace if summary.gateway else timedelta()) < now


def _is_half_made(wiring: Wiring, summary: ClassroomSummary) -> bool:
    """Whether the making of a class was broken off: nobody here is at it, and whoever is elsewhere had time enough."""
    if summary.gateway or summary.seats or is_locked(wiring.lock_file(summary.name)):
        return False
    ours = wiring.lock_file(summary.name).exists()
    return ours or summary.created is None or wiring.clock() - summary.created > MAKING


async def cleanup(
    wiring: Wiring,
    *,
    everything: bool,
    discard: bool = False,
    agreed: Collection[str] | None = None,
    report: Report,
) -> Removal:
    """
    Args:
        discard: the work in seats is lost. Else it is collected first, into the folder of each class; a class whose
            work cannot be saved stays.
        agreed: uids of the only classrooms that may go: one that is over since somebody was asked stays.
    """
    total = Removal()
    for summary in await cleanup_plan(wiring, everything=everything):
        if agreed is not None and summary.uid not in agreed:
            continue
        report(Noted(f"{summary.name} on {summary.runtime}"))
        try:
            total += await _end(wiring, summary, discard=discard, report=report)
        except WorkshopError as error:
            reason = " ".join(part for part in (error.message, *error.details, error.hint) if part)
            total += Removal({}, (Survivor("classroom", summary.name, reason),))
    known = tuple(room.classroom.uid for room in await rooms.every(wiring))
    silent = dict(wiring.unreachable)
    for target in (target for target in wiring.searched_targets() if _is_meant(wiring, target.runtime)):
        try:
            if target in silent:  # which of its objects belong to a classroom is not known
                raise silent[target]
            total += await wiring.runtime(target).remove_strays(known)
        except RuntimeUnreachable as error:
            report(Noted(f"{target} was not searched: {error.message}", level="warning"))
    return total


async def _end(wiring: Wiring, summary: ClassroomSummary, *, discard: bool, report: Report) -> Removal:
    """
    Raises:
        WorkshopError: its work could not be saved, or it could not be removed.
    """
    discard = discard or rehearsal_rooms.is_rehearsal(summary.name)
    try:
        ended = await joint_closing.down(wiring, summary.uid, collect_to=None, discard=discard, report=report)
    except PartlyDone:  # nothing was touched: there is work
        folder = collecting.default_folder(wiring, (await whole.whole(wiring, summary.uid)).classroom)
        ended = await joint_closing.down(wiring, summary.uid, collect_to=folder, discard=False, report=report)
        report(Noted(f"The work of {summary.name} is kept in {folder}.", level="warning"))
    return ended.removal
