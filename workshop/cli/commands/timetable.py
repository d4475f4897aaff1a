"""When a class ends, and its breaks."""

from __future__ import annotations

from datetime import timedelta

import click

from workshop.cli.diagnostics import ExitCode
from workshop.cli.options import as_span, name_argument, runtime_option, verb
from workshop.cli.session import Session
from workshop.errors import UsageError


@verb("extend", context_settings={"ignore_unknown_options": True})
@runtime_option
@name_argument
@click.argument("span", metavar="SPAN", callback=as_span)
def extend_command(session: Session, name: str, span: timedelta) -> int:
    """Move the end of the class by SPAN: 30m, 1h30m; -15m ends it earlier."""
    with session.talk() as talk:
        ends = talk.run(talk.service.extend(name, span))
    from workshop.present.documents import rfc3339

    session.output.document({"classroom": name, "ends": rfc3339(ends)})
    session.output.text(f"{name} ends at {ends.astimezone():%H:%M on %d %B %Y}.")
    return ExitCode.DONE


def _as_break(ctx: click.Context, param: click.Parameter, text: str | None) -> timedelta | None:
    if text is None:
        return None
    span = as_span(ctx, param, text)
    if span <= timedelta():
        raise click.BadParameter(f"{text!r} is no break: it has to be more than nothing.", ctx, param)
    return span


@verb("break")
@runtime_option
@name_argument
@click.argument("span", metavar="[SPAN]", required=False, callback=_as_break)
@click.option("--end", is_flag=True, help="The break is over.")
def break_command(session: Session, name: str, span: timedelta | None, *, end: bool) -> int:
    """A break of SPAN (15m, 1h) from now on: nobody counts as idle, and seat pages say when the class goes on.

    During a break another SPAN moves its end. It ends by itself; `--end` ends it now.
    """
    if (span is None) is not end:
        raise UsageError("A break needs either its length or --end.", hint=f"`workshop break {name} 15m`, say.")
    with session.talk() as talk:
        until = talk.run(talk.service.break_(name, span))
    from workshop.present.documents import rfc3339

    session.output.document({"classroom": name, "break_until": rfc3339(until)})
    session.output.text(f"A break until {until.astimezone():%H:%M}." if until else "The break is over.")
    return ExitCode.DONE
