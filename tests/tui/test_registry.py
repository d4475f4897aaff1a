"""The registry of actions against what carries them out."""

from __future__ import annotations

import importlib
import pkgutil
import runpy
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

import workshop.tui
from workshop.actions import ACTIONS, TOGETHER, Action, Scope, of_scopes
from workshop.config.keymap import key_name, load_keymap
from workshop.errors import SettingError
from workshop.present.cells import cell_width
from workshop.tui import bindings
from workshop.tui.performing import Performer, method_name
from workshop.tui.widgets.bars import KeyBar

FOOTER_WIDTH = 80


def performing_classes() -> list[type[Performer]]:
    """Everything in the terminal UI that says which actions it carries out."""
    for module in pkgutil.walk_packages(workshop.tui.__path__, "workshop.tui."):
        importlib.import_module(module.name)
    found: list[type[Performer]] = []
    todo: list[type[Any]] = [Performer]
    while todo:
        subclasses = todo.pop().__subclasses__()
        todo += subclasses
        found += [kind for kind in subclasses if "SCOPES" in vars(kind) and kind.SCOPES]
    return sorted(set(found), key=lambda kind: kind.__name__)


@pytest.mark.parametrize("kind", performing_classes(), ids=lambda kind: kind.__name__)
def test_every_action_of_a_screen_has_a_method(kind: type[Performer]) -> None:
    if kind.__name__ in ("LinkScreen", "CodeScreen"):
        pytest.skip("a base: its screens are looked at")
    missing = [
        action.id
        for action in of_scopes(*kind.SCOPES)
        if action.id not in kind.WITHOUT and not callable(getattr(kind, method_name(action.id), None))
    ]
    assert missing == []


def test_every_action_is_carried_out_somewhere() -> None:
    covered = {scope for kind in performing_classes() for scope in kind.SCOPES}
    assert covered == set(Scope)


def test_ids_are_unique_and_begin_with_their_group() -> None:
    counts = Counter(action.id for action in ACTIONS)
    assert [name for name, count in counts.items() if count > 1] == []
    assert all("." in action.id for action in ACTIONS)


def test_every_action_has_a_key_a_title_and_a_sentence() -> None:
    for action in ACTIONS:
        assert action.keys, action.id
        assert action.title, action.id
        assert action.help.endswith("."), action.id


@pytest.mark.parametrize("group", TOGETHER, ids=lambda group: "+".join(scope.name for scope in group))
def test_no_key_means_two_things_at_the_same_moment(group: tuple[Scope, ...]) -> None:
    taken: dict[str, list[str]] = {}
    for action in of_scopes(*group):
        for key in action.keys:
            taken.setdefault(key, []).append(action.id)
    clashes = {key: ids for key, ids in taken.items() if len(ids) > 1}
    # in lists of events `/`, `n` and `y` search, as everywhere in logs: what has the focus comes first
    assert {key: ids for key, ids in clashes.items() if not ids[0].startswith("text.")} == {}


def test_keys_are_written_as_the_keymap_reads_them() -> None:
    for action in ACTIONS:
        for key in action.keys:
            assert key_name(key) == key, f"{action.id}: {key}"


def test_no_key_is_one_that_terminals_cannot_tell_apart() -> None:
    avoided = {"ctrl+h", "ctrl+i", "ctrl+j", "ctrl+m", "ctrl+a", "ctrl+b"}
    assert [action.id for action in ACTIONS if avoided & set(action.keys)] == []
    assert [action.id for action in ACTIONS if "ctrl+z" in action.keys] == ["app.suspend"], "what shells mean by it"


@pytest.mark.parametrize("group", TOGETHER, ids=lambda group: "+".join(scope.name for scope in group))
def test_the_footer_of_a_screen_fits_80_columns(group: tuple[Scope, ...]) -> None:
    shown = [action for action in of_scopes(*group) if action.footer]
    own = [action for action in shown if action.scope is not Scope.APP]
    anywhere = [action for action in shown if action.scope is Scope.APP]
    assert sum(len_of(action) for action in (*own[: KeyBar.MOST], *anywhere)) <= FOOTER_WIDTH


def len_of(action: Action) -> int:
    return cell_width(bindings.key_name(action.keys[0])) + cell_width(action.footer) + 3


def test_what_loses_work_is_never_on_a_plain_letter() -> None:
    careless = [
        action.id
        for action in ACTIONS
        if action.danger == "loses work" and any(len(key) == 1 and key.islower() for key in action.keys)
    ]
    assert careless == ["seat.free"], "freeing asks first, and files stay"


def test_an_unknown_id_in_the_keymap_is_an_error(tmp_path: Any) -> None:
    file = tmp_path / "keys.yaml"
    file.write_text("seat.restrat: ctrl+r\n")
    with pytest.raises(SettingError, match="problem") as caught:
        load_keymap(file, ACTIONS, together=TOGETHER)
    assert "seat.restart" in " ".join(caught.value.details)


def test_the_page_of_keys_is_the_one_that_the_program_makes() -> None:
    docs = Path(__file__).resolve().parents[2] / "docs"
    made = runpy.run_path(str(docs / "keys.py"), run_name="docs")
    assert (docs / "keys.md").read_text("utf-8") == made["text"](), "run `python docs/keys.py`"
