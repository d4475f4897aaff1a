"""Tables, logs and curves by themselves."""

from __future__ import annotations

import pytest
from textual.app import App, ComposeResult

from tests.tui.world import press, until
from workshop.config.themes import FALLBACK
from workshop.present.columns import Cell, Column
from workshop.tui.theme import textual_theme
from workshop.tui.widgets.log_view import Lines, LogView, clean
from workshop.tui.widgets.plots import area, over_time, sparkline, thinned
from workshop.tui.widgets.row_table import RowTable

COLUMNS = (Column("name", "Name", 8), Column("state", "State", 10), Column("more", "More", 20, priority=1, grow=True))


class Plain(App[None]):
    """An app around one widget."""

    read_only = False

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return dict(textual_theme(FALLBACK).variables)


class Tables(Plain):
    """One table."""

    def compose(self) -> ComposeResult:
        yield RowTable(COLUMNS)

    @property
    def table(self) -> RowTable:
        return self.query_one(RowTable)


def rows(count: int, **changed: str) -> list[tuple[str, tuple[Cell, ...]]]:
    return [
        (str(n), (Cell(f"row {n}"), Cell(changed.get(f"r{n}", "ready"), "good"), Cell("more"))) for n in range(count)
    ]


async def test_only_a_row_that_changed_is_painted_again() -> None:
    app = Tables()
    async with app.run_test(size=(60, 20)) as pilot:
        app.table.focus()
        app.table.set_rows(rows(500))
        await pilot.pause()
        painted = app.table.painted
        app.table.set_rows(rows(500, r7="failed"))
        await pilot.pause()
        assert 1 <= app.table.painted - painted <= 2
        app.table.set_rows(rows(500, r7="failed", r400="failed"))
        await pilot.pause()
        assert app.table.painted - painted <= 2, "a row out of sight is not painted at all"


async def test_the_cursor_stays_on_its_row_when_rows_move() -> None:
    app = Tables()
    async with app.run_test(size=(60, 20)) as pilot:
        app.table.focus()
        app.table.set_rows(rows(30))
        await press(pilot, "down", "down", "down")
        assert app.table.cursor_key == "3"
        app.table.set_rows(list(reversed(rows(30))))
        assert app.table.cursor_key == "3"
        app.table.set_rows([row for row in rows(30) if row[0] != "3"])
        assert app.table.cursor_key == "27", "the row at the same place takes over when the row is gone"


async def test_keys_and_wheel_move_through_a_long_table() -> None:
    app = Tables()
    async with app.run_test(size=(60, 20)) as pilot:
        app.table.focus()
        app.table.set_rows(rows(100))
        await press(pilot, "G")
        assert app.table.cursor_key == "99"
        assert app.table.scroll_y == 81
        await press(pilot, "g")
        assert (app.table.cursor_key, app.table.scroll_y) == ("0", 0)
        await press(pilot, "pagedown")
        assert app.table.cursor_key == "19"
        await press(pilot, "k")
        assert app.table.cursor_key == "18"


async def test_a_click_moves_the_cursor_and_a_second_chooses() -> None:
    chosen: list[str] = []

    class Clicked(Tables):
        def on_row_table_chosen(self, event: RowTable.Chosen) -> None:
            chosen.append(event.key)

        def on_row_table_sort_asked(self, event: RowTable.SortAsked) -> None:
            chosen.append(f"sort {event.column}")

    app = Clicked()
    async with app.run_test(size=(60, 20)) as pilot:
        app.table.set_rows(rows(10))
        await pilot.pause()
        await pilot.click(RowTable, offset=(5, 4))
        assert app.table.cursor_key == "3"
        await pilot.double_click(RowTable, offset=(5, 4))
        await until(pilot, lambda: chosen == ["3"])
        await pilot.click(RowTable, offset=(12, 0))
        await until(pilot, lambda: chosen == ["3", "sort state"])


