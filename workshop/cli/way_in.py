"""A link for people in the room: in letters, and on a terminal that has the space as a QR code."""

from __future__ import annotations

import shutil

from workshop.cli.session import Session
from workshop.config.settings import settings


def way_in(session: Session, label: str, link: str, *, beside: int = 0) -> list[str]:
    """The lines to print.

    Args:
        beside: how many more lines are to be seen together with these.
    """
    from workshop.present.qr import ansi_lines, qr_code, too_small

    lines = [f"{label}: {link}"]
    if not session.output.is_terminal:
        return lines
    full = settings(session.flags).qr == "full"
    code = qr_code(link)
    size = shutil.get_terminal_size()
    reason = too_small(code, size.columns, size.lines - len(lines) - beside, full=full)
    return [*ansi_lines(code, full=full), *lines] if not reason else [*lines, reason]
