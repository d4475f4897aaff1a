"""The app as a whole: help, palette, themes, keys, clipboard, notices, quitting, small windows, no colour."""

from __future__ import annotations

import asyncio
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from textual.widgets import Input

from tests.tui.scripted_service import ScriptedService
from tests.tui.world import TERMINAL, notices, press, screen_text, shows, type_text, until
from workshop.actions import ACTIONS, TOGETHER, of_scopes
from workshop.config.keymap import Keymap, load_keymap
from workshop.config.paths import paths
from workshop.errors import NoTerminal, WorkshopError
from workshop.tui import app as app_module
from workshop.tui.app import WorkshopApp
from workshop.tui.bindings import key_names
from workshop.tui.clipboard import native_command, takes_osc52
from workshop.tui.screens.classroom import ClassScreen
from workshop.tui.screens.copy import CopyDialog
from workshop.tui.screens.help import HelpDialog
from workshop.tui.screens.home import HomeScreen
from workshop.tui.screens.quit import QuitDialog
from workshop.tui.widgets.row_table import RowTable

ROOM = "python-basics"
Make = Callable[..., WorkshopApp]


# Help and palette


async def test_help_lists_exactly_the_keys_that_work_here(app: Make) -> None:
    running = app(start=ROOM)
    async with running.run_test(size=(120, 40)) as pilot:
        await shows(pilot, "22 of 24 ready")
        bound = {
            binding.binding.id for binding in running.screen.active_bindings.values() if binding.binding.id is not None
        }
        await press(pilot, "question_mark")
        await until(pilot, lambda: isinstance(running.screen, HelpDialog))
        listed = {key for key in running.screen.query_one(RowTable).keys if not key.startswith("-")}
        assert listed == bound


async def test_enter_in_the_help_does_it(app: Make) -> None:
    running = app(start=ROOM)
    async with running.run_test() as pilot:
        await shows(pilot, "22 of 24 ready")
        await press(pilot, "f1")
        await until(pilot, lambda: isinstance(running.screen, HelpDialog))
        running.screen.query_one(RowTable).move_to("class.map")
        await press(pilot, "enter")
        await shows(pilot, "mem 15%")


async def test_the_palette_finds_every_action_and_says_why_one_cannot_be_used(
    app: Make, scripted: ScriptedService
) -> None:
    running = app()
    async with running.run_test() as pilot:
        await shows(pilot, ROOM)
        await press(pilot, "ctrl+p")
        await type_text(pilot, "restart")
        await shows(pilot, "only in: seats")
        await press(pilot, "escape", "escape")
        await press(pilot, "colon")
        await type_text(pilot, "projector")
        await shows(pilot, "The join QR of this classroom")
        await press(pilot, "enter")
        await shows(pilot, "22 seats ready")


async def test_every_action_of_the_registry_is_in_the_palette(app: Make) -> None:
    from workshop.tui.palette import ActionCommands

    running = app()
    async with running.run_test() as pilot:
        await shows(pilot, ROOM)
        provider = ActionCommands(running.screen)
        assert {action.id for action, _node, _reason in provider._entries()} == {action.id for action in ACTIONS}


# Keys


async def test_the_users_keys_take_the_place_of_ours(app: Make, scripted: ScriptedService, tmp_path: Path) -> None:
    file = tmp_path / "keys.yaml"
    file.write_text("class.map: ctrl+y\napp.quit: []\n")
    running = app(start=ROOM, keymap=load_keymap(file, ACTIONS, together=TOGETHER))
    async with running.run_test() as pilot:
        await shows(pilot, "22 of 24 ready")
        await press(pilot, "2")
        screen = running.screen
        assert isinstance(screen, ClassScreen)
        assert screen.view == "seats"
        await press(pilot, "ctrl+y")
        assert screen.view == "map"
        await press(pilot, "q")
        assert running.is_running
        assert "Quit" not in screen_text(running).splitlines()[-1]
        await press(pilot, "question_mark")
        await shows(pilot, "Keys")
        running.screen.query_one(RowTable).move_to("class.map")
        await shows(pilot, "^y")


