"""Writes docs/keys.md from the registry of actions: `python docs/keys.py`."""

from __future__ import annotations

from pathlib import Path

from workshop.actions import Danger, Scope, of_scopes
from workshop.tui.bindings import key_name

FILE = Path(__file__).with_suffix(".md")

INTRODUCTION = """# Keys of the terminal UI

Made from the program by `python docs/keys.py`. In the program `?` shows the keys of what has the focus, and `ctrl+p`
finds every action by name. Everything can also be clicked.

Keys can be changed in `keys.yaml` beside `config.yaml` (`workshop paths` says where): a line for each action id. A
name that does not exist is an error, with the nearest one that does.

```yaml
seat.restart: ctrl+y
class.map: [m, f2]
app.quit: []        # no key at all; the palette still has it
```

Marked with *: changes a class, and is left out with `--read-only`. Marked with **: work may be lost; it asks first, and
Enter alone never does it.
"""
MARKS = {Danger.NONE: "", Danger.CHANGES: " *", Danger.LOSES: " **"}


def text() -> str:
    """The whole page."""
    parts = [INTRODUCTION]
    for scope in Scope:
        parts += [f"## {scope.value.capitalize()}", "", "| keys | does | | id |", "| --- | --- | --- | --- |"]
        for action in of_scopes(scope):
            keys = " ".join(f"`{_shown(key)}`" for key in action.keys)
            parts.append(f"| {keys} | {action.title}{MARKS[action.danger]} | {action.help} | `{action.id}` |")
        parts.append("")
    return "\n".join(parts).rstrip() + "\n"


def _shown(key: str) -> str:
    """A key as it is written in prose: `ctrl+d` in full, signs as themselves."""
    if "+" in key and key != "plus":
        modifier, _, rest = key.partition("+")
        return f"{modifier}+{_shown(rest)}"
    return {"enter": "enter", "up": "up", "down": "down", "left": "left", "right": "right"}.get(key, key_name(key))


if __name__ == "__main__":
    FILE.write_text(text(), "utf-8")
