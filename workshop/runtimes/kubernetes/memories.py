"""What gateways have written down of their classes, as one request brings it to other machines."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from workshop.model import labels
from workshop.ports.store import RoomMemory
from workshop.runtimes.kubernetes.kube_store import claims_of, content_of, history_of, notes_of, state_of

log = logging.getLogger(__name__)
Json = dict[str, Any]


def memories_of(secrets: Iterable[Json]) -> Mapping[str, RoomMemory]:
    """By the uid of the class. A Secret that this version cannot read is passed over.

    Args:
        secrets: those of kind `store`: for each class its claims and its notes.
    """
    found: dict[str, RoomMemory] = {}
    for secret in secrets:
        uid, name = secret["metadata"]["labels"].get(labels.UID, ""), secret["metadata"]["name"]
        try:
            room: Json = content_of(secret).get(uid) or {}
            so_far = found.get(uid, RoomMemory())
            if name.endswith("-claims"):
                found[uid] = replace(so_far, state=state_of(room), claims=claims_of(room))
            else:
                found[uid] = replace(so_far, notes=notes_of(room), history=history_of(room))
        except (ValueError, TypeError, KeyError) as error:
            log.warning("what the gateway wrote into %s cannot be read: %s", name, error)
    return found