async def test_run_refuses_a_keymap_with_problems_before_anything_is_shown(
    machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from workshop.errors import SettingError
    from workshop.service import Service

    places = paths({})
    places.config.mkdir(parents=True)
    places.keymap_file.write_text("nonsense: x\n")
    monkeypatch.setattr("sys.__stderr__", _Terminal())
    with pytest.raises(SettingError, match=r"keys.yaml has a problem"):
        app_module.run(Service())


class _Terminal:
    def isatty(self) -> bool:
        return True


def test_run_says_so_when_what_it_draws_on_is_no_terminal(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from workshop.service import Service

    monkeypatch.setattr("sys.__stderr__", open(os.devnull, "w"))  # noqa: SIM115
    with pytest.raises(NoTerminal, match="standard error"):
        app_module.run(Service())


def test_run_says_so_when_the_terminal_takes_lines_alone(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from workshop.service import Service

    monkeypatch.setattr("sys.__stderr__", _Terminal())
    monkeypatch.setenv("TERM", "dumb")
    with pytest.raises(NoTerminal, match="TERM=dumb"):
        app_module.run(Service())


# Read-only


async def test_a_read_only_session_has_no_action_that_changes_a_class(app: Make, scripted: ScriptedService) -> None:
    running = app(start=ROOM, read_only=True)
    async with running.run_test(size=(120, 40)) as pilot:
        await shows(pilot, "22 of 24 ready")
        assert "READ-ONLY" in screen_text(running)
        changing = {action.id for action in ACTIONS if action.changes}
        bound = {binding.binding.id for binding in running.screen.active_bindings.values()}
        assert not bound & changing
        assert "Restart" not in screen_text(running).splitlines()[-1]
        for key in ("r", "R", "ctrl+d", "a", "e", "t", "w", "f", "z", "s"):
            await press(pilot, key)
            assert isinstance(running.screen, ClassScreen), key
        await press(pilot, "question_mark")
        await until(pilot, lambda: isinstance(running.screen, HelpDialog))
        assert not changing & set(running.screen.query_one(RowTable).keys)
        assert [call.name for call in scripted.calls if call.name not in ("watch", "classrooms", "newer_commit")] == []


async def test_a_read_only_session_refuses_a_changing_action_however_it_is_asked(
    app: Make, scripted: ScriptedService
) -> None:
    running = app(start=ROOM, read_only=True)
    async with running.run_test() as pilot:
        await shows(pilot, "22 of 24 ready")
        screen = running.screen
        assert isinstance(screen, ClassScreen)
        for action in of_scopes(*screen.SCOPES):
            if action.changes:
                await screen.action_perform(action.id)
        assert [call.name for call in scripted.calls if call.name not in ("watch", "classrooms", "newer_commit")] == []
        assert all("read-only" in text for text in notices(running))


# Themes


async def test_a_theme_is_shown_while_one_moves_over_it_and_escape_goes_back(app: Make) -> None:
    running = app()
    async with running.run_test() as pilot:
        await shows(pilot, ROOM)
        assert running.theme == "harbour"
        await press(pilot, "ctrl+t", "down")
        assert running.theme == "meadow"
        await press(pilot, "escape")
        assert running.theme == "harbour"


async def test_a_theme_that_is_kept_is_the_setting_of_later_sessions(app: Make) -> None:
    running = app()
    async with running.run_test() as pilot:
        await shows(pilot, ROOM)
        await press(pilot, "ctrl+t", "down", "enter")
        await until(pilot, lambda: any("kept" in text for text in notices(running)))
        assert "theme: meadow" in paths({}).config_file.read_text()


async def test_a_theme_file_is_read_again_when_it_is_written(app: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workshop.tui.app.THEMES_EVERY", 0.05)
    places = paths({})
    places.user_themes.mkdir(parents=True)
    bundled = (places.bundled_themes / "harbour.yaml").read_text()
    file = places.user_themes / "mine.yaml"
    file.write_text(bundled)
    running = app(theme="mine")
    async with running.run_test() as pilot:
        await shows(pilot, ROOM)
        assert running.theme == "mine"
        before = running.theme_variables["background"]
        file.write_text(_with_colour(bundled, "background", "#102030"))
        await until(pilot, lambda: running.theme_variables["background"].lower() == "#102030")
        assert before.lower() != "#102030"
        assert running.screen.styles.background.hex.lower() == "#102030"


def _with_colour(text: str, name: str, colour: str) -> str:
    lines = [f'{name}: "{colour}"' if line.startswith(f"{name}:") else line for line in text.splitlines()]
    return "\n".join(lines) + "\n"


async def test_a_bad_theme_file_is_named_and_the_app_starts(app: Make) -> None:
    places = paths({})
    places.user_themes.mkdir(parents=True)
    (places.user_themes / "broken.yaml").write_text("title: Broken\ndark: true\nbackground: reddish\n")
    running = app(theme="broken")
    async with running.run_test() as pilot:
        await shows(pilot, ROOM)
        assert running.theme == "harbour"
        told = "\n".join(notices(running))
        assert "broken.yaml" in told
        assert "'reddish' is not a colour" in told
        assert "There is no theme 'broken'" in told


@pytest.mark.parametrize("theme", ["harbour", "paper", "contrast"])
async def test_no_colour_is_grey_and_every_state_still_has_its_word(
    app: Make, monkeypatch: pytest.MonkeyPatch, theme: str
) -> None:
    monkeypatch.setenv("NO_COLOR", "")
    running = app(start=ROOM, theme=theme, environment={**TERMINAL, "NO_COLOR": ""})
    async with running.run_test() as pilot:
        await shows(pilot, "22 of 24 ready")
        text = screen_text(running)
        for word in ("◉ open", "▶ running", "▲ out of memory", "⚑ 3 min", "⌀ disconnected"):
            assert word in text
        drawn = running.export_screenshot()
        colours = {found for found in __import__("re").findall(r"fill: ?(#[0-9a-f]{6})", drawn)}
        grey = {colour for colour in colours if colour[1:3] == colour[3:5] == colour[5:7]}
        chrome = {"#ff5f57", "#febc2e", "#28c840", "#c5c8c6"}  # the picture's own frame
        assert colours - grey - chrome == set()


# Workers and errors


async def test_a_failure_in_a_worker_becomes_a_notice(app: Make) -> None:
    running = app()
    async with running.run_test() as pilot:
        await shows(pilot, ROOM)

        async def fails() -> None:
            raise ZeroDivisionError("by nothing")

        async def is_refused() -> None:
            raise WorkshopError("The engine said no.", hint="Ask again.")

        running.start_worker(running, "Dividing", fails)
        running.start_worker(running.screen, "Asking", is_refused)
        await until(pilot, lambda: len(running.notices) == 2)
        texts = "\n".join(notices(running))
        assert "This was not foreseen: ZeroDivisionError: by nothing." in texts
        assert "The engine said no." in texts
        await press(pilot, "ctrl+o")
        await shows(pilot, "Ask again.")


async def test_a_failure_of_listing_classrooms_is_told_and_the_workshops_stay(
    app: Make, scripted: ScriptedService
) -> None:
    scripted.errors["classrooms"] = WorkshopError("The state database is locked.")
    running = app()
    async with running.run_test() as pilot:
        await until(pilot, lambda: "The state database is locked." in notices(running))
        assert "Data analysis" in screen_text(running)


async def test_what_is_not_foreseen_in_a_handler_ends_with_a_sentence_and_no_traceback(
    app: Make, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    running = app()

    def breaks(_self: Any) -> None:
        raise ZeroDivisionError("by nothing")

    async def runs() -> None:
        async with running.run_test() as pilot:
            await shows(pilot, ROOM)
            monkeypatch.setattr(HomeScreen, "do_home_new", breaks)
            await press(pilot, "n")

    with pytest.raises(ZeroDivisionError):
        await runs()
    assert running.broken is not None
    assert running.broken.message == "This was not foreseen: ZeroDivisionError: by nothing."
    assert str(paths({}).log_file) in running.broken.hint
    assert "Traceback" not in capsys.readouterr().err


# Clipboard


def script(folder: Path, name: str, text: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / name
    file.write_text(f"#!/bin/sh\n{text}\n")
    file.chmod(file.stat().st_mode | stat.S_IXUSR)


async def test_copying_uses_a_program_of_this_machine_and_says_which(app: Make, tmp_path: Path) -> None:
    script(tmp_path / "bin", "wl-copy", f'cat > "{tmp_path}/copied"')
    environment = {**TERMINAL, "WAYLAND_DISPLAY": "wayland-0", "PATH": f"{tmp_path}/bin:/usr/bin:/bin"}
    running = app(start=ROOM, environment=environment)
    async with running.run_test() as pilot:
        await shows(pilot, "22 of 24 ready")
        await press(pilot, "J")
        await until(pilot, lambda: notices(running) == ["Copied the join link with wl-copy."])
        assert (tmp_path / "copied").read_text() == "http://192.168.1.20:8080/"


async def test_copying_falls_back_to_the_terminal_and_says_so(app: Make, tmp_path: Path) -> None:
    script(tmp_path / "bin", "xclip", "exit 3")
    environment = {**TERMINAL, "DISPLAY": ":0", "PATH": f"{tmp_path}/bin:/usr/bin:/bin"}
    running = app(start=ROOM, environment=environment)
    async with running.run_test() as pilot:
        await shows(pilot, "22 of 24 ready")
        await press(pilot, "c")
        await until(pilot, lambda: bool(running.notices))
        assert running.notices[0].text == "Sent the link of seat 01 to the terminal's clipboard (OSC 52)."
        assert running.notices[0].hint == "xclip ended with 3"
        assert running.clipboard.startswith("http://192.168.1.20:8080/s/")


async def test_a_seat_is_opened_as_the_instructor_by_a_link_of_its_own(
    app: Make, scripted: ScriptedService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Over SSH there is no browser: the link is copied instead. The seat's own link would claim the seat."""
    opened: list[str] = []
    monkeypatch.setattr("webbrowser.open", lambda link: bool(opened.append(link)) or True)
    script(tmp_path / "bin", "wl-copy", f'cat > "{tmp_path}/copied"')
    path = f"{tmp_path}/bin:/usr/bin:/bin"
    running = app(start=ROOM, environment={**TERMINAL, "WAYLAND_DISPLAY": "wayland-0", "PATH": path})
    async with running.run_test() as pilot:
        await shows(pilot, "22 of 24 ready")
        await press(pilot, "o")
        await until(pilot, lambda: opened == ["http://192.168.1.20:8080/visit/01/1.proof"])
        await until(pilot, lambda: notices(running) == ["Seat 01 is open in this machine's browser."])
        assert "The participant sees that you are there" in running.notices[0].hint
    running = app(start=ROOM, environment={**TERMINAL, "SSH_CONNECTION": "1 2 3 4"})
    async with running.run_test() as pilot:
        await shows(pilot, "22 of 24 ready")
        await press(pilot, "o")
        await until(pilot, lambda: "Sent your own link into seat 01" in " ".join(notices(running)))
    assert len(opened) == 1


async def test_copying_shows_a_box_where_nothing_else_works(app: Make) -> None:
    running = app(start=ROOM, environment={"TERM": "linux", "PATH": "/nowhere"})
    async with running.run_test() as pilot:
        await shows(pilot, "22 of 24 ready")
        await press(pilot, "space", "space", "c")
        await until(pilot, lambda: isinstance(running.screen, CopyDialog))
        await shows(pilot, "02  http://192.168.1.20:8080/s/")
        await press(pilot, "escape")
        assert isinstance(running.screen, ClassScreen)


@pytest.mark.parametrize(
    ("environment", "platform", "programs", "chosen"),
    [
        ({"WAYLAND_DISPLAY": "w"}, "linux", ["wl-copy", "xclip"], "wl-copy"),
        ({"DISPLAY": ":0"}, "linux", ["wl-copy", "xclip"], "xclip"),
        ({"DISPLAY": ":0"}, "linux", ["xsel"], "xsel"),
        ({}, "linux", ["xclip", "wl-copy"], ""),
        ({}, "darwin", ["pbcopy"], "pbcopy"),
        ({"WSL_DISTRO_NAME": "Debian"}, "linux", ["clip.exe"], "clip.exe"),
        ({"DISPLAY": "localhost:10", "SSH_CONNECTION": "1 2 3 4"}, "linux", ["xclip"], ""),
    ],
)
def test_the_clipboard_program_is_the_one_of_this_screen(
    tmp_path: Path, environment: dict[str, str], platform: str, programs: list[str], chosen: str
) -> None:
    for name in programs:
        script(tmp_path, name, "cat >/dev/null")
    command = native_command({**environment, "PATH": str(tmp_path)}, platform)
    assert (command[0] if command else "") == chosen


@pytest.mark.parametrize(
    ("term", "takes"), [("xterm-256color", True), ("tmux", True), ("linux", False), ("dumb", False)]
)
def test_terminals_without_a_clipboard_are_known(term: str, takes: bool) -> None:
    assert takes_osc52({"TERM": term}) is takes


# Another program in this terminal


async def test_a_shell_gets_the_terminal_and_its_failure_is_told(
    app: Make, scripted: ScriptedService, monkeypatch: pytest.MonkeyPatch
) -> None:
    from contextlib import contextmanager

    suspended: list[str] = []

    @contextmanager
    def suspend(_self: Any) -> Any:
        suspended.append("away")
        yield
        suspended.append("back")

    monkeypatch.setattr(WorkshopApp, "suspend", suspend)
    scripted.shell = ("sh", "-c", "exit 7")
    running = app(start=ROOM)
    async with running.run_test() as pilot:
        await shows(pilot, "22 of 24 ready")
        await press(pilot, "s")
        await until(pilot, lambda: "The shell in seat 01 ended with 7." in notices(running))
        assert suspended == ["away", "back"]
        scripted.shell = ("/no/such/program",)
        await press(pilot, "s")
        await until(pilot, lambda: any("cannot be run" in text for text in notices(running)))
        assert suspended == ["away", "back"] * 2


# Leaving


async def test_quitting_asks_nothing_when_nothing_runs(app: Make) -> None:
    running = app()
    async with running.run_test() as pilot:
        await shows(pilot, ROOM)
        await press(pilot, "q")
        await until(pilot, lambda: not running.is_running)
    assert running.return_code == 0


@pytest.mark.parametrize("key", ["q", "ctrl+q", "ctrl+c"])
async def test_quitting_while_work_runs_asks_and_stays_by_default(
    app: Make, scripted: ScriptedService, key: str
) -> None:
    scripted.gates["build"] = asyncio.Event()
    running = app()
    async with running.run_test() as pilot:
        await shows(pilot, ROOM)
        await press(pilot, "down", "b")
        await shows(pilot, "1 running")
        await press(pilot, key)
        await until(pilot, lambda: isinstance(running.screen, QuitDialog))
        await press(pilot, "enter")
        assert not isinstance(running.screen, QuitDialog)
        assert running.jobs.running()
        scripted.gates["build"].set()


async def test_quitting_can_wait_for_the_work(app: Make, scripted: ScriptedService) -> None:
    scripted.gates["build"] = asyncio.Event()
    running = app()
    async with running.run_test() as pilot:
        await shows(pilot, ROOM)
        await press(pilot, "down", "b")
        await shows(pilot, "1 running")
        await press(pilot, "q", "w")
        await shows(pilot, "Leaving when the work is done")
        scripted.gates["build"].set()
        await until(pilot, lambda: not running.is_running)
        assert running.jobs.all()[0].state == "done"


async def test_quitting_can_stop_the_work(app: Make, scripted: ScriptedService) -> None:
    scripted.gates["build"] = asyncio.Event()
    running = app()
    async with running.run_test() as pilot:
        await shows(pilot, ROOM)
        await press(pilot, "down", "b")
        await shows(pilot, "1 running")
        await press(pilot, "q", "y")
        await until(pilot, lambda: not running.is_running)
        assert running.jobs.all()[0].state == "cancelled"


# Windows of all sizes


@pytest.mark.parametrize("size", [(59, 24), (80, 15), (20, 5), (1, 1)])
async def test_a_window_that_is_too_small_shows_what_it_can_and_says_so(app: Make, size: tuple[int, int]) -> None:
    running = app(start=ROOM)
    async with running.run_test(size=size) as pilot:
        await until(pilot, lambda: ROOM in running.rooms and running.rooms[ROOM].snapshot is not None)
        if size[0] >= 40:
            await shows(pilot, f"{size[0]}×{size[1]} is small: 60×16 shows more.")
            assert "running" in screen_text(running)
        for key in ("down", "2", "3", "4", "5", "1", "v", "escape", "enter", "escape", "question_mark", "escape"):
            await press(pilot, key)
        await pilot.resize_terminal(80, 24)
        await shows(pilot, "22 of 24 ready")
        assert "is small" not in screen_text(running)


async def test_letters_typed_into_a_field_do_nothing_else(app: Make) -> None:
    running = app()
    async with running.run_test() as pilot:
        await shows(pilot, ROOM)
        running.screen.query_one("#link", Input).focus()
        await type_text(pilot, "quit?n")
        assert running.screen.query_one("#link", Input).value == "quit?n" or isinstance(running.screen, HomeScreen)
        assert running.is_running
        await press(pilot, "escape")
        assert running.screen.query_one("#link", Input).value == ""


def test_keys_are_named_as_people_read_them() -> None:
    assert key_names(("ctrl+d", "question_mark", "f1", "shift+tab", "enter")) == "^d ? f1 ⇧tab ↵"
    assert Keymap().keys == {}
