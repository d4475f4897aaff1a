"""Links of a class: text, CSV, Markdown, cards, QR codes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from workshop.cli.diagnostics import ExitCode
from workshop.cli.options import name_argument, runtime_option, verb
from workshop.cli.session import Session
from workshop.errors import UsageError, WorkshopError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from workshop.model.seat import Seat
    from workshop.model.snapshot import Snapshot


@verb("links")
@runtime_option
@name_argument
@click.option("--csv", "as_csv", is_flag=True, help="A table for spreadsheets: seat, code, link.")
@click.option("--markdown", is_flag=True, help="A table for a page or a chat.")
@click.option(
    "--qr-dir",
    type=click.Path(path_type=Path, file_okay=False),
    help="PNG and SVG of every seat's QR code, into a folder.",
)
@click.option("--spares", is_flag=True, help="Spare seats too.")
def links_command(
    session: Session, name: str, *, as_csv: bool, markdown: bool, qr_dir: Path | None, spares: bool
) -> int:
    """Links of a class, one for each seat, in the form that is wanted. Whoever has a link has the seat."""
    if as_csv and markdown:
        raise UsageError("--csv and --markdown contradict each other.", hint="Give one of them.")
    with session.talk() as talk:
        snapshot = talk.run(talk.service.status(name))
    from workshop.present.links import handed_out, links_csv, links_markdown, links_text

    seats = handed_out(snapshot.seats, spares=spares)
    join = snapshot.classroom.join_url()
    if qr_dir is not None:
        written = _write_codes(qr_dir, join, seats)
        session.output.text(f"Wrote {written} files to {qr_dir}.")
    elif as_csv:
        session.output.text(links_csv(seats))
    elif markdown:
        session.output.text(links_markdown(seats, join, title=snapshot.classroom.workshop))
    else:
        session.output.text(links_text(seats, join))
    session.output.document(_document(snapshot, seats))
    return ExitCode.DONE


def _document(snapshot: Snapshot, seats: Sequence[Seat]) -> dict[str, object]:
    return {
        "classroom": snapshot.classroom.name,
        "join": snapshot.classroom.join_url(),
        "seats": [{"seat": seat.name, "code": seat.code, "link": seat.link} for seat in seats],
    }


def _write_codes(folder: Path, join: str, seats: Sequence[Seat]) -> int:
    """`seat-07.png` and `seat-07.svg` for each seat, `join.…` for the room; how many files."""
    from workshop.present.qr import png, qr_code, svg

    wanted = [("join", join), *((f"seat-{seat.name}", seat.link) for seat in seats)]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, link in wanted:
            code = qr_code(link)
            (folder / f"{name}.png").write_bytes(png(code))
            (folder / f"{name}.svg").write_text(svg(code, title=name), "utf-8")
    except OSError as error:
        raise WorkshopError(f"{folder} cannot be written: {error.strerror}.", hint="Name another folder.") from error
    return 2 * len(wanted)
