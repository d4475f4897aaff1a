"""The home screen, a new workshop, the plan, images, clean-up, and this machine."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from textual.events import Paste
from textual.pilot import Pilot
from textual.widgets import Button, Checkbox, Input, Select

from tests.tui.scripted_service import ScriptedService
from tests.tui.support import NOW, classroom, image, snapshot_of, unreachable_error
from tests.tui.world import notices, press, screen_text, shows, type_text, until
from workshop.config.definition import load_definition
from workshop.errors import SourceError
from workshop.model.snapshot import Problem, Removal, Survivor
from workshop.service import EndPlan, Finding, UpRequest
from workshop.tui.app import WorkshopApp
from workshop.tui.screens.classroom import ClassScreen
from workshop.tui.screens.home import HomeScreen
from workshop.tui.screens.job import JobScreen
from workshop.tui.screens.new import NewScreen
from workshop.tui.screens.plan import PlanScreen
from workshop.tui.screens.teardown import TeardownScreen

ROOM = "python-basics"
Make = Callable[..., WorkshopApp]


# Home


async def test_an_empty_home_says_what_to_do(app: Make, scripted: ScriptedService) -> None:
    scripted.entries, scripted.rooms = (), {}
    running = app()
    async with running.run_test() as pilot:
        await shows(pilot, "None is open. Choose a workshop below and press u.")
        assert "None was used yet. Paste a link to a repository, or press n." in screen_text(running)


async def test_an_engine_that_does_not_answer_is_named(app: Make, scripted: ScriptedService) -> None:
    scripted.silent = ("docker: The Docker engine does not answer.",)
    running = app()
    async with running.run_test() as pilot:
        await shows(pilot, "▲ docker: The Docker engine does not answer.")


async def test_classrooms_appear_while_one_looks(
    app: Make, scripted: ScriptedService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workshop.tui.screens.home.REFRESH_EVERY", 0.05)
    rooms, scripted.rooms = scripted.rooms, {}
    running = app()
    async with running.run_test() as pilot:
        await shows(pilot, "None is open.")
        scripted.rooms = rooms
        await shows(pilot, "22 of 24")


async def test_a_classroom_without_its_gateway_says_so(app: Make, scripted: ScriptedService) -> None:
    scripted.rooms[ROOM] = replace(scripted.rooms[ROOM], gateway=False)
    running = app()
    async with running.run_test() as pilot:
        await shows(pilot, "▲ python-basics")
        await press(pilot, "u")
        await until(pilot, lambda: scripted.called("up") == [(UpRequest(name=ROOM),)], "it is started again")


async def test_arrows_go_from_one_table_to_the_other(app: Make) -> None:
    running = app()
    async with running.run_test() as pilot:
        await shows(pilot, "students come in at http://192.168.1.20:8080/")
        await press(pilot, "down")
        await shows(pilot, "/srv/courses/python-basics/workshop.yaml")
        await press(pilot, "down", "down", "up", "up", "up")
        await shows(pilot, "students come in at")
        await press(pilot, "enter")
        await until(pilot, lambda: isinstance(running.screen, ClassScreen))


async def test_a_link_pasted_anywhere_is_looked_at(app: Make, scripted: ScriptedService) -> None:
    running = app()
    async with running.run_test() as pilot:
        await shows(pilot, ROOM)
        running.screen.post_message(Paste("https://mybinder.org/v2/gh/example/course/HEAD\n"))
        await until(pilot, lambda: isinstance(running.screen, NewScreen))
        await until(
            pilot, lambda: scripted.called("check") == [("https://mybinder.org/v2/gh/example/course/HEAD", None, "")]
        )


async def test_an_action_without_what_it_needs_says_what_to_choose(app: Make) -> None:
    running = app()
    async with running.run_test() as pilot:
        await shows(pilot, "students come in at")
        await press(pilot, "u")
        await until(pilot, lambda: notices(running) == ["Open a classroom: choose a workshop first."])


# A new workshop


async def test_what_was_detected_is_shown_with_every_problem_and_its_hint(app: Make, scripted: ScriptedService) -> None:
    scripted.problems = (
        Problem("dependency pandas", "pandas is not pinned.", "Write the version you tested.", "warning"),
        Problem("open", "There is no intro.ipynb.", "Is it 01-first-steps.ipynb?"),
    )
    running = app()
    async with running.run_test(size=(100, 30)) as pilot:
        await shows(pilot, ROOM)
        await press(pilot, "n")
        await shows(pilot, "Paste a link and press")
        await type_text(pilot, "https://github.com/example/course")
        await press(pilot, "enter")
        await shows(pilot, "requirements.txt and apt.txt in binder/; Python 3.12; postBuild runs")
        text = screen_text(running)
        assert "✗ open: There is no intro.ipynb." in text
        assert "▲ dependency pandas: pandas is not pinned." in text
        assert text.index("✗ open") < text.index("▲ dependency"), "errors come first"
        assert "Is it 01-first-steps.ipynb?" in text
        await press(pilot, "f7")
        await until(pilot, lambda: "Open a classroom: There is no intro.ipynb." in notices(running))
        assert isinstance(running.screen, NewScreen)


async def test_a_repository_that_cannot_be_had_is_said_in_place(app: Make, scripted: ScriptedService) -> None:
    scripted.errors["check"] = SourceError("There is no repository at https://x.example.", hint="Check the link.")
    running = app()
    async with running.run_test() as pilot:
        await shows(pilot, ROOM)
        await press(pilot, "n")
        await type_text(pilot, "https://x.example")
        await press(pilot, "enter")
        await shows(pilot, "There is no repository at https://x.example.")
        assert "Check the link." in screen_text(running)


async def test_the_verdict_follows_the_choices(app: Make) -> None:
    running = app()
    async with running.run_test(size=(100, 30)) as pilot:
        await shows(pilot, ROOM)
        await press(pilot, "down", "enter")
        await shows(pilot, "14 seats of 1 GB fit in 32 GB")
        count = running.screen.query_one("#count", Input)
        count.value = "60"
        await shows(pilot, "▲ 66 seats of 1 GB are more than 32 GB holds")
        assert "Not saved yet." in screen_text(running)
        count.value = "600"
        await shows(pilot, "✗ 660 seats do not fit in 32 GB")
        running.screen.query_one("#memory", Input).value = "much"
        await shows(pilot, "✗ Memory: 'much' is not a size; write 1 GB or 512 MB.")
        count.value = "none"
        await shows(pilot, "✗ Seats: a number from 1 to 2000.")


async def test_choices_are_saved_as_a_definition_that_is_read_again(
    app: Make, scripted: ScriptedService, tmp_path: Path
) -> None:
    running = app()
    async with running.run_test(size=(100, 30)) as pilot:
        await shows(pilot, ROOM)
        await press(pilot, "down", "enter")
        await shows(pilot, "14 seats of 1 GB")
        running.screen.query_one("#count", Input).value = "18"
        running.screen.query_one("#memory", Input).value = "1.5 GB"
        running.screen.query_one("#ui", Select).value = "notebook"
        await shows(pilot, "Not saved yet.")
        await press(pilot, "f7")
        await shows(pilot, "Save the workshop as")
        file = tmp_path / "course" / "workshop.yaml"
        field = running.screen.query_one(Input)
        field.value = str(file)
        await press(pilot, "enter")
        await until(pilot, lambda: isinstance(running.screen, PlanScreen))
        definition = load_definition(file).definition
        assert (definition.seats, definition.ui.value) == (18, "notebook")
        assert definition.memory_bytes == 1536 * 1024**2
        await until(pilot, lambda: scripted.called("plan") == [(UpRequest(file=str(file)),)])


async def test_a_class_of_another_length_is_planned_once_it_is_a_span_of_time(
    app: Make, scripted: ScriptedService
) -> None:
    running = app()
    async with running.run_test(size=(80, 24)) as pilot:
        await shows(pilot, ROOM)
        await press(pilot, "down", "u")
        await shows(pilot, "Open it")
        running.screen.query_one("#length", Input).focus()
        await press(pilot, *"soon", "enter")
        await shows(pilot, "'soon' is not a span of time.")
        assert running.screen.query_one("#go", Button).disabled
        await press(pilot, *["backspace"] * 4, *"90m", "enter")
        await until(pilot, lambda: not running.screen.query_one("#go", Button).disabled)
        assert scripted.called("plan")[-1][0].length == timedelta(minutes=90)


async def test_an_existing_file_is_not_replaced_without_asking(app: Make, tmp_path: Path) -> None:
    file = tmp_path / "workshop.yaml"
    file.write_text("# mine\n")
    running = app()
    async with running.run_test(size=(100, 30)) as pilot:
        await shows(pilot, ROOM)
        await press(pilot, "down", "enter")
        await shows(pilot, "14 seats of 1 GB")
        await press(pilot, "ctrl+s")
        await shows(pilot, "Save the workshop as")
        running.screen.query_one(Input).value = str(file)
        await press(pilot, "enter")
        await shows(pilot, "Replace workshop.yaml?")
        await press(pilot, "enter")
        assert file.read_text() == "# mine\n"


async def test_a_place_that_cannot_be_written_is_told(app: Make, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    running = app()
    async with running.run_test(size=(100, 30)) as pilot:
        await shows(pilot, ROOM)
        await press(pilot, "down", "enter")
        await shows(pilot, "14 seats of 1 GB")
        await press(pilot, "ctrl+s")
        await shows(pilot, "Save the workshop as")
        running.screen.query_one(Input).value = str(tmp_path / "file" / "workshop.yaml")
        await press(pilot, "enter")
        await until(pilot, lambda: any("cannot be written" in text for text in notices(running)))


async def test_the_definition_of_a_workshop_can_be_read(app: Make, scripted: ScriptedService, tmp_path: Path) -> None:
    scripted.definition_path = tmp_path / "workshop.yaml"
    scripted.definition_path.write_text("title: Python basics  # ours\n")
    running = app()
    async with running.run_test() as pilot:
        await shows(pilot, ROOM)
        await press(pilot, "down", "y")
        await shows(pilot, "title: Python basics  # ours")


# The plan, and work


async def test_fields_of_the_plan_ask_for_a_new_one(app: Make, scripted: ScriptedService) -> None:
    running = app()
    async with running.run_test() as pilot:
        await shows(pilot, ROOM)
        await press(pilot, "down", "u")
        await shows(pilot, "24 to make")
        running.screen.query_one("#name", Input).focus()
        await type_text(pilot, "monday")
        await press(pilot, "tab")
        await type_text(pilot, "12")
        await press(pilot, "enter")
        await shows(pilot, "12 to make")
        assert "monday on docker" in screen_text(running)
        await press(pilot, "f7")
        await until(pilot, lambda: len(scripted.called("up")) == 1)
        (request,) = scripted.called("up")[0]
        assert (request.name, request.seats) == ("monday", 12)


async def test_the_first_plan_asks_what_happens_when_a_class_is_over(app: Make, scripted: ScriptedService) -> None:
    scripted.end = EndPlan(decided=False)
    running = app()
    async with running.run_test(size=(80, 24)) as pilot:
        await shows(pilot, ROOM)
        await press(pilot, "down", "u")
        await shows(pilot, "24 to make")
        await shows(pilot, "When classes are over")
        running.screen.query_one("#end", Select).value = False
        await press(pilot, "f7")
        await until(pilot, lambda: len(scripted.called("up")) == 1)
        assert scripted.called("decide_end") == [(False,)]


async def test_what_was_decided_is_told_and_not_asked_again(app: Make, scripted: ScriptedService) -> None:
    running = app()
    async with running.run_test(size=(80, 24)) as pilot:
        await shows(pilot, ROOM)
        await press(pilot, "down", "u")
        await shows(pilot, "the gateway collects the work")
        assert "When classes are over" not in screen_text(running)
        await press(pilot, "f7")
        await until(pilot, lambda: len(scripted.called("up")) == 1)
        assert scripted.called("decide_end") == []


async def test_a_plan_that_does_not_fit_cannot_be_carried_out(app: Make, scripted: ScriptedService) -> None:
    running = app()
    async with running.run_test() as pilot:
        await shows(pilot, ROOM)
        await press(pilot, "down", "u")
        await shows(pilot, "24 to make")
        running.screen.query_one("#count", Input).focus()
        await type_text(pilot, "99")
        await press(pilot, "enter")
        await shows(pilot, "✗ 99 seats")
        assert running.screen.query_one("#go", Button).disabled
        await press(pilot, "f7")
        assert scripted.called("up") == []


async def test_coming_up_is_counted_and_goes_on_behind_other_screens(app: Make, scripted: ScriptedService) -> None:
    scripted.gates["up"] = asyncio.Event()
    running = app()
    async with running.run_test() as pilot:
        await shows(pilot, ROOM)
        await press(pilot, "down", "u")
        await shows(pilot, "24 to make")
        await press(pilot, "f7")
        await shows(pilot, "17 of 24 seats ready")
        scripted.clock.forward(seconds=75)
        await shows(pilot, "running 1 min")
        await press(pilot, "escape")
        await until(pilot, lambda: isinstance(running.screen, HomeScreen))
        await press(pilot, "ctrl+g")
        await shows(pilot, "Open python-basics")
        await press(pilot, "enter")
        await until(pilot, lambda: isinstance(running.screen, JobScreen))
        scripted.gates["up"].set()
        await until(pilot, lambda: isinstance(running.screen, ClassScreen), "a class that came up is shown")
        await shows(pilot, "24 of 24 ready")


async def test_a_failed_plan_shows_why(app: Make, scripted: ScriptedService) -> None:
    scripted.errors["plan"] = unreachable_error()
    running = app()
    async with running.run_test() as pilot:
        await shows(pilot, ROOM)
        await press(pilot, "down", "u")
        await shows(pilot, "The Docker engine does not answer.")
        assert "Start Docker." in screen_text(running)
        del scripted.errors["plan"]
        await press(pilot, "f5")
        await shows(pilot, "24 to make")


# Teardown


async def test_a_teardown_lists_everything_and_needs_the_name(app: Make, scripted: ScriptedService) -> None:
    scripted.uncollected = (2, 8)
    running = app()
    async with running.run_test() as pilot:
        await shows(pilot, ROOM)
        await press(pilot, "ctrl+d")
        await until(pilot, lambda: isinstance(running.screen, TeardownScreen))
        await shows(pilot, "26 things of python-basics on docker will be removed")
        assert "▲ The work of 2 seats (02, 08) was not collected yet." in screen_text(running)
        assert running.screen.query_one("#cancel").has_focus
        assert running.screen.query_one("#go", Button).disabled
        await press(pilot, "f7")
        assert scripted.called("down") == []
        await press(pilot, "x")  # no beginning of the name
        assert running.screen.query_one("#cancel").has_focus
        await type_text(pilot, "python")
        assert running.screen.query_one("#typed", Input).has_focus
        await press(pilot, "enter")
        assert scripted.called("down") == []
        await type_text(pilot, "-basics")
        await until(pilot, lambda: not running.screen.query_one("#go", Button).disabled)
        running.screen.query_one("#collect", Checkbox).value = False
        await shows(pilot, "will be lost")
        running.screen.query_one("#collect", Checkbox).value = True
        await pilot.pause()
        folder = Path(running.screen.query_one("#folder", Input).value)
        await press(pilot, "enter")
        await shows(pilot, "Removed 1 gateway, 1 network and 24 seats; 0 left.")
        assert scripted.called("down") == [(ROOM, folder, False)]


async def tear_down_without_collecting(running: WorkshopApp, pilot: Pilot[int]) -> None:
    await shows(pilot, ROOM)
    await press(pilot, "ctrl+d")
    await shows(pilot, "will be removed")
    running.screen.query_one("#collect", Checkbox).value = False
    running.screen.query_one("#typed", Input).focus()
    await type_text(pilot, ROOM)
    await press(pilot, "enter")


async def test_what_survives_a_teardown_is_named_with_the_reason(app: Make, scripted: ScriptedService) -> None:
    scripted.removal = Removal({"seats": 23}, (Survivor("seat", "workshop-x-07", "the engine is busy"),))
    running = app()
    async with running.run_test() as pilot:
        await tear_down_without_collecting(running, pilot)
        await shows(pilot, "1 left")
        assert "seat workshop-x-07: the engine is busy" in screen_text(running)
        assert scripted.called("down") == [(ROOM, None, False)]


@pytest.mark.parametrize("uncollected", [(), (2,)])
async def test_a_teardown_gives_up_what_the_screen_said_to_be_lost_and_no_more(
    app: Make, scripted: ScriptedService, uncollected: tuple[int, ...]
) -> None:
    """Whoever begins to work while the name is typed was on no list."""
    scripted.uncollected = uncollected
    running = app()
    async with running.run_test() as pilot:
        await tear_down_without_collecting(running, pilot)
        await shows(pilot, "0 left")
        assert scripted.called("down") == [(ROOM, None, bool(uncollected))]


async def test_escape_leaves_a_teardown_without_doing_anything(app: Make, scripted: ScriptedService) -> None:
    running = app()
    async with running.run_test() as pilot:
        await shows(pilot, ROOM)
        await press(pilot, "ctrl+d")
        await shows(pilot, "will be removed")
        await press(pilot, "escape")
        await until(pilot, lambda: isinstance(running.screen, HomeScreen))
        assert scripted.called("down") == []


async def test_leftovers_are_shown_before_they_are_removed(app: Make, scripted: ScriptedService) -> None:
    old = classroom("last-week", 3, ends=NOW - timedelta(days=6))
    scripted.rooms["last-week"] = snapshot_of(old, ends=old.ends)
    running = app()
    async with running.run_test() as pilot:
        await shows(pilot, "last-week")
        await press(pilot, "ctrl+k")
        await shows(pilot, "1 classroom will be removed")
        assert ROOM not in screen_text(running)
        running.screen.query_one("#everything", Checkbox).value = True
        await shows(pilot, "2 classrooms will be removed")
        running.screen.query_one("#everything", Checkbox).value = False
        await shows(pilot, "1 classroom will be removed")
        running.screen.query_one("#typed", Input).focus()
        await press(pilot, "enter")
        assert scripted.called("cleanup") == []
        await type_text(pilot, "remove")
        await press(pilot, "enter")
        await until(pilot, lambda: scripted.called("cleanup") == [(False, frozenset({old.uid}))])


# The house


async def test_images_are_listed_and_pruning_asks_first(app: Make, scripted: ScriptedService) -> None:
    scripted.found_images = (image(), image(reference="workshop/data:1", digest="sha256:2", size_bytes=2 * 1024**3))
    running = app()
    async with running.run_test() as pilot:
        await shows(pilot, ROOM)
        await press(pilot, "i")
        await shows(pilot, "workshop/python-basics:3f2a1b9-9c8d7e6f")
        assert "2 images, 2.6 GB" in screen_text(running)
        await press(pilot, "ctrl+d", "enter")
        assert scripted.called("prune_images") == []
        await press(pilot, "ctrl+d", "y")
        await until(pilot, lambda: scripted.called("prune_images") == [(2,)])


async def test_an_image_is_written_into_a_file_and_loaded_from_one(
    app: Make, scripted: ScriptedService, machine: Path
) -> None:
    scripted.found_images = (image(),)
    running = app()
    async with running.run_test() as pilot:
        await shows(pilot, ROOM)
        await press(pilot, "i")
        await shows(pilot, "workshop/python-basics:3f2a1b9-9c8d7e6f")
        file = machine / "course.tar"
        await press(pilot, "e")
        running.screen.query_one(Input).value = str(file)
        await press(pilot, "enter")
        await shows(pilot, "course.tar, 8")
        assert scripted.called("export_image") == [(image().reference, file)]
        await press(pilot, "escape", "i")
        running.screen.query_one(Input).value = str(machine / "none.tar")
        await press(pilot, "enter")
        await shows(pilot, "There is no such file.")
        running.screen.query_one(Input).value = str(file)
        await press(pilot, "enter")
        await shows(pilot, "is here now")
        assert scripted.called("import_images") == [(file,)]


async def test_a_newer_commit_of_a_workshop_is_shown(app: Make, scripted: ScriptedService) -> None:
    used = next(entry for entry in scripted.entries if entry.last_used)
    scripted.newer = {used.file: "5d1e9c7" + "0" * 33}
    running = app()
    async with running.run_test(size=(120, 40)) as pilot:
        await shows(pilot, "▲ newer commit 5d1e9c7")


async def test_this_machine_is_checked_with_a_hint_for_what_is_missing(app: Make, scripted: ScriptedService) -> None:
    scripted.findings = (
        Finding("git", True, "/usr/bin/git"),
        Finding("docker", False, "does not answer", "Start Docker."),
    )
    running = app()
    async with running.run_test() as pilot:
        await shows(pilot, ROOM)
        await press(pilot, "D")
        await shows(pilot, "● git            /usr/bin/git")
        assert "✗ docker         does not answer" in screen_text(running)
        assert "Start Docker." in screen_text(running)
