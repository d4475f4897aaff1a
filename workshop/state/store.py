"""The state database of `ports.store`, on SQLite. What the methods promise is written there."""

from __future__ import annotations

import json
import logging
import sqlite3
from collections.abc import Callable
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from workshop.model.classroom import Classroom, decode_classroom, encode_classroom
from workshop.ports.store import BROWSERS_KEPT, Claim, RoomMemory, RoomState, SeatNote
from workshop.state.database import BUSY_SECONDS, Database

log = logging.getLogger(__name__)

_SAID_HERE = {"wanted", "adding", "closing", "parts"}
"""What verbs of this machine say first, and gateways elsewhere repeat."""


def utc_now() -> datetime:
    return datetime.now(UTC)


class SqliteStore:
    """`ports.store.Store` in one file; safe for threads and for several processes at once.

    Nothing is opened before the first call. Times are given and returned with UTC as their zone.

    Args:
        path: the database file (made with mode 0600, its folder with 0700), or `:memory:`.
        now: the clock.
        busy_seconds: how long a call waits for another process.
        on_notice: told, in a sentence, when a damaged file was moved aside and a fresh one made.
    """

    def __init__(
        self,
        path: Path | str,
        *,
        now: Callable[[], datetime] = utc_now,
        busy_seconds: float = BUSY_SECONDS,
        on_notice: Callable[[str], None] | None = None,
    ) -> None:
        self._database = Database(path, busy_seconds=busy_seconds, on_notice=on_notice)
        self._now = now

    def close(self) -> None:
        """Give the file up; the next call opens it again."""
        self._database.close()

    # Classrooms

    def remember(self, classroom: Classroom) -> None:
        with self._database.writing() as db:
            db.execute(
                "INSERT OR REPLACE INTO classrooms (uid, name, label, remembered) VALUES (?, ?, ?, ?)",
                (classroom.uid, classroom.name, encode_classroom(classroom), _text(self._now())),
            )

    def remembered(self) -> tuple[Classroom, ...]:
        """Classrooms that this machine opened or saw and has not forgotten, latest first: for when an engine is silent.

        A label that this version cannot read is passed over.
        """
        with self._database.reading() as db:
            labels = [row[0] for row in db.execute("SELECT label FROM classrooms ORDER BY remembered DESC, uid")]
        rooms = []
        for label in labels:
            try:
                rooms.append(decode_classroom(label))
            except ValueError:
                continue
        return tuple(rooms)

    def room_state(self, uid: str) -> RoomState:
        with self._database.reading() as db:
            return _room_state(db, uid)

    def set_room_state(self, uid: str, **changes: object) -> RoomState:
        rows = [(uid, field, value) for field, value in _encoded(RoomState, changes)]
        with self._database.writing() as db:
            db.executemany("INSERT OR REPLACE INTO room_state (uid, field, value) VALUES (?, ?, ?)", rows)
            return _room_state(db, uid)

    # Claims

    def claim(self, uid: str, number: int, browser: str) -> bool:
        with self._database.writing() as db:
            holder = db.execute("SELECT browser FROM claims WHERE uid = ? AND number = ?", (uid, number)).fetchone()
            if holder is not None and holder[0] != browser:
                return False
            self._take(db, uid, number, browser)
            return True

    def claim_first(self, uid: str, numbers: tuple[int, ...], browser: str) -> int | None:
        """As in the port. A seat that the browser came to with its code counts as its own."""
        with self._database.writing() as db:
            taken = {row[0] for row in db.execute("SELECT number FROM claims WHERE uid = ?", (uid,))}
            own = _seats_of(db, uid, browser)
            free = [number for number in numbers if number not in taken]
            if own and own[0] in taken:
                return own[0]
            for number in (*own[:1], *free[:1]):
                self._take(db, uid, number, browser)
                return number
            return None

    def _take(self, db: sqlite3.Connection, uid: str, number: int, browser: str) -> None:
        at = _text(self._now())
        db.execute(
            "INSERT OR IGNORE INTO claims (uid, number, browser, at) VALUES (?, ?, ?, ?)", (uid, number, browser, at)
        )
        _opened(db, uid, number, browser, at)

    def claims(self, uid: str) -> tuple[Claim, ...]:
        with self._database.reading() as db:
            rows = db.execute("SELECT number, browser, at FROM claims WHERE uid = ? ORDER BY number", (uid,)).fetchall()
        return tuple(Claim(number, browser, _time(at)) for number, browser, at in rows)

    def seats_of(self, uid: str, browser: str) -> tuple[int, ...]:
        with self._database.reading() as db:
            return _seats_of(db, uid, browser)

    def also_opened(self, uid: str, number: int, browser: str) -> None:
        """As in the port. The first time of each browser is a line of the history, kind `second browser`."""
        with self._database.writing() as db:
            known = db.execute(
                "SELECT 1 FROM openings WHERE uid = ? AND number = ? AND browser = ?", (uid, number, browser)
            ).fetchone()
            if known is None and _count(db, uid, number) >= BROWSERS_KEPT:
                return
            at = _text(self._now())
            _opened(db, uid, number, browser, at)
            if known is None:
                _record(db, uid, at, "second browser", "Another browser opened the seat with its code.", number)

    def browsers(self, uid: str) -> dict[int, int]:
        """How many different browsers have come to each seat, by number."""
        with self._database.reading() as db:
            rows = db.execute("SELECT number, COUNT(*) FROM openings WHERE uid = ? GROUP BY number", (uid,)).fetchall()
        return dict(rows)

    def free(self, uid: str, number: int) -> None:
        """As in the port. What was noted of the seat's person goes with the claim: the next one is somebody else."""
        with self._database.writing() as db:
            for table in ("claims", "openings", "seat_notes"):
                db.execute(f"DELETE FROM {table} WHERE uid = ? AND number = ?", (uid, number))

    # Notes and history

    def notes(self, uid: str) -> dict[int, SeatNote]:
        with self._database.reading() as db:
            rows = db.execute(
                "SELECT number, field, value FROM seat_notes WHERE uid = ? ORDER BY number", (uid,)
            ).fetchall()
        found: dict[int, dict[str, str]] = {}
        for number, field, value in rows:
            found.setdefault(number, {})[field] = value
        return {number: SeatNote(number, **_decoded(SeatNote, values)) for number, values in found.items()}

    def note(self, uid: str, number: int, **changes: object) -> None:
        rows = [(uid, number, field, value) for field, value in _encoded(SeatNote, changes)]
        with self._database.writing() as db:
            db.executemany("INSERT OR REPLACE INTO seat_notes (uid, number, field, value) VALUES (?, ?, ?, ?)", rows)

    def record(self, uid: str, kind: str, text: str, *, seat: int | None = None) -> None:
        with self._database.writing() as db:
            _record(db, uid, _text(self._now()), kind, text, seat)

    def history(self, uid: str, *, limit: int = 1000) -> tuple[tuple[datetime, str, str, int | None], ...]:
        """The last `limit` lines, oldest first: when, kind, text, seat."""
        with self._database.reading() as db:
            rows = db.execute(
                "SELECT at, kind, text, seat FROM history WHERE uid = ? ORDER BY id DESC LIMIT ?", (uid, limit)
            ).fetchall()
        return tuple((_time(at), kind, text, seat) for at, kind, text, seat in reversed(rows))

    def counts(self, uid: str) -> dict[str, int]:
        """How many lines of each kind the history has had, before and after `forget`."""
        with self._database.reading() as db:
            rows = db.execute(
                """SELECT kind, SUM(count) FROM (
                    SELECT kind, count FROM history_counts WHERE uid = :uid
                    UNION ALL SELECT kind, COUNT(*) FROM history WHERE uid = :uid GROUP BY kind
                ) GROUP BY kind ORDER BY kind""",
                {"uid": uid},
            ).fetchall()
        return dict(rows)

    def take_over(self, uid: str, memory: RoomMemory) -> None:
        """As in the port. How many seats are wanted is known best where it was last said: here, if it was said here."""
        state = {field.name: getattr(memory.state, field.name) for field in fields(RoomState)}
        told = {name: value for name, value in state.items() if value not in (None, "", 0, False)}
        rows = [(uid, name, value) for name, value in _encoded(RoomState, told)]
        with self._database.writing() as db:
            for row in rows:
                fill = "INSERT OR IGNORE" if row[1] in _SAID_HERE else "INSERT OR REPLACE"
                db.execute(f"{fill} INTO room_state (uid, field, value) VALUES (?, ?, ?)", row)
            db.execute("DELETE FROM claims WHERE uid = ?", (uid,))
            db.executemany(
                "INSERT INTO claims (uid, number, browser, at) VALUES (?, ?, ?, ?)",
                [(uid, claim.number, claim.browser, _text(claim.at)) for claim in memory.claims],
            )
            db.execute("DELETE FROM seat_notes WHERE uid = ?", (uid,))
            for note in memory.notes:
                values = {field.name: getattr(note, field.name) for field in fields(SeatNote) if field.name != "number"}
                db.executemany(
                    "INSERT INTO seat_notes (uid, number, field, value) VALUES (?, ?, ?, ?)",
                    [(uid, note.number, name, value) for name, value in _encoded(SeatNote, values)],
                )
            known = set(db.execute("SELECT at, kind, text, seat FROM history WHERE uid = ?", (uid,)).fetchall())
            for at, kind, text, seat in memory.history:
                if (_text(at), kind, text, seat) not in known:
                    _record(db, uid, _text(at), kind, text, seat)

    def forget(self, uid: str) -> None:
        """As in the port. The erased rows are overwritten in the file, not only unlinked."""
        with self._database.writing() as db:
            db.execute(
                """INSERT INTO history_counts (uid, kind, count)
                SELECT uid, kind, COUNT(*) FROM history WHERE uid = ? GROUP BY kind
                ON CONFLICT (uid, kind) DO UPDATE SET count = count + excluded.count""",
                (uid,),
            )
            for table in ("classrooms", "room_state", "seat_notes", "claims", "openings", "history"):
                db.execute(f"DELETE FROM {table} WHERE uid = ?", (uid,))
        self._database.shrink()


