"""Questions on a terminal: what is lost is named, and a bare Enter loses nothing."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests.cli.terminal import Terminal
from workshop.config.paths import paths


@pytest.mark.parametrize("answer", ["\n", "n\n", "no\n"])
def test_reset_names_what_is_lost_and_enter_means_no(answer: str) -> None:
    with Terminal("reset", "class", "3-4") as terminal:
        terminal.wait_for("Reset 03, 04 of class? [y/N]")
        assert "seat 03: its files as they are now" in terminal.text
        terminal.type(answer)
        assert terminal.ends() == 0
        assert "Nothing was done." in terminal.text


def test_ctrl_c_at_a_question_is_130_and_no_traceback() -> None:
    with Terminal("reset", "class", "1") as terminal:
        terminal.wait_for("[y/N]")
        assert terminal.press_until_it_ends("\x03") == 130
        assert "Traceback" not in terminal.text
        assert "workshop reset class 1" in terminal.text


def test_json_asks_nothing_even_on_a_terminal() -> None:
    with Terminal("reset", "class", "1", "--json") as terminal:
        assert terminal.ends() == 2
        assert '"error": "confirmation-needed"' in terminal.text


def test_errors_have_colour_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    with Terminal("nonsense") as terminal:
        terminal.ends()
        assert "\x1b[31m" in terminal.raw


@pytest.mark.parametrize(("variable", "value"), [("NO_COLOR", "1"), ("NO_COLOR", ""), ("TERM", "dumb")])
def test_nobody_gets_colour_who_refused_it(variable: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable, value)
    with Terminal("nonsense") as terminal:
        assert terminal.ends() == 2
        assert "\x1b[3" not in terminal.raw
    with Terminal("--no-color", "nonsense") as terminal:
        assert terminal.ends() == 2
        assert "\x1b[3" not in terminal.raw


@pytest.mark.parametrize(("answer", "kept"), [("n", "at_end: nothing\n"), ("", "at_end: collect\n")])
def test_the_first_class_asks_what_happens_at_its_end(tmp_path: Path, answer: str, kept: str) -> None:
    (tmp_path / "workshop.yaml").write_text("title: A lesson\nsource: .\nseats: 1\nspares: 0\n")
    (tmp_path / "requirements.txt").write_text("no-such-package-anywhere==1\n")
    with Terminal("up", tmp_path, "--runtime", "process", "--address", "127.0.0.1") as terminal:
        terminal.wait_for("Open a-lesson on process? [Y/n]")
        terminal.type("\n")
        terminal.wait_for("end by themselves like that? [Y/n]")
        terminal.type(f"{answer}\n")
        terminal.wait_for("`at_end`")
        assert paths({}).config_file.read_text() == kept
        terminal.press_until_it_ends("\x03")
    with Terminal("up", tmp_path, "--runtime", "process", "--address", "127.0.0.1") as terminal:
        terminal.wait_for("Open a-lesson on process? [Y/n]")
        terminal.type("n\n")
        terminal.ends()
        assert "by themselves" not in terminal.text


def test_a_lost_terminal_ends_the_terminal_ui_at_once(machine: Path) -> None:
    with Terminal() as terminal:
        terminal.wait_for("Quit")
        terminal.hang_up()
        assert terminal.process.wait(20) == -signal.SIGHUP


def test_a_lost_terminal_ends_a_verb_as_ctrl_c_does() -> None:
    with Terminal("reset", "class", "1") as terminal:
        terminal.wait_for("[y/N]")
        terminal.hang_up()
        assert terminal.process.wait(20) == 130
