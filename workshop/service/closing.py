"""Take classrooms down, and prove it."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from time import monotonic

from workshop.errors import PartlyDone, RuntimeUnreachable, UnknownClassroom, WorkshopError
from workshop.model.events import Noted, RemovedObject, StepFinished, StepStarted
from workshop.model.seat import Seat, seat_name
from workshop.model.snapshot import ClassroomSummary, Removal, Survivor
from workshop.ports.build import Report
from workshop.service import rooms, watching
from workshop.service.archive import collect_seats
from workshop.service.opening import alone
from workshop.service.reports import DownReport, TeardownPlan
from workshop.service.wiring import Wiring


async def teardown_plan(wiring: Wiring, name: str) -> TeardownPlan:
    room = await rooms.find(wiring, name)
    picture = await watching.status(wiring, name)
    collected = last_collected(wiring, room.classroom.uid)
    claimed = tuple(seat.number for seat in picture.seats if seat.claimed or seat.first_seen is not None)
    uncollected = tuple(
        seat.number
        for seat in picture.seats
        if seat.number in claimed and _changed_since(seat, collected.get(seat.number))
    )
    objects = [("gateway", room.classroom.join_url())] if picture.gateway else []
    objects += [("seat", f"{seat.name}  {seat.state.value}") for seat in picture.seats]
    objects += [("room", f"{room.classroom.runtime}: what the seats share")]
    return TeardownPlan(room.classroom, tuple(objects), claimed, uncollected)


def _changed_since(seat: Seat, collected: datetime | None) -> bool:
    """Whether a seat was used after its work was collected; in doubt it was."""
    used = seat.last_active or seat.first_seen
    return collected is None or used is None or used > collected


def last_collected(wiring: Wiring, uid: str) -> dict[int, datetime]:
    """When each seat's work was collected last, by number."""
    found: dict[int, datetime] = {}
    for at, kind, _text, seat in wiring.store.history(uid, limit=100_000):
        if kind == "collected" and seat is not None:
            found[seat] = max(at, found.get(seat, at))
    return found


async def down(
    wiring: Wiring,
    name: str,
    *,
    collect_to: Path | None,
    discard: bool,
    report: Report,
    from_gateway: bool = False,
) -> DownReport:
    """
    Args:
        from_gateway: the caller is the classroom's own gateway, which ends by itself afterwards.

    Raises:
        PartlyDone: claimed seats have work that was neither collected nor discarded; nothing was touched.
    """
    began = monotonic()
    try:
        room = await rooms.find(wiring, name)
    except UnknownClassroom:
        if _finish_forgetting(wiring, name):
            return DownReport(name, Removal(), seconds=monotonic() - began)
        raise
    async with alone(wiring, name):
        collected = await _collect_first(wiring, room, name, collect_to, discard=discard, report=report)
        wiring.store.set_room_state(room.classroom.uid, closing=True)
        report(StepStarted("gateway", "Closing the door"))
        stopped = False if from_gateway else await wiring.doors.stop(room.classroom)
        report(StepFinished("gateway", "The door is closed"))
        report(StepStarted("seats", f"Removing everything of {name}"))
        removal = await room.runtime.close(room.classroom)
        if stopped:
            report(RemovedObject("gateway", name))
            removal += Removal({"gateways": 1})
        if not removal.left:
            wiring.store.forget(room.classroom.uid)
            (wiring.state_dir / "locks" / name).unlink(missing_ok=True)
        report(StepFinished("seats", f"{len(removal.left)} left", monotonic() - began))
    return DownReport(name, removal, str(collected or ""), monotonic() - began)


def _finish_forgetting(wiring: Wiring, name: str) -> bool:
    """Whether an earlier teardown removed everything and was ended before it could forget the classroom."""
    closed = [
        classroom
        for classroom in wiring.store.remembered()
        if classroom.name == name and wiring.store.room_state(classroom.uid).closing
    ]
    if wiring.unreachable:
        return False
    for classroom in closed:
        wiring.store.forget(classroom.uid)
    return bool(closed)


async def _collect_first(
    wiring: Wiring, room: rooms.FoundRoom, name: str, folder: Path | None, *, discard: bool, report: Report
) -> Path | None:
    if discard or wiring.store.room_state(room.classroom.uid).closing:
        return None
    plan = await teardown_plan(wiring, name)
    if folder is None:
        if plan.uncollected:
            seats = ", ".join(seat_name(number) for number in plan.uncollected)
            raise PartlyDone(
                f"Nothing was removed: {len(plan.uncollected)} seats have work that was not collected: {seats}.",
                hint="Add `--collect FOLDER` to keep it, or `--discard` to lose it.",
            )
        return None
    if plan.claimed:
        results = await collect_seats(wiring, room, plan.claimed, folder, report=report)
        failed = [result for result in results if result.error]
        if failed:
            raise PartlyDone(
                f"Nothing was removed: the work of {len(failed)} seats could not be collected.",
                hint=f"The others are in {folder}. Mend the cause and run it again, or add `--discard`.",
                details=tuple(f"{seat_name(result.number)}  {result.error}" for result in failed),
            )
    return folder


async def cleanup_plan(wiring: Wiring, *, everything: bool) -> tuple[ClassroomSummary, ...]:
    found = await rooms.summaries(wiring)
    if wiring.unreachable and not found:
        raise next(iter(wiring.unreachable.values()))
    now = wiring.clock()
    return tuple(
        summary
        for summary in found
        if everything
        or (summary.ends is not None and summary.ends < now)
        or wiring.store.room_state(summary.uid).closing
        or (not summary.gateway and summary.seats == 0)
    )


async def cleanup(wiring: Wiring, *, everything: bool, report: Report) -> Removal:
    total = Removal()
    for summary in await cleanup_plan(wiring, everything=everything):
        report(Noted(f"{summary.name} on {summary.runtime}"))
        try:
            total += (await down(wiring, summary.name, collect_to=None, discard=True, report=report)).removal
        except WorkshopError as error:
            total += Removal({}, (Survivor("classroom", summary.name, error.message),))
    for name in wiring.searched_runtimes():
        try:
            total += await wiring.runtime(name).remove_strays(
                tuple(room.classroom.uid for room in await rooms.every(wiring))
            )
        except RuntimeUnreachable as error:
            report(Noted(f"{name} was not searched: {error.message}", level="warning"))
    return total
