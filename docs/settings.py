"""Writes docs/settings.md from the registry of settings: `python docs/settings.py`."""

from __future__ import annotations

from pathlib import Path

from workshop.config.settings import SETTINGS, SettingKind, variable

FILE = Path(__file__).with_suffix(".md")

INTRODUCTION = """# Settings

Made from the program by `python docs/settings.py`.

What belongs to one workshop is in its `workshop.yaml`; what belongs to a machine or a person is a setting. The first of
these that has a value wins:

1. the flag: `--runtime docker`, or `--set NAME=VALUE` for any setting
2. the environment: `WORKSHOP_RUNTIME=docker` (empty counts as not set)
3. the workshop's file, where it has a key for it
4. the configuration file `config.yaml`: a line `runtime: docker`
5. the default

`workshop paths` shows every setting with its value and where it came from, and where the configuration file is. A name
that does not exist is an error, with the nearest one that does.
"""

FOLDERS = """## Folders

Where files are kept can be said by flag or environment alone, because the configuration file is in one of them.
Without these, the folders of `XDG_CONFIG_HOME`, `XDG_STATE_HOME`, `XDG_CACHE_HOME` and `XDG_DATA_HOME` are taken, and
without those the platform's own.

| variable | holds |
| --- | --- |
| `WORKSHOP_CONFIG_DIR` | `config.yaml`, `keys.yaml`, `themes/` |
| `WORKSHOP_STATE_DIR` | the state database, logs, control sockets |
| `WORKSHOP_CACHE_DIR` | checkouts and environments; can be deleted at any time no class is on |
| `WORKSHOP_DATA_DIR` | collected work |
"""


def text() -> str:
    """The page."""
    rows = [_row(kind) for kind in SETTINGS]
    table = ["| setting | variable | `workshop.yaml` | default | |", "| --- | --- | --- | --- | --- |", *rows]
    return "\n".join([INTRODUCTION, "## All of them", "", *table, "", FOLDERS]).rstrip() + "\n"


def _row(kind: SettingKind) -> str:
    key = f"`{kind.definition}`" if kind.definition else ""
    default = f"`{kind.default}`" if kind.default != "" else ""
    return f"| `{kind.name}` | `{variable(kind.name)}` | {key} | {default} | {kind.help} |"


if __name__ == "__main__":
    FILE.write_text(text(), "utf-8")
