"""Resolve the commit, then build or reuse the image."""

from __future__ import annotations

import click

from workshop.cli.diagnostics import ExitCode
from workshop.cli.options import file_argument, image_options, runtime_option, verb, verbose_option
from workshop.cli.session import Session
from workshop.model.amounts import format_size


@verb("build")
@file_argument
@click.option("--no-cache", is_flag=True, help="Take nothing from earlier builds.")
@runtime_option
@image_options
@verbose_option
def build_command(session: Session, file: str, *, no_cache: bool, verbose: bool) -> int:
    """Resolve the commit, then build or reuse its image. The last good image stays when it fails."""
    with session.talk() as talk, session.progress(verbose=verbose) as report:
        runtime = session.flags.get("runtime", "")
        image = talk.run(talk.service.build(file, runtime=runtime, no_cache=no_cache, report=report))
    from workshop.present import documents

    session.output.document(documents.build_document(image))
    how = "was there already" if image.cached else f"built in {image.seconds:.1f} s"
    size = f", {format_size(image.size_bytes)}" if image.size_bytes else ""
    session.output.text(f"{image.reference} {how}{size}")
    session.output.text(f"digest {image.digest}")
    return ExitCode.DONE
