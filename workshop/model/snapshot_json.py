"""Snapshots as JSON, losslessly: what passes over the control socket."""

from __future__ import annotations

from functools import cache

import msgspec

from workshop.model.snapshot import Snapshot


@cache
def _decoder() -> msgspec.json.Decoder[Snapshot]:
    return msgspec.json.Decoder(Snapshot)


def encode_snapshot(snapshot: Snapshot) -> str:
    """One line of JSON. It holds the classroom's secret: for the user's own programs only."""
    return msgspec.json.encode(snapshot).decode()


def decode_snapshot(text: str | bytes) -> Snapshot:
    """The reverse of `encode_snapshot`; keys of a later version are passed over.

    Raises:
        ValueError: the text is no snapshot.
    """
    try:
        return _decoder().decode(text)
    except msgspec.MsgspecError as error:
        raise ValueError(f"not a snapshot: {error}") from error
