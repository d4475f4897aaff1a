"""Files of a seat whose own container keeps ending: read from a container that is put beside it in the same pod.

Such a container (an "ephemeral" one) starts while the seat's waits for its next try, sees the seat's volume, and ends
by itself; it goes with the pod.
"""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta
from typing import Any

from workshop.errors import SeatFailed
from workshop.model.seat import SeatRecord, SeatState, seat_name
from workshop.runtimes.kubernetes import launcher
from workshop.runtimes.kubernetes.client import ApiRefused, ClusterClient
from workshop.runtimes.kubernetes.exec_stream import PodPlace
from workshop.runtimes.kubernetes.names import VOLUME
from workshop.runtimes.kubernetes.objects import container_security
from workshop.runtimes.kubernetes.seat_states import pod_ready

Json = dict[str, Any]

NAME = "rescue"
"""Their names begin so: a pod keeps those that have ended, and no name may come twice."""
HOME = f"{launcher.VOLUME_PATH}/home"
"""Where such a container sees the seat's home folder: it may mount no part of a volume, only the whole."""
LIFE = timedelta(minutes=15)
START_WAIT = 60.0


def keeps_ending(record: SeatRecord, pod: Json) -> bool:
    """Whether the seat's container was ended before and may be gone again while something is read from it."""
    ran_before = bool(record.restarts) or record.exit_code is not None
    unsteady = record.state is SeatState.FAILED or (record.state is SeatState.STARTING and not pod_ready(pod))
    return ran_before and unsteady and pod.get("status", {}).get("phase") != "Failed"


async def rescue_place(client: ClusterClient, place: PodPlace, pod: Json, number: int) -> PodPlace:
    """A container in the seat's pod that sees its files and runs, made if there is none.

    Raises:
        SeatFailed: it may not be made, or does not start; the message says why.
    """
    path = f"/api/v1/namespaces/{place.namespace}/pods/{place.pod}"
    name = _running_one(pod)
    if not name:
        name = f"{NAME}-{len(_all(pod)) + 1}"
        patch = {"spec": {"ephemeralContainers": [_container(name, pod)]}}
        try:
            await client.request(
                "PATCH", f"{path}/ephemeralcontainers", body=patch,
                content_type="application/strategic-merge-patch+json",
            )  # fmt: skip
        except ApiRefused as error:
            raise _unreadable(number, error.message, hint=error.hint) from error
        await _until_running(client, path, name, number)
    return PodPlace(place.namespace, place.pod, name)


def _container(name: str, pod: Json) -> Json:
    image = next(entry["image"] for entry in pod["spec"]["containers"] if entry["name"] == "seat")
    script = f"trap 'exit 0' TERM; sleep {LIFE.total_seconds():.0f} & wait $!"
    return {
        "name": name,
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        # `command`: the image's entrypoint may be what ends the seat
        "command": ["sh", "-c", script],
        "securityContext": container_security(),
        "volumeMounts": [{"name": VOLUME, "mountPath": launcher.VOLUME_PATH, "readOnly": True}],
    }


def _all(pod: Json) -> list[Json]:
    entries = pod["spec"].get("ephemeralContainers") or ()
    return [entry for entry in entries if entry["name"].startswith(f"{NAME}-")]


def _running_one(pod: Json) -> str:
    """One that was made before and runs for a while yet; empty when there is none."""
    ours = {entry["name"] for entry in _all(pod)}
    for entry in pod.get("status", {}).get("ephemeralContainerStatuses") or ():
        started = ((entry.get("state") or {}).get("running") or {}).get("startedAt")
        if entry["name"] in ours and started and datetime.now(UTC) - datetime.fromisoformat(started) < LIFE / 2:
            return str(entry["name"])
    return ""


async def _until_running(client: ClusterClient, path: str, name: str, number: int) -> None:
    deadline, pause = time.monotonic() + START_WAIT, 0.1
    while True:
        pod = await client.get(path)
        if pod is None:
            raise _unreadable(number, "its pod is gone")
        statuses = pod.get("status", {}).get("ephemeralContainerStatuses") or ()
        state: Json = next((entry.get("state") or {} for entry in statuses if entry["name"] == name), {})
        if "running" in state:
            return
        why = state.get("terminated") or state.get("waiting") or {}
        if "terminated" in state or time.monotonic() > deadline:
            raise _unreadable(number, why.get("message") or why.get("reason") or "nothing starts in its pod")
        await asyncio.sleep(pause)
        pause = min(pause * 1.5, 1.0)


def _unreadable(number: int, why: str, hint: str = "") -> SeatFailed:
    return SeatFailed(
        f"The files of seat {seat_name(number)}, which keeps ending, cannot be read: {why}",
        hint=hint or "`reset` gives a fresh seat all the same.",
    )
