"""Questions before something is lost. Asked on a terminal; without one, `--yes` has to say it."""

from __future__ import annotations

import sys
from collections.abc import Iterable

import click

from workshop.cli.session import Session
from workshop.errors import ConfirmationNeeded


def can_ask(session: Session) -> bool:
    """Whether somebody is there to answer."""
    return sys.stdin.isatty() and session.diagnostics.is_terminal and not session.output.as_json


def confirm(session: Session, question: str, *, yes: bool, losing: Iterable[str] = ()) -> bool:
    """Ask, with No as the answer of a bare Enter.

    Args:
        losing: what will be gone, a line each.

    Raises:
        ConfirmationNeeded: nobody can be asked and `--yes` was not given.
    """
    if yes:
        return True
    _need_somebody(session, question)
    for line in losing:
        session.diagnostics.line(f"  {line}")
    return click.confirm(question, default=False, err=True)


def confirm_by_name(session: Session, question: str, name: str, *, yes: bool, losing: Iterable[str] = ()) -> bool:
    """Ask for the name to be typed: for what concerns a whole class.

    Raises:
        ConfirmationNeeded: nobody can be asked and `--yes` was not given.
    """
    if yes:
        return True
    _need_somebody(session, question)
    for line in losing:
        session.diagnostics.line(f"  {line}")
    typed = click.prompt(f"{question} Type {name!r} to go on", default="", show_default=False, err=True)
    return str(typed).strip() == name


def _need_somebody(session: Session, question: str) -> None:
    if not can_ask(session):
        raise ConfirmationNeeded(f"{question} There is no terminal to ask on.", hint="Say it with --yes.")
