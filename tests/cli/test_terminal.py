"""Questions on a terminal: what is lost is named, and a bare Enter loses nothing."""

from __future__ import annotations

import pytest

from tests.cli.terminal import Terminal


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
