"""The file below the store: private, shared by processes, repaired, and never a traceback."""

from __future__ import annotations

import json
import os
import random
import shutil
import sqlite3
import stat
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import pytest

from workshop.errors import StateError
from workshop.state.database import Database
from workshop.state.schema import MIGRATIONS
from workshop.state.store import SqliteStore

ROOM = "a1b2c3d4e5f6"

CLAIM_IN_A_PROCESS = """
import json, sys, threading
from workshop.state.store import SqliteStore

path, first, count, seats = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
numbers = tuple(range(1, seats + 1))
sys.stdin.readline()
store, got = SqliteStore(path), {}

def come(browser):
    got[browser] = [store.claim_first("a1b2c3d4e5f6", numbers, browser) for _ in range(2)]

threads = [threading.Thread(target=come, args=(f"browser-{first + i}",)) for i in range(count)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
print(json.dumps(got))
"""


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_nothing_is_made_before_the_first_call(path: Path) -> None:
    SqliteStore(path)
    assert not path.parent.exists()


def test_the_file_and_its_folder_are_private_whatever_the_umask(path: Path) -> None:
    before = os.umask(0)
    try:
        store = SqliteStore(path)
        store.record(ROOM, "opened", "The class was opened.")
        assert mode(path.parent) == 0o700
        for name in ("state.db", "state.db-wal", "state.db-shm", "state.db.lock"):
            assert mode(path.with_name(name)) == 0o600, name
    finally:
        os.umask(before)


def test_a_file_that_others_could_read_is_made_private(path: Path) -> None:
    path.parent.mkdir(parents=True)
    path.touch(mode=0o644)
    SqliteStore(path).claims(ROOM)
    assert mode(path) == 0o600


def test_what_was_written_is_there_after_a_kill(path: Path) -> None:
    program = (
        "import os, signal, sys; from workshop.state.store import SqliteStore\n"
        "store = SqliteStore(sys.argv[1]); store.claim('a1b2c3d4e5f6', 3, 'ana'); os.kill(os.getpid(), signal.SIGKILL)"
    )
    ended = subprocess.run([sys.executable, "-c", program, str(path)], check=False, timeout=30)
    assert ended.returncode == -9
    assert [claim.number for claim in SqliteStore(path).claims(ROOM)] == [3]


def test_two_hundred_threads_each_get_exactly_one_seat(path: Path) -> None:
    store = SqliteStore(path)
    got: dict[str, int | None] = {}
    numbers = tuple(range(1, 201))
    gate = threading.Barrier(200)

    def come(browser: str) -> None:
        gate.wait(30)
        got[browser] = store.claim_first(ROOM, numbers, browser)

    threads = [threading.Thread(target=come, args=(f"browser-{n}",)) for n in range(200)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(number or 0 for number in got.values()) == list(numbers)
    assert {claim.browser: claim.number for claim in store.claims(ROOM)} == got


def test_claimers_in_four_processes_each_get_one_seat_and_the_rest_none(path: Path) -> None:
    seats, each = 150, 50
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", CLAIM_IN_A_PROCESS, str(path), str(index * each), str(each), str(seats)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for index in range(4)
    ]
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    got: dict[str, list[int | None]] = {}
    for process in processes:
        output, _ = process.communicate(timeout=120)
        assert process.returncode == 0
        got |= json.loads(output)
    assert len(got) == 200
    assert all(first == second for first, second in got.values())
    counts = Counter(first for first, _ in got.values())
    assert counts[None] == 50
    assert all(counts[number] == 1 for number in range(1, seats + 1))


