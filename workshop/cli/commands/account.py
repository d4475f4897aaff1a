"""What a class costs, and the report of what happened in it."""

from __future__ import annotations

from workshop.cli.diagnostics import ExitCode
from workshop.cli.options import name_argument, runtime_option, settings_options, verb
from workshop.cli.session import Session


@verb("cost")
@runtime_option
@settings_options("price_cpu_hour", "price_gb_hour", "price_image_gb_month", "currency")
@name_argument
def cost_command(session: Session, name: str) -> int:
    """What a class costs an hour, so far and at its end; without prices its share of the machine."""
    with session.talk() as talk:
        found = talk.run(talk.service.cost(name))
    session.output.document(
        {
            "classroom": name,
            "currency": found.currency,
            "priced": found.priced,
            "per_hour": found.per_hour,
            "so_far": found.so_far,
            "at_end": found.at_end,
            "forgotten_day": found.forgotten_day,
            "idle_per_hour": found.idle_per_hour,
            "memory_share": found.memory_share,
            "cpu_share": found.cpu_share,
            "used_memory_bytes": found.used_memory,
            "idle_memory_bytes": found.idle_memory,
        }
    )
    session.output.text(found.sentence)
    return ExitCode.DONE


@verb("report")
@runtime_option
@name_argument
def report_command(session: Session, name: str) -> int:
    """Write the report of a class as it stands now: numbers and plots, no names. `down` writes the last one."""
    with session.talk() as talk:
        found = talk.run(talk.service.report(name))
    session.output.document({"classroom": name, "markdown": str(found.markdown), "html": str(found.html)})
    session.output.text(found.text)
    session.diagnostics.note(f"Written to {found.markdown} and, with plots, to {found.html}")
    return ExitCode.DONE
