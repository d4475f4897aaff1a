"""What is written down when a seat is freed or its participant was helped: by the gateway, or in its absence."""

from __future__ import annotations

from datetime import datetime

from workshop.model.amounts import format_span
from workshop.ports.store import Store


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
