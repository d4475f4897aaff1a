"""From pods to seats: states and sentences that help, read from conditions, container statuses and events."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from workshop.model.amounts import parse_size
from workshop.model.seat import SeatRecord, SeatState
from workshop.runtimes.kubernetes.names import PAUSED, STOPPED
from workshop.runtimes.kubernetes.objects import GRACE, SEAT_PORT

Json = Mapping[str, Any]

LOST_AFTER = timedelta(seconds=GRACE + 30)
"""A pod that is still there so long after its deletion is on a node that does not answer."""
_ANSWERING = (SeatState.STARTING, SeatState.PAUSED)
_PULL_FAILURES = {"ImagePullBackOff", "ErrImagePull", "InvalidImageName", "ErrImageNeverPull", "RegistryUnavailable"}


def record_of(
    number: int, generation: int, pod: Json | None, *, where: str = "", note: str = "", target: str = ""
) -> SeatRecord:
    """A seat's record.

    Args:
        where: namespace and name of its pod, joined by a slash; with the generation they are the seat's identity.
        pod: None while the cluster has not made it yet.
        note: the newest warning among the events of the pod and of its volume, if one is worth telling.
    """
    if pod is None:
        return SeatRecord(
            number,
            SeatState.CREATING,
            f"{where}/{generation}",
            generation=generation,
            detail=note or "waiting for its pod",
            target=target,
        )
    metadata, status = pod["metadata"], pod.get("status", {})
    container = _container(status)
    state, detail = _state(pod, container)
    address = status.get("podIP", "")
    if ":" in address:
        address = f"[{address}]"
    last = (container.get("lastState") or {}).get("terminated") or {}
    running = (container.get("state") or {}).get("running") or {}
    done = (container.get("state") or {}).get("terminated") or last
    return SeatRecord(
        number=number,
        state=state,
        object_id=f"{metadata.get('namespace', '')}/{metadata['name']}/{generation}",
        # Known once the kubelet found the port open: nobody needs to try before.
        endpoint=f"http://{address}:{SEAT_PORT}" if address and state in _ANSWERING and pod_ready(pod) else "",
        started_at=_time(running.get("startedAt")),
        memory_limit=_memory_limit(pod),
        restarts=int(container.get("restartCount", 0)),
        generation=generation,
        exit_code=done.get("exitCode"),
        # A pod without a node says only that it waits.
        detail=(detail or note) if pod["spec"].get("nodeName") else (note or detail),
        target=target,
    )


def pod_ready(pod: Json) -> bool:
    """Whether the kubelet found the seat's port open."""
    return _condition(pod.get("status", {}), "Ready").get("status") == "True"


def out_of_memory_at(pod: Json) -> datetime | None:
    """When the seat's container was last ended because its memory was full."""
    container = _container(pod.get("status", {}))
    for key in ("state", "lastState"):
        ended = (container.get(key) or {}).get("terminated") or {}
        if ended.get("reason") == "OOMKilled":
            return _time(ended.get("finishedAt"))
    return None


def _state(pod: Json, container: Json) -> tuple[SeatState, str]:
    status, annotations = pod.get("status", {}), pod["metadata"].get("annotations") or {}
    deleted = _time(pod["metadata"].get("deletionTimestamp"))
    if deleted is not None:
        if datetime.now(UTC) - deleted > LOST_AFTER or status.get("reason") == "NodeLost":
            return SeatState.LOST, f"its node {pod['spec'].get('nodeName', '')} does not answer"
        return SeatState.REMOVING, ""
    if status.get("phase") == "Failed":
        return SeatState.FAILED, _why_failed(status, container)
    ready, containers_ready = _condition(status, "Ready"), _condition(status, "ContainersReady")
    if ready.get("status") == "Unknown" or (
        ready.get("status") == "False"
        and containers_ready.get("status") == "True"
        and "readinessGates" not in pod["spec"]
    ):
        return SeatState.LOST, f"its node {pod['spec'].get('nodeName', '')} does not answer"
    if not pod["spec"].get("nodeName"):
        return _unscheduled(pod, status)
    waiting = (container.get("state") or {}).get("waiting") or {}
    if "running" in (container.get("state") or {}):
        if STOPPED in annotations:
            return SeatState.STOPPED, "stopped by the instructor"
        if PAUSED in annotations:
            return SeatState.PAUSED, "paused by the instructor"
        return SeatState.STARTING, ""
    return _waiting(status, container, waiting)


