"""What the state database promises, on a file and in memory."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from workshop.model.classroom import Classroom, Door, new_key
from workshop.ports.store import BROWSERS_KEPT, RoomState, SeatNote, Store
from workshop.state.store import SqliteStore

ROOM = "a1b2c3d4e5f6"


def classroom(**changes: object) -> Classroom:
    room = Classroom(
        name="python-basics",
        uid=ROOM,
        key=new_key(),
        workshop="Python basics",
        runtime="docker",
        image="sha256:0",
        commit="0" * 40,
        seats=10,
        door=Door("192.168.1.20", 8080),
        created=datetime(2026, 3, 1, 8, tzinfo=UTC),
    )
    return replace(room, **changes)


def test_it_is_a_store(store: SqliteStore) -> None:
    port: Store = store
    assert port.claims(ROOM) == ()


class TestClaims:
    def test_a_free_seat_is_given_to_the_browser_that_asks(self, store: SqliteStore) -> None:
        assert store.claim(ROOM, 7, "ana")
        (claim,) = store.claims(ROOM)
        assert (claim.number, claim.browser) == (7, "ana")
        assert claim.at.utcoffset() == timedelta(0)

    def test_another_browser_does_not_get_a_claimed_seat(self, store: SqliteStore) -> None:
        store.claim(ROOM, 7, "ana")
        assert not store.claim(ROOM, 7, "ben")
        assert [claim.browser for claim in store.claims(ROOM)] == ["ana"]

    def test_claiming_again_is_true_and_keeps_the_first_time(self, store: SqliteStore) -> None:
        store.claim(ROOM, 7, "ana")
        before = store.claims(ROOM)
        assert store.claim(ROOM, 7, "ana")
        assert store.claims(ROOM) == before

    def test_the_first_free_seat_is_in_the_order_that_was_given(self, store: SqliteStore) -> None:
        store.claim(ROOM, 2, "ana")
        assert store.claim_first(ROOM, (2, 9, 1), "ben") == 9
        assert store.claim_first(ROOM, (2, 9, 1), "cem") == 1
        assert store.claim_first(ROOM, (2, 9, 1), "dora") is None

    def test_a_browser_that_comes_back_gets_its_own_seat_even_when_all_are_taken(self, store: SqliteStore) -> None:
        assert store.claim_first(ROOM, (1, 2), "ana") == 1
        assert store.claim_first(ROOM, (1, 2), "ben") == 2
        assert [store.claim_first(ROOM, (), "ana") for _ in range(3)] == [1, 1, 1]
        assert len(store.claims(ROOM)) == 2

    def test_a_browser_that_came_with_a_code_gets_that_seat_and_no_second_one(self, store: SqliteStore) -> None:
        store.claim(ROOM, 5, "phone")
        store.also_opened(ROOM, 5, "laptop")
        assert store.claim_first(ROOM, (1, 2, 3), "laptop") == 5
        assert [claim.number for claim in store.claims(ROOM)] == [5]

    def test_seats_of_a_browser_come_latest_first(self, store: SqliteStore) -> None:
        for number in (3, 1, 2):
            store.claim(ROOM, number, "ana")
        store.claim(ROOM, 3, "ana")
        assert store.seats_of(ROOM, "ana") == (3, 2, 1)
        assert store.seats_of(ROOM, "ben") == ()

    def test_a_second_browser_is_counted_and_noted_once(self, store: SqliteStore) -> None:
        store.claim(ROOM, 4, "ana")
        for _ in range(3):
            store.also_opened(ROOM, 4, "ben")
        assert store.browsers(ROOM) == {4: 2}
        assert [(kind, seat) for _, kind, _, seat in store.history(ROOM)] == [("second browser", 4)]

    def test_ever_new_browsers_with_one_code_are_not_written_down_for_ever(self, store: SqliteStore) -> None:
        store.claim(ROOM, 4, "ana")
        for number in range(BROWSERS_KEPT + 20):
            store.also_opened(ROOM, 4, f"browser {number}")
        assert store.browsers(ROOM) == {4: BROWSERS_KEPT}
        assert len(store.history(ROOM)) == BROWSERS_KEPT - 1
        store.also_opened(ROOM, 4, "browser 1")
        assert store.seats_of(ROOM, "browser 1") == (4,)
        store.also_opened(ROOM, 5, "browser 60")
        assert store.browsers(ROOM)[5] == 1

    def test_a_freed_seat_is_nobodys_and_remembers_nobody(self, store: SqliteStore) -> None:
        store.claim(ROOM, 4, "ana")
        store.note(ROOM, 4, label="Ana, row 2")
        store.free(ROOM, 4)
        assert store.claims(ROOM) == ()
        assert store.seats_of(ROOM, "ana") == ()
        assert store.notes(ROOM) == {}
        assert store.claim(ROOM, 4, "ben")

    def test_classrooms_do_not_see_each_others_claims(self, store: SqliteStore) -> None:
        store.claim(ROOM, 1, "ana")
        assert store.claim("other", 1, "ben")
        assert store.claim_first("other", (1, 2), "ana") == 2


class TestRoomState:
    def test_an_unknown_room_has_the_defaults(self, store: SqliteStore) -> None:
        assert store.room_state(ROOM) == RoomState()

    def test_changes_keep_the_other_fields(self, store: SqliteStore) -> None:
        ends = datetime(2026, 3, 1, 17, tzinfo=UTC)
        store.set_room_state(ROOM, wanted=12, ends=ends)
        state = store.set_room_state(ROOM, closing=True, pin="", host="10.0.0.5", port=8081)
        assert state == RoomState(wanted=12, ends=ends, closing=True, pin="", host="10.0.0.5", port=8081)
        assert store.room_state(ROOM) == state

    def test_a_field_can_be_taken_back(self, store: SqliteStore) -> None:
        store.set_room_state(ROOM, wanted=12)
        assert store.set_room_state(ROOM, wanted=None).wanted is None

    def test_times_come_back_in_utc(self, store: SqliteStore) -> None:
        local = datetime(2026, 3, 1, 18, tzinfo=timezone(timedelta(hours=1)))
        ends = store.set_room_state(ROOM, ends=local).ends
        assert ends == local
        assert ends is not None
        assert ends.tzinfo is UTC

    def test_a_time_without_a_zone_is_refused(self, store: SqliteStore) -> None:
        with pytest.raises(ValueError, match="without a zone"):
            store.set_room_state(ROOM, ends=datetime(2026, 3, 1, 18))

    def test_a_field_that_does_not_exist_is_refused_and_nothing_changes(self, store: SqliteStore) -> None:
        with pytest.raises(TypeError, match="wantd"):
            store.set_room_state(ROOM, closing=True, wantd=3)
        assert store.room_state(ROOM) == RoomState()


class TestNotes:
    def test_changes_keep_the_other_fields(self, store: SqliteStore) -> None:
        at = datetime(2026, 3, 1, 10, tzinfo=UTC)
        store.note(ROOM, 2, label="Zoë", first_seen=at)
        store.note(ROOM, 2, help_since=at)
        store.note(ROOM, 11, last_active=at)
        assert store.notes(ROOM) == {
            2: SeatNote(2, label="Zoë", first_seen=at, help_since=at),
            11: SeatNote(11, last_active=at),
        }

    def test_help_can_be_taken_back(self, store: SqliteStore) -> None:
        store.note(ROOM, 2, help_since=datetime(2026, 3, 1, 10, tzinfo=UTC))
        store.note(ROOM, 2, help_since=None)
        assert store.notes(ROOM)[2].help_since is None

    def test_a_field_that_does_not_exist_is_refused(self, store: SqliteStore) -> None:
        with pytest.raises(TypeError, match="browser"):
            store.note(ROOM, 2, browser="x")


class TestHistory:
    def test_lines_come_oldest_first_and_the_newest_are_kept_by_the_limit(self, store: SqliteStore) -> None:
        for number in range(1, 6):
            store.record(ROOM, "restarted", f"Seat {number} was restarted.", seat=number)
        lines = store.history(ROOM, limit=2)
        assert [(kind, text, seat) for _, kind, text, seat in lines] == [
            ("restarted", "Seat 4 was restarted.", 4),
            ("restarted", "Seat 5 was restarted.", 5),
        ]
        assert lines[0][0] < lines[1][0]
        assert lines[0][0].tzinfo is UTC

    def test_lines_of_the_room_have_no_seat(self, store: SqliteStore) -> None:
        store.record(ROOM, "opened", "The class was opened.")
        assert store.history(ROOM)[0][3] is None

    def test_forgetting_erases_all_but_the_counts(self, store: SqliteStore) -> None:
        room = classroom()
        store.remember(room)
        store.set_room_state(ROOM, wanted=3)
        store.claim(ROOM, 1, "ana")
        store.note(ROOM, 1, label="Ana")
        store.record(ROOM, "restarted", "Seat 1 was restarted.", seat=1)
        store.record(ROOM, "restarted", "Seat 1 was restarted.", seat=1)
        store.forget(ROOM)
        store.record(ROOM, "restarted", "Seat 2 was restarted.", seat=2)
        store.forget(ROOM)
        assert store.remembered() == ()
        assert store.room_state(ROOM) == RoomState()
        assert store.claims(ROOM) == ()
        assert store.seats_of(ROOM, "ana") == ()
        assert store.notes(ROOM) == {}
        assert store.history(ROOM) == ()
        assert store.counts(ROOM) == {"restarted": 3}

    def test_forgetting_one_room_leaves_the_others(self, store: SqliteStore) -> None:
        store.claim(ROOM, 1, "ana")
        store.claim("other", 1, "ben")
        store.forget(ROOM)
        assert [claim.browser for claim in store.claims("other")] == ["ben"]


class TestRemembered:
    def test_a_classroom_comes_back_whole(self, store: SqliteStore) -> None:
        room = classroom(options=(("subnet", "10.1.2.0/24"),), pin="1234")
        store.remember(room)
        assert store.remembered() == (room,)

    def test_the_latest_comes_first_and_remembering_again_replaces(self, store: SqliteStore) -> None:
        first, second = classroom(), classroom(uid="b2", name="other")
        store.remember(first)
        store.remember(second)
        store.remember(replace(first, seats=12))
        assert store.remembered() == (replace(first, seats=12), second)


def test_values_that_this_version_cannot_read_are_passed_over(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "state.db")
    store.set_room_state(ROOM, wanted=7, closing=True)
    with sqlite3.connect(tmp_path / "state.db") as other:
        rows = (("wanted", "many"), ("ends", '{"at": "soon"}'), ("break_until", '{"of": 1}'), ("later", "1"))
        other.executemany("INSERT OR REPLACE INTO room_state VALUES (?, ?, ?)", [(ROOM, *row) for row in rows])
    assert store.room_state(ROOM) == RoomState(closing=True)
    store.close()
