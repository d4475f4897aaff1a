"""Remove everything of a class, then look again."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from workshop.cli.confirm import can_ask, confirm_by_name
from workshop.cli.options import name_argument, runtime_option, verb, verbose_option, yes_option
from workshop.cli.session import Session
from workshop.errors import UsageError
from workshop.model.seat import seat_name

if TYPE_CHECKING:
    from workshop.cli.session import Talk
    from workshop.service.reports import TeardownPlan


@verb("down")
@runtime_option
@name_argument
@click.option("--collect", type=click.Path(path_type=Path, file_okay=False), help="Fetch the work in claimed seats.")
@click.option("--discard", is_flag=True, help="Give up work that was not collected.")
@yes_option
@verbose_option
def down_command(session: Session, name: str, *, collect: Path | None, discard: bool, yes: bool, verbose: bool) -> int:
    """Remove everything of a class, then look again. Safe to run again at any time.

    Refuses while claimed seats have work that was neither collected nor discarded.
    """
    if collect is not None and discard:
        raise UsageError("--collect and --discard contradict each other.", hint="Give one of them.")
    with session.talk() as talk:
        if not yes:
            plan = _plan(session, talk, name)
            if not _agreed(session, plan, name, collect=collect):
                return session.nothing_done()
            # whoever typed the name has read what is lost, and gives up no more than that
            discard = discard or (collect is None and plan is not None and plan.loses)
        with session.progress(verbose=verbose) as report:
            result = talk.run(talk.service.down(name, collect_to=collect, discard=discard, report=report))
    from workshop.present.documents import down_document
    from workshop.present.removal import removal_sentence

    session.output.document(down_document(result))
    if result.collected:
        session.output.text(f"collected to {result.collected}")
    if result.report:
        session.output.text(f"report in {result.report}, with plots in {result.report.with_suffix('.html')}")
    session.output.text(f"{name}: {removal_sentence(result.removal)} ({result.seconds:.1f} s)")
    return session.told_removal(result.removal)


def _plan(session: Session, talk: Talk, name: str) -> TeardownPlan | None:
    """What goes and what is lost; None where nobody is there to read it."""
    return talk.run(talk.service.teardown_plan(name)) if can_ask(session) else None


def _agreed(session: Session, plan: TeardownPlan | None, name: str, *, collect: Path | None) -> bool:
    """Name what goes and what is lost, and have the class's name typed."""
    losing = _losing(plan, collect) if plan is not None else []
    return confirm_by_name(session, f"Remove {name} and everything in it?", name, yes=False, losing=losing)


def _losing(plan: TeardownPlan, collect: Path | None) -> list[str]:
    lines = [f"{kind}  {what}" for kind, what in plan.objects]
    if collect is not None:
        return [*lines, f"The work of claimed seats is fetched to {collect} first."]
    if plan.uncollected:
        lines.append(f"LOST: work in {_named(plan.uncollected)}. It was not collected; `--collect FOLDER` keeps it.")
    if plan.unsure:
        lines.append(f"NOT SURE: {_named(plan.unsure)} cannot be asked.")
    return lines


def _named(seats: tuple[int, ...]) -> str:
    return f"seat{'' if len(seats) == 1 else 's'} " + ", ".join(seat_name(number) for number in seats)
