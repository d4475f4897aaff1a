"""What is written down of acts on seats: by the gateway, or in its absence."""

from __future__ import annotations

import logging
from datetime import datetime

from workshop.errors import StateError
from workshop.model.amounts import format_span
from workshop.model.seat import seat_name
from workshop.ports.store import Store

log = logging.getLogger(__name__)


def done(store: Store, uid: str, number: int, kind: str, text: str = "by the instructor") -> None:
    """A line of the history for an act that is done: it stays done where the line cannot be written."""
    try:
        store.record(uid, kind, text, seat=number)
    except StateError as error:
        log.warning("seat %s: %s is not written down: %s", seat_name(number), kind, error.message)


def free(store: Store, uid: str, number: int) -> None:
    """Take the seat from its browser. The history keeps since when it was taken: the claim itself is forgotten."""
    since = next((claim.at for claim in store.claims(uid) if claim.number == number), None)
    store.free(uid, number)
    store.record(uid, "free", f"taken {since.isoformat()}" if since else "", seat=number)


def helped(store: Store, uid: str, number: int, now: datetime) -> None:
    """Take the seat out of the help queue. The history keeps how long it waited."""
    note = store.notes(uid).get(number)
    if note is not None and note.help_since is not None:
        store.record(uid, "help-done", format_span(now - note.help_since), seat=number)
    store.note(uid, number, help_since=None)
