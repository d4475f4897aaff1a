"""A disk that is full costs a class its history, not the class."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.service.conftest import MakeRoom
from workshop.engines.file_lock import FileLock
from workshop.errors import StateError
from workshop.model import events
from workshop.model.classroom import Classroom, Door, new_key, new_uid
from workshop.model.seat import SeatRecord, SeatState
from workshop.runtimes.fake import FakeRuntime
from workshop.service import Service, noting
from workshop.service.doors import is_locked
from workshop.service.ending import not_ended
from workshop.service.room import Room
from workshop.state.store import SqliteStore

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


class FullStore(SqliteStore):
    """A store on a disk without room, until `full` is taken back."""

    full = True

    def _refuse(self) -> None:
        if self.full:
            raise StateError("The state database cannot be written: the disk is full.", hint="Free some space.")

    def note(self, *words: Any, **fields: Any) -> None:
        self._refuse()
        super().note(*words, **fields)

    def record(self, *words: Any, **fields: Any) -> None:
        self._refuse()
        super().record(*words, **fields)


@pytest.fixture
def store(tmp_path: Path) -> FullStore:
    return FullStore(tmp_path / "state.db")


@pytest.fixture
def room(store: FullStore) -> Room:
    classroom = Classroom(
        name="class", uid=new_uid(), key=new_key(), workshop="Lesson", runtime="fake", image="", commit="", seats=1,
        door=Door("127.0.0.1", 8080), created=NOW, ends=NOW + timedelta(hours=2),
    )  # fmt: skip
    room = Room(classroom, FakeRuntime(), store, clock=lambda: NOW, stop=lambda: None)
    room.report(events.SeatsListed((SeatRecord(1, SeatState.STARTING, object_id="c1", endpoint="http://127.0.0.1:9"),)))
    return room


def test_a_class_goes_on_without_a_place_to_write_and_says_so_until_there_is_one(room: Room, store: FullStore) -> None:
    room.report(events.HelpAsked(1, NOW))
    room.report(events.SeatLabelled(1, "Ana"))
    room.say("Lunch at 12:30")
    room.write_notes()
    picture = room.snapshot()
    seat = picture.seat(1)
    assert seat is not None
    assert (seat.help_since, seat.label, picture.messages) == (NOW, "Ana", ("Lunch at 12:30",))
    assert any("disk is full. The class goes on" in warning for warning in picture.warnings)
    store.full = False
    room.report(events.HelpDone(1))
    assert room.snapshot().warnings == ()


def test_notes_that_could_not_be_written_are_written_later(room: Room, store: FullStore) -> None:
    room.report(events.SeatClaimed(1, NOW))
    store.full = False
    room.report(events.HelpAsked(1, NOW))
    room.write_notes()
    assert store.notes(room.classroom.uid)[1].help_since == NOW


def test_a_class_that_cannot_be_ended_and_cannot_write_that_down_is_tried_again(room: Room) -> None:
    assert not_ended(room, "The disk is full.") is False
    assert any("was not removed" in warning for warning in room.snapshot().warnings)


async def test_a_lock_that_cannot_be_made_is_an_error_with_a_way_out(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StateError, match="cannot be had") as caught:
        async with FileLock(tmp_path / "file" / "locks" / "class"):
            pass
    assert "WORKSHOP_STATE_DIR" in caught.value.hint


async def test_the_doctor_says_what_is_wrong_with_the_state_and_looks_at_the_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("WORKSHOP_STATE_DIR", str(tmp_path / "file" / "state"))
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/no.sock")
    service = Service({})
    findings = {finding.name: finding for finding in await service.doctor()}
    await service.aclose()
    assert not findings["state"].ok
    assert findings["process"].ok


async def test_what_was_done_to_a_seat_stays_done_where_it_cannot_be_written_down(room: Room, store: FullStore) -> None:
    room.report(events.HelpAsked(1, NOW))
    await room.act("help-done", {"seat": 1})
    await room.act("break", {"until": (NOW + timedelta(minutes=15)).isoformat()})
    picture = room.snapshot()
    seat = picture.seat(1)
    assert seat is not None
    assert (seat.help_since, picture.break_until) == (None, NOW + timedelta(minutes=15))
    noting.done(store, room.classroom.uid, 1, "pause")
    store.full = False
    assert store.history(room.classroom.uid) == ()


async def test_a_class_is_removed_although_nothing_can_be_written_down(
    make_room: MakeRoom, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may be the class that fills the disk."""
    there = await make_room()
    await there.start()

    def refuse(*_words: object, **_fields: object) -> None:
        raise StateError("The state database cannot be written: the disk is full.", hint="Free some space.")

    said: list[str] = []
    for act in ("set_room_state", "forget"):
        monkeypatch.setattr(SqliteStore, act, refuse)
    report = await there.service.down(
        there.classroom.name, discard=True, report=lambda event: said.append(getattr(event, "text", ""))
    )
    monkeypatch.undo()
    assert report.removal.left == ()
    assert not is_locked(there.doors.files(there.classroom.uid).lock), "the gateway ended"
    assert any("The class is removed all the same." in text for text in said)
    assert any("was not erased: The state database cannot be written" in text for text in said)