class TestDamaged:
    def test_a_file_that_is_no_database_is_moved_aside_and_said_so(self, path: Path) -> None:
        path.parent.mkdir(parents=True)
        path.write_bytes(b"not a database at all" * 100)
        said: list[str] = []
        store = SqliteStore(path, on_notice=said.append)
        assert store.claim(ROOM, 1, "ana")
        (aside,) = path.parent.glob("state.db.damaged-*[0-9]")
        assert aside.read_bytes().startswith(b"not a database")
        assert len(said) == 1
        assert str(aside) in said[0]

    def test_what_can_be_read_of_a_damaged_file_is_kept(self, path: Path) -> None:
        store = SqliteStore(path)
        for number in range(1, 31):
            store.claim(ROOM, number, f"browser-{number}")
        store.close()
        fill_history(path, lines=2000)
        damage(path)
        said: list[str] = []
        again = SqliteStore(path, on_notice=said.append)
        assert [claim.number for claim in again.claims(ROOM)] == list(range(1, 31))
        assert len(said) == 1
        assert len(list(path.parent.glob("state.db.damaged-*[0-9]"))) == 1
        again.close()
        assert SqliteStore(path).claim_first(ROOM, (1,), "browser-7") == 7

    def test_damage_found_while_working_is_told_and_repaired_by_the_next_call(self, path: Path) -> None:
        store = SqliteStore(path)
        store.claim(ROOM, 1, "ana")
        fill_history(path, lines=20_000)
        assert len(store.history(ROOM, limit=1)) == 1
        damage(path)
        with pytest.raises(StateError, match="is damaged") as caught:
            store.history(ROOM, limit=20_000)
        assert "moved aside" in caught.value.hint
        assert [claim.browser for claim in store.claims(ROOM)] == ["ana"]
        assert len(list(path.parent.glob("state.db.damaged-*[0-9]"))) == 1

    def test_a_process_that_had_the_damaged_file_open_goes_over_to_the_new_one(self, path: Path) -> None:
        gateway = SqliteStore(path)
        gateway.claim(ROOM, 1, "ana")
        fill_history(path, lines=2000)
        damage(path)
        command = SqliteStore(path)
        command.claim(ROOM, 2, "ben")
        assert gateway.claim_first(ROOM, (1, 2, 3), "cem") == 3
        assert [claim.browser for claim in command.claims(ROOM)] == ["ana", "ben", "cem"]

    def test_a_file_that_was_deleted_under_a_process_is_made_anew(self, path: Path) -> None:
        store = SqliteStore(path)
        store.claim(ROOM, 1, "ana")
        for part in path.parent.iterdir():
            part.unlink()
        assert store.claim(ROOM, 1, "ben")
        assert [claim.browser for claim in SqliteStore(path).claims(ROOM)] == ["ben"]

    def test_two_processes_that_find_the_damage_move_the_file_once(self, path: Path) -> None:
        path.parent.mkdir(parents=True)
        path.write_bytes(b"damaged" * 1000)
        processes = [
            subprocess.Popen(
                [sys.executable, "-c", CLAIM_IN_A_PROCESS, str(path), str(index), "1", "3"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            for index in range(3)
        ]
        got: dict[str, list[int]] = {}
        for process in processes:
            output, _ = process.communicate("go\n", timeout=60)
            got |= json.loads(output)
        assert sorted(first for first, _ in got.values()) == [1, 2, 3]
        assert len(list(path.parent.glob("state.db.damaged-*[0-9]"))) == 1


def fill_history(path: Path, *, lines: int) -> None:
    database = Database(path)
    with database.writing() as db:
        db.executemany(
            "INSERT INTO history (uid, at, kind, text) VALUES (?, '2026-03-01T09:00:00+00:00', 'note', ?)",
            [(ROOM, f"line {number} " + "x" * 200) for number in range(lines)],
        )
    database.shrink()
    database.close()


def damage(path: Path) -> None:
    """Overwrite pages in the middle of the history, as a bad disk would."""
    data = bytearray(path.read_bytes())
    start = data.index(b"line 1500 ")
    start -= start % 4096
    data[start : start + 3 * 4096] = random.Random(2).randbytes(3 * 4096)
    path.write_bytes(data)
    with sqlite3.connect(path) as raw:
        assert raw.execute("PRAGMA quick_check(1)").fetchone()[0] != "ok"
    raw.close()


def write(database: Database, *statements: str) -> None:
    with database.writing() as db:
        for statement in statements:
            db.execute(statement)


class TestRefused:
    def test_a_database_locked_by_another_program_is_named_with_the_time_waited(self, path: Path) -> None:
        SqliteStore(path).claims(ROOM)
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        store = SqliteStore(path, busy_seconds=0.2)
        with pytest.raises(StateError, match=r"state\.db.*in use") as caught:
            store.claim(ROOM, 1, "ana")
        assert "again" in caught.value.hint
        assert store.claims(ROOM) == ()
        other.execute("ROLLBACK")
        assert store.claim(ROOM, 1, "ana")
        other.close()

    def test_a_folder_that_cannot_be_made_names_the_way_out(self, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        with pytest.raises(StateError, match="cannot be made") as caught:
            SqliteStore(tmp_path / "file" / "state" / "state.db").claims(ROOM)
        assert "WORKSHOP_STATE_DIR" in caught.value.hint

    def test_a_folder_in_the_files_place_is_named(self, path: Path) -> None:
        path.mkdir(parents=True)
        with pytest.raises(StateError, match=r"state\.db cannot be written") as caught:
            SqliteStore(path).claims(ROOM)
        assert str(path.parent) in caught.value.hint

    def test_a_database_that_cannot_be_written_is_named(self, path: Path) -> None:
        SqliteStore(path).claim(ROOM, 1, "ana")
        database = Database(path)
        with database.reading() as db:
            db.execute("PRAGMA query_only = ON")
        with pytest.raises(StateError, match="cannot be written") as caught:
            write(database, "DELETE FROM claims")
        assert str(path.parent) in caught.value.hint
        assert len(SqliteStore(path).claims(ROOM)) == 1

    def test_a_full_disk_is_said_and_the_transaction_undone(self, path: Path) -> None:
        database = Database(path)
        with database.reading() as db:
            db.execute(f"PRAGMA max_page_count = {db.execute('PRAGMA page_count').fetchone()[0] + 2}").fetchall()
        lines = ["INSERT INTO history (uid, at, kind, text) VALUES ('r', 't', 'k', hex(zeroblob(250)))"] * 1000
        with pytest.raises(StateError, match="disk is full"):
            write(database, "INSERT INTO claims VALUES ('r', 1, 'b', 't')", *lines)
        with database.reading() as db:
            assert db.execute("SELECT COUNT(*) FROM claims").fetchone() == (0,)

    def test_a_disk_without_room_for_the_files_beside_it_is_said_to_be_full(
        self, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        database = Database(path)
        write(database, "DELETE FROM claims")
        monkeypatch.setattr(shutil, "disk_usage", lambda _folder: SimpleNamespace(free=0))
        failed = sqlite3.OperationalError("disk I/O error")
        failed.sqlite_errorcode = sqlite3.SQLITE_IOERR_SHMSIZE
        with pytest.raises(StateError, match="disk is full") as caught, database.writing():
            raise failed
        assert "images prune" in caught.value.hint

    def test_an_error_inside_a_transaction_undoes_it(self, path: Path) -> None:
        database = Database(path)
        with pytest.raises(StateError, match="no such table"):
            write(database, "INSERT INTO claims VALUES ('r', 1, 'b', 't')", "DELETE FROM missing")
        with database.reading() as db:
            assert db.execute("SELECT COUNT(*) FROM claims").fetchone() == (0,)


class TestMigrations:
    def test_a_later_step_keeps_what_is_there(self, path: Path) -> None:
        store = SqliteStore(path)
        store.claim(ROOM, 1, "ana")
        store.close()
        later = Database(path, migrations=(*MIGRATIONS, ("ALTER TABLE claims ADD COLUMN extra TEXT DEFAULT 'new'",)))
        with later.reading() as db:
            assert db.execute("SELECT number, extra FROM claims").fetchall() == [(1, "new")]
            assert db.execute("PRAGMA user_version").fetchone() == (len(MIGRATIONS) + 1,)

    def test_a_step_that_fails_leaves_the_version_before_it(self, path: Path) -> None:
        SqliteStore(path).claim(ROOM, 1, "ana")
        broken = Database(path, migrations=(*MIGRATIONS, ("DELETE FROM claims", "ALTER TABLE nothing ADD COLUMN x")))
        with pytest.raises(StateError), broken.reading():
            pass
        assert len(SqliteStore(path).claims(ROOM)) == 1

    def test_a_file_of_a_later_version_is_left_alone(self, path: Path) -> None:
        SqliteStore(path).claim(ROOM, 1, "ana")
        raw = sqlite3.connect(path)
        raw.execute("PRAGMA user_version = 99")
        raw.close()
        with pytest.raises(StateError, match="later version") as caught:
            SqliteStore(path).claims(ROOM)
        assert "Update" in caught.value.hint
        assert not list(path.parent.glob("*.damaged-*"))


def test_erased_words_are_nowhere_in_the_files(path: Path) -> None:
    store = SqliteStore(path)
    store.note(ROOM, 1, label="Ana-Lucia-in-row-two")
    assert any(b"Ana-Lucia" in part.read_bytes() for part in path.parent.iterdir())
    store.forget(ROOM)
    assert not any(b"Ana-Lucia" in part.read_bytes() for part in path.parent.iterdir())
