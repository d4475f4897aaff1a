"""The files that an image gives a seat: read once for each image, then kept in the cache folder."""

from __future__ import annotations

import hashlib
import json
import logging
import os
from dataclasses import dataclass, field, replace
from pathlib import Path

from workshop.core.changes import FileFact, FileList, Kind, is_junk
from workshop.errors import RuntimeRefused, SeatFailed
from workshop.model.classroom import Classroom
from workshop.service import inside, rooms, seat_files
from workshop.service.rooms import FoundRoom
from workshop.service.tar_files import Members, facts_of, in_thread
from workshop.service.wiring import Wiring

log = logging.getLogger(__name__)

VERSION = 1


@dataclass(frozen=True, slots=True)
class Baseline:
    """What a fresh seat holds."""

    files: FileList = field(default_factory=dict)
    runs: dict[str, frozenset[str]] = field(default_factory=dict)
    """By notebook: digests of cells that came with outputs; they are nobody's run."""
    known: bool = True
    """False when the image could not be read: then every file counts as a participant's own."""


async def baseline(wiring: Wiring, room: FoundRoom) -> Baseline:
    """The baseline of a classroom's image: from the cache, else from the image, else from a seat nobody has opened.

    Raises:
        RuntimeUnreachable: the engine does not answer.
    """
    file = _cache_file(wiring, room.classroom)
    found = _read(file)
    if found is not None:
        return found
    try:
        found = await in_thread(room.runtime.read_image_files(room.classroom), _from_members)
    except (SeatFailed, RuntimeRefused) as error:
        log.info("the image of %s cannot be read: %s", room.classroom.name, error)
        found = await _from_untouched_seat(wiring, room)
    if found.known:
        _write(file, found)
    return found


def _from_members(members: Members) -> Baseline:
    """Facts and, for notebooks, the digests of cells that were run before."""
    runs: dict[str, frozenset[str]] = {}
    cells: dict[str, str] = {}

    def look(path: str, text: bytes) -> None:
        cells[path] = inside.cells_digest(text)
        try:
            runs[path] = frozenset(inside.count_cells(json.loads(text.decode("utf-8")))["run"])
        except (ValueError, TypeError, AttributeError):
            log.info("%s in the image is no notebook", path)

    files, _ = facts_of(members, notebook=look)
    kept = {path: replace(fact, cells=cells.get(path, "")) for path, fact in files.items() if not is_junk(path)}
    return Baseline(kept, {path: digests for path, digests in runs.items() if digests and path in kept})


async def _from_untouched_seat(wiring: Wiring, room: FoundRoom) -> Baseline:
    """The files of a seat that nobody ever came to, where it is known which those are."""
    if not rooms.knows_who_came(wiring, room):
        return Baseline(known=False)
    uid = room.classroom.uid
    opened = {claim.number for claim in wiring.store.claims(uid)}
    opened |= {number for number, note in wiring.store.notes(uid).items() if note.first_seen is not None}
    for record in await room.runtime.seats(room.classroom):
        if record.number in opened or record.state not in seat_files.RUNNING or record.generation != 1:
            continue
        try:
            return await in_thread(room.runtime.read_files(room.classroom, record.number, "."), _from_members)
        except SeatFailed as error:
            log.info("seat %s cannot stand for the image: %s", record.number, error)
    return Baseline(known=False)


def _cache_file(wiring: Wiring, classroom: Classroom) -> Path:
    name = hashlib.sha256("\0".join((classroom.runtime, classroom.image, classroom.commit)).encode()).hexdigest()
    return wiring.places.cache / "baselines" / f"{name[:24]}.json"


def _read(file: Path) -> Baseline | None:
    try:
        document = json.loads(file.read_text("utf-8"))
        if document["version"] != VERSION:
            return None
        files = {path: FileFact(Kind(fact[0]), *fact[1:]) for path, fact in document["files"].items()}
        return Baseline(files, {path: frozenset(digests) for path, digests in document["runs"].items()})
    except (OSError, ValueError, KeyError, TypeError) as error:
        if not isinstance(error, FileNotFoundError):
            log.warning("%s is read again: %s", file, error)
        return None


def _write(file: Path, found: Baseline) -> None:
    """Keep it; a cache that cannot be written only costs time."""
    document = {
        "version": VERSION,
        "files": {path: [fact.kind, fact.size, fact.content, fact.cells] for path, fact in found.files.items()},
        "runs": {path: sorted(digests) for path, digests in found.runs.items()},
    }
    partial = file.with_name(f"{file.name}.{os.getpid()}.part")
    try:
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        partial.write_text(json.dumps(document), "utf-8")
        partial.replace(file)
    except OSError as error:
        log.warning("%s cannot be kept: %s", file, error)
