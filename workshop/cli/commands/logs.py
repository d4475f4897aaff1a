"""What the server of a seat printed."""

from __future__ import annotations

import click

from workshop.cli.diagnostics import ExitCode
from workshop.cli.options import name_argument, runtime_option, seat_argument, verb
from workshop.cli.session import Session
from workshop.model.seat import seat_name


@verb("logs")
@runtime_option
@name_argument
@seat_argument
@click.option("--tail", metavar="N", type=click.IntRange(1, 100_000), default=200, help="How many lines; 200.")
def logs_command(session: Session, name: str, seat: int, *, tail: int) -> int:
    """The last lines that the server of a seat printed."""
    with session.talk() as talk:
        text = talk.run(talk.service.logs(name, seat, tail=tail))
    from workshop.present.cells import shown_line

    lines = text.splitlines()
    session.output.document({"classroom": name, "seat": seat_name(seat), "lines": lines})
    for line in lines:
        session.output.text(shown_line(line))
    if not lines:
        session.diagnostics.note(f"Seat {seat_name(seat)} printed nothing yet.")
    return ExitCode.DONE
