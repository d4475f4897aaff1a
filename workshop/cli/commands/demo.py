"""Open a sample workshop on this machine and show it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from workshop.cli.diagnostics import ExitCode
from workshop.cli.options import WholeNumber, image_options, runtime_option, settings_options, verb, verbose_option
from workshop.cli.session import Session
from workshop.errors import NoTerminal

if TYPE_CHECKING:
    from workshop.service.reports import DemoReport

NAME = "demo"


@verb("demo")
@click.option("--headless", is_flag=True, help="Open, enter a seat, run a cell, tell, tear down; no terminal needed.")
@click.option("--seats", type=WholeNumber(1, 50), default=3, show_default=True, help="How many seats.")
@click.option("--name", help="Name of the class; another one runs a demo beside the first.")
@runtime_option
@image_options
@settings_options("address", "port")
@verbose_option
def demo_command(session: Session, *, headless: bool, seats: int, name: str | None, verbose: bool) -> int:
    """Take a bundled sample workshop through build and up, on Docker or else as plain processes, and show it.

    On leaving the terminal UI it asks whether the class is kept or torn down. --json implies --headless.
    """
    if headless or session.output.as_json:
        return _headless(session, seats, name, verbose=verbose)
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise NoTerminal(
            "The demo shows the terminal UI, and standard input or output is no terminal.",
            hint="Use `workshop demo --headless`.",
        )
    return _shown(session, seats, name or NAME, verbose=verbose)


def _headless(session: Session, seats: int, name: str | None, *, verbose: bool) -> int:
    from workshop.service.demo import HEADLESS_NAME, Demo

    with session.talk() as talk, session.progress(verbose=verbose) as report:
        runtime = session.flags.get("runtime", "")
        demo = Demo(talk.service, name=name or HEADLESS_NAME, seats=seats, runtime=runtime, report=report)
        result = talk.run(demo.headless())
    session.output.document(_document(result))
    session.output.text(_sentences(result))
    return session.told_removal(result.removal)


def _document(result: DemoReport) -> dict[str, object]:
    from workshop.present.documents import removal_document

    return {
        "runtime": result.runtime,
        "image": result.image,
        "seats": result.seats,
        "link": result.link,
        "cell": result.cell,
        "output": result.output,
        "seconds": {part: round(seconds, 2) for part, seconds in result.seconds.items()},
    } | removal_document(result.removal)


def _sentences(result: DemoReport) -> str:
    from workshop.present.removal import removal_sentence

    took = ", ".join(f"{part} {seconds:.1f} s" for part, seconds in result.seconds.items())
    return "\n".join(
        (
            f"{result.seats} seats on {result.runtime} from {result.image}",
            f"entered   {result.link}",
            *(f"ran       {line}" for line in result.cell.splitlines()),
            f"it said   {result.output}",
            f"took      {took}",
            removal_sentence(result.removal),
        )
    )


def _shown(session: Session, seats: int, name: str, *, verbose: bool) -> int:
    from workshop.present.removal import removal_sentence
    from workshop.service.demo import Demo

    runtime = session.flags.get("runtime", "")
    with session.talk() as talk, session.progress(verbose=verbose) as report:
        opened = talk.run(Demo(talk.service, name=name, seats=seats, runtime=runtime, report=report).open())
    session.show(start=name)
    with session.talk() as talk:
        there = name in {room.name for room in talk.run(talk.service.classrooms())}
        if not there:
            return ExitCode.DONE
        question = f"Keep the class {name} running? Otherwise it goes, with all work in its seats."
        keep = click.confirm(question, default=opened.adopted, err=True)  # older than this demo: it may be somebody's
        if keep:
            session.diagnostics.note(f"It goes on. `workshop` shows it again, `workshop down {name}` removes it.")
            return ExitCode.DONE
        with session.progress() as report:
            removal = talk.run(talk.service.down(name, discard=True, report=report)).removal
    session.output.text(removal_sentence(removal))
    return session.told_removal(removal)
