"""Every problem of a workshop; what was detected; will it fit."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from workshop.cli.diagnostics import ExitCode
from workshop.cli.options import WholeNumber, file_argument, image_options, runtime_option, verb, verbose_option
from workshop.cli.session import Session
from workshop.model.amounts import counted

if TYPE_CHECKING:
    from workshop.model.snapshot import Problem
    from workshop.service.reports import CheckReport


@verb("check")
@file_argument
@click.option("--seats", type=WholeNumber(1, 2000), help="Seats to reckon with, instead of the definition's.")
@runtime_option
@image_options
@verbose_option
def check_command(session: Session, file: str, *, seats: int | None, verbose: bool) -> int:
    """Everything that can be known of a workshop before anything is built. Exit code 2 when there are errors."""
    with session.talk() as talk, session.progress(verbose=verbose) as report:
        runtime = session.flags.get("runtime", "")
        found = talk.run(talk.service.check(file, seats=seats, runtime=runtime, report=report))
    from workshop.present import documents

    session.output.document(documents.check_document(found))
    session.output.text("\n".join(_lines(found)))
    return ExitCode.DONE if found.ok else ExitCode.USAGE


def _lines(found: CheckReport) -> list[str]:
    lines = []
    if found.workshop is not None:
        definition = found.workshop.definition
        spare = f" and {definition.spare_seats} spare" if definition.spare_seats else ""
        lines.append(f"{definition.title}: {definition.ui.value}, {counted(definition.seats, 'seat')}{spare}")
        lines.append(f"source    {found.workshop.shown}")
    if found.source is not None:
        lines.append(f"commit    {found.source.commit[:12]}")
    if found.detected is not None:
        lines.append(f"detected  {found.detected.sentence()}")
        if found.detected.ignored:
            lines.append(f"not used  {', '.join(found.detected.ignored)}")
        lines.append(f"notebooks {len(found.detected.notebooks)}")
    if found.facts is not None:
        version = found.facts.version if found.runtime == found.facts.runtime else ""  # several have none in common
        lines.append(f"runtime   {found.runtime} {version}".rstrip())
    if found.fits is not None:
        lines.append(f"seats     {found.fits.sentence}")
    if found.image is not None:
        lines.append(f"image     {found.image.reference} is there")
    errors = [problem for problem in found.problems if problem.level == "error"]
    warnings = [problem for problem in found.problems if problem.level != "error"]
    for title, problems in (("error", errors), ("warning", warnings)):
        lines += [line for problem in problems for line in _problem(title, problem)]
    lines.append(_verdict(len(errors), len(warnings)))
    return lines


def _problem(title: str, problem: Problem) -> list[str]:
    lines = [f"{title}: {problem.path}: {problem.message}"]
    if problem.hint:
        lines.append(f"    {problem.hint}")
    return lines


def _verdict(errors: int, warnings: int) -> str:
    if errors:
        return f"{counted(errors, 'error')}, {counted(warnings, 'warning')}"
    return f"No errors, {counted(warnings, 'warning')}." if warnings else "No problems."
