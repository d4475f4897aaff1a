"""Seats as rows: columns by priority, order, filter, and the line above."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from workshop.model.seat import Activity, Progress, Seat, SeatState
from workshop.model.snapshot import Snapshot
from workshop.present.cells import cell_width, cut, fill, one_line
from workshop.present.columns import Column, fit_columns
from workshop.present.rows import (
    SEAT_COLUMNS,
    filtered,
    header,
    help_queue,
    parse_filter,
    seat_cells,
    seat_columns,
    short_target,
    sorted_seats,
)
from workshop.present.tables import seat_table


def shown_at(width: int, seats: tuple[Seat, ...]) -> list[str]:
    columns = seat_columns(seats)
    return [columns[index].key for index, _ in fit_columns(columns, width)]


class TestColumns:
    def test_columns_leave_by_priority(self, snapshot: Snapshot) -> None:
        assert shown_at(60, snapshot.seats) == ["seat", "status", "help", "code", "label"]
        assert shown_at(80, snapshot.seats) == ["seat", "status", "help", "code", "last", "memory", "label"]
        assert {"cpu", "detail"} <= set(shown_at(120, snapshot.seats))
        assert "link" in shown_at(200, snapshot.seats)

    @pytest.mark.parametrize("width", [60, 80, 120, 200])
    def test_lines_fill_a_width_and_never_cut_a_seats_name(self, snapshot: Snapshot, width: int) -> None:
        columns = seat_columns(snapshot.seats)
        places = fit_columns(columns, width)
        assert sum(room for _, room in places) + len(places) - 1 <= width
        index, room = places[0]
        assert columns[index].key == "seat"
        assert room >= max(len(seat.name) for seat in snapshot.seats)
        lines = seat_table(snapshot, width=width).splitlines()
        assert [line.split()[0] for line in lines[1:]] == [seat.name for seat in snapshot.seats]
        assert max(cell_width(line) for line in lines) <= width

    @pytest.mark.parametrize("width", [1, 5, 10, 24, 40])
    def test_even_in_a_very_narrow_place_the_name_is_whole(self, make_seat: Callable[..., Seat], width: int) -> None:
        seats = (make_seat(1), make_seat(12345))
        columns = seat_columns(seats)
        places = dict(fit_columns(columns, width))
        assert places[0] == 5

    def test_columns_that_no_seat_needs_are_left_out(self, make_seat: Callable[..., Seat]) -> None:
        keys = {column.key for column in seat_columns((make_seat(1),))}
        assert keys.isdisjoint({"help", "progress", "target"})
        assert "target" in {column.key for column in seat_columns((make_seat(1, target="cluster"),))}

    def test_a_cluster_is_told_by_its_context_alone(self) -> None:
        assert [short_target(text) for text in ("docker", "kubernetes (teaching)", "kubernetes", "")] == [
            "docker", "teaching", "kubernetes", "",
        ]  # fmt: skip

    def test_growing_columns_share_what_is_left_to_the_last_cell(self) -> None:
        columns = (Column("a", "A", 5), Column("b", "B", 5, grow=True), Column("c", "C", 5, grow=True))
        assert fit_columns(columns, 28) == [(0, 5), (1, 11), (2, 10)]

    def test_a_column_that_may_grow_gives_way_when_everything_else_must_stay(self) -> None:
        columns = (Column("a", "A", 5), Column("b", "B", 10, grow=True))
        assert fit_columns(columns, 10) == [(0, 5), (1, 4)]

    def test_every_column_has_a_cell(self, snapshot: Snapshot, now: datetime) -> None:
        for seat in snapshot.seats:
            assert len(seat_cells(seat, SEAT_COLUMNS, now=now)) == len(SEAT_COLUMNS)


class TestCells:
    def cell(self, seat: Seat, key: str, now: datetime | None = None) -> tuple[str, str]:
        (found,) = seat_cells(seat, [column for column in SEAT_COLUMNS if column.key == key], now=now)
        return found.text, found.tone

    def test_memory_near_the_limit_warns(self, make_seat: Callable[..., Seat]) -> None:
        assert self.cell(make_seat(1, memory_bytes=512 * 1024**2, memory_limit=1024**3), "memory") == (
            "512 MB  50%", "normal",
        )  # fmt: skip
        assert self.cell(make_seat(1, memory_bytes=900 * 1024**2, memory_limit=1024**3), "memory")[1] == "warn"
        assert self.cell(make_seat(1, memory_bytes=3 * 1024**3), "memory") == ("3 GB", "normal")

    def test_progress_counts_cells_over_notebooks_and_marks_a_standing_error(
        self, make_seat: Callable[..., Seat], now: datetime
    ) -> None:
        parts = (Progress("a.ipynb", 10, 4), Progress("b.ipynb", 5, 0, error_since=now))
        assert self.cell(make_seat(1, progress=parts), "progress") == ("4/15 !", "warn")

    def test_two_browsers_on_one_seat_are_flagged(self, make_seat: Callable[..., Seat]) -> None:
        assert self.cell(make_seat(1, browsers=1), "browsers") == ("1", "normal")
        assert self.cell(make_seat(1, browsers=2), "browsers") == ("2", "warn")

    def test_a_typed_name_cannot_write_to_the_terminal(self, make_seat: Callable[..., Seat]) -> None:
        text, _ = self.cell(make_seat(1, label="\x1b[2JEve\n\r\u202e"), "label")
        assert text == "[2JEve"

    def test_a_free_spare_says_so_until_it_has_a_label_or_a_person(self, make_seat: Callable[..., Seat]) -> None:
        assert self.cell(make_seat(1, spare=True), "label")[0] == "spare"
        assert self.cell(make_seat(1, spare=True, claimed=True), "label")[0] == ""
        assert self.cell(make_seat(1, spare=True, label="Ana"), "label")[0] == "Ana"

    def test_codes_are_grouped(self, make_seat: Callable[..., Seat]) -> None:
        seat = make_seat(1)
        assert self.cell(seat, "code")[0] == f"{seat.code[:4]}-{seat.code[4:]}"


class TestOrder:
    def numbers(self, seats: tuple[Seat, ...]) -> list[int]:
        return [seat.number for seat in seats]

    def test_by_number(self, snapshot: Snapshot) -> None:
        backwards = tuple(reversed(snapshot.seats))
        assert self.numbers(sorted_seats(backwards)) == [1, 2, 3, 4, 5, 6, 112]
        assert self.numbers(sorted_seats(backwards, downwards=True)) == [112, 6, 5, 4, 3, 2, 1]

    def test_by_state_trouble_comes_first_then_who_asks_for_help(self, snapshot: Snapshot) -> None:
        assert self.numbers(sorted_seats(snapshot.seats, "status")) == [5, 6, 2, 4, 1, 3, 112]

    def test_by_last_sign_of_life_the_longest_silence_comes_first(self, snapshot: Snapshot) -> None:
        assert self.numbers(sorted_seats(snapshot.seats, "last"))[:3] == [2, 6, 1]

    def test_by_memory_the_fullest_comes_first(self, snapshot: Snapshot) -> None:
        assert self.numbers(sorted_seats(snapshot.seats, "memory"))[:3] == [6, 2, 1]

    def test_the_help_queue_has_the_longest_wait_first(self, make_seat: Callable[..., Seat], now: datetime) -> None:
        seats = (
            make_seat(1, help_since=now), make_seat(2), make_seat(3, help_since=now - timedelta(minutes=5)),
        )  # fmt: skip
        assert self.numbers(help_queue(seats)) == [3, 1]


class TestFilter:
    def shown(self, snapshot: Snapshot, text: str) -> list[int]:
        return [seat.number for seat in filtered(snapshot.seats, parse_filter(text), now=snapshot.taken_at)]

    @pytest.mark.parametrize(
        ("text", "numbers"),
        [
            ("", [1, 2, 3, 4, 5, 6, 112]),
            ("!", [1, 2, 3, 4, 5, 6, 112]),
            ("idle", [2]),
            ("IDLE", [2]),
            ("!opened", [1, 2, 4, 5, 6]),
            ("zoË", [2]),
            ("jupyter-lab", [5]),
            ("spare", [112]),
            ("killed", [6]),
            ("nothing like it", []),
            ("! nothing like it", [1, 2, 3, 4, 5, 6, 112]),
        ],
    )
    def test_any_column_counts_in_any_case(self, snapshot: Snapshot, text: str, numbers: list[int]) -> None:
        assert self.shown(snapshot, text) == numbers

    def test_a_code_is_found_with_and_without_its_dash(self, snapshot: Snapshot) -> None:
        code = snapshot.seats[3].code
        assert self.shown(snapshot, code.lower()) == [4]
        assert self.shown(snapshot, f"{code[:4]}-{code[4:]}") == [4]


class TestHeader:
    def test_it_counts(self, snapshot: Snapshot, now: datetime) -> None:
        assert header(snapshot, now=now) == (
            "5 of 7 ready", "1 failed", "3 claimed", "1 asks for help", "ends in 2 h 05 min",
        )  # fmt: skip

    def test_a_filter_and_a_waiting_room_are_counted(self, snapshot: Snapshot, now: datetime) -> None:
        parts = header(replace(snapshot, waiting=3, ends=now - timedelta(minutes=4)), shown=2, now=now)
        assert parts[0] == "2 of 7 shown"
        assert "3 waiting" in parts
        assert parts[-1] == "ended 4 min ago"

    def test_an_empty_room_has_nothing_to_hide(self, snapshot: Snapshot) -> None:
        assert header(replace(snapshot, seats=(), ends=None)) == ("0 of 0 ready", "0 claimed")


class TestText:
    @pytest.mark.parametrize(("text", "width"), [("abc", 3), ("日本", 4), ("e\u0301", 1), ("👍", 2), ("é", 1), ("", 0)])
    def test_cells_are_counted_as_a_terminal_does(self, text: str, width: int) -> None:
        assert cell_width(text) == width

    def test_what_does_not_fit_is_cut_at_a_cell(self) -> None:
        assert cut("abcdef", 4) == "abc…"
        assert cut("日本語", 4) == "日…"
        assert cut("abc", 0) == ""
        assert (fill("日", 4), fill("7", 3, right=True)) == ("日  ", "  7")

    def test_text_from_outside_stays_on_one_line(self) -> None:
        assert one_line("a\nb\x07\x9b") == "a b"


def test_states_that_no_ordering_knows_do_not_exist(make_seat: Callable[..., Seat]) -> None:
    seats = [make_seat(1, state=state, activity=activity) for state in SeatState for activity in Activity]
    assert len(sorted_seats(seats, "status")) == len(seats)
