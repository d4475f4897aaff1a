"""Writes docs/commands.md from the program's own help: `python docs/commands.py`."""

from __future__ import annotations

from pathlib import Path

import click

from workshop.cli.main import EPILOG, workshop_command
from workshop.cli.verbs import SECTIONS

FILE = Path(__file__).with_suffix(".md")


def text() -> str:
    """Every verb with its help, in the order of `workshop --help`."""
    parts = [
        "# Commands",
        "",
        "Made from the program by `python docs/commands.py`.",
        "",
        *(paragraph for part in EPILOG.split("\n\n") for paragraph in (part, "")),
    ]
    context = workshop_command.make_context("workshop", ["paths"])
    for title, verbs in SECTIONS:
        parts += [f"## {title}", ""]
        for verb in verbs:
            command = workshop_command.get_command(context, verb.name)
            assert command is not None
            parts += _verb(command)
    return "\n".join(parts).rstrip() + "\n"


def _verb(command: click.Command) -> list[str]:
    """A verb: its call, what it does, its options."""
    arguments = [param.metavar or param.name or "" for param in command.params if isinstance(param, click.Argument)]
    parts = [f"### {command.name}", "", f"    workshop {' '.join([command.name or '', *arguments])}", ""]
    for paragraph in (command.help or "").split("\n\n"):
        parts += [" ".join(paragraph.split()), ""]
    options = [param for param in command.params if isinstance(param, click.Option) and not param.hidden]
    parts += ["| option | |", "| --- | --- |"]
    parts += [f"| {_spelling(option)} | {(option.help or '').replace('|', '&#124;')} |" for option in options]
    return [*parts, ""]


def _spelling(option: click.Option) -> str:
    """`--seats N`, or `-y`, `--yes`."""
    value = ""
    if not option.is_flag:
        choices = option.type.choices if isinstance(option.type, click.Choice) else ()
        value = " " + (option.metavar or "/".join(map(str, choices)) or (option.name or "").upper())
    return ", ".join(f"`{name}{value}`".replace("|", "/") for name in option.opts)


if __name__ == "__main__":
    FILE.write_text(text(), "utf-8")
