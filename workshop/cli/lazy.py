"""A click group that loads a verb's module only when that verb is used."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any

import click

from workshop.cli.verbs import Verb


class LazyGroup(click.Group):
    """Knows its verbs by name and sentence; each is imported on first use.

    Args:
        sections: the verbs in the order and under the headings in which the help shows them.
        package: where the verbs' modules are.
    """

    def __init__(self, *, sections: Sequence[tuple[str, Sequence[Verb]]], package: str, **attributes: Any) -> None:
        super().__init__(**attributes)
        self._sections = sections
        self._package = package
        self._verbs: Mapping[str, Verb] = {verb.name: verb for _, verbs in sections for verb in verbs}

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self._verbs)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        verb = self._verbs.get(cmd_name)
        if verb is None:
            return None
        module = import_module(f"{self._package}.{verb.module}")
        command: click.Command = getattr(module, f"{verb.name}_command")
        command.short_help = verb.summary
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if name not in self._verbs and not name.startswith("-"):
            near = difflib.get_close_matches(name, self._verbs, n=1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            raise click.UsageError(f"There is no verb {name!r}.{hint}", ctx=ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for title, verbs in self._sections:
            with formatter.section(title):
                formatter.write_dl([(verb.name, verb.summary) for verb in verbs], col_max=12)
