"""The file below the store: opened on first use, migrated, repaired, with errors of ours.

Opening is serialised between processes by a lock file, because switching to WAL, migrating and moving a damaged
file aside must happen once. After that SQLite's own locks do.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import shutil
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from workshop.errors import StateError
from workshop.state.schema import MIGRATIONS, TABLES

log = logging.getLogger(__name__)

BUSY_SECONDS = 10.0
"""How long a call waits for another process before it gives up."""
LEAST_ROOM = 64 * 1024
"""Bytes without which SQLite cannot open a database: its index of the write-ahead log and a page."""
_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


class Database:
    """One connection, shared by the threads of this process.

    Args:
        path: the file, or `:memory:`.
        on_notice: told, in a sentence, when a damaged file was moved aside.
        migrations: the steps of the schema; another list is for tests.

    Not for use across a fork: a child opens its own.
    """

    def __init__(
        self,
        path: Path | str,
        *,
        busy_seconds: float = BUSY_SECONDS,
        on_notice: Callable[[str], None] | None = None,
        migrations: Sequence[Sequence[str]] = MIGRATIONS,
    ) -> None:
        self._in_memory = str(path) == ":memory:"
        self.path = Path(path)
        self._busy_seconds = busy_seconds
        self._on_notice = on_notice
        self._migrations = migrations
        self._connection: sqlite3.Connection | None = None
        self._file: tuple[int, int] | None = None
        """Device and inode of what is open: another process may have moved a damaged file aside."""
        self._lock = threading.RLock()

    @contextlib.contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """The connection, for one query.

        Raises:
            StateError: the database cannot be used; the hint names the file.
        """
        with self._lock, self._translated():
            yield self._open()

    @contextlib.contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """A transaction that has the write lock from its first moment: what is read in it stays true until its end.

        Raises:
            StateError: the database cannot be used; the hint names the file.
        """
        with self._lock, self._translated():
            connection = self._open()
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise

    def close(self) -> None:
        with self._lock:
            connection, self._connection = self._connection, None
            if connection is not None:
                connection.close()

    def shrink(self) -> None:
        """Empty the write-ahead log, so that what was erased is nowhere on the disk; best effort while others read."""
        with self.reading() as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def _open(self) -> sqlite3.Connection:
        if self._connection is not None and self._file != self._file_there():
            self.close()
        if self._connection is None:
            if self._in_memory:
                self._connection = self._connect()
                self._migrate(self._connection)
            else:
                self._make_folder()
                with self._opening():
                    self._connection = self._open_file()
                    self._file = self._file_there()
        return self._connection

    def _file_there(self) -> tuple[int, int] | None:
        if self._in_memory:
            return None
        try:
            found = self.path.stat()
        except FileNotFoundError:
            return (0, 0)
        except OSError as error:
            raise self._unwritable(error.strerror or str(error)) from error
        return (found.st_dev, found.st_ino)

    def _make_folder(self) -> None:
        folder = self.path.parent
        if folder.is_dir():
            return
        try:
            folder.parent.mkdir(parents=True, exist_ok=True)
            folder.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise StateError(
                f"The folder {folder} for the state database cannot be made: {error.strerror}.",
                hint="Free the path, or name another folder with WORKSHOP_STATE_DIR.",
            ) from error

    @contextlib.contextmanager
    def _opening(self) -> Iterator[None]:
        """Hold the lock file; whoever waits behind a hung process gives up in the end."""
        try:
            descriptor = os.open(self.path.with_name(f"{self.path.name}.lock"), os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise self._unwritable(error.strerror or str(error)) from error
        try:
            deadline = time.monotonic() + self._busy_seconds
            while True:
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError as error:
                    if time.monotonic() > deadline:
                        raise self._busy() from error
                    time.sleep(0.02)
            yield
        finally:
            os.close(descriptor)

    def _open_file(self) -> sqlite3.Connection:
        try:
            return self._open_sound()
        except sqlite3.DatabaseError as error:
            if primary_code(error) not in _DAMAGED:
                raise
            log.warning("the state database %s is damaged: %s", self.path, error)
        aside = self._move_aside()
        connection = self._open_sound()
        kept = salvage(aside, connection)
        notice = (
            f"The state database was damaged. It was moved to {aside}, and a new one was made with "
            f"{_rows(kept)} that could still be read. Classrooms and links come from the engine and are not lost."
        )
        log.warning(notice)
        if self._on_notice is not None:
            self._on_notice(notice)
        return connection

    def _open_sound(self) -> sqlite3.Connection:
        """Open, check and migrate the file; made private if it is new.

        Raises:
            sqlite3.DatabaseError: with the code of what is wrong.
        """
        try:
            os.close(os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600))
            if self.path.stat().st_mode & 0o077:
                self.path.chmod(0o600)
        except OSError as error:
            raise self._unwritable(error.strerror or str(error)) from error
        connection = self._connect()
        try:
            if [row[0] for row in connection.execute("PRAGMA quick_check(1)")] != ["ok"]:
                raise _damaged(f"{self.path} fails its check")
            connection.execute("PRAGMA journal_mode = WAL").fetchall()
            connection.execute("PRAGMA synchronous = NORMAL")
            self._migrate(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            ":memory:" if self._in_memory else self.path,
            timeout=self._busy_seconds,
            isolation_level=None,
            check_same_thread=False,
        )
        connection.execute("PRAGMA secure_delete = ON").fetchall()
        return connection

    def _migrate(self, connection: sqlite3.Connection) -> None:
        version: int = connection.execute("PRAGMA user_version").fetchone()[0]
        if version > len(self._migrations):
            raise StateError(
                f"The state database {self.path} was written by a later version of workshop.",
                hint="Update workshop, or name another folder with WORKSHOP_STATE_DIR.",
            )
        if version == len(self._migrations):
            return
        connection.execute("BEGIN IMMEDIATE")
        try:
            for step in self._migrations[version:]:
                for statement in step:
                    connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {len(self._migrations)}")
            connection.execute("COMMIT")
        except BaseException:
            connection.execute("ROLLBACK")
            raise

    def _move_aside(self) -> Path:
        stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
        aside = self.path.with_name(f"{self.path.name}.damaged-{stamp}")
        count = 1
        while aside.exists():
            count += 1
            aside = self.path.with_name(f"{self.path.name}.damaged-{stamp}-{count}")
        try:
            for ending in ("-wal", "-shm", ""):
                part = self.path.with_name(self.path.name + ending)
                if part.exists():
                    part.rename(aside.with_name(aside.name + ending))
        except OSError as error:
            raise self._unwritable(error.strerror or str(error)) from error
        return aside

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise self._explained(error) from error

    def _explained(self, error: sqlite3.Error) -> StateError:
        match primary_code(error):
            case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
                return self._busy()
            case sqlite3.SQLITE_READONLY | sqlite3.SQLITE_CANTOPEN | sqlite3.SQLITE_PERM | sqlite3.SQLITE_AUTH:
                return self._unwritable("it may not be written")
            case sqlite3.SQLITE_FULL:
                return self._full()
            case sqlite3.SQLITE_IOERR if self._has_no_room():
                return self._full()
            case sqlite3.SQLITE_CORRUPT | sqlite3.SQLITE_NOTADB:
                self.close()
                return StateError(
                    f"The state database {self.path} is damaged.",
                    hint="Run the command again: the damaged file is moved aside and what can be read of it is kept.",
                    details=(str(error),),
                )
            case _:
                return StateError(
                    f"The state database {self.path} could not be used: {error}.",
                    hint="See `workshop doctor`, or name another folder with WORKSHOP_STATE_DIR.",
                )

    def _busy(self) -> StateError:
        return StateError(
            f"The state database {self.path} has been in use by another program for {self._busy_seconds:g} seconds.",
            hint="Wait for the other command to end, then run this one again.",
        )

    def _has_no_room(self) -> bool:
        """Whether even the smallest of the files beside the database would find no room."""
        try:
            return shutil.disk_usage(self.path.parent).free < LEAST_ROOM
        except OSError:
            return False

    def _full(self) -> StateError:
        return StateError(
            f"The state database {self.path} cannot be written: the disk is full.",
            hint="Free some space. With WORKSHOP_STATE_DIR naming a folder on another disk, `workshop images prune` "
            "and `workshop down NAME` work meanwhile: classes are found by their labels.",
        )

    def _unwritable(self, reason: str) -> StateError:
        return StateError(
            f"The state database {self.path} cannot be written: {reason}.",
            hint=f"Make {self.path.parent} writable, or name another folder with WORKSHOP_STATE_DIR.",
        )


def primary_code(error: sqlite3.Error) -> int:
    """SQLite's result code without the details of the extended one; 0 when the error came from elsewhere."""
    code: int | None = getattr(error, "sqlite_errorcode", None)
    return code & 0xFF if code is not None else 0


