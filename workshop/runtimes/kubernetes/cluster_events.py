"""What the cluster's controllers say of objects: events, read where that is allowed."""

from __future__ import annotations

from typing import Any

from workshop.runtimes.kubernetes.client import ClusterClient

Json = dict[str, Any]

OF_THE_CLUSTER = "default"
"""The namespace that has the events of objects without one."""


async def events_about(client: ClusterClient, namespace: str, fields: str) -> list[Json]:
    """Events that a field selector picks, oldest first; none where they may not be read."""
    path = f"/api/v1/namespaces/{namespace or OF_THE_CLUSTER}/events"
    found = await client.listed_if_allowed(path, fields=fields) or ()
    return sorted(found, key=lambda event: str(event.get("lastTimestamp") or event.get("eventTime") or ""))


async def newest_warning(client: ClusterClient, item: Json) -> str:
    """What was last found wrong with an object; empty for nothing."""
    metadata = item["metadata"]
    about = f"involvedObject.uid={metadata.get('uid', '')},type=Warning"
    found = await events_about(client, metadata.get("namespace", ""), about)
    return " ".join(str(found[-1].get("message", "")).split())[:240] if found else ""
