"""Take classrooms down, and prove it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from time import monotonic

from workshop.errors import PartlyDone, StateError, WorkshopError
from workshop.model.amounts import counted
from workshop.model.classroom import Classroom
from workshop.model.events import Noted, RemovedObject, StepFinished, StepStarted
from workshop.model.parts import parts_of
from workshop.model.seat import seat_name
from workshop.model.snapshot import Removal
from workshop.ports.build import Report
from workshop.ports.remote import remote_of
from workshop.service import reporting, room_folder, rooms, watching
from workshop.service.collecting import collect_seats, seats_with_work, uncollected
from workshop.service.reports import DownReport, TeardownPlan
from workshop.service.wiring import Wiring


async def teardown_plan(wiring: Wiring, room: rooms.FoundRoom) -> TeardownPlan:
    picture = await watching.status(wiring, room)
    there = {seat.number for seat in picture.seats}
    claimed = seats_with_work(wiring, room, picture, there)
    work = await uncollected(wiring, room, claimed)
    opened_by = room.classroom.opened_by
    objects = [("class", f"opened by {opened_by}, not by you")] if rooms.is_anothers(room.classroom) else []
    objects += [("gateway", room.classroom.join_url())] if picture.gateway else []
    objects += [("seat", f"{seat.name}  {seat.state.value}") for seat in picture.seats]
    objects += [("room", f"{room.classroom.runtime}: what the seats share")]
    return TeardownPlan(
        room.classroom, tuple(objects), claimed, work.changed, tuple(number for number, _ in work.unsure)
    )


async def down(
    wiring: Wiring,
    room: rooms.FoundRoom,
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
    name, lock = room.classroom.name, rooms.lock_name(room.classroom)
    async with wiring.alone(lock):
        collected = await _collect_first(wiring, room, collect_to, discard=discard, report=report)
        written = await _write_report(wiring, room, from_gateway=from_gateway, report=report)
        door = asyncio.create_task(_close_door(wiring, room, from_gateway=from_gateway, report=report))
        if collected is not None and await door:
            # what was saved while the others were collected: most seats are only compared
            closed = " The door is closed; `workshop up` opens it again."
            await collect_all(wiring, room, collected, report=report, door=closed)
        _mark_closing(wiring, room, report=report)
        report(StepStarted("seats", f"Removing everything of {name}"))
        try:
            removal = await room.runtime.close(room.classroom)
        finally:
            stopped = await door
        if stopped:
            report(RemovedObject("gateway", name))
            if "gateways" not in removal.removed:  # one beside the seats may have been counted among what was there
                removal += Removal({"gateways": 1})
        if not removal.left:
            _forget_if_possible(wiring, room, report=report)
            wiring.lock_file(lock).unlink(missing_ok=True)
        report(StepFinished("seats", f"{len(removal.left)} left", monotonic() - began))
    return DownReport(name, removal, str(collected or ""), monotonic() - began, written)


async def _close_door(wiring: Wiring, room: rooms.FoundRoom, *, from_gateway: bool, report: Report) -> bool:
    """Whether there was a gateway to end."""
    if from_gateway:
        return False
    report(StepStarted("gateway", "Closing the door"))
    stopped = await wiring.doors.stop(room.classroom)
    report(StepFinished("gateway", "The door is closed"))
    return stopped


async def _write_report(wiring: Wiring, room: rooms.FoundRoom, *, from_gateway: bool, report: Report) -> Path | None:
    """The class's report, while everything is still there to be asked; a class nobody came to has none.

    No failure here keeps a class from being removed.
    """
    parts = parts_of(room.classroom)
    if parts and not from_gateway:
        return None  # the whole class has one report
    try:
        facts = await reporting.gather(wiring, room)
        if not facts.used and not facts.moments:
            return None
        return reporting.write(wiring, facts, of=f"{facts.runtime}-{room.classroom.uid[:4]}" if parts else "").markdown
    except (WorkshopError, OSError, ValueError) as error:
        report(Noted(f"The report of the class could not be written: {error}", level="warning"))
        return None


def _mark_closing(wiring: Wiring, room: rooms.FoundRoom, *, report: Report) -> None:
    """For students, who are told that the class is over, and for a later call, which finishes this one.

    A disk that is full keeps no class from being removed: that may be what frees it.
    """
    try:
        wiring.store.set_room_state(room.classroom.uid, closing=True)
    except StateError as error:
        report(Noted(f"{error.message} The class is removed all the same.", level="warning"))


def _forget_if_possible(wiring: Wiring, room: rooms.FoundRoom, *, report: Report) -> None:
    try:
        forget(wiring, room.classroom.uid)
    except StateError as error:
        what = f"What this machine knows of {room.classroom.name} was not erased"
        report(Noted(f"{what}: {error.message} {error.hint}", level="warning"))


def forget(wiring: Wiring, uid: str) -> None:
    """Erase what this machine keeps of a class that is gone; its report and what was collected stay."""
    room_folder.forget(wiring, uid)
    wiring.store.forget(uid)


def finish_forgetting(wiring: Wiring, name: str) -> bool:
    """Whether an earlier teardown removed everything and was ended before it could forget the classroom."""
    closed = [
        classroom
        for classroom in wiring.store.remembered()
        if classroom.name == name and (wiring.store.room_state(classroom.uid).closing or parts_of(classroom))
    ]
    if wiring.unreachable:
        return False
    for classroom in closed:
        forget(wiring, classroom.uid)
    return bool(closed)


async def _collect_first(
    wiring: Wiring, room: rooms.FoundRoom, folder: Path | None, *, discard: bool, report: Report
) -> Path | None:
    if discard or wiring.store.room_state(room.classroom.uid).closing:
        return None
    if folder is not None:
        await collect_all(wiring, room, folder, report=report)
        return folder
    refuse_anothers(room.classroom, shared=remote_of(room.runtime) is not None)
    plan = await teardown_plan(wiring, room)
    refuse_to_lose(plan)
    return None


def refuse_anothers(classroom: Classroom, *, shared: bool) -> None:
    """
    Args:
        shared: it is where the same person has another name on each machine, and rights say who may remove what.

    Raises:
        PartlyDone: it is somebody else's, and nobody has said what becomes of the work in it.
    """
    if rooms.is_anothers(classroom) and not shared:
        raise PartlyDone(
            f"Nothing was removed: {classroom.name} was opened by {classroom.opened_by}.",
            hint="If it is to end all the same, say what becomes of its work: `--collect FOLDER` or `--discard`.",
        )


def refuse_to_lose(plan: TeardownPlan) -> None:
    """
    Raises:
        PartlyDone: what is to be removed has work that was not collected.
    """
    if plan.loses:
        raise PartlyDone(
            f"Nothing was removed: {_refusal(plan)}.",
            hint="Add `--collect FOLDER` to keep it, or `--discard` to lose it.",
        )


def _refusal(plan: TeardownPlan) -> str:
    def named(numbers: tuple[int, ...]) -> str:
        return ", ".join(seat_name(number) for number in numbers)

    reasons = []
    if plan.uncollected:
        verb = "has" if len(plan.uncollected) == 1 else "have"
        reasons.append(
            f"{counted(len(plan.uncollected), 'seat')} {verb} work that was not collected: {named(plan.uncollected)}"
        )
    if plan.unsure:
        reasons.append(f"{counted(len(plan.unsure), 'seat')} cannot be asked: {named(plan.unsure)}")
    return "; ".join(reasons)


async def collect_all(wiring: Wiring, room: rooms.FoundRoom, folder: Path, *, report: Report, door: str = "") -> None:
    """Collect every seat that was used.

    Args:
        door: what has already happened to the gateway, for the message.

    Raises:
        PartlyDone: a seat could not be collected; no seat was touched.
    """
    there = {record.number for record in await room.runtime.seats(room.classroom)}
    picture = await watching.status(wiring, room)
    numbers = seats_with_work(wiring, room, picture, there)
    failed = (await collect_seats(wiring, room, numbers, folder, report=report)).failed
    if failed:
        raise PartlyDone(
            f"No seat was removed: the work of {len(failed)} of {len(numbers)} seats could not be collected.{door}",
            hint=f"The others are in {folder}. Mend the cause and run it again, or add `--discard`.",
            details=tuple(f"{seat_name(result.number)}  {result.error}" for result in failed),
        )
