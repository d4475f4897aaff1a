"""Make more seats."""

from __future__ import annotations

import click

from workshop.cli.commands.up import show_opened
from workshop.cli.options import WholeNumber, name_argument, runtime_option, settings_options, verb, verbose_option
from workshop.cli.session import Session


@verb("add")
@runtime_option
@settings_options("starts_at_once")
@name_argument
@click.argument("count", metavar="N", type=WholeNumber(1, 2000))
@verbose_option
def add_command(session: Session, name: str, count: int, *, verbose: bool) -> int:
    """Make N more seats; an earlier `add` that was interrupted is finished, not repeated."""
    with session.talk() as talk, session.progress(verbose=verbose) as report:
        opened = talk.run(talk.service.add(name, count, report=report))
        ascii_only = talk.ascii_only
    return show_opened(session, opened, ascii_only=ascii_only)
