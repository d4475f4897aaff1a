"""The manifest of collected work: what was taken from which seat, with sizes, digests and errors."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import os
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from workshop.core.changes import Change, Kind, State, fingerprint
from workshop.errors import UsageError
from workshop.model.classroom import Classroom
from workshop.model.parts import class_uid, parts_of
from workshop.model.seat import SeatRecord, seat_name
from workshop.service.archive import Taken
from workshop.service.reports import CollectedSeat
from workshop.service.room_folder import write_json
from workshop.service.rooms import FoundRoom
from workshop.service.tar_files import sha256_of

MANIFEST = "manifest.json"


def whose(folder: Path) -> str:
    """The uid of the class whose work is in a folder; empty where there is none that can be read."""
    try:
        return str(json.loads((folder / MANIFEST).read_text("utf-8"))["classroom_uid"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""


class Manifest:
    """`manifest.json`: what was collected, with sizes, digests and errors. No codes and no names.

    Written again after each seat, whole or not at all: whenever a collection ends, it is true.
    """

    def __init__(
        self,
        folder: Path,
        room: FoundRoom,
        clock: Callable[[], datetime],
        seats: dict[str, dict[str, Any]],
        earlier: dict[str, dict[str, Any]],
    ) -> None:
        self.folder = folder
        self._room = room
        self._clock = clock
        self._seats = seats
        """The entry of each seat, by its name."""
        self._earlier = earlier
        """Those of archives whose seats have changed hands since, by file."""
        self.refusal = ""
        """Why nothing can be put into the folder: every seat's reason."""

    @classmethod
    def open(cls, folder: Path, room: FoundRoom, clock: Callable[[], datetime]) -> Manifest:
        """
        Raises:
            UsageError: the folder holds the work of another class, or cannot be written.
        """
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise UsageError(f"{folder} cannot be made: {error.strerror}.", hint="Name another folder.") from error
        file = folder / MANIFEST
        if not file.exists():
            return cls._begun(folder, room, clock)
        try:
            document = json.loads(file.read_text("utf-8"))
            of, seats = document["classroom_uid"], {entry["seat"]: entry for entry in document["seats"]}
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise UsageError(
                f"{file} is there and is not a manifest of collected work.", hint="Name another folder."
            ) from error
        if of != class_uid(room.classroom):
            raise UsageError(
                f"{folder} holds the collected work of another class ({document.get('classroom')}).",
                hint="Name another folder: collected work is never overwritten by another class's.",
            )
        return cls(folder, room, clock, seats, {entry["file"]: entry for entry in document.get("earlier", ())})

    @classmethod
    def _begun(cls, folder: Path, room: FoundRoom, clock: Callable[[], datetime]) -> Manifest:
        """A first manifest, before there is any archive: one without a manifest is somebody else's.

        Raises:
            UsageError: there is one.
        """
        if there := sorted(folder.glob("seat-*.tar.gz")):
            raise UsageError(
                f"{there[0]} is there, and no {MANIFEST} that says whose work it is.", hint="Name another folder."
            )
        begun = cls(folder, room, clock, {}, {})
        try:
            with _sole_writer(folder):
                if not (folder / MANIFEST).exists():
                    begun._write(room.classroom)
        except OSError as error:
            begun.refusal = f"{MANIFEST} cannot be written: {error.strerror}"
        return begun

    def set_aside(self, number: int, since: datetime | None) -> None:
        """Keep a seat's archive under another name, if it is from before the seat changed hands.

        Args:
            since: when the seat was last freed or made anew; None for never.

        Raises:
            OSError: it cannot be renamed.
        """
        entry = self._seats.get(seat_name(number))
        if since is None or not entry or not entry.get("file") or datetime.fromisoformat(entry["collected"]) > since:
            return
        old = self.folder / entry["file"]
        if not old.is_file():
            return
        stamp = datetime.fromisoformat(entry["collected"]).strftime("%Y%m%dT%H%M%S")
        kept = old.with_name(f"seat-{seat_name(number)}-{stamp}.tar.gz")
        old.rename(kept)
        self._earlier[kept.name] = {**entry, "file": kept.name}
        del self._seats[seat_name(number)]

    async def still_true(self, number: int, file: Path, content: str) -> CollectedSeat | None:
        """The entry of a seat whose files are as they were and whose archive is whole; None when it has to be made."""
        entry = self._seats.get(seat_name(number))
        if not entry or entry.get("content") != content or entry.get("file") != file.name or not file.is_file():
            return None
        if file.stat().st_size != entry["bytes"] or await asyncio.to_thread(sha256_of, file) != entry["sha256"]:
            return None
        if entry.get("error"):
            return self._put(number, {**entry, "error": None}, unchanged=True)
        return _collected(number, self.folder, entry, unchanged=True)

    def add(self, record: SeatRecord, taken: Taken) -> CollectedSeat:
        entry = {
            "seat": seat_name(record.number),
            "file": taken.file.name,
            "bytes": taken.size_bytes,
            "sha256": taken.sha256,
            "state": record.state.value,
            "collected": self._clock().isoformat(timespec="seconds"),
            "content": fingerprint(taken.changes),
            "error": None,
            "files": [_file_entry(change) for change in taken.changes if change.path not in taken.errors],
            "not_taken": [{"path": path, "reason": reason} for path, reason in sorted(taken.errors.items())],
        }
        return self._put(record.number, entry)

    def failed(self, record: SeatRecord, reason: str) -> CollectedSeat:
        """Note the error; an archive of an earlier run stays, and stays listed."""
        before = self._seats.get(seat_name(record.number), {})
        entry: dict[str, Any] = {"seat": seat_name(record.number), "file": None, "bytes": 0, "sha256": "", "files": []}
        return self._put(record.number, {**entry, **before, "state": record.state.value, "error": reason})

    def _put(self, number: int, entry: dict[str, Any], *, unchanged: bool = False) -> CollectedSeat:
        classroom = self._room.classroom
        try:
            with _sole_writer(self.folder):
                if parts_of(classroom) and (self.folder / MANIFEST).exists():
                    # gateways of other parts, which end at the same time, may have written here meanwhile
                    written = json.loads((self.folder / MANIFEST).read_text("utf-8"))
                    self._seats |= {other["seat"]: other for other in written["seats"]}
                    self._earlier |= {other["file"]: other for other in written.get("earlier", ())}
                self._seats[entry["seat"]] = entry
                self._write(classroom)
        except OSError as error:
            entry = {**entry, "error": entry["error"] or f"{MANIFEST} cannot be written: {error.strerror}"}
        return _collected(number, self.folder, entry, unchanged=unchanged)

    def _write(self, classroom: Classroom) -> None:
        document = {
            "classroom": classroom.name,
            "classroom_uid": class_uid(classroom),
            "workshop": classroom.workshop,
            "commit": classroom.commit,
            "collected": self._clock().isoformat(timespec="seconds"),
            "seats": [self._seats[seat] for seat in sorted(self._seats)],
            "earlier": [self._earlier[file] for file in sorted(self._earlier)],
        }
        write_json(self.folder / MANIFEST, document, indent=1)


@contextlib.contextmanager
def _sole_writer(folder: Path) -> Iterator[None]:
    """Hold the manifest of a folder while it is read and written again; the folder itself is the lock."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _file_entry(change: Change) -> dict[str, Any]:
    entry: dict[str, Any] = {"path": change.path, "state": change.state.value}
    if change.state is State.DELETED:
        return entry
    if change.fact.kind is Kind.LINK:
        return entry | {"link": change.fact.content}
    return entry | {"bytes": change.fact.size, "sha256": change.fact.content}


def _collected(number: int, folder: Path, entry: Mapping[str, Any], *, unchanged: bool) -> CollectedSeat:
    states = [file["state"] for file in entry.get("files", ())]
    return CollectedSeat(
        number=number,
        file=folder / entry["file"] if entry.get("file") else None,
        size_bytes=int(entry["bytes"]),
        new=states.count(State.NEW),
        changed=states.count(State.CHANGED),
        deleted=states.count(State.DELETED),
        not_taken=tuple(f"{item['path']}: {item['reason']}" for item in entry.get("not_taken", ())),
        unchanged=unchanged,
        error=entry.get("error") or "",
    )
