"""The image on every node before the class: a DaemonSet that fetches it and waits, followed, and removed again."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from workshop.errors import RuntimeRefused
from workshop.model.events import StepFinished, StepStarted
from workshop.ports.build import Report
from workshop.runtimes.kubernetes.client import ClusterClient, object_path
from workshop.runtimes.kubernetes.distribution import progress_words, told
from workshop.runtimes.kubernetes.names import selector
from workshop.runtimes.kubernetes.objects import SeatObjects, container_security, placement, pod_security

Json = dict[str, Any]

KIND = "prepull"
TIMEOUT = 1800.0
_FAILED = ("ImagePullBackOff", "InvalidImageName")
"""After the first failure the kubelet tries again: only a second one counts."""


def daemon_set(objects: SeatObjects) -> Json:
    """Pods that hold the image on each node that takes seats, and do nothing."""
    wishes, labels = objects.wishes, objects.pod_labels(KIND)
    metadata = objects.metadata("-prepull", KIND)
    container = {
        "name": "image",
        "image": objects.classroom.image,
        "imagePullPolicy": "IfNotPresent",
        "command": ["sh", "-c", "trap 'exit 0' TERM; while :; do sleep 3600 & wait $!; done"],
        "resources": {"limits": {"memory": "32Mi", "cpu": "100m"}, "requests": {"memory": "8Mi", "cpu": "1m"}},
        "securityContext": container_security(),
    }
    spec: Json = {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": 1,
        "securityContext": pod_security(wishes.user, wishes.group),
        "tolerations": wishes.tolerations,
        "containers": [container],
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "metadata": metadata,
        "spec": {
            "selector": {"matchLabels": labels},
            "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": "100%"}},
            "template": {
                "metadata": {"labels": metadata["labels"], "annotations": metadata["annotations"]},
                "spec": spec | placement(wishes.part),
            },
        },
    }


async def prepull(
    client: ClusterClient, objects: SeatObjects, *, report: Report, size_bytes: int = 0, timeout: float = TIMEOUT
) -> tuple[str, ...]:
    """Have every node fetch the image; the nodes that have it then. What was made for it is removed, however it ends.

    Raises:
        RuntimeRefused: no node could fetch it; the message says which said what.
    """
    manifest = daemon_set(objects)
    report(StepStarted("prepull", "fetching the image on the nodes"))
    began = time.monotonic()
    await client.apply(manifest)
    try:
        done, failures = await _follow(client, objects, report, size_bytes, began + timeout)
    finally:
        await asyncio.shield(client.delete(object_path(manifest), propagation="Background"))
    for note in told(failures):
        report(note)
    if failures and not done:
        node, why = sorted(failures.items())[0]
        raise RuntimeRefused(
            f"No node can fetch the image {objects.classroom.image}; {node} says: {why}",
            hint="See that the cluster reaches the registry and has its credentials (`kubernetes.image_pull_secrets`).",
        )
    report(StepFinished("prepull", progress_words(dict.fromkeys(done, "done"), size_bytes), time.monotonic() - began))
    return done


async def _follow(
    client: ClusterClient, objects: SeatObjects, report: Report, size_bytes: int, deadline: float
) -> tuple[tuple[str, ...], dict[str, str]]:
    """Look until every node has the image, or has failed for good, or time is up."""
    path = f"/api/v1/namespaces/{objects.namespace}/pods"
    set_path = object_path(daemon_set(objects))
    last, pause = "", 0.3
    while True:
        status = (await client.get(set_path) or {}).get("status") or {}
        pods = await client.listed(path, selector(objects.classroom, KIND))
        states, failures = nodes_of(pods)
        wanted = int(status.get("desiredNumberScheduled", 0))
        known = "observedGeneration" in status and len(states) >= wanted
        words = progress_words(states, size_bytes)
        if words != last and states:
            report(StepStarted("prepull", words, index=sum(s == "done" for s in states.values()), total=len(states)))
            last = words
        settled = known and all(state == "done" or node in failures for node, state in states.items())
        if settled or time.monotonic() > deadline:
            return tuple(sorted(node for node, state in states.items() if state == "done")), failures
        await asyncio.sleep(pause)
        pause = min(pause * 1.3, 3)


def nodes_of(pods: list[Json]) -> tuple[dict[str, str], dict[str, str]]:
    """Each node's state (`done`, `fetching`, `failed`), and why it failed."""
    states: dict[str, str] = {}
    failures: dict[str, str] = {}
    for pod in pods:
        node = pod["spec"].get("nodeName", "")
        if not node:
            continue
        status: Json = next(iter(pod.get("status", {}).get("containerStatuses") or ()), {})
        state = status.get("state") or {}
        waiting = state.get("waiting") or {}
        if "running" in state or "terminated" in state:
            states[node] = "done"
        elif waiting.get("reason") in _FAILED:
            states[node] = "failed"
            failures[node] = " ".join(str(waiting.get("message") or waiting["reason"]).split())[:300]
        else:
            states[node] = "fetching"
    return states, failures