@pytest.mark.parametrize(
    ("printed", "shown"),
    [
        ("\x1b[32mgreen\x1b[0m text", "green text"),
        ("10%\r20%\r100%", "100%"),
        ("title\x1b]0;evil\x07 end", "title end"),
        ("tab\there", "tab here"),
        ("bell\x07 \x08back", "bell back"),
        ("plain", "plain"),
    ],
)
def test_lines_lose_what_would_move_the_cursor(printed: str, shown: str) -> None:
    assert clean(printed) == shown


class Logs(Plain):
    """One log."""

    def compose(self) -> ComposeResult:
        yield LogView(first_focus=True)

    def on_mount(self) -> None:
        self.query_one(Lines).focus()


async def test_a_log_follows_its_end_until_one_scrolls_away() -> None:
    app = Logs()
    async with app.run_test(size=(60, 20)) as pilot:
        lines = app.query_one(Lines)
        lines.add((f"line {n}", "normal") for n in range(100))
        await pilot.pause()
        assert lines.scroll_y == lines.max_scroll_y
        await press(pilot, "up")
        at = lines.scroll_y
        lines.add([("another", "normal")])
        await pilot.pause()
        assert lines.scroll_y == at
        await press(pilot, "G")
        lines.add([("the last", "normal")])
        await pilot.pause()
        assert lines.scroll_y == lines.max_scroll_y


async def test_long_lines_are_read_to_their_end_with_left_and_right() -> None:
    app = Logs()
    async with app.run_test(size=(60, 20)) as pilot:
        lines = app.query_one(Lines)
        lines.add([("long " * 20 + "end", "normal")])
        await pilot.pause()
        await press(pilot, "right", "right")
        assert lines.scroll_x == lines.max_scroll_x > 0
        await press(pilot, "left", "left")
        assert lines.scroll_x == 0


async def test_a_search_marks_every_match_and_goes_through_them() -> None:
    app = Logs()
    async with app.run_test(size=(60, 20)) as pilot:
        lines = app.query_one(Lines)
        lines.add((f"step {n} {'Error' if n % 20 == 0 else 'fine'}", "normal") for n in range(100))
        await press(pilot, "slash", *"error")
        assert lines.found == (5, 5)
        await press(pilot, "enter", "n")
        assert lines.found == (1, 5)
        assert lines.scroll_y == 0
        await press(pilot, "N")
        assert lines.found == (5, 5)
        lines.add([("one more error", "bad")])
        assert lines.found == (5, 6)


async def test_a_log_forgets_its_oldest_lines_and_keeps_its_matches() -> None:
    app = Logs()
    async with app.run_test(size=(60, 20)) as pilot:
        lines = app.query_one(Lines)
        lines._kept = 50
        lines.search("x")
        lines.add((f"{n} {'x' if n in (10, 90) else ''}", "normal") for n in range(100))
        await pilot.pause()
        assert lines.count == 50
        assert lines.found[1] == 1


def test_a_sparkline_shows_the_newest_values_against_their_top() -> None:
    assert sparkline([0, 50, 100], 5, top=100) == "▁▅█"
    assert sparkline([1, 2, 3, 4], 2) == "▆█"
    assert sparkline([], 4) == ""
    assert sparkline([0, 0], 4) == "▁▁"


def test_a_curve_of_several_lines_fills_from_below() -> None:
    assert area([0, 4, 8], 3, 2, top=8) == ["  █", " ██"]
    assert area([], 3, 2, top=8) == ["", ""]


def test_a_curve_over_time_goes_on_with_the_last_value_where_nothing_was_read() -> None:
    assert over_time([(0, 1.0), (10, 5.0), (11, 3.0)], 5, 50) == [1, 5, 5, 5, 5]
    assert over_time([(0, 1.0)], 3, 0) == [1, 1, 1]
    assert over_time([], 3, 10) == []


def test_a_long_curve_keeps_its_peaks_when_it_is_thinned() -> None:
    values = [0.0] * 100
    values[37] = 9
    assert max(thinned(values, 10)) == 9
    assert len(thinned(values, 10)) == 10
