"""A seat opened by the instructor."""

from __future__ import annotations

from workshop.cli.diagnostics import ExitCode
from workshop.cli.options import name_argument, runtime_option, seat_argument, verb
from workshop.cli.session import Session
from workshop.model.seat import seat_name


@verb("visit")
@runtime_option
@name_argument
@seat_argument
def visit_command(session: Session, name: str, seat: int) -> int:
    """A link into a seat for you: nothing is claimed, and the participant sees that you are there.

    Whoever has it is in the seat for eight hours: it is not for participants, and not for the projector.
    """
    with session.talk() as talk:
        found = talk.run(talk.service.visit(name, seat))
    from workshop.present.documents import rfc3339

    session.output.document(
        {
            "classroom": name,
            "seat": seat_name(seat),
            "link": found.link,
            "until": rfc3339(found.until),
            "shown": found.shown,
        }
    )
    session.output.text(found.link)
    session.diagnostics.note(f"For you alone, until {found.until.astimezone():%H:%M}. {found.notice}")
    return ExitCode.DONE