def salvage(damaged: Path, into: sqlite3.Connection) -> int:
    """Copy every row of `TABLES` that can still be read from a damaged file; the number of rows."""
    kept = 0
    source = sqlite3.connect(f"{damaged.absolute().as_uri()}?mode=ro", uri=True)
    try:
        for table in TABLES:
            rows: list[tuple[Any, ...]] = []
            names: list[str] = []
            with contextlib.suppress(sqlite3.DatabaseError):  # what cannot be read ends this table, not the others
                cursor = source.execute(f"SELECT * FROM {table}")
                names = [column[0] for column in cursor.description]
                for row in cursor:
                    rows.append(row)
            kept += _insert(into, table, names, rows)
        into.execute("DELETE FROM room_state WHERE field = 'since_opening'")  # claims may be among what was not read
    finally:
        source.close()
    return kept


def _insert(into: sqlite3.Connection, table: str, names: list[str], rows: list[tuple[Any, ...]]) -> int:
    known = {row[1] for row in into.execute(f"PRAGMA table_info({table})")}
    if not rows or not known.issuperset(names):
        return 0
    marks = ", ".join("?" * len(names))
    kept = 0
    for row in rows:
        with contextlib.suppress(sqlite3.IntegrityError):  # a damaged row does not keep the others out
            into.execute(f"INSERT INTO {table} ({', '.join(names)}) VALUES ({marks})", row)
            kept += 1
    return kept


def _damaged(text: str) -> sqlite3.DatabaseError:
    error = sqlite3.DatabaseError(text)
    error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
    return error


def _rows(count: int) -> str:
    return "1 row" if count == 1 else f"{count} rows"
