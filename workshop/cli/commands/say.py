"""A message to everybody."""

from __future__ import annotations

import click

from workshop.cli.diagnostics import ExitCode
from workshop.cli.options import name_argument, runtime_option, verb
from workshop.cli.session import Session


@verb("say")
@runtime_option
@name_argument
@click.argument("text")
def say_command(session: Session, name: str, text: str) -> int:
    """Show TEXT on every seat's page."""
    with session.talk() as talk:
        talk.run(talk.service.say(name, text))
    session.output.document({"classroom": name, "said": text})
    session.output.text(f"Said to {name}.")
    return ExitCode.DONE
