"""The tables of the state database, as the steps that lead to them.

A step is never changed once it was released: a new one is added at the end, and `PRAGMA user_version` counts them.
Fields of `RoomState` and `SeatNote` are rows, not columns, so that a new field needs no step.
"""

from __future__ import annotations

MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        """CREATE TABLE classrooms (
            uid TEXT PRIMARY KEY, name TEXT NOT NULL, label TEXT NOT NULL, remembered TEXT NOT NULL
        )""",
        """CREATE TABLE room_state (
            uid TEXT NOT NULL, field TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (uid, field)
        )""",
        """CREATE TABLE seat_notes (
            uid TEXT NOT NULL, number INTEGER NOT NULL, field TEXT NOT NULL, value TEXT NOT NULL,
            PRIMARY KEY (uid, number, field)
        )""",
        """CREATE TABLE claims (
            uid TEXT NOT NULL, number INTEGER NOT NULL, browser TEXT NOT NULL, at TEXT NOT NULL,
            PRIMARY KEY (uid, number)
        )""",
        # In the order of `id`: every browser that came to a seat, claimants and others.
        """CREATE TABLE openings (
            id INTEGER PRIMARY KEY, uid TEXT NOT NULL, number INTEGER NOT NULL, browser TEXT NOT NULL, at TEXT NOT NULL,
            UNIQUE (uid, number, browser)
        )""",
        "CREATE INDEX openings_by_browser ON openings (uid, browser)",
        """CREATE TABLE history (
            id INTEGER PRIMARY KEY, uid TEXT NOT NULL, at TEXT NOT NULL, kind TEXT NOT NULL, text TEXT NOT NULL,
            seat INTEGER
        )""",
        "CREATE INDEX history_by_room ON history (uid, id)",
        # What stays of a classroom when it is forgotten: how often what happened.
        """CREATE TABLE history_counts (
            uid TEXT NOT NULL, kind TEXT NOT NULL, count INTEGER NOT NULL, PRIMARY KEY (uid, kind)
        )""",
    ),
)

TABLES = ("classrooms", "room_state", "seat_notes", "claims", "openings", "history", "history_counts")
"""What is worth saving from a damaged file."""
