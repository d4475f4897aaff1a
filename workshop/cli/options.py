"""What several verbs take: options, arguments and their types."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any, TypeVar

import click

from workshop.model.amounts import parse_span
from workshop.model.seat import parse_seat_name

F = TypeVar("F", bound=Callable[..., Any])


def json_option(command: F) -> F:
    """`--json`. Read from the words before click sees them, so that errors in the words are JSON too."""
    return click.option("--json", is_flag=True, expose_value=False, help="One JSON document on standard output.")(
        command
    )


def verb(name: str, **attributes: Any) -> Callable[[Callable[..., int | None]], click.Command]:
    """A command `name` that is given the `Session` first and takes `--json`."""

    def decorate(function: Callable[..., int | None]) -> click.Command:
        return click.command(name, **attributes)(json_option(click.pass_obj(function)))

    return decorate


def file_argument(command: F) -> F:
    """What a workshop is named by."""
    return click.argument("file", metavar="FILE")(command)


def name_argument(command: F) -> F:
    """A classroom's name, completed from those there are."""
    return click.argument("name", metavar="NAME", type=ClassroomName())(command)


def seats_argument(command: F) -> F:
    """One or more seats."""
    return click.argument("seats", metavar="SEAT...", nargs=-1, required=True, type=SeatNumbers())(command)


def runtime_option(command: F) -> F:
    """Where seats run, before what the workshop and the settings say."""
    return click.option(
        "--runtime",
        type=click.Choice(["auto", "docker", "kubernetes", "process"]),
        help="Where seats run; `process` isolates nothing.",
    )(command)


def yes_option(command: F) -> F:
    """Leave the question out."""
    return click.option("--yes", "-y", is_flag=True, help="Do not ask.")(command)


def verbose_option(command: F) -> F:
    """Show every line of the log."""
    return click.option("--verbose", "-v", is_flag=True, help="Every line of the log, also on a terminal.")(command)


class ClassroomName(click.ParamType):
    """A name of a classroom that is there; whether it is, the service says."""

    name = "name"

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[click.shell_completion.CompletionItem]:
        import asyncio

        from click.shell_completion import CompletionItem

        from workshop.service import Service

        async def names() -> list[str]:
            service = Service({})
            try:
                return [room.name for room in await service.classrooms()]
            finally:
                await service.aclose()

        return [CompletionItem(name) for name in asyncio.run(names()) if name.startswith(incomplete)]


class SeatNumbers(click.ParamType):
    """`7`, `07` or `3-6`, as a tuple of numbers."""

    name = "seat"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, ...]:
        if isinstance(value, tuple):
            return value
        first, dash, last = str(value).partition("-")
        numbers = (parse_seat_name(first), parse_seat_name(last) if dash else parse_seat_name(first))
        if numbers[0] is None or numbers[1] is None or numbers[1] < numbers[0]:
            self.fail(f"{value!r} is no seat: name one as 07, or several as 03-06", param, ctx)
        return tuple(range(numbers[0], numbers[1] + 1))


class Span(click.ParamType):
    """A span of time."""

    name = "span"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        if isinstance(value, timedelta):
            return value
        text = str(value)
        sign = -1 if text.startswith("-") else 1
        try:
            return sign * parse_span(text.removeprefix("-"))
        except ValueError as error:
            self.fail(f"{error}: write 30m, 1h or 1h30m", param, ctx)


def flat(seats: Sequence[tuple[int, ...]]) -> tuple[int, ...]:
    """Each seat once, in order."""
    return tuple(sorted({number for group in seats for number in group}))
