"""List once, then watch: a stream of what there is and how it changes, through every lost connection.

The watch goes on from where the last one ended; a version that is too old, and a timer, make a new list. Nothing is
asked per object.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from workshop.errors import RuntimeUnreachable
from workshop.runtimes.kubernetes.client import ApiRefused, ClusterClient, WatchExpired

Json = dict[str, Any]

RESYNC = 900.0
"""Seconds after which everything is listed again, whatever the watch said."""
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0


@dataclass(frozen=True, slots=True)
class Listed:
    """Everything there is at one moment."""

    items: tuple[Json, ...]


@dataclass(frozen=True, slots=True)
class Seen:
    """An object was made or changed."""

    item: Json


@dataclass(frozen=True, slots=True)
class Gone:
    """An object was deleted; `item` is its last state."""

    item: Json


Reflected = Listed | Seen | Gone


async def reflect(
    client: ClusterClient,
    path: str,
    selector: str = "",
    *,
    fields: str = "",
    resync: float = RESYNC,
    patient: bool = False,
) -> AsyncIterator[Reflected]:
    """Follow the objects under a path, for ever. The first list is tried once: its errors are the caller's.

    Args:
        patient: go on trying from the start, as after a lost connection.

    Raises:
        RuntimeUnreachable, RuntimeRefused: the first list failed.
        ApiRefused: the right to list or watch was taken away.
    """
    pause, version, listed_at = FIRST_PAUSE, "", 0.0
    first = not patient
    while True:
        try:
            if not version or time.monotonic() - listed_at > resync:
                page = await client.list_page(path, selector, fields=fields)
                version, listed_at = page["metadata"]["resourceVersion"], time.monotonic()
                first = False
                yield Listed(tuple(page["items"]))
            async for event in client.watch(path, selector, version, fields=fields):
                item = event["object"]
                version = item["metadata"]["resourceVersion"]
                pause = FIRST_PAUSE
                if event["type"] in ("ADDED", "MODIFIED"):
                    yield Seen(item)
                elif event["type"] == "DELETED":
                    yield Gone(item)
                if time.monotonic() - listed_at > resync:
                    break
            continue
        except WatchExpired:
            version = ""
            continue
        except RuntimeUnreachable:
            if first:
                raise
        except ApiRefused as error:
            if first or error.status in (401, 403, 404):
                raise
            version = ""
        await asyncio.sleep(pause * random.uniform(0.7, 1.3))
        pause = min(pause * 2, LONGEST_PAUSE)
