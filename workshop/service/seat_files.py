"""What files a seat has: asked inside the seat where that is possible, read through its runtime where it is not."""

from __future__ import annotations

import json
import logging
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from functools import cache, partial
from pathlib import Path
from typing import Any

from workshop.core.changes import JUNK, FileFact, FileList, Kind, is_junk
from workshop.errors import RuntimeUnreachable, SeatFailed, WorkshopError
from workshop.model.seat import SeatRecord, SeatState, seat_name
from workshop.service import inside
from workshop.service.rooms import FoundRoom
from workshop.service.tar_files import facts_of, in_thread, link_fact

log = logging.getLogger(__name__)

MARKS = ("/.dockerenv",)
"""Files that an engine makes when it makes a container, and never again: Podman's is made anew at each start."""
NONSENSE = (ValueError, TypeError, KeyError, AttributeError, IndexError, OverflowError, RecursionError)
"""What reading a seat's answer ends in when it has not the form that was asked for: whatever is called `python3` there
may be a participant's own."""
RUNNING = (SeatState.STARTING, SeatState.READY)


@dataclass(frozen=True, slots=True)
class Listing:
    """The files of a seat at one moment."""

    files: dict[str, FileFact] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)
    """Paths that could not be read, and why; a folder with a slash at its end."""

    @property
    def has_closed_folders(self) -> bool:
        """Whether there are files that it does not know of: the seat's own user may not look into their folder."""
        return any(path.endswith("/") for path in self.errors)


@cache
def _script() -> str:
    return Path(inside.__file__).read_text("utf-8")


async def ask(room: FoundRoom, number: int, order: Mapping[str, Any], *, timeout: float = 60) -> dict[str, Any] | None:
    """Have `service.inside` do something in a running seat; None when nobody there can answer.

    A seat may have no Python, no process to spare, or no memory; each is a reason to read its files another way.

    Raises:
        RuntimeUnreachable: the engine does not answer.
    """
    argv = ("python3", "-I", "-S", "-c", _script(), json.dumps(order))
    try:
        result = await room.runtime.run(room.classroom, number, argv, timeout=timeout)
    except RuntimeUnreachable:
        raise
    except (WorkshopError, TimeoutError) as error:
        log.info("seat %s cannot be asked: %s", seat_name(number), error)
        return None
    if result.exit_code == 0:
        try:
            answer = json.loads(result.stdout)
        except NONSENSE:
            answer = None
        if isinstance(answer, dict):
            return answer
    log.info("seat %s cannot be asked: exit code %s, %s", seat_name(number), result.exit_code, result.stderr[-300:])
    return None


async def quick_listing(
    room: FoundRoom,
    record: SeatRecord,
    *,
    baseline: FileList | None = None,
    everything: bool = False,
    wanted: Collection[str] | None = None,
) -> Listing | None:
    """The listing as the seat itself gives it; None when it cannot.

    Args:
        baseline: what the image has: files that were certainly not touched since are not read again.
        everything: caches and traces of programs too.
        wanted: these paths alone, and what stands beside them as an update; notebooks with their `cells`.
    """
    if record.state not in RUNNING:
        return None
    order: dict[str, Any] = {"do": "list", "junk": () if everything else JUNK}
    if baseline is not None:
        order["marks"] = MARKS
    if wanted is not None:
        order |= {"wanted": sorted(wanted), "cells": True}
    answer = await ask(room, record.number, order, timeout=120)
    if answer is None:
        return None
    try:
        found = _listed(answer)
    except NONSENSE as error:
        log.info("seat %s answered nonsense: %s", seat_name(record.number), type(error).__name__)
        return None
    return found if baseline is None else await _completed(room, record, found, baseline)


def _listed(answer: Mapping[str, Any]) -> Listing:
    """A seat's answer as a listing."""
    files = {
        path: FileFact(Kind.FILE, int(size), str(digest), str(cells))
        for path, (size, digest, cells) in answer["files"].items()
    }
    files |= {path: link_fact(str(target)) for path, target in answer["links"].items()}
    return Listing(files, {path: str(reason) for path, reason in answer["errors"].items()})


async def _completed(room: FoundRoom, record: SeatRecord, found: Listing, baseline: FileList) -> Listing | None:
    """The listing with the digests of files that were not read: the image's own, where the image has such a file."""
    unread = {path: fact for path, fact in found.files.items() if fact.kind is Kind.FILE and not fact.content}
    known = {path for path, fact in unread.items() if _is_in(baseline, path, fact)}
    files = found.files | {path: baseline[path] for path in known}
    rest = unread.keys() - known
    if not rest:
        return Listing(files, found.errors)
    asked = await quick_listing(room, record, wanted=rest)
    if asked is None:
        return None
    files |= {path: asked.files[path] for path in rest & asked.files.keys()}
    gone = rest - asked.files.keys()
    return Listing({path: fact for path, fact in files.items() if path not in gone}, found.errors | asked.errors)


def _is_in(baseline: FileList, path: str, fact: FileFact) -> bool:
    before = baseline.get(path)
    return before is not None and before.kind is Kind.FILE and before.size == fact.size


async def listing(
    room: FoundRoom, record: SeatRecord, *, baseline: FileList | None = None, everything: bool = False
) -> Listing:
    """All files of a seat, running or not.

    Raises:
        SeatFailed: its files cannot be read.
    """
    quick = await quick_listing(room, record, baseline=baseline, everything=everything)
    if quick is not None and not quick.errors:
        return quick
    return await streamed_listing(room, record.number, everything=everything)


async def streamed_listing(room: FoundRoom, number: int, *, everything: bool = False) -> Listing:
    """The same by reading every file through the runtime: slower, and possible in a seat that is broken.

    Notebooks come with their `cells`.

    Raises:
        SeatFailed: its files cannot be read.
    """
    cells: dict[str, str] = {}

    def look(path: str, text: bytes) -> None:
        cells[path] = inside.cells_digest(text)

    stream = room.runtime.read_files(room.classroom, number, ".")
    files, odd = await in_thread(stream, partial(facts_of, notebook=look))
    files |= {path: replace(files[path], cells=digest) for path, digest in cells.items()}
    if everything:
        return Listing(files, odd)
    return Listing(
        {path: fact for path, fact in files.items() if not is_junk(path)},
        {path: reason for path, reason in odd.items() if not is_junk(path)},
    )


async def record_of(room: FoundRoom, number: int) -> SeatRecord:
    """
    Raises:
        SeatFailed: there is no such seat.
    """
    for record in await room.runtime.seats(room.classroom):
        if record.number == number:
            return record
    raise SeatFailed(f"Classroom {room.classroom.name} has no seat {seat_name(number)}.")
