"""Making, finding, stopping and removing seats' processes and folders. Blocking; `process` calls it in threads."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import threading
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import psutil

from workshop.errors import SeatFailed
from workshop.model import labels
from workshop.model.classroom import Classroom
from workshop.model.seat import SeatCommand, SeatRecord, SeatState, Usage, seat_name
from workshop.model.snapshot import Removal, Survivor
from workshop.runtimes.process.seat_folder import RoomFolder, SeatFile, SeatFolder, locked, rooms, unfinished
from workshop.runtimes.process.seat_processes import SeatProcesses, leaders, main_process, mark
from workshop.runtimes.process.start import HOST, furnish, reap, start

STOP_SECONDS = 10.0
REMOVE_SECONDS = 3.0
REMOVAL_TRIES = 3
ENDING_SECONDS = 1.0
UNRECORDED_SECONDS = 1.0
"""How long a process may take from its fork to its exec."""
BOOT_TOLERANCE = 120.0
"""The time of the machine's start is computed from clocks that are set now and then."""


class ProcessSeats:
    """The seats below one folder.

    Several programs work on the same folder at once: each seat has a lock, and what is in the files is the truth.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._processes = SeatProcesses()
        self._look = threading.Lock()
        self._children: dict[int, subprocess.Popen[bytes]] = {}
        """Servers that this program started itself: only their exit codes can be known."""
        self._exit_codes: dict[int, int] = {}

    def room(self, classroom: Classroom) -> RoomFolder:
        return RoomFolder(self.root, classroom.name)

    def records(self, classroom: Classroom) -> tuple[SeatRecord, ...]:
        room = self.room(classroom)
        if not room.has(classroom.uid):
            return ()
        return tuple(self._record(classroom, folder, seat) for folder, seat in room.seats().values())

    def find(self, classroom: Classroom, number: int) -> tuple[SeatFolder, SeatFile]:
        """
        Raises:
            SeatFailed: there is no such seat.
        """
        room = self.room(classroom)
        found = room.seats().get(number) if room.has(classroom.uid) else None
        if found is None:
            raise SeatFailed(
                f"Classroom {classroom.name!r} has no seat {seat_name(number)} on this machine.",
                hint="`workshop up` with the same file makes what is missing.",
            )
        return found

    def running(self, classroom: Classroom, number: int) -> tuple[SeatFolder, SeatFile]:
        """
        Raises:
            SeatFailed: the seat is not there, or its server does not run.
        """
        folder, seat = self.find(classroom, number)
        if self._main(classroom, folder, seat) is None:
            raise SeatFailed(
                f"Seat {seat_name(number)} does not run: nothing can be run in it.",
                hint=f"Restart it: `workshop restart {classroom.name} {seat_name(number)}`.",
            )
        return folder, seat

    def create(self, classroom: Classroom, number: int, command: SeatCommand, generation: int) -> SeatRecord:
        """Make and start a seat of at least this generation, or start the one there is.

        An older generation is stopped, and removed only when its successor runs.

        Raises:
            SeatFailed: it could not be made or started.
        """
        room = self.room(classroom)
        with self._held(classroom, number, starts=True):
            older = room.generations().get(number, [])
            folder = older[-1] if older else room.folder(number, generation)
            if folder.generation < generation or folder.read() is None:
                folder = _new_folder(room, classroom, number, command, max(generation, folder.generation))
            older = [old for old in older if old.generation < folder.generation]
            furnish(folder, Path(classroom.image))
            for old in older:
                self._end(classroom, old, REMOVE_SECONDS)
            try:
                record = self._ensure_running(classroom, folder)
            except SeatFailed:
                if older:
                    _remove_tree(folder.path)
                    self._ensure_running(classroom, older[-1])
                raise
            for old in older:
                _remove_tree(old.path)
        return record

    def restart(self, classroom: Classroom, number: int) -> SeatRecord:
        with self._held(classroom, number, starts=True):
            folder, _ = self.find(classroom, number)
            folder.change(wanted=False)  # until it is started again: its end is no crash
            self._end(classroom, folder, STOP_SECONDS)
            return self._ensure_running(classroom, folder)

    def stop(self, classroom: Classroom, number: int) -> None:
        with self._held(classroom, number):
            folder, _ = self.find(classroom, number)
            folder.change(wanted=False)
            self._end(classroom, folder, STOP_SECONDS)

    def pause(self, classroom: Classroom, number: int, *, paused: bool) -> None:
        with self._held(classroom, number):
            folder, _ = self.find(classroom, number)
            with self._look:
                self._processes.freeze(mark(classroom.uid, number, folder.generation), frozen=paused)

    def remove(self, classroom: Classroom, numbers: Collection[int]) -> Removal:
        """End and remove these seats, all generations of them; already gone is success."""
        room = self.room(classroom)
        if not room.has(classroom.uid):
            return Removal()
        there = room.generations()
        left: list[Survivor] = []
        with self._look:
            for number in numbers:
                self._processes.ask_to_end(mark(classroom.uid, number))
        for number in sorted(set(numbers) & there.keys()):
            try:
                with self._held(classroom, number):
                    left += self._remove_one(classroom, room, number)
            except SeatFailed:
                break  # another program has closed the classroom meanwhile
        remaining = room.generations()
        gone = len(set(numbers) & there.keys() - remaining.keys())
        return Removal({"seats": gone} if gone else {}, tuple(left))

    def _remove_one(self, classroom: Classroom, room: RoomFolder, number: int) -> list[Survivor]:
        left = []
        folders = room.generations().get(number, [])
        with self._look:
            for folder in folders:
                self._await_unrecorded(classroom, folder)
            stubborn = self._processes.end(mark(classroom.uid, number), patience=REMOVE_SECONDS)
        if stubborn:
            left.append(Survivor("process", ", ".join(map(str, stubborn)), "it did not end when it was killed"))
        for folder in folders:
            error = _removed(folder.path)
            if error is not None:
                left.append(Survivor("seat", str(folder.path), error.strerror or str(error)))
        self._reap()
        return left

    def close(self, classroom: Classroom) -> Removal:
        """Remove everything of a classroom, its anchor last."""
        room = self.room(classroom)
        if not room.has(classroom.uid):
            return Removal()
        room.begin_closing()
        removal = Removal()
        while numbers := tuple(room.generations()):
            removal += self.remove(classroom, numbers)
            if removal.left:
                kept = Survivor("folder", str(room.path), "kept until all else is gone")
                return removal + Removal({}, (kept,))
        with self._look:
            stubborn = self._processes.end(mark(classroom.uid), patience=REMOVE_SECONDS)
        if stubborn:
            reason = "it did not end when it was killed"
            return removal + Removal({}, (Survivor("process", ", ".join(map(str, stubborn)), reason),))
        room.remove_anchor()
        return removal + Removal({"folders": 1})

    def remove_strays(self, known: Collection[str]) -> Removal:
        """Remove what killed programs left half-made: processes and folders that no classroom's anchor names."""
        alive = {*known, *(room.uid for folder in rooms(self.root).values() if (room := folder.classroom()))}
        with self._look:
            strays = {text.split("/")[0] for text, _ in self._processes.find(lambda text: True)} - alive
        removed = {"seats": 0, "folders": 0}
        left: list[Survivor] = []
        for uid in sorted(strays):
            if not self._is_below_root(uid):
                continue
            with self._look:
                stubborn = self._processes.end(mark(uid), patience=REMOVE_SECONDS)
            removed["seats"] += 1
            left += [Survivor("process", str(pid), "it did not end when it was killed") for pid in stubborn]
        lost = [
            folder.path for folder in rooms(self.root).values() if not folder.anchor.exists() and folder.path.is_dir()
        ]
        for path in (*unfinished(self.root), *lost):
            try:
                shutil.rmtree(path)
                removed["folders"] += 1
            except OSError as error:
                left.append(Survivor("folder", str(path), error.strerror or str(error)))
        return Removal({kind: count for kind, count in removed.items() if count}, tuple(left))

    def usage(self, classroom: Classroom) -> dict[int, Usage]:
        with self._look:
            return self._processes.usage(classroom.uid)

    def _is_below_root(self, uid: str) -> bool:
        """Whether a classroom's processes live in this folder, and not in another user's or another test's."""
        home = str(self.root.resolve())
        for process in self._processes.of(mark(uid)):
            with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
                if process.environ().get("HOME", "").startswith(home):
                    return True
        return False

    @contextmanager
    def _held(self, classroom: Classroom, number: int, *, starts: bool = False) -> Iterator[None]:
        """
        Raises:
            SeatFailed: the classroom is gone; or it is being closed, and something would be started.
        """
        room = self.room(classroom)
        try:
            with room.lock(number):
                # In this order: the mark of a teardown goes after the anchor.
                if (starts and room.closing) or not room.has(classroom.uid):
                    raise FileNotFoundError(room.anchor)
                yield
        except FileNotFoundError as error:
            raise SeatFailed(
                f"Seat {seat_name(number)}: classroom {classroom.name!r} is not open.",
                hint="It was closed, or is just being closed.",
            ) from error

    def _record(self, classroom: Classroom, folder: SeatFolder, seat: SeatFile) -> SeatRecord:
        process = self._main(classroom, folder, seat)
        record = SeatRecord(
            number=folder.number,
            state=SeatState.STARTING,
            object_id=str(folder.path),
            endpoint=f"http://{HOST}:{seat.port}",
            started_at=datetime.fromisoformat(seat.started_at) if seat.started_at else None,
            generation=folder.generation,
        )
        if process is not None:
            with suppress(psutil.NoSuchProcess):
                paused = process.status() == psutil.STATUS_STOPPED
                return replace(record, state=SeatState.PAUSED) if paused else record
        child = self._children.get(seat.pid)
        if child is not None:
            with suppress(subprocess.TimeoutExpired):  # it has lost its memory already, and ends in this moment
                child.wait(ENDING_SECONDS)
        self._reap()
        code = self._exit_codes.pop(seat.pid, None)
        if code is not None:
            with suppress(FileNotFoundError):
                seat = folder.change(exit_code=code)
        return _ended(record, seat)

    def _reap(self) -> None:
        self._exit_codes |= reap(self._children)

    def _main(self, classroom: Classroom, folder: SeatFolder, seat: SeatFile) -> psutil.Process | None:
        """The seat's server, also when a program was killed between starting it and writing its id down."""
        if not seat.start:
            return None
        wanted = mark(classroom.uid, folder.number, folder.generation, seat.start)
        process = main_process(seat.pid, wanted)
        if process is None and not seat.pid:
            with self._look:
                pid = leaders(self._processes.find(lambda text: text == wanted)).get(wanted, 0)
            process = main_process(pid, wanted)
            if process is not None:
                with suppress(FileNotFoundError):
                    folder.change(pid=pid)
        return process

    def _ensure_running(self, classroom: Classroom, folder: SeatFolder) -> SeatRecord:
        seat = folder.read()
        if seat is None:
            raise SeatFailed(f"Seat {seat_name(folder.number)} was removed while it was started.")
        if self._main(classroom, folder, seat) is None:
            # What the last server left running would hold on to the seat's files and port.
            self._end(classroom, folder, REMOVE_SECONDS)
            with locked(self.root / ".ports"):
                others = {other.port for room in rooms(self.root).values() for _, other in room.seats().values()}
                seat, child = start(classroom, folder, seat, others, Path(classroom.image))
            self._children[child.pid] = child
        return self._record(classroom, folder, seat)

    def _await_unrecorded(self, classroom: Classroom, folder: SeatFolder) -> None:
        """Wait for the server of a program that was killed while it started it.

        Between fork and exec a process carries no mark yet: only what was written down before tells that it comes.
        """
        seat = folder.read()
        if seat is None or not seat.start or seat.pid:
            return
        wanted = mark(classroom.uid, folder.number, folder.generation, seat.start)
        deadline = time.monotonic() + UNRECORDED_SECONDS
        while not self._processes.find(lambda text: text == wanted) and time.monotonic() < deadline:
            time.sleep(0.05)

    def _end(self, classroom: Classroom, folder: SeatFolder, patience: float) -> None:
        with self._look:
            stubborn = self._processes.end(mark(classroom.uid, folder.number, folder.generation), patience=patience)
        self._reap()
        if stubborn:
            raise SeatFailed(
                f"Seat {seat_name(folder.number)} could not be stopped: process {stubborn[0]} did not end."
            )


