"""Links of a class: text, CSV, Markdown, cards, QR codes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from workshop.cli.diagnostics import ExitCode
from workshop.cli.options import name_argument, runtime_option, settings_options, verb
from workshop.cli.session import Session
from workshop.errors import GatewayFailed, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from workshop.model.palette import Palette
    from workshop.model.seat import Seat
    from workshop.model.snapshot import Snapshot


@verb("links")
@runtime_option
@settings_options("theme", "paper", "cards_language")
@name_argument
@click.option("--csv", "as_csv", is_flag=True, help="A table for spreadsheets: seat, code, link.")
@click.option("--markdown", is_flag=True, help="A table for a page or a chat.")
@click.option(
    "--cards", type=click.Path(path_type=Path, dir_okay=False), help="Printable cards: a FILE.pdf or FILE.html."
)
@click.option(
    "--qr-dir",
    type=click.Path(path_type=Path, file_okay=False),
    help="PNG and SVG of every seat's QR code, into a folder.",
)
@click.option("--spares", is_flag=True, help="Spare seats too.")
def links_command(
    session: Session, name: str, *, as_csv: bool, markdown: bool, cards: Path | None, qr_dir: Path | None, spares: bool
) -> int:
    """Links of a class, one for each seat, in the form that is wanted. Whoever has a link has the seat."""
    if as_csv and markdown:
        raise UsageError("--csv and --markdown contradict each other.", hint="Give one of them.")
    with session.talk() as talk:
        snapshot = talk.run(talk.service.status(name))
        printing = talk.service.printing
    if not snapshot.classroom.door.known:
        raise GatewayFailed(
            f"Classroom {name!r} has no address yet: its opening was interrupted.",
            hint="`workshop up` with the same file finishes it.",
        )
    from workshop.present.links import handed_out, links_csv, links_markdown, links_text
    from workshop.service.handouts import write_cards, write_codes

    seats = handed_out(snapshot.seats, spares=spares)
    join = snapshot.classroom.join_url()
    if cards is not None:
        write_cards(cards, snapshot, seats, _palette(session), printing)
        session.output.text(f"Wrote {len(seats)} cards to {cards}.")
    if qr_dir is not None:
        session.output.text(f"Wrote {write_codes(qr_dir, snapshot, seats)} files to {qr_dir}.")
    if as_csv:
        session.output.text(links_csv(seats))
    elif markdown:
        session.output.text(links_markdown(seats, join, title=snapshot.classroom.workshop))
    elif cards is None and qr_dir is None:
        session.output.text(links_text(seats, join))
    session.output.document(_document(snapshot, seats))
    return ExitCode.DONE


def _document(snapshot: Snapshot, seats: Sequence[Seat]) -> dict[str, object]:
    return {
        "classroom": snapshot.classroom.name,
        "join": snapshot.classroom.join_url(),
        "seats": [{"seat": seat.name, "code": seat.code, "link": seat.link} for seat in seats],
    }


def _palette(session: Session) -> Palette:
    """The colours of the theme that is set; a theme that is not there is said."""
    from workshop.config.paths import paths
    from workshop.config.settings import settings
    from workshop.config.themes import load_themes

    wanted = settings(session.flags).theme
    themes = load_themes(paths(session.flags))
    for problem in (*themes.problems, *filter(None, [themes.missing(wanted)])):
        session.diagnostics.warning(f"{problem.path}: {problem.message} {problem.hint}".rstrip())
    return themes.palette(wanted)
