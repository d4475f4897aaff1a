"""The instructor's own way into a seat: a link that claims nothing and runs out."""

from __future__ import annotations

import hmac
from datetime import datetime, timedelta

from workshop.model.classroom import Classroom
from workshop.model.code import derive_secret
from workshop.model.seat import seat_name

PATH = "/visit/"
LASTS = timedelta(hours=8)
"""How long a link, and the cookie that it leaves, lets somebody in: a day of teaching."""


def visit_link(classroom: Classroom, number: int, until: datetime) -> str:
    """Whoever has it is in the seat until then, as the instructor: not for participants."""
    return f"{classroom.door.url}{PATH}{seat_name(number)}/{visit_token(classroom.key, number, until)}"


def visit_token(key: str, number: int, until: datetime) -> str:
    """`SECONDS.PROOF`: the end, in seconds since 1970, and a proof that needs the classroom's secret."""
    at = f"{until.timestamp():.0f}"
    return f"{at}.{_proof(key, number, at)}"


def is_visit_token(token: str, key: str, number: int, now: datetime) -> bool:
    """Whether it lets somebody into this seat now."""
    at, _, proof = token.partition(".")
    if not at.isascii() or not at.isdigit() or len(at) > 12:
        return False
    fits = hmac.compare_digest(proof.encode(), _proof(key, number, at).encode())
    return fits and int(at) > now.timestamp()


def _proof(key: str, number: int, at: str) -> str:
    return derive_secret(key, f"visit:{number}:{at}")
