"""The folders of the process runtime: what an engine's objects and labels are elsewhere, files are here.

<state>/process/<classroom>/classroom.json      made first, removed last
                            data/               files of `data:`, for all seats
                            locks/07            held while something is done to seat 07
                            closing             from the beginning of a teardown on: no seat is started any more
                            seats/07/seat.json  labels, command, port and process; made before all else of a seat
                            seats/07/home/      what the participant sees
                            seats/07-g2/        its second generation (a reset seat)
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import secrets
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from workshop.errors import NameInUse, RuntimeRefused, SourceError
from workshop.model import labels
from workshop.model.classroom import Classroom, decode_classroom
from workshop.model.data_file import SUMS, DataFile, sums_text
from workshop.model.seat import seat_name
from workshop.runtimes.data_stream import proven

ANCHOR = "classroom.json"
CLOSING = "closing"
REMOVAL_TRIES = 5
_SEAT_FOLDER = re.compile(r"(\d{2,})(?:-g(\d+))?")
_UNFINISHED = ".new-"


@dataclass(frozen=True, slots=True)
class SeatFile:
    """`seat.json`: all there is to know of a seat, and what is needed to start it again."""

    number: int
    generation: int
    labels: dict[str, str]
    argv: tuple[str, ...]
    """With `{host}` and `{port}` where the address belongs."""
    env: dict[str, str] = field(default_factory=dict)
    port: int = 0
    start: str = ""
    """Drawn anew for every start and put in the process's environment: a process is known by it, not by its id."""
    pid: int = 0
    started_at: str = ""
    boot: float = 0.0
    """When the machine was started that the process ran on."""
    wanted: bool = True
    """False after `stop`: then it is no failure that nothing runs."""
    exit_code: int | None = None


@dataclass(frozen=True, slots=True)
class SeatFolder:
    """One generation of one seat."""

    path: Path
    number: int
    generation: int

    @property
    def file(self) -> Path:
        return self.path / "seat.json"

    @property
    def home(self) -> Path:
        return self.path / "home"

    @property
    def data(self) -> Path:
        """The classroom's files of `data:`."""
        return self.path.parent.parent / "data"

    @property
    def log(self) -> Path:
        return self.path / "server.log"

    def read(self) -> SeatFile | None:
        """None while it is being made or removed."""
        try:
            data: dict[str, Any] = json.loads(self.file.read_text())
            known = {name: data[name] for name in SeatFile.__dataclass_fields__ if name in data}
            return SeatFile(**(known | {"argv": tuple(known["argv"])}))
        except (FileNotFoundError, NotADirectoryError, json.JSONDecodeError, KeyError, TypeError):
            return None

    def write(self, seat: SeatFile) -> None:
        write_whole(self.file, json.dumps(asdict(seat)))

    def change(self, **changes: Any) -> SeatFile:
        seat = self.read()
        if seat is None:
            raise FileNotFoundError(self.file)
        seat = replace(seat, **changes)
        self.write(seat)
        return seat


