"""Plain-text tables and sentences of the command line."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from workshop.model.happening import Happening
from workshop.model.image import Image
from workshop.model.seat import Seat
from workshop.model.snapshot import ClassroomSummary, Removal, Snapshot, Survivor
from workshop.present.cells import shown_line
from workshop.present.removal import removal_sentence, survivor_lines
from workshop.present.tables import (
    event_table,
    help_line,
    image_table,
    room_table,
    seat_table,
    summary_line,
    table,
    when,
)


def test_a_seat_table_has_a_line_for_each_seat_with_state_link_activity_and_resources(snapshot: Snapshot) -> None:
    lines = seat_table(snapshot).splitlines()
    assert lines[0].split() == ["Seat", "Link", "State", "Help", "Active", "Memory", "CPU", "Label", "Detail"]
    assert len(lines) == 8
    first, second = lines[1], lines[2]
    for words in (snapshot.seats[0].link, "▶ running", "512 MB  50%", "97%"):
        assert words in first
    for words in ("◐ idle 12 min", "⚑ 3 min", "Zoë, row 2"):
        assert words in second
    assert "the image has no jupyter-lab" in lines[5]
    assert "spare" in lines[7]


def test_signs_can_be_those_that_every_terminal_knows(snapshot: Snapshot) -> None:
    lines = seat_table(snapshot, ascii_only=True).splitlines()
    assert " > running" in lines[1]
    assert all(line.isascii() for line in lines if "Zoë" not in line)


def test_nothing_is_cut_when_no_width_is_given(make_seat: Callable[..., Seat], snapshot: Snapshot) -> None:
    long = "x" * 300
    text = seat_table(replace(snapshot, seats=(make_seat(1, detail=long),)))
    assert long in text


def test_a_room_without_seats_says_so(snapshot: Snapshot) -> None:
    assert seat_table(replace(snapshot, seats=())) == "No seats."


def test_the_summary_names_room_runtime_counts_and_end(snapshot: Snapshot) -> None:
    assert summary_line(snapshot) == (
        "python-basics on docker: 5 of 7 ready, 1 failed, 3 claimed, 1 asks for help, ends in 2 h 05 min"
    )


def test_the_help_queue_is_a_line_of_its_own_the_longest_wait_first(
    make_seat: Callable[..., Seat], snapshot: Snapshot, now: datetime
) -> None:
    waits = {1: timedelta(seconds=12), 2: timedelta(minutes=4), 3: None}
    seats = tuple(make_seat(number, help_since=now - span if span else None) for number, span in waits.items())
    assert help_line(replace(snapshot, seats=seats)) == "Asking for help: 02 (4 min), 01 (12 s)"
    assert help_line(replace(snapshot, seats=seats[2:])) == ""


def test_events_are_told_with_the_date_where_they_are_not_all_of_one_day(now: datetime) -> None:
    first = Happening(now, "taken", "taken", (1, 2, 3, 7))
    (title, line) = event_table([first]).splitlines()
    assert title.split() == ["At", "Seats", "What"]
    assert line.split()[1:] == ["01–03,", "07", "taken"]
    lines = event_table([first, Happening(now + timedelta(days=2), "say", "a\x1b[2J message", target="docker")])
    assert len({line.split()[0] for line in lines.splitlines()[1:]}) == 2
    assert "\x1b" not in lines


def test_a_break_is_told_while_it_lasts(snapshot: Snapshot, now: datetime) -> None:
    assert "break for 12 min more" in summary_line(replace(snapshot, break_until=now + timedelta(minutes=12)))
    assert "break" not in summary_line(replace(snapshot, break_until=now - timedelta(minutes=1)))


def test_a_line_of_another_program_keeps_its_indentation_and_steers_no_terminal() -> None:
    assert shown_line("  File \x1b[31m\x07red\t1  ") == "  File �[31m�red\t1"


def test_columns_are_as_wide_as_their_text_in_cells_and_empty_ones_are_left_out() -> None:
    lines = table(["Name", "Empty", "N"], [["日本", "", "7"], ["ab", "", "12"]], right=[2]).splitlines()
    assert lines == ["Name   N", "日本   7", "ab    12"]


def test_a_table_without_rows_is_its_heading() -> None:
    assert table(["A", "B"], []) == "A  B"


def test_rooms_are_listed_with_what_is_ready_and_when_they_end(now: datetime) -> None:
    rooms = [
        ClassroomSummary("a", "Python basics", "docker", 10, 8, "http://10.0.0.1:8080/", ends=now + timedelta(hours=2)),
        ClassroomSummary("b", "R", "process", 2, 2, "http://10.0.0.1:8081/", ends=now - timedelta(hours=2)),
        ClassroomSummary("c", "R", "process", 2, 2, "http://10.0.0.1:8082/", detail="its gateway does not run"),
    ]
    lines = room_table(rooms, now=now).splitlines()
    assert "8/10" in lines[1]
    assert "(in 2 h 00 min)" in lines[1]
    assert "(past)" in lines[2]
    assert "no end" in lines[3]
    assert lines[3].endswith("its gateway does not run")


def test_a_moment_without_now_is_whole(now: datetime) -> None:
    assert when(now).startswith("2026-03-01 ")


def test_images_are_listed_with_size_and_age(now: datetime) -> None:
    image = Image("workshop/python:1", "sha256:0", "0" * 40, "r", "docker", size_bytes=512 * 1024**2, created=now)
    text = image_table([image])
    assert "workshop/python:1" in text
    assert "512 MB" in text
    assert "Used" not in text


@pytest.mark.parametrize(
    ("removal", "sentence"),
    [
        (Removal({"seats": 10, "networks": 1}), "Removed 1 network and 10 seats; 0 left."),
        (Removal({"seats": 1}), "Removed 1 seat; 0 left."),
        (Removal({"a": 2, "b": 2, "c": 2}), "Removed 2 a, 2 b and 2 c; 0 left."),
        (Removal({"seats": 0}), "Nothing to remove; 0 left."),
        (Removal({"seats": 2}, (Survivor("network", "n", "in use"),)), "Removed 2 seats; 1 left."),
    ],
)
def test_a_removal_is_one_sentence_with_what_is_left(removal: Removal, sentence: str) -> None:
    assert removal_sentence(removal) == sentence


def test_each_survivor_is_named_with_its_reason() -> None:
    removal = Removal({}, (Survivor("network", "w-1", "a container of another program uses it"),))
    assert survivor_lines(removal) == ("network w-1: a container of another program uses it",)
