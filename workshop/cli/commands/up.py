"""Open a class: build, gateway, seats."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import click

from workshop.cli.confirm import can_ask
from workshop.cli.diagnostics import ExitCode
from workshop.cli.options import (
    WholeNumber,
    as_span_if_given,
    image_options,
    runtime_option,
    settings_options,
    verb,
    verbose_option,
    yes_option,
)
from workshop.cli.session import Session
from workshop.cli.way_in import way_in

if TYPE_CHECKING:
    from workshop.cli.session import Talk
    from workshop.service.reports import UpPlan, UpReport, UpRequest


@verb("up")
@click.argument("file", metavar="[FILE]", required=False, default="")
@click.option("--seats", type=WholeNumber(1, 2000), help="How many seats, instead of the definition's.")
@click.option("--name", default="", help="Name of the classroom; several of one workshop have different ones.")
@click.option(
    "--length", metavar="SPAN", callback=as_span_if_given, help="How long the class goes from now on: 3h, 90m, 1h30m."
)
@runtime_option
@image_options
@settings_options("address", "port", "starts_at_once")
@click.option("--force", is_flag=True, help="Open more seats than fit, or a public address without https.")
@click.option("--dry-run", is_flag=True, help="Print what would be made, and make nothing.")
@click.option(
    "-o", "--output", type=click.Choice(["yaml", "text"]), default="text",
    help="Format of --dry-run; on a cluster, yaml is the manifests.",
)  # fmt: skip
@yes_option
@verbose_option
def up_command(
    session: Session,
    file: str,
    *,
    seats: int | None,
    name: str,
    length: timedelta | None,
    force: bool,
    dry_run: bool,
    output: str,
    yes: bool,
    verbose: bool,
) -> int:
    """Open a class: build or reuse the image, open the gateway, make the seats that are missing.

    Safe to run again at any time: it finishes what was begun, with the same links. Without FILE the class goes on that
    is there already (the one of that name, where there are several): what does not run of it is started again.
    """
    from workshop.service.reports import UpRequest

    request = UpRequest(
        file=file, name=name, seats=seats, length=length, runtime=session.flags.get("runtime", ""), force=force
    )
    with session.talk() as talk:
        if dry_run:
            return _dry_run(session, talk, request, output)
        if not yes and can_ask(session) and not _agreed(session, talk, request):
            return session.nothing_done()
        with session.progress(verbose=verbose) as report:
            opened = talk.run(talk.service.up(request, report=report))
        ascii_only = talk.ascii_only
    return show_opened(session, opened, ascii_only=ascii_only)


def _agreed(session: Session, talk: Talk, request: UpRequest) -> bool:
    """Show the plan of a new class and ask; what is there already is finished without a question."""
    with session.progress() as report:
        plan = talk.run(talk.service.plan(request, report=report))
    if plan.exists:
        return True
    for sentence in plan.sentences:
        session.diagnostics.line(f"  {sentence}")
    if not click.confirm(f"Open {plan.classroom.name} on {plan.classroom.runtime}?", default=True, err=True):
        return False
    if not plan.end.decided:
        _decide_end(session, talk)
    return True


def _decide_end(session: Session, talk: Talk) -> None:
    """Asked at the first class that is opened; the answer is a setting from then on."""
    by_itself = click.confirm("Shall classes end by themselves like that?", default=True, err=True)
    talk.service.decide_end(by_itself=by_itself)
    session.diagnostics.line("  That is the setting `at_end` from now on; `workshop paths` says where it is kept.")


def _dry_run(session: Session, talk: Talk, request: UpRequest, output: str) -> int:
    with session.progress() as report:
        plan = talk.run(talk.service.plan(request, report=report))
    document = _plan_document(plan)
    session.output.document(document)
    if output == "yaml" and not session.output.as_json:
        import yaml

        documents = plan.objects or (document,)
        session.output.raw(yaml.safe_dump_all(map(dict, documents), sort_keys=False, allow_unicode=True))
    else:
        session.output.text("\n".join(plan.sentences))
    return ExitCode.DONE


def _plan_document(plan: UpPlan) -> dict[str, object]:
    """What would be made; without the secrets that only come into being when it is."""
    room = plan.classroom
    return {
        "classroom": room.name,
        "workshop": room.workshop,
        "runtime": room.runtime,
        "exists": plan.exists,
        "image": plan.image.reference if plan.image else room.image or None,
        "commit": room.commit,
        "join": room.join_url() or None,
        "ends": room.ends.isoformat() if room.ends else None,
        "ui": room.ui.value,
        "limits": {
            "memory_bytes": room.limits.memory_bytes,
            "cpus": room.limits.cpus,
            "pids": room.limits.pids,
        },
        "create": [f"{number:02d}" for number in plan.create],
        "keep": [f"{number:02d}" for number in plan.keep],
        "fits": {"verdict": plan.fits.verdict, "largest": plan.fits.largest, "sentence": plan.fits.sentence},
        "sentences": list(plan.sentences),
    }


def show_opened(session: Session, opened: UpReport, *, ascii_only: bool) -> int:
    """The seats, the way in, and what failed: for `up` and `add`."""
    from workshop.present import documents, tables
    from workshop.service.opening import failure_of

    snapshot = opened.snapshot
    session.output.document(documents.status_document(snapshot))
    session.output.text(tables.seat_table(snapshot, ascii_only=ascii_only))
    session.output.text("")
    session.output.text("\n".join(way_in(session, "Join", snapshot.classroom.join_url())))
    return session.told(failure_of(opened))
