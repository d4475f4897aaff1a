"""What several verbs take: options, arguments and their types."""

from __future__ import annotations

import functools
from collections.abc import Callable
from datetime import timedelta
from typing import Any, TypeVar

import click

from workshop.cli.session import Session
from workshop.config.settings import SETTINGS
from workshop.model.amounts import counted, parse_size, parse_span
from workshop.model.seat import parse_seat_name

F = TypeVar("F", bound=Callable[..., Any])


class WholeNumber(click.IntRange):
    """A whole number in a range, called a number where it is none."""

    name = "number"


def json_option(command: F) -> F:
    """`--json`. Read from the words before click sees them, so that errors in the words are JSON too."""
    return click.option("--json", is_flag=True, expose_value=False, help="One JSON document on standard output.")(
        command
    )


def verb(name: str, **attributes: Any) -> Callable[[Callable[..., int | None]], click.Command]:
    """A command `name` that is given the `Session` first and takes `--json`."""

    def decorate(function: Callable[..., int | None]) -> click.Command:
        command = json_option(set_option(_given_session(function)))
        return click.command(name, cls=click.Command, **attributes)(command)

    return decorate


def set_option(command: F) -> F:
    """Any setting, by name; `workshop paths` lists them."""
    return click.option(
        "--set",
        metavar="NAME=VALUE",
        multiple=True,
        expose_value=False,
        callback=_keep_settings,
        help="Any setting of `workshop paths`.",
    )(command)


def _given_session(function: Callable[..., int | None]) -> Callable[..., int | None]:
    """The function called with the `Session` of this call before what click parsed."""

    @functools.wraps(function)
    def with_session(**parsed: Any) -> int | None:
        return function(click.get_current_context().find_object(Session), **parsed)

    return with_session


def file_argument(command: F) -> F:
    """What a workshop is named by."""
    return click.argument("file", metavar="FILE")(command)


def name_argument(command: F) -> F:
    """A classroom's name, completed from those there are."""
    return click.argument("name", metavar="NAME", shell_complete=_names_there_are)(command)


def seats_argument(command: F) -> F:
    """One or more seats."""
    return click.argument("seats", metavar="SEAT...", nargs=-1, required=True, callback=_seat_numbers)(command)


def seat_argument(command: F) -> F:
    """One seat."""
    return click.argument("seat", metavar="SEAT", callback=_seat_number)(command)


def settings_options(*names: str) -> Callable[[F], F]:
    """A flag for each of these settings, into `Session.flags`: it wins over every other place of a setting."""

    def decorate(command: F) -> F:
        for name in reversed(names):
            kind = next(kind for kind in SETTINGS if kind.name == name)
            command = click.option(
                f"--{name.replace('_', '-')}",
                metavar="[" + "|".join(visible) + "]" if (visible := _shown(kind.allowed)) else "VALUE",
                expose_value=False,
                callback=_keep_flag,
                help=kind.help,
            )(command)
        return command

    return decorate


runtime_option = settings_options("runtime")
"""Where seats run; for verbs that look for classrooms, where they are looked for."""
image_options = settings_options(
    "image_base", "image_index_url", "image_extra_index_url", "image_ca_bundle", "image_apt_mirror"
)
"""What this machine gives a build."""


def _shown(allowed: tuple[str, ...]) -> tuple[str, ...]:
    """The fake runtime is for tests; nobody is offered it."""
    return tuple(value for value in allowed if value != "fake")


def _keep_flag(ctx: click.Context, param: click.Parameter, value: str | None) -> None:
    """A flag of a setting, by the setting's name."""
    session = ctx.find_object(Session)
    if value is not None and session is not None and param.name:
        session.flags[param.name] = value


def _keep_settings(ctx: click.Context, param: click.Parameter, values: tuple[str, ...]) -> None:
    """`--set image_base=debian:12`: for settings that have no flag on this verb."""
    session = ctx.find_object(Session)
    for text in values:
        name, equals, value = text.partition("=")
        if not equals:
            raise click.BadParameter(f"{text!r} is no setting: write NAME=VALUE.", ctx, param)
        if session is not None:
            session.flags[name.strip().replace("-", "_")] = value


def yes_option(command: F) -> F:
    """Leave the question out."""
    return click.option("--yes", "-y", is_flag=True, help="Do not ask.")(command)


def verbose_option(command: F) -> F:
    """Show every line of the log."""
    return click.option("--verbose", "-v", is_flag=True, help="Every line of the log, also on a terminal.")(command)


def _names_there_are(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """The names of classrooms, for the shell's completion."""
    import asyncio

    from workshop.service import Service

    async def names() -> list[str]:
        service = Service({})
        try:
            return [room.name for room in await service.classrooms()]
        finally:
            await service.aclose()

    return [name for name in asyncio.run(names()) if name.startswith(incomplete)]


def _seat_numbers(ctx: click.Context, param: click.Parameter, words: tuple[str, ...]) -> tuple[int, ...]:
    """`7`, `07` and `3-6` as numbers, each once and in order."""
    numbers: set[int] = set()
    for word in words:
        first, dash, last = word.partition("-")
        low = parse_seat_name(first)
        high = parse_seat_name(last) if dash else low
        if low is None or high is None or high < low:
            raise click.BadParameter(f"{word!r} is no seat: name one as 07, or several as 03-06.", ctx, param)
        numbers.update(range(low, high + 1))
    return tuple(sorted(numbers))


def _seat_number(ctx: click.Context, param: click.Parameter, word: str) -> int:
    number = parse_seat_name(word)
    if number is None:
        raise click.BadParameter(f"{word!r} is no seat: name one as 07.", ctx, param)
    return number


def as_size(ctx: click.Context, param: click.Parameter, text: str) -> int:
    """`1536M` or `2GB` in bytes."""
    try:
        size = parse_size(text)
    except ValueError as error:
        raise click.BadParameter(f"{error}: write 1536M or 2GB.", ctx, param) from error
    if size < 1024**2:
        raise click.BadParameter(f"{text!r} is {counted(size, 'byte')}: write 1536M or 2GB.", ctx, param)
    return size


def as_span(ctx: click.Context, param: click.Parameter, text: str) -> timedelta:
    """`30m` or `1h30m` as a span of time; with a minus, a negative one."""
    try:
        span = parse_span(text.removeprefix("-"))
    except ValueError as error:
        raise click.BadParameter(f"{error}: write 30m, 1h or 1h30m.", ctx, param) from error
    return -span if text.startswith("-") else span


def as_span_if_given(ctx: click.Context, param: click.Parameter, text: str | None) -> timedelta | None:
    """As `as_span`; None for an option that is left out. Nothing and less are refused."""
    if text is None:
        return None
    span = as_span(ctx, param, text)
    if span <= timedelta():
        raise click.BadParameter(f"{text!r} is no time for a class.", ctx, param)
    return span