class RoomFolder:
    """One classroom's folder."""

    def __init__(self, root: Path, name: str) -> None:
        self.path = root / name
        self.anchor = self.path / ANCHOR
        self._closing = self.path / CLOSING

    def classroom(self) -> Classroom | None:
        """None when there is none, or what is there cannot be read."""
        with suppress(FileNotFoundError, NotADirectoryError, ValueError):
            data: dict[str, str] = json.loads(self.anchor.read_text())
            return decode_classroom(data[labels.DEFINITION])
        return None

    def has(self, uid: str) -> bool:
        room = self.classroom()
        return room is not None and room.uid == uid

    def make(self, classroom: Classroom) -> Classroom:
        """Make the folder with its anchor in one step, or find it.

        Raises:
            NameInUse: the name belongs to a classroom with another uid.
        """
        root = self.path.parent
        root.mkdir(parents=True, exist_ok=True, mode=0o700)
        fresh = root / f"{_UNFINISHED}{classroom.name}-{secrets.token_hex(4)}"
        fresh.mkdir(mode=0o700)
        try:
            write_whole(fresh / ANCHOR, json.dumps(labels.room_labels(classroom, "network"), sort_keys=True))
            with suppress(OSError):  # a folder with something in it is there: whose, is looked at next
                fresh.rename(self.path)
        finally:
            shutil.rmtree(fresh, ignore_errors=True)
        found = self.classroom()
        if found is None or found.uid != classroom.uid:
            raise NameInUse(
                f"A classroom called {classroom.name!r} is already there.",
                hint="Give this one another name (`--name`), or end the other first (`workshop down`).",
            )
        self._closing.unlink(missing_ok=True)  # a teardown was interrupted, and the classroom is wanted again
        return found

    def folder(self, number: int, generation: int) -> SeatFolder:
        suffix = f"-g{generation}" if generation > 1 else ""
        return SeatFolder(self.path / "seats" / f"{seat_name(number)}{suffix}", number, generation)

    def generations(self) -> dict[int, list[SeatFolder]]:
        """All folders of seats by number, oldest generation first."""
        found: dict[int, list[SeatFolder]] = {}
        with suppress(FileNotFoundError):
            for path in (self.path / "seats").iterdir():
                if match := _SEAT_FOLDER.fullmatch(path.name):
                    number, generation = int(match[1]), int(match[2] or 1)
                    found.setdefault(number, []).append(SeatFolder(path, number, generation))
        return {number: sorted(of, key=lambda seat: seat.generation) for number, of in sorted(found.items())}

    def seats(self) -> dict[int, tuple[SeatFolder, SeatFile]]:
        """The folder that is each seat: its newest generation that has a file."""
        found: dict[int, tuple[SeatFolder, SeatFile]] = {}
        for number, folders in self.generations().items():
            for folder in folders:
                seat = folder.read()
                if seat is not None:
                    found[number] = (folder, seat)
        return found

    @contextmanager
    def lock(self, number: int) -> Iterator[None]:
        """Whatever is done to one seat is done by one thread of one process at a time.

        Raises:
            FileNotFoundError: the classroom is gone.
        """
        if not self.anchor.exists():
            raise FileNotFoundError(self.anchor)
        folder = self.path / "locks"
        folder.mkdir(exist_ok=True)
        with locked(folder / seat_name(number)):
            if not self.anchor.exists():
                raise FileNotFoundError(self.anchor)
            yield

    def take_data(self, files: Sequence[DataFile]) -> None:
        """Copy files of `data:` into a folder for all seats, whole or not at all.

        Raises:
            SourceError: a file is not what its checksum says any more.
            RuntimeRefused: they cannot be written.
        """
        folder, partial = self.path / "data", self.path / "data.partial"
        sums = folder / SUMS
        if sums.is_file() and sums.read_text() == sums_text(files):
            return
        for old in (folder, partial):
            _remove_data(old)
        try:
            partial.mkdir()
            for file in files:
                with open(partial / file.name, "wb") as copy:
                    copy.writelines(proven(file))
                (partial / file.name).chmod(0o444)
            (partial / SUMS).write_text(sums_text(files))
            partial.chmod(0o555)
            partial.rename(folder)
        except SourceError:
            _remove_data(partial)
            raise
        except OSError as error:
            _remove_data(partial)
            raise RuntimeRefused(
                f"The files of `data:` could not be written to {folder}: {error.strerror}.",
                hint="Free space, then run the same command again.",
            ) from error

    @property
    def closing(self) -> bool:
        """Whether a teardown has begun."""
        return self._closing.exists()

    def begin_closing(self) -> None:
        """From now on no seat is started: those that are being started are waited for."""
        self._closing.touch(mode=0o600)
        with suppress(FileNotFoundError):
            # A lock that is not there yet is taken by somebody who will see the mark.
            for file in sorted((self.path / "locks").iterdir()):
                with locked(file):
                    pass

    def remove_anchor(self) -> None:
        """What is left when all seats are gone."""
        for name in ("data", "data.partial"):
            _remove_data(self.path / name)
        shutil.rmtree(self.path / "seats", ignore_errors=True)
        shutil.rmtree(self.path / "locks", ignore_errors=True)
        self.anchor.unlink(missing_ok=True)
        for tries_left in reversed(range(REMOVAL_TRIES)):
            try:
                shutil.rmtree(self.path)
            except FileNotFoundError:  # another program is closing it as well
                continue
            except OSError:  # somebody has just made a lock, to find that the anchor is gone
                if not tries_left:
                    raise
            else:
                return


def _remove_data(folder: Path) -> None:
    if folder.exists():
        folder.chmod(0o755)
        shutil.rmtree(folder)


def rooms(root: Path) -> dict[str, RoomFolder]:
    """Every folder that may be a classroom's, by its name."""
    if not root.is_dir():
        return {}
    return {path.name: RoomFolder(root, path.name) for path in sorted(root.iterdir()) if not path.name.startswith(".")}


def unfinished(root: Path) -> list[Path]:
    """Folders of classrooms that were being made when their process was killed."""
    return sorted(root.glob(f"{_UNFINISHED}*")) if root.is_dir() else []


def write_whole(file: Path, text: str) -> None:
    """Write a private file whose readers see the old text or the new one, even if we are killed meanwhile."""
    fresh = file.with_name(f".{file.name}-{secrets.token_hex(4)}")
    try:
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as handle:
            handle.write(text)
            handle.flush()
            os.fsync(handle.fileno())
        fresh.replace(file)
    except BaseException:
        fresh.unlink(missing_ok=True)
        raise


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """An exclusive lock on a file that others may remove: then it is taken on its successor."""
    while True:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            if _is_same_file(handle, path):
                yield
                return
        finally:
            os.close(handle)


def _is_same_file(handle: int, path: Path) -> bool:
    """Whether the opened file is still the one under its path."""
    try:
        return os.fstat(handle).st_ino == path.stat().st_ino
    except FileNotFoundError:
        return False
