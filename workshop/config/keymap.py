"""The user's own keys: `keys.yaml`, a line for each action id. What is not in it keeps its key.

The registry of actions is an argument; the terminal library's key names are written down here and compared with the
library by a test, so that this module needs no terminal.
"""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from workshop.config.document import Document, read_document
from workshop.errors import SettingError
from workshop.model.snapshot import Problem

NAMED_KEYS = frozenset(
    (
        "escape", "enter", "tab", "space", "backspace", "delete", "insert", "home", "end", "pageup", "pagedown",
        "up", "down", "left", "right",
    )
) | {f"f{number}" for number in range(1, 25)}  # fmt: skip
MODIFIERS = ("ctrl", "alt", "shift", "meta", "super", "hyper")
_SHORTER = {
    "solidus": "slash", "reverse_solidus": "backslash", "commercial_at": "at", "hyphen_minus": "minus",
    "plus_sign": "plus", "low_line": "underscore",
}  # fmt: skip
_OTHER_NAMES = {"esc": "escape", "return": "enter", "del": "delete", "ins": "insert", "pgup": "pageup",
                "pgdn": "pagedown", "page_up": "pageup", "page_down": "pagedown", "spacebar": "space",
                "control": "ctrl", "option": "alt"}  # fmt: skip
_SAME_ON_TERMINALS = {
    "ctrl+h": "Backspace", "ctrl+i": "Tab", "ctrl+j": "Enter", "ctrl+m": "Enter", "ctrl+[": "Escape",
    "ctrl+left_square_bracket": "Escape",
}  # fmt: skip


class KeyedAction(Protocol):
    """What is asked of an entry of the action registry."""

    @property
    def id(self) -> str: ...
    @property
    def keys(self) -> tuple[str, ...]: ...
    @property
    def scope(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Keymap:
    """The keys that the user changed."""

    keys: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """By action id; an empty tuple takes the action's keys away."""
    path: Path | None = None

    def of(self, action: KeyedAction) -> tuple[str, ...]:
        """The keys of an action: the user's, else its own."""
        return self.keys.get(action.id, action.keys)


def load_keymap(path: Path, actions: Sequence[KeyedAction], *, together: Iterable[Iterable[str]] = ()) -> Keymap:
    """The user's keymap; an empty one when there is no file.

    Args:
        together: scopes whose actions can be used at the same moment, a group for each screen;
            without it, only actions of one scope are compared.

    Raises:
        SettingError: the file cannot be read, or names actions or keys that do not exist; a line each in `details`.
    """
    try:
        text = path.read_text("utf-8-sig")
    except FileNotFoundError:
        return Keymap()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingError(f"{path} cannot be read: {error}.", hint="Correct it, or take it away.") from error
    keys, problems = parse_keymap(text, actions, together=together)
    if problems:
        lines = tuple(f"{problem.path}: {problem.message} {problem.hint}".rstrip() for problem in problems)
        count = "a problem" if len(problems) == 1 else f"{len(problems)} problems"
        raise SettingError(f"{path} has {count}.", hint=lines[0], details=lines)
    return Keymap(keys, path)


def parse_keymap(
    text: str, actions: Sequence[KeyedAction], *, together: Iterable[Iterable[str]] = ()
) -> tuple[dict[str, tuple[str, ...]], list[Problem]]:
    """Keys by action id, and everything wrong with the text."""
    document = read_document(text)
    problems = document.problems
    value = document.value
    if value is None:
        return {}, problems
    if not isinstance(value, dict):
        return {}, [*problems, Problem("file", "This is not a list of keys.", "Each line is `action: key`.")]
    known = {action.id: action for action in actions}
    keys: dict[str, tuple[str, ...]] = {}
    for name in value:
        if name in known:
            keys[name] = _keys(document, name)
        else:
            close = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
            hint = f"Is it {close[0]}?" if close else "`docs/keys.md` lists every action."
            problems.append(Problem(document.where((name,)), f"There is no action {name!r}.", hint))
    problems += _clashes(document, keys, actions, together)
    return keys, problems


def _keys(document: Document, name: str) -> tuple[str, ...]:
    """One action's keys: a word, several words, a list, or nothing."""
    value = document.value[name]
    if isinstance(value, list):
        words = [document.texts.get((name, index), "") for index in range(len(value))]
    elif isinstance(value, dict):
        document.problems.append(Problem(document.where((name,)), "A key is expected.", "Write `ctrl+r` or a list."))
        return ()
    else:
        text = document.texts[(name,)]
        words = text.split() or ([" "] if text else [])
    found = []
    for word in words:
        key = key_name(word)
        problem = None if key else f"There is no key {word!r}."
        if key in _SAME_ON_TERMINALS:
            problem = f"{key} is the same as {_SAME_ON_TERMINALS[key]} on most terminals."
        if problem:
            hint = "Write it as `ctrl+r`, `f5`, `space` or the sign itself."
            document.problems.append(Problem(document.where((name,)), problem, hint))
        elif key:
            found.append(key)
    return tuple(found)


def key_name(text: str) -> str | None:
    """A key as the terminal library names it: `?` is `question_mark`, `Ctrl+R` is `ctrl+r`; None if it is none.

    A capital letter alone is that letter with shift; with a modifier case does not matter.
    """
    *modifiers, key = text.split("+") if len(text) > 1 and not text.endswith("+") else _split_plus(text)
    modifiers = [_OTHER_NAMES.get(word.lower(), word.lower()) for word in modifiers]
    if len(set(modifiers)) < len(modifiers) or any(word not in MODIFIERS for word in modifiers):
        return None
    key = _sign_name(key, alone=not modifiers)
    if not key:
        return None
    return "+".join([*sorted(modifiers, key=("alt", "ctrl", "hyper", "meta", "shift", "super").index), key])


def _split_plus(text: str) -> list[str]:
    """`+`, or `ctrl++`: the plus key."""
    return [*text[:-1].rstrip("+").split("+"), "+"] if len(text) > 1 else [text]


def _sign_name(key: str, *, alone: bool) -> str:
    if len(key) == 1:
        if key.isalnum():
            return key if alone else key.lower()
        try:
            name = unicodedata.name(key).lower().replace("-", "_").replace(" ", "_")
        except ValueError:
            return ""
        return _SHORTER.get(name, name)
    name = _OTHER_NAMES.get(key.lower(), key.lower())
    return name if name in NAMED_KEYS or name in _PUNCTUATION else ""


_PUNCTUATION = frozenset(_sign_name(sign, alone=True) for sign in "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~")


def _clashes(
    document: Document,
    keys: Mapping[str, tuple[str, ...]],
    actions: Sequence[KeyedAction],
    together: Iterable[Iterable[str]],
) -> list[Problem]:
    """Keys of the user that something else has at the same moment."""
    groups = [tuple(group) for group in together] or [(scope,) for scope in {action.scope: 0 for action in actions}]
    found: dict[tuple[str, str], Problem] = {}
    for group in groups:
        here = [action for action in actions if action.scope in group]
        for action in here:
            for key in keys.get(action.id, ()):
                others = [o.id for o in here if o.id != action.id and key in keys.get(o.id, o.keys)]
                if others and (others[0], key) not in found:
                    found[(action.id, key)] = Problem(
                        document.where((action.id,)), f"{key} is also the key of {others[0]}.",
                        f"Choose another key, or give {others[0]} one.",
                    )  # fmt: skip
    return list(found.values())