def _room_state(db: sqlite3.Connection, uid: str) -> RoomState:
    values = dict(db.execute("SELECT field, value FROM room_state WHERE uid = ?", (uid,)).fetchall())
    return RoomState(**_decoded(RoomState, values))


def _seats_of(db: sqlite3.Connection, uid: str, browser: str) -> tuple[int, ...]:
    rows = db.execute("SELECT number FROM openings WHERE uid = ? AND browser = ? ORDER BY id DESC", (uid, browser))
    return tuple(row[0] for row in rows)


def _count(db: sqlite3.Connection, uid: str, number: int) -> int:
    """How many browsers are remembered of a seat."""
    (count,) = db.execute("SELECT COUNT(*) FROM openings WHERE uid = ? AND number = ?", (uid, number)).fetchone()
    return int(count)


def _opened(db: sqlite3.Connection, uid: str, number: int, browser: str, at: str) -> None:
    """Note the opening as the latest one: a replaced row gets the highest id."""
    db.execute(
        "INSERT OR REPLACE INTO openings (uid, number, browser, at) VALUES (?, ?, ?, ?)", (uid, number, browser, at)
    )


def _record(db: sqlite3.Connection, uid: str, at: str, kind: str, text: str, seat: int | None) -> None:
    db.execute("INSERT INTO history (uid, at, kind, text, seat) VALUES (?, ?, ?, ?, ?)", (uid, at, kind, text, seat))


