"""What keeps things from going away: an object's own reasons, and the objects that hold a namespace."""

from __future__ import annotations

import re
from typing import Any

from workshop.model.seat import SeatState
from workshop.runtimes.kubernetes.client import ApiRefused, ClusterClient
from workshop.runtimes.kubernetes.cluster_events import newest_warning
from workshop.runtimes.kubernetes.seat_states import record_of

Json = dict[str, Any]

LOAD_BALANCER = "service.kubernetes.io/load-balancer-cleanup"
"""Holds a Service until the cloud has taken its load balancer away."""
NAMED = 5
"""How many holding objects are named; the rest is counted."""
_REMAINING = re.compile(r"([a-z0-9-]+)\.([a-z0-9.-]*) has \d+ resource instances")
"""How the namespace controller words `NamespaceContentRemaining`: `configmaps. has 1 resource instances`."""


def holds(item: Json) -> str:
    """Why an object is still there."""
    metadata = item["metadata"]
    if LOAD_BALANCER in (metadata.get("finalizers") or ()):
        return "its load balancer is not released yet"
    if metadata.get("finalizers"):
        return f"held by {', '.join(metadata['finalizers'])}"
    if overdue(item):
        return f"its node {item['spec'].get('nodeName', '')} does not answer"
    return "still ending" if "deletionTimestamp" in metadata else "was not deleted"


async def holds_because(client: ClusterClient, item: Json) -> str:
    """The same with what the cluster last found wrong with it, if that is known."""
    warning = await newest_warning(client, item)
    return f"{holds(item)}: {warning}" if warning else holds(item)


def overdue(item: Json) -> bool:
    """Whether it is a pod whose node does not answer."""
    return item.get("kind") == "Pod" and record_of(0, 1, item).state is SeatState.LOST


async def holds_namespace(client: ClusterClient, namespace: Json) -> str:
    """Why a namespace hangs: the objects that are left in it, with what holds each, else what it says of itself.

    Args:
        namespace: as it was read last, while it terminates.
    """
    name = namespace["metadata"]["name"]
    conditions = (namespace.get("status") or {}).get("conditions") or ()
    true = [entry for entry in conditions if entry.get("status") == "True"]
    found = []
    for entry in true:
        if entry["type"] == "NamespaceContentRemaining":
            for resource, group in _REMAINING.findall(entry.get("message", "")):
                found += await _left(client, name, resource, group)
    if found:
        more = f" and {len(found) - NAMED} more" if len(found) > NAMED else ""
        return ", ".join(found[:NAMED]) + more
    return "; ".join(f"{entry['type']}: {entry.get('message', '')}" for entry in true) or "still terminating"


async def _left(client: ClusterClient, namespace: str, resource: str, group: str) -> list[str]:
    """The objects of one kind, with what holds each; empty where they may not be read."""
    try:
        version = "v1"
        if group:
            found = await client.request("GET", f"/apis/{group}")
            version = found.get("preferredVersion", {}).get("groupVersion", "")
        root = f"/apis/{version}" if group else f"/api/{version}"
        items = await client.listed(f"{root}/namespaces/{namespace}/{resource}")
    except ApiRefused as error:
        if error.status not in (403, 404, 503):
            raise
        return []
    return [f"{item.get('kind') or resource} {item['metadata']['name']} {holds(item)}" for item in items]
