"""Writes the report of a class, from what was seen while it ran."""

from __future__ import annotations

import json
import os
from pathlib import Path

from workshop.core.class_report import ClassFacts, Moment, NotebookProgress, count_incidents, html, markdown, overview
from workshop.model.amounts import counted
from workshop.model.class_rules import ClassRules
from workshop.ports.remote import remote_of
from workshop.service import collecting, costing, progress, rooms, watching
from workshop.service.reports import ClassHistory, WrittenReport
from workshop.service.room_folder import existing
from workshop.service.wiring import Wiring


async def report(wiring: Wiring, room: rooms.FoundRoom) -> WrittenReport:
    """The report of a class that still runs, as it stands now."""
    return write(wiring, await gather(wiring, room))


async def gather(wiring: Wiring, room: rooms.FoundRoom) -> ClassFacts:
    """Everything the report says; ask before the class is removed."""
    classroom = room.classroom
    there = {record.number for record in await room.runtime.seats(classroom)}
    used = set(collecting.used_seats(wiring, room, there))
    history = await watching.history(wiring, room)
    kinds = [kind for _at, kind, _text, _seat in wiring.store.history(classroom.uid, limit=100_000)]
    collected = len(collecting.last_collected(wiring, classroom.uid))
    return ClassFacts(
        workshop=classroom.workshop,
        classroom=classroom.name,
        runtime=classroom.runtime,
        commit=classroom.commit,
        began=classroom.created,
        ended=wiring.clock(),
        seats=len(there),
        used=len(used),
        memory_limit=classroom.limits.memory_bytes,
        moments=tuple(
            Moment(sample.at, sample.joined, sample.active, sample.memory_bytes) for sample in history.samples
        ),
        seat_peaks=_peaks(history, used),
        progress=await _progress(wiring, room),
        incidents=count_incidents(kinds),
        cost=await costing.cost_of_room(wiring, room),
        collected=collected_sentence(collected),
    )


def collected_sentence(seats: int) -> str:
    """What was collected, for the report; empty for nothing."""
    return f"the work of {counted(seats, 'seat')}" if seats else ""


def _peaks(history: ClassHistory, used: set[int]) -> tuple[int, ...]:
    highest: dict[int, int] = {}
    for sample in history.samples:
        for number, memory in sample.seats.items():
            if number in used:
                highest[number] = max(highest.get(number, 0), memory)
    return tuple(sorted(highest.values()))


async def _progress(wiring: Wiring, room: rooms.FoundRoom) -> tuple[NotebookProgress, ...]:
    if remote_of(room.runtime) is not None:
        client = await wiring.doors.client(room.classroom)
        answer = await client.act("notebooks", {}) if client is not None and _is_read(room) else {"notebooks": []}
        return tuple(NotebookProgress(**entry) for entry in answer["notebooks"])
    folder = existing(wiring, room.classroom.uid)
    file = folder / progress.FILE if folder else None
    if file is None or not file.is_file():
        return ()
    return tuple(NotebookProgress(**entry) for entry in json.loads(file.read_text("utf-8")))


def _is_read(room: rooms.FoundRoom) -> bool:
    """Whether the gateway looks into seats at all."""
    return ClassRules.of(room.classroom).privacy != "strict"


def write(wiring: Wiring, facts: ClassFacts, *, of: str = "") -> WrittenReport:
    """`<state>/reports/<class>-<when it began>`, as Markdown and as a page.

    Args:
        of: which part of the class it is about, where it is not about all of it.
    """
    folder = wiring.state_dir / "reports"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    name = f"{facts.classroom}-{facts.began:%Y%m%d-%H%M}{f'-{of}' if of else ''}"
    text = markdown(facts)
    files = (folder / f"{name}.md", folder / f"{name}.html")
    for file, content in zip(files, (text, html(facts)), strict=True):
        _write(file, content)
    return WrittenReport(*files, text, facts, tuple(overview(facts)))


def _write(file: Path, content: str) -> None:
    partial = file.with_name(f".{file.name}.{os.getpid()}.part")
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        stream.write(content)
    partial.replace(file)