def _new_folder(
    room: RoomFolder, classroom: Classroom, number: int, command: SeatCommand, generation: int
) -> SeatFolder:
    folder = room.folder(number, generation)
    folder.path.mkdir(parents=True, exist_ok=True, mode=0o700)
    folder.write(
        SeatFile(
            number=number,
            generation=generation,
            labels=labels.seat_labels(classroom, number, generation=generation),
            argv=command.argv,
            env=dict(command.env),
        )
    )
    return folder


def _ended(record: SeatRecord, seat: SeatFile) -> SeatRecord:
    """A seat without a server: stopped as it was told to be, gone with the machine's last run, or failed."""
    record = replace(record, state=SeatState.STOPPED, endpoint="", started_at=None, exit_code=seat.exit_code)
    if not seat.start:
        return replace(record, state=SeatState.CREATING)
    if not seat.wanted:
        return replace(record, detail="stopped")
    if abs(psutil.boot_time() - seat.boot) > BOOT_TOLERANCE:
        return replace(record, detail="stopped: this machine was restarted")
    code = "" if seat.exit_code is None else f" with code {seat.exit_code}"
    return replace(record, state=SeatState.FAILED, detail=f"the server ended{code}")


def _removed(path: Path) -> OSError | None:
    """Remove a seat's folder: what is in the way. Tried again, because a watcher may just write the seat's end down."""
    found: OSError | None = None
    for _ in range(REMOVAL_TRIES):
        try:
            _remove_tree(path)
        except FileNotFoundError:
            return None
        except OSError as error:
            found = error
        else:
            return None
    return found


def _remove_tree(path: Path) -> None:
    """Remove a seat's folder, its file of labels last, folders that were made read-only included."""
    for entry in sorted(path.iterdir(), key=lambda entry: entry.name == "seat.json"):
        if entry.is_dir() and not entry.is_symlink():
            for folder in (entry, *(sub for sub in entry.rglob("*") if sub.is_dir() and not sub.is_symlink())):
                with contextlib.suppress(OSError):  # rmtree below names what cannot be removed
                    folder.chmod(0o700)
            shutil.rmtree(entry)
        else:
            entry.unlink()
    path.rmdir()