def _text(moment: datetime) -> str:
    """A moment as it is stored: RFC 3339 in UTC.

    Raises:
        ValueError: the moment has no zone.
    """
    if moment.tzinfo is None:
        raise ValueError(f"a time without a zone: {moment}")
    return moment.astimezone(UTC).isoformat()


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _encoded(kind: type, changes: dict[str, object]) -> list[tuple[str, str]]:
    """Changes of a dataclass's fields as rows: a name and JSON.

    Raises:
        TypeError: the dataclass has no such field.
    """
    known = {field.name for field in fields(kind)} - {"number"}
    unknown = sorted(set(changes) - known)
    if unknown:
        raise TypeError(f"{kind.__name__} has no field {', '.join(unknown)}")
    return [
        (name, json.dumps({"at": _text(value)} if isinstance(value, datetime) else value))
        for name, value in changes.items()
    ]


def _decoded(kind: type, values: dict[str, str]) -> dict[str, Any]:
    """The reverse of `_encoded`; fields and values that this version does not know are passed over."""
    known = {field.name for field in fields(kind)}
    found: dict[str, Any] = {}
    for name, text in values.items():
        if name not in known:
            continue
        try:
            value = json.loads(text)
            found[name] = _time(value["at"]) if isinstance(value, dict) else value
        except (ValueError, TypeError, KeyError):
            log.warning("%s of the state cannot be read: %r", name, text[:80])
    return found
