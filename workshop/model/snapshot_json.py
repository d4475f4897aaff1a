"""Snapshots as JSON, losslessly: what passes over the control socket."""

from __future__ import annotations

from functools import cache

from pydantic import TypeAdapter, ValidationError

from workshop.model.snapshot import Snapshot


@cache
def _adapter() -> TypeAdapter[Snapshot]:
    return TypeAdapter(Snapshot)


def encode_snapshot(snapshot: Snapshot) -> str:
    """One line of JSON. It holds the classroom's secret: for the user's own programs only."""
    return _adapter().dump_json(snapshot).decode()


def decode_snapshot(text: str | bytes) -> Snapshot:
    """The reverse of `encode_snapshot`; keys of a later version are passed over.

    Raises:
        ValueError: the text is no snapshot.
    """
    try:
        return _adapter().validate_json(text)
    except ValidationError as error:
        raise ValueError(f"not a snapshot: {error.error_count()} problems") from error
