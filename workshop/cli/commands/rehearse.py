"""Run a workshop's notebooks in a seat under its real limits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from workshop.cli.diagnostics import ExitCode
from workshop.cli.options import WholeNumber, file_argument, image_options, runtime_option, verb, verbose_option
from workshop.cli.session import Session
from workshop.model.amounts import format_size, parse_size

if TYPE_CHECKING:
    from workshop.service.reports import RehearsalReport, RehearsedNotebook


def _as_size(ctx: click.Context, param: click.Parameter, text: str | None) -> int | None:
    try:
        return parse_size(text) if text else None
    except ValueError as error:
        raise click.BadParameter(f"{error}: write 16 GB, say.", ctx, param) from error


@verb("rehearse")
@file_argument
@click.option("--seats", type=WholeNumber(1, 200), default=1, help="How many seats run the notebooks at once.")
@click.option(
    "--machine-memory", metavar="SIZE", callback=_as_size, help="Say how many seats fit in a machine of SIZE."
)
@runtime_option
@image_options
@verbose_option
def rehearse_command(session: Session, file: str, *, seats: int, machine_memory: int | None, verbose: bool) -> int:
    """Run the repository's notebooks in seats under the workshop's limits; nothing of it is left.

    Exit code 1 when a notebook fails, 4 when a seat did not start.
    """
    with session.talk() as talk, session.progress(verbose=verbose) as report:
        found = talk.run(
            talk.service.rehearse(
                file,
                seats=seats,
                runtime=session.flags.get("runtime", ""),
                machine_memory=machine_memory,
                report=report,
            )
        )
    session.output.document(_document(found))
    session.output.text("\n".join(_lines(found)))
    if any(not notebook.ok for notebook in found.notebooks):
        return ExitCode.FAILED
    return ExitCode.PARTLY if found.failed_seats else ExitCode.DONE


def _document(found: RehearsalReport) -> dict[str, Any]:
    return {
        "ok": found.ok,
        "runtime": found.runtime,
        "seats": found.seats,
        "seconds": round(found.seconds, 3),
        "peak_memory_bytes": found.peak_memory_bytes,
        "disk_bytes": found.disk_bytes,
        "memory_limit": found.memory_limit,
        "proposed_memory": found.proposed_memory,
        "fits": {"largest": found.fits.largest, "verdict": found.fits.verdict, "sentence": found.fits.sentence},
        "failed_seats": list(found.failed_seats),
        "notebooks": [
            {
                "notebook": notebook.notebook,
                "ok": notebook.ok,
                "seconds": round(notebook.seconds, 3),
                "peak_memory_bytes": notebook.peak_memory_bytes,
                "cells": notebook.cells,
                "failing_cell": notebook.failing_cell,
                "reason": notebook.reason,
                "advice": notebook.advice,
            }
            for notebook in found.notebooks
        ],
    }


def _lines(found: RehearsalReport) -> list[str]:
    lines = [line for notebook in found.notebooks for line in _notebook(notebook, found.seats)]
    lines += list(found.failed_seats)
    if found.peak_memory_bytes:
        lines.append(
            f"peak      {format_size(found.peak_memory_bytes)} of {format_size(found.memory_limit)}; "
            f"a limit of {format_size(found.proposed_memory)} leaves room"
        )
    lines.append(f"seats     {found.fits.sentence}")
    return lines


def _notebook(notebook: RehearsedNotebook, seats: int) -> list[str]:
    mark = "ok    " if notebook.ok else "FAILED"
    lines = [f"{mark}  {notebook.notebook}  {notebook.seconds:.1f} s  {format_size(notebook.peak_memory_bytes)}"]
    if not notebook.ok:
        where = f" (in {notebook.failed_in} of {seats} seats)" if seats > 1 else ""
        lines.append(f"        {notebook.reason}{where}")
        if notebook.failing_line:
            lines.append(f"        > {notebook.failing_line}")
        if notebook.advice:
            lines.append(f"        {notebook.advice}")
    return lines
