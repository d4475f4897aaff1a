"""Files to and from seats: push, collect."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import click

from workshop.cli.diagnostics import ExitCode
from workshop.cli.options import name_argument, runtime_option, verb, verbose_option
from workshop.cli.session import Session
from workshop.errors import UsageError
from workshop.model.seat import seat_name


@verb("push")
@runtime_option
@name_argument
@click.argument("files", metavar="FILE...", nargs=-1, type=click.Path(exists=True))
@click.option("--into", default="", help="Folder of the seat; else where the repository has the files.")
@click.option("--newer", is_flag=True, help="What a newer commit of the repository has changed, instead of files.")
@click.option("--ref", default="", help="With --newer: branch, tag or commit.")
@click.option("--dry-run", is_flag=True, help="Say what would be done in each seat, and do nothing.")
@verbose_option
def push_command(
    session: Session,
    name: str,
    files: tuple[str, ...],
    *,
    into: str,
    newer: bool,
    ref: str,
    dry_run: bool,
    verbose: bool,
) -> int:
    """Give files to all seats: untouched copies are replaced, beside changed ones the new file is put."""
    from workshop.service.reports import PushSource

    if newer == bool(files):
        raise UsageError("Name files to push, or --newer.", hint="`workshop push NAME lesson.ipynb`, say.")
    source = PushSource(files, into, newer, ref)
    with session.talk() as talk, session.progress(verbose=verbose) as report:
        push = talk.service.push_plan if dry_run else talk.service.push
        done = talk.run(push(name, source, report=report))
    seats = [(seat.number, not seat.error, seat.sentence) for seat in done.seats]
    session.output.document(
        {"classroom": name, "planned": done.planned, "files": list(done.files), "results": _results(seats)}
    )
    for note in done.notes:
        session.diagnostics.note(note)
    return _tell(session, seats, done.sentence)


@verb("collect")
@runtime_option
@name_argument
@click.option(
    "--to", type=click.Path(path_type=Path, file_okay=False), help="Folder for the archives; else the class's own."
)
@click.option("--all", "everything", is_flag=True, help="All files, not only what differs from the image.")
@verbose_option
def collect_command(session: Session, name: str, *, to: Path | None, everything: bool, verbose: bool) -> int:
    """Fetch an archive from each seat that was used, with a manifest. Run again, it goes on where it stopped."""
    with session.talk() as talk, session.progress(verbose=verbose) as report:
        done = talk.run(talk.service.collect(name, to=to, everything=everything, report=report))
    seats = [(seat.number, not seat.error, seat.sentence) for seat in done.seats]
    session.output.document({"classroom": name, "folder": str(done.folder), "results": _results(seats)})
    return _tell(session, seats, f"{len(seats) - len(done.failed)} of {len(seats)} seats collected to {done.folder}")


def _results(seats: Iterable[tuple[int, bool, str]]) -> list[dict[str, object]]:
    return [{"seat": seat_name(number), "ok": ok, "detail": detail} for number, ok, detail in seats]


def _tell(session: Session, seats: list[tuple[int, bool, str]], summary: str) -> int:
    """A line for each seat, then the whole; partly done when some failed, failed when all did."""
    for number, ok, detail in seats:
        session.output.text(f"{seat_name(number)}  {'ok    ' if ok else 'FAILED'}  {detail}")
    session.output.text(summary)
    failed = sum(not ok for _, ok, _ in seats)
    if not failed:
        return ExitCode.DONE
    return ExitCode.PARTLY if failed < len(seats) else ExitCode.FAILED
