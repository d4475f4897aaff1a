"""Links of a class: text, CSV, Markdown, cards, QR codes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from workshop.cli.diagnostics import ExitCode
from workshop.cli.options import name_argument, runtime_option, verb
from workshop.cli.session import Session
from workshop.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from workshop.model.seat import Seat
    from workshop.model.snapshot import Snapshot


@verb("links")
@runtime_option
@name_argument
@click.option("--csv", "as_csv", is_flag=True, help="A table for spreadsheets: seat, code, link.")
@click.option("--markdown", is_flag=True, help="A table for a page or a chat.")
@click.option("--spares", is_flag=True, help="Spare seats too.")
def links_command(session: Session, name: str, *, as_csv: bool, markdown: bool, spares: bool) -> int:
    """Links of a class, one for each seat, in the form that is wanted. Whoever has a link has the seat."""
    if as_csv and markdown:
        raise UsageError("--csv and --markdown contradict each other.", hint="Give one of them.")
    with session.talk() as talk:
        snapshot = talk.run(talk.service.status(name))
    from workshop.present.links import handed_out, links_csv, links_markdown, links_text

    seats = handed_out(snapshot.seats, spares=spares)
    join = snapshot.classroom.join_url()
    session.output.document(_document(snapshot, seats))
    if as_csv:
        session.output.text(links_csv(seats))
    elif markdown:
        session.output.text(links_markdown(seats, join, title=snapshot.classroom.workshop))
    else:
        session.output.text(links_text(seats, join))
    return ExitCode.DONE


def _document(snapshot: Snapshot, seats: Sequence[Seat]) -> dict[str, object]:
    return {
        "classroom": snapshot.classroom.name,
        "join": snapshot.classroom.join_url(),
        "seats": [{"seat": seat.name, "code": seat.code, "link": seat.link} for seat in seats],
    }
