"""The action registry as Textual bindings, and keys as people read them."""

from __future__ import annotations

from collections.abc import Iterable

from textual.binding import Binding, BindingType

from workshop.actions import Scope, of_scopes

_NAMES = {
    "question_mark": "?",
    "colon": ":",
    "slash": "/",
    "space": "space",
    "escape": "esc",
    "enter": "↵",
    "plus": "+",
    "up": "↑",
    "down": "↓",
    "left": "←",
    "right": "→",
    "pageup": "pgup",
    "pagedown": "pgdn",
    "left_square_bracket": "[",
    "right_square_bracket": "]",
}


def bindings_for(*scopes: Scope) -> list[BindingType]:
    """The bindings of these scopes; each has its action's id, so that the user's keymap reaches it."""
    return [
        Binding(",".join(action.keys), f"perform('{action.id}')", action.title, show=False, id=action.id)
        for action in of_scopes(*scopes)
    ]


def key_name(key: str) -> str:
    """A key as it is shown: `ctrl+d` → `^d`, `question_mark` → `?`."""
    if key.startswith("ctrl+"):
        return f"^{key_name(key.removeprefix('ctrl+'))}"
    if key.startswith("shift+"):
        return f"⇧{key_name(key.removeprefix('shift+'))}"
    return _NAMES.get(key, key)


def key_names(keys: Iterable[str]) -> str:
    return " ".join(key_name(key) for key in keys)
