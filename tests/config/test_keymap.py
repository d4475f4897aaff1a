"""The user's own keys: known actions and keys only, and nothing under two actions at once."""

from __future__ import annotations

import string
from dataclasses import dataclass
from pathlib import Path

import pytest
from textual.keys import Keys, _character_to_key

from workshop.actions import ACTIONS
from workshop.config.keymap import Keymap, key_name, load_keymap, parse_keymap
from workshop.errors import SettingError


@dataclass(frozen=True)
class Act:
    id: str
    keys: tuple[str, ...]
    scope: str = "seats"


ACTS = (
    Act("seat.logs", ("l",)),
    Act("seat.restart", ("r",)),
    Act("seat.copy", ("c",)),
    Act("code.copy", ("c",), "codes"),
)


def messages(text: str) -> list[str]:
    return [f"{problem.path}: {problem.message} {problem.hint}" for problem in parse_keymap(text, ACTS)[1]]


def test_without_a_file_nothing_changes(tmp_path: Path) -> None:
    keymap = load_keymap(tmp_path / "keys.yaml", ACTS)
    assert keymap == Keymap()
    assert keymap.of(ACTS[0]) == ("l",)


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("seat.restart: ctrl+e\n", ("ctrl+e",)),
        ("seat.restart: Ctrl+E\n", ("ctrl+e",)),
        ("seat.restart: f5 R\n", ("f5", "R")),
        ("seat.restart: [f5, '?']\n", ("f5", "question_mark")),
        ("seat.restart: 5\n", ("5",)),
        ("seat.restart: ' '\n", ("space",)),
        ("seat.restart:\n", ()),
        ("seat.restart: []\n", ()),
    ],
)
def test_keys_are_written_in_several_ways(text: str, keys: tuple[str, ...]) -> None:
    found, problems = parse_keymap(text, ACTS)
    assert problems == []
    assert found == {"seat.restart": keys}


def test_an_unknown_action_is_an_error_with_the_nearest_name(tmp_path: Path) -> None:
    (tmp_path / "keys.yaml").write_text("# mine\nseat.restat: x\n")
    with pytest.raises(SettingError) as caught:
        load_keymap(tmp_path / "keys.yaml", ACTS)
    assert str(tmp_path / "keys.yaml") in caught.value.message
    assert caught.value.details == ("seat.restat (line 2): There is no action 'seat.restat'. Is it seat.restart?",)
    assert caught.value.exit_code == 2


def test_all_problems_come_at_once() -> None:
    found = messages("x: y\nseat.logs: hello\nseat.restart: ctrl+h\nseat.copy: {a: b}\n")
    assert len(found) == 4
    assert "There is no key 'hello'" in found[1]
    assert "ctrl+h is the same as Backspace" in found[2]
    assert "A key is expected" in found[3]


def test_a_key_that_something_else_has_at_the_same_moment_is_an_error() -> None:
    (found,) = messages("seat.restart: l\n")
    assert found.startswith("seat.restart (line 1): l is also the key of seat.logs.")


def test_two_changed_actions_with_one_key_are_told_once() -> None:
    assert len(messages("seat.restart: x\nseat.logs: x\n")) == 1


def test_keys_may_be_swapped_and_shared_between_screens() -> None:
    assert messages("seat.restart: l\nseat.logs: r\n") == []
    assert messages("code.copy: l\n") == []


def test_scopes_of_one_screen_are_compared_when_they_are_named() -> None:
    _, problems = parse_keymap("code.copy: l\n", ACTS, together=[("seats", "codes")])
    assert len(problems) == 1


@pytest.mark.parametrize("text", ["- a\n", "seat.logs: [\n", "seat.logs: x\nseat.logs: y\n"])
def test_a_file_that_is_no_list_of_keys_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "keys.yaml").write_text(text)
    with pytest.raises(SettingError):
        load_keymap(tmp_path / "keys.yaml", ACTS)


def test_names_of_signs_are_those_of_the_terminal_library() -> None:
    signs = string.ascii_letters + string.digits + string.punctuation + " "
    assert {sign: key_name(sign) for sign in signs} == {sign: _character_to_key(sign) for sign in signs}


def test_every_named_key_of_the_terminal_library_is_known() -> None:
    odd = {"return", "ctrl+@", "ctrl-at"}  # other names for keys that are known
    names = {key.value for key in Keys if not key.value.startswith("<")} - odd
    assert {name for name in names if key_name(name) != name} == set()


@pytest.mark.parametrize("text", ["hello", "ctrl+ctrl+a", "++", "", "ctrl+hello", "boo+a"])
def test_what_is_no_key_is_none(text: str) -> None:
    assert key_name(text) is None


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("esc", "escape"),
        ("ctrl++", "ctrl+plus"),
        ("+", "plus"),
        ("PgUp", "pageup"),
        ("shift+ctrl+left", "ctrl+shift+left"),
    ],
)
def test_other_names_are_understood(text: str, name: str) -> None:
    assert key_name(text) == name


def test_every_default_key_of_the_program_is_one() -> None:
    assert [key for action in ACTIONS for key in action.keys if key_name(key) != key] == []


def test_a_keymap_that_repeats_every_default_is_good() -> None:
    text = "".join(f"{action.id}: [{', '.join(action.keys)}]\n" for action in ACTIONS)
    assert parse_keymap(text, ACTIONS) == ({action.id: action.keys for action in ACTIONS}, [])
