"""The class screen: look, sort, filter, mark, act."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from textual import events
from textual.pilot import Pilot

from tests.tui.scripted_service import ScriptedService
from tests.tui.support import NOW, classroom, snapshot_of, unreachable_error
from tests.tui.world import notices, press, screen_text, shows, type_text, until
from workshop.errors import WorkshopError
from workshop.model.seat import Activity, SeatState
from workshop.service import SeatResult
from workshop.tui.app import WorkshopApp
from workshop.tui.places import shown
from workshop.tui.screens.ask import AskDialog
from workshop.tui.screens.classroom import ClassScreen
from workshop.tui.screens.confirm import ConfirmDialog
from workshop.tui.screens.results import ResultsDialog
from workshop.tui.screens.seat import SeatScreen
from workshop.tui.widgets.bars import TopBar
from workshop.tui.widgets.seat_table import SeatTable

ROOM = "python-basics"


@asynccontextmanager
async def in_class(
    make: Callable[..., WorkshopApp], size: tuple[int, int] = (80, 24), **options: Any
) -> AsyncIterator[tuple[WorkshopApp, Pilot[Any]]]:
    """An app that shows the class."""
    running = make(start=ROOM, **options)
    async with running.run_test(size=size) as pilot:
        await shows(pilot, "22 of 24 ready")
        yield running, pilot


def table(running: WorkshopApp) -> SeatTable:
    return running.screen.query_one("#seats", SeatTable)


async def test_a_seat_that_changes_changes_its_row(app: Callable[..., WorkshopApp], scripted: ScriptedService) -> None:
    async with in_class(app) as (_running, pilot):
        before = scripted.rooms[ROOM]
        assert "crashed" not in screen_text(pilot.app)
        seats = [replace(s, activity=Activity.CRASHED) if s.number == 3 else s for s in before.seats]
        scripted.change(ROOM, replace(before, seats=tuple(seats)))
        await shows(pilot, "✖ crashed")


async def test_a_filter_leaves_matching_rows_and_says_how_many(app: Callable[..., WorkshopApp]) -> None:
    async with in_class(app) as (running, pilot):
        await press(pilot, "slash")
        await type_text(pilot, "grace")
        await shows(pilot, "1 of 24")
        assert table(running).keys == ("15",)
        await press(pilot, "enter")
        assert table(running).has_focus
        await press(pilot, "escape")
        assert len(table(running).keys) == 24
        assert isinstance(running.screen, ClassScreen), "escape clears first and leaves second"
        await press(pilot, "escape")
        assert not isinstance(running.screen, ClassScreen)


async def test_a_filter_turned_round_shows_the_others(app: Callable[..., WorkshopApp]) -> None:
    async with in_class(app) as (running, pilot):
        await press(pilot, "slash")
        await type_text(pilot, "!never")
        await until(pilot, lambda: len(table(running).keys) == 20)
        assert "19" not in table(running).keys


async def test_a_filter_that_matches_nothing_says_so_and_keeps_the_bar(app: Callable[..., WorkshopApp]) -> None:
    async with in_class(app) as (running, pilot):
        await press(pilot, "slash")
        await type_text(pilot, "[(x")
        await shows(pilot, "0 of 24")
        assert table(running).keys == ()
        await press(pilot, "backspace", "backspace", "backspace")
        await until(pilot, lambda: len(table(running).keys) == 24)


@pytest.mark.parametrize(("key", "first"), [("S", "21"), ("M", "8"), ("A", "5"), ("N", "1")])
async def test_sort_keys_put_what_matters_first(app: Callable[..., WorkshopApp], key: str, first: str) -> None:
    async with in_class(app) as (running, pilot):
        if key == "N":
            await press(pilot, "S")
        await press(pilot, key)
        await until(pilot, lambda: table(running).keys[0] == first)


async def test_the_same_sort_key_again_turns_the_order_round(app: Callable[..., WorkshopApp]) -> None:
    async with in_class(app) as (running, pilot):
        by_number = table(running).keys
        await press(pilot, "M")
        await until(pilot, lambda: table(running).keys != by_number)
        down = table(running).keys
        await press(pilot, "M")
        await until(pilot, lambda: table(running).keys == tuple(reversed(down)))


async def test_a_click_on_a_title_sorts(app: Callable[..., WorkshopApp]) -> None:
    async with in_class(app) as (running, pilot):
        await pilot.click("#seats", offset=(8, 0))
        await until(pilot, lambda: table(running).keys[0] == "21")


async def test_acts_apply_to_marks_and_name_how_many(
    app: Callable[..., WorkshopApp], scripted: ScriptedService
) -> None:
    async with in_class(app) as (running, pilot):
        await press(pilot, "space", "space", "down", "space")
        assert table(running).marked == (1, 2, 4)
        await shows(pilot, "3 marked")
        await press(pilot, "r")
        await shows(pilot, "Restart 3 seats (01, 02, 04)?")
        await press(pilot, "enter")
        await until(pilot, lambda: isinstance(running.screen, ClassScreen), "enter alone cancels")
        assert scripted.called("restart") == []
        await press(pilot, "r")
        await until(pilot, lambda: isinstance(running.screen, ConfirmDialog))
        await press(pilot, "y")
        await until(pilot, lambda: isinstance(running.screen, ResultsDialog))
        assert scripted.called("restart") == [(ROOM, (1, 2, 4))]
        await shows(pilot, "3 of 3 done")
        await press(pilot, "enter", "escape")
        assert table(running).marked == (), "escape takes the marks away"
        assert isinstance(running.screen, ClassScreen)


async def test_seats_that_a_filter_hides_stay_marked_and_are_named_in_the_question(
    app: Callable[..., WorkshopApp],
) -> None:
    async with in_class(app) as (running, pilot):
        await press(pilot, "space", "space", "slash")
        await type_text(pilot, "grace")
        await press(pilot, "enter", "space")
        assert table(running).marked == (1, 2, 15)
        await shows(pilot, "2 of 3 marked hidden")
        await press(pilot, "r")
        await shows(pilot, "Restart 3 seats (01, 02, 15)?")
        await press(pilot, "escape", "escape")
        await shows(pilot, "3 marked")
        assert table(running).marked == (1, 2, 15), "escape took the filter away, not the marks"


async def test_all_that_a_filter_shows_is_marked_beside_what_was_marked(app: Callable[..., WorkshopApp]) -> None:
    async with in_class(app) as (running, pilot):
        await press(pilot, "space", "slash")
        await type_text(pilot, "grace")
        await press(pilot, "enter", "ctrl+e")
        assert table(running).marked == (1, 15)


async def test_a_filter_of_nothing_leaves_no_line_behind(app: Callable[..., WorkshopApp]) -> None:
    async with in_class(app) as (running, pilot):
        await press(pilot, "slash")
        await shows(pilot, "24 of 24")
        await press(pilot, "enter")
        assert "24 of 24" not in screen_text(running)


async def test_a_failure_of_one_seat_is_told_for_that_seat(
    app: Callable[..., WorkshopApp], scripted: ScriptedService
) -> None:
    scripted.seat_results = {2: SeatResult(2, False, "the engine refused")}
    async with in_class(app) as (_running, pilot):
        await press(pilot, "space", "space", "R", "y")
        await shows(pilot, "1 of 2 done, 1 not")
        assert "✗ the engine refused" in screen_text(pilot.app)
        assert scripted.called("reset") == [(ROOM, (1, 2))]


async def test_an_act_that_fails_as_a_whole_is_told(app: Callable[..., WorkshopApp], scripted: ScriptedService) -> None:
    scripted.errors["restart"] = WorkshopError("The engine is gone.", hint="Start it.")
    async with in_class(app) as (running, pilot):
        await press(pilot, "r", "y")
        await until(pilot, lambda: "The engine is gone." in notices(running))


async def test_a_label_is_asked_for_and_shown(app: Callable[..., WorkshopApp], scripted: ScriptedService) -> None:
    async with in_class(app) as (_running, pilot):
        await press(pilot, "w")
        await shows(pilot, "Label of seat 01")
        await type_text(pilot, "Mary")
        await press(pilot, "enter")
        await until(pilot, lambda: scripted.called("act") == [(ROOM, "label", (1,), {"text": "Mary"})])
        await shows(pilot, "Mary")


async def test_help_is_a_queue_by_time_and_can_be_taken_back(
    app: Callable[..., WorkshopApp], scripted: ScriptedService
) -> None:
    async with in_class(app) as (_running, pilot):
        assert "⚑2" in screen_text(pilot.app)
        assert "h Helped" not in screen_text(pilot.app), "seat 01 waits for nothing"
        await press(pilot, "3")
        await shows(pilot, "Waiting")
        text = screen_text(pilot.app)
        assert text.index("Ada") < text.index("Grace H."), "the longest wait comes first"
        assert "h Helped" in text
        await press(pilot, "h")
        await until(pilot, lambda: scripted.called("act") == [(ROOM, "help-done", (7,), {})])
        await until(pilot, lambda: "Ada" not in screen_text(pilot.app))


async def test_the_help_queue_says_when_nobody_waits(
    app: Callable[..., WorkshopApp], scripted: ScriptedService
) -> None:
    seats = [replace(seat, help_since=None) for seat in scripted.rooms[ROOM].seats]
    scripted.rooms[ROOM] = replace(scripted.rooms[ROOM], seats=tuple(seats))
    async with in_class(app) as (_running, pilot):
        await press(pilot, "3")
        await shows(pilot, "Nobody is waiting for help.")


async def test_the_map_moves_the_same_selection_as_the_table(app: Callable[..., WorkshopApp]) -> None:
    async with in_class(app) as (running, pilot):
        await press(pilot, "2")
        await shows(pilot, "mem 15%")
        await press(pilot, "right", "right", "down")
        screen = running.screen
        assert isinstance(screen, ClassScreen)
        assert screen.selected == 8
        await press(pilot, "space", "1")
        assert table(running).marked == (8,)
        assert table(running).selected == 8


async def test_views_go_round_with_brackets_and_clicks(app: Callable[..., WorkshopApp]) -> None:
    async with in_class(app) as (running, pilot):
        screen = running.screen
        assert isinstance(screen, ClassScreen)
        await press(pilot, "left_square_bracket")
        assert screen.view == "events"
        await press(pilot, "right_square_bracket", "right_square_bracket")
        assert screen.view == "map"
        await pilot.click("ViewBar", offset=(32, 0))
        await until(pilot, lambda: screen.view == "activity")


async def test_what_happens_is_listed_as_events(app: Callable[..., WorkshopApp], scripted: ScriptedService) -> None:
    async with in_class(app) as (_running, pilot):
        before = scripted.rooms[ROOM]
        changes: dict[int, dict[str, Any]] = {
            19: {"claimed": True},
            3: {"activity": Activity.OUT_OF_MEMORY},
            4: {"state": SeatState.FAILED, "detail": "ended with code 1"},
        }
        seats = tuple(replace(seat, **changes.get(seat.number, {})) for seat in before.seats)
        scripted.change(ROOM, replace(before, seats=seats))
        await press(pilot, "5")
        await shows(pilot, "seat 19 was taken")
        assert "seat 03 out of memory" in screen_text(pilot.app)
        assert "seat 04 ready → failed: ended with code 1" in screen_text(pilot.app)
        await press(pilot, "slash")
        await type_text(pilot, "memory")
        await shows(pilot, "1 of 1")
        await press(pilot, "escape")
        assert "1 of 1" not in screen_text(pilot.app)


async def test_activity_is_drawn_over_time(app: Callable[..., WorkshopApp], scripted: ScriptedService) -> None:
    async with in_class(app) as (_running, pilot):
        for _ in range(30):
            scripted.clock.forward(seconds=10)
            scripted.change(ROOM, replace(scripted.rooms[ROOM], taken_at=scripted.clock.now))
            await pilot.pause()
        await press(pilot, "4")
        await shows(pilot, "18 of 24")
        assert "Memory 4.9 GB" in screen_text(pilot.app)
        await shows(pilot, "█" * 20)


async def test_a_lost_gateway_is_a_banner_and_the_last_picture_stays(
    app: Callable[..., WorkshopApp], scripted: ScriptedService
) -> None:
    async with in_class(app) as (_running, pilot):
        scripted.clock.forward(seconds=42)
        scripted.change(ROOM, replace(scripted.rooms[ROOM], stale="The gateway does not answer.", gateway=False))
        await shows(pilot, "▲ Stale, 42 s old. The gateway does not answer.")
        await shows(pilot, "u Start")
        assert "running" in screen_text(pilot.app)
        scripted.change(ROOM, snapshot_of(classroom(), taken_at=scripted.clock.now))
        await until(pilot, lambda: "Stale" not in screen_text(pilot.app), "it recovers by itself")
        await until(pilot, lambda: "u Start" not in screen_text(pilot.app))


async def test_an_engine_that_is_lost_is_asked_again(
    app: Callable[..., WorkshopApp], scripted: ScriptedService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workshop.tui.pump.AGAIN", 0.05)
    async with in_class(app) as (_running, pilot):
        scripted.errors["watch"] = unreachable_error()
        scripted.lose(ROOM, unreachable_error())
        await shows(pilot, "The Docker engine does not answer.")
        del scripted.errors["watch"]
        await until(pilot, lambda: "does not answer" not in screen_text(pilot.app))
        assert len(scripted.called("watch")) >= 2


async def test_a_classroom_that_somebody_else_tore_down_is_said_to_be_gone(
    app: Callable[..., WorkshopApp], scripted: ScriptedService
) -> None:
    async with in_class(app) as (running, pilot):
        scripted.remove(ROOM)
        await shows(pilot, "This classroom is gone")
        assert "EXEH" in screen_text(pilot.app), "the last picture stays"
        await press(pilot, "r")
        await until(pilot, lambda: any("the classroom is gone" in text for text in notices(running)))
        assert isinstance(running.screen, ClassScreen)
        assert scripted.called("restart") == []


async def test_a_class_that_ended_by_itself_is_said_to_be_over_and_where_its_work_is(
    app: Callable[..., WorkshopApp], scripted: ScriptedService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scripted, "collect_folder", lambda _room: tmp_path)
    async with in_class(app, size=(200, 30)) as (_running, pilot):
        scripted.clock.forward(hours=3)
        scripted.remove(ROOM)
        await shows(pilot, f"it is over and was removed. Collected work is in {shown(tmp_path)}.")


async def test_a_classroom_that_is_not_there_goes_back_with_a_reason(
    app: Callable[..., WorkshopApp], scripted: ScriptedService
) -> None:
    running = app(start="nowhere")
    async with running.run_test() as pilot:
        await until(pilot, lambda: "There is no classroom 'nowhere'." in notices(running))
        await until(pilot, lambda: not isinstance(running.screen, ClassScreen))


async def test_extending_shows_the_new_end(app: Callable[..., WorkshopApp], scripted: ScriptedService) -> None:
    async with in_class(app) as (running, pilot):
        assert "ends in 2 h 08 min" in screen_text(pilot.app)
        await press(pilot, "e")
        await shows(pilot, "It ends at 11:49")
        await press(pilot, "backspace", "backspace", "backspace")
        await type_text(pilot, "soon")
        await press(pilot, "enter")
        await shows(pilot, "Write it as 30m")
        await press(pilot, *["backspace"] * 4)
        await type_text(pilot, "45m")
        await press(pilot, "enter")
        await until(pilot, lambda: any("it ends at 12:34" in text for text in notices(running)))
        await shows(pilot, "ends in 2 h 53 min")
        assert scripted.called("extend") == [(ROOM, timedelta(minutes=45))]


async def test_a_class_near_its_end_and_past_it_says_so(
    app: Callable[..., WorkshopApp], scripted: ScriptedService
) -> None:
    async with in_class(app) as (_running, pilot):
        scripted.clock.forward(hours=2, minutes=20)
        scripted.change(ROOM, replace(scripted.rooms[ROOM], taken_at=NOW))
        await shows(pilot, "ended 12 min ago")


async def test_adding_seats_makes_them_appear(app: Callable[..., WorkshopApp], scripted: ScriptedService) -> None:
    async with in_class(app) as (_running, pilot):
        await press(pilot, "a")
        await shows(pilot, "24 seats there")
        await press(pilot, "backspace", "3", "enter")
        await shows(pilot, "of 27 ready")
        assert scripted.called("add") == [(ROOM, 3)]


@pytest.mark.parametrize("answer", ["0", "501", "x"])
async def test_adding_refuses_what_is_no_number_of_seats(
    app: Callable[..., WorkshopApp], scripted: ScriptedService, answer: str
) -> None:
    async with in_class(app) as (_running, pilot):
        await press(pilot, "a", "backspace")
        await type_text(pilot, answer)
        await press(pilot, "enter")
        await shows(pilot, "A number from 1 to 500.")
        assert scripted.called("add") == []


async def test_saying_something_reaches_the_service_and_the_events(
    app: Callable[..., WorkshopApp], scripted: ScriptedService
) -> None:
    async with in_class(app) as (running, pilot):
        await press(pilot, "t")
        await until(pilot, lambda: isinstance(running.screen, AskDialog))  # keys before that go to the table
        await press(pilot, "enter")
        await shows(pilot, "There is nothing to say yet.")
        await type_text(pilot, "Break until 10:30")
        await press(pilot, "enter")
        await until(pilot, lambda: scripted.called("say") == [(ROOM, "Break until 10:30")])
        await press(pilot, "5")
        await shows(pilot, "Said: Break until 10:30")


async def test_a_seat_has_a_screen_of_its_own_with_every_act(
    app: Callable[..., WorkshopApp], scripted: ScriptedService
) -> None:
    async with in_class(app) as (running, pilot):
        await press(pilot, "down", "down", "down", "down", "down", "down", "enter")
        await until(pilot, lambda: isinstance(running.screen, SeatScreen))
        await shows(pilot, "⚑ help 4 min")
        assert classroom().link(7) in screen_text(pilot.app)
        assert "Filter" not in screen_text(pilot.app).splitlines()[-1]
        await press(pilot, "h")
        await until(pilot, lambda: scripted.called("act") == [(ROOM, "help-done", (7,), {})])
        await press(pilot, "l")
        await shows(pilot, "Serving notebooks from local directory")


async def test_raising_memory_says_from_what_to_what(
    app: Callable[..., WorkshopApp], scripted: ScriptedService
) -> None:
    async with in_class(app) as (_running, pilot):
        await press(pilot, "plus")
        await shows(pilot, "From 1 GB to 1.5 GB. Nothing is restarted.")
        await press(pilot, "y")
        await until(pilot, lambda: scripted.called("act") == [(ROOM, "memory", (1,), {"bytes": 1536 * 1024**2})])


async def test_pausing_a_paused_seat_lets_it_go_on(app: Callable[..., WorkshopApp], scripted: ScriptedService) -> None:
    async with in_class(app) as (_running, pilot):
        await press(pilot, "z")
        await until(pilot, lambda: [call[1] for call in scripted.called("act")] == ["pause"])
        seats = [replace(s, state=SeatState.PAUSED) if s.number == 1 else s for s in scripted.rooms[ROOM].seats]
        scripted.change(ROOM, replace(scripted.rooms[ROOM], seats=tuple(seats)))
        await shows(pilot, "paused")
        await press(pilot, "z")
        await until(pilot, lambda: [call[1] for call in scripted.called("act")] == ["pause", "resume"])


async def test_columns_leave_by_priority_and_the_seat_never_does(app: Callable[..., WorkshopApp]) -> None:
    async with in_class(app, size=(200, 30)) as (_running, pilot):
        assert "Notebook" in screen_text(pilot.app)
        await pilot.resize_terminal(60, 24)
        await until(pilot, lambda: "Notebook" not in screen_text(pilot.app))
        assert "Code" in screen_text(pilot.app)
        await pilot.resize_terminal(40, 24)
        await until(pilot, lambda: "Code" not in screen_text(pilot.app))
        assert "out of memory" in screen_text(pilot.app)


async def test_a_class_without_seats_says_what_to_do(
    app: Callable[..., WorkshopApp], scripted: ScriptedService
) -> None:
    scripted.rooms[ROOM] = snapshot_of(classroom(), ())
    running = app(start=ROOM)
    async with running.run_test() as pilot:
        await shows(pilot, "There are no seats. Press a to add some.")


async def test_two_terminals_on_one_class_see_the_same(
    app: Callable[..., WorkshopApp], scripted: ScriptedService
) -> None:
    first, second = app(start=ROOM), app(start=ROOM)
    async with first.run_test() as pilot_one, second.run_test() as pilot_two:
        await shows(pilot_one, "22 of 24 ready")
        await shows(pilot_two, "22 of 24 ready")
        seats = [replace(s, state=SeatState.READY) for s in scripted.rooms[ROOM].seats]
        scripted.change(ROOM, replace(scripted.rooms[ROOM], seats=tuple(seats)))
        await shows(pilot_one, "24 of 24 ready")
        await shows(pilot_two, "24 of 24 ready")


async def test_keys_typed_ahead_of_a_question_do_not_act_on_what_lies_below(
    app: Callable[..., WorkshopApp], scripted: ScriptedService
) -> None:
    async with in_class(app) as (running, pilot):
        for key in ("t", "5", "c", "enter"):  # at once, as a terminal passes on what was typed while it was busy
            running.post_message(events.Key(key, key if len(key) == 1 else None))
        await until(pilot, lambda: isinstance(running.screen, AskDialog))
        await press(pilot, "escape")
        await until(pilot, lambda: isinstance(running.screen, ClassScreen))
        assert running.screen.view == "seats"  # type: ignore[attr-defined]
        assert notices(running) == []


async def test_a_second_that_passes_while_the_program_ends_is_nobodys_trouble(app: Callable[..., WorkshopApp]) -> None:
    async with in_class(app) as (running, pilot):
        running._running = False  # as the library leaves it while it takes the screens down, widget by widget
        await running.screen.query_one(TopBar).remove()
        running._tick()
        await pilot.pause()
        assert running.broken is None