def _waiting(status: Json, container: Json, waiting: Json) -> tuple[SeatState, str]:
    """States of a pod that has a node but no running container."""
    filling: Json = next(iter(status.get("initContainerStatuses") or ()), {})
    held = (filling.get("state") or {}).get("waiting") or {}
    for why in (waiting, held):
        if why.get("reason") in _PULL_FAILURES:
            return SeatState.FAILED, f"the image cannot be fetched: {_short(str(why.get('message') or why['reason']))}"
        if why.get("reason") in ("CreateContainerConfigError", "CreateContainerError", "RunContainerError"):
            return SeatState.FAILED, f"the container cannot be made: {_short(why.get('message', ''))}"
    if waiting.get("reason") == "CrashLoopBackOff" or held.get("reason") == "CrashLoopBackOff":
        return SeatState.FAILED, _crash(container if waiting.get("reason") == "CrashLoopBackOff" else filling)
    ended = (container.get("state") or {}).get("terminated")
    if ended:
        return SeatState.STARTING, _crash(container)
    if "running" in (filling.get("state") or {}):
        return SeatState.CREATING, "its home folder is being filled"
    return SeatState.CREATING, ""


def waits_for_volume(pod: Json) -> bool:
    """Whether it has no node yet, and a volume that may still have to be made."""
    claims = any("persistentVolumeClaim" in volume for volume in pod["spec"].get("volumes") or ())
    return claims and not pod["spec"].get("nodeName")


def _unscheduled(pod: Json, status: Json) -> tuple[SeatState, str]:
    scheduled = _condition(status, "PodScheduled")
    message = scheduled.get("message", "")
    if waits_for_volume(pod) and ("unbound immediate" in message or scheduled.get("reason") != "Unschedulable"):
        # The scheduler takes a node and then waits for the volume, or the other way round; it does not say which.
        return SeatState.QUEUED, "waiting for its volume to be made"
    if scheduled.get("reason") != "Unschedulable":
        return SeatState.QUEUED, "waiting for a node"
    lacking = [name for name in ("memory", "cpu", "pods", "ephemeral-storage") if f"Insufficient {name}" in message]
    if "Too many pods" in message:
        lacking.append("pods")
    if lacking:
        return SeatState.QUEUED, f"no node has room: {' and '.join(lacking)}"
    return SeatState.QUEUED, f"no node fits: {_short(message)}"


def _why_failed(status: Json, container: Json) -> str:
    if status.get("reason") == "Evicted":
        return f"evicted by its node: {_short(status.get('message', ''))}"
    if status.get("reason"):
        return f"{status['reason']}: {_short(status.get('message', ''))}"
    return _crash(container)


def _crash(container: Json) -> str:
    ended = (
        (container.get("state") or {}).get("terminated") or (container.get("lastState") or {}).get("terminated") or {}
    )
    if ended.get("reason") == "OOMKilled":
        return "out of memory: the container was ended and starts again"
    if "exitCode" not in ended:
        return "its server keeps ending"
    words = f"its server ended with code {ended['exitCode']}"
    times = int(container.get("restartCount", 0))
    return f"{words}, {times} times so far" if times > 1 else words


def _container(status: Json) -> Json:
    return next((entry for entry in status.get("containerStatuses") or () if entry["name"] == "seat"), {})


def _condition(status: Json, kind: str) -> Json:
    return next((entry for entry in status.get("conditions") or () if entry["type"] == kind), {})


def _memory_limit(pod: Json) -> int:
    """What the kubelet enforces now, after a resize as well."""
    running = (_container(pod.get("status", {})).get("resources") or {}).get("limits", {}).get("memory")
    spec: Json = next((entry for entry in pod["spec"]["containers"] if entry["name"] == "seat"), {})
    text = running or (spec.get("resources") or {}).get("limits", {}).get("memory")
    return parse_quantity(text) if text else 0


_DECIMAL = {"m": 1e-3, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15, "E": 1e18, "n": 1e-9, "u": 1e-6}


def parse_quantity(text: str) -> int:
    """A Kubernetes quantity (`1Gi`, `512M`, `1073741824`) in whole units, rounded down."""
    if text.endswith("i"):
        return (
            parse_size(f"{text}B")
            if text[-2] in "KMGT"
            else int(float(text[:-2]) * 1024 ** (5 if text[-2] == "P" else 6))
        )
    return int(exact_quantity(text))


def exact_quantity(text: str) -> float:
    """A Kubernetes quantity as a number: `250m` is 0.25."""
    if text.endswith("i"):
        return float(parse_quantity(text))
    if text and text[-1] in _DECIMAL:
        return float(text[:-1]) * _DECIMAL[text[-1]]
    return float(text)


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= 240 else f"{text[:239]}…"
