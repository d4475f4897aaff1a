"""The home folder as the seats' image has it: read from a pod of its own, which is gone afterwards.

In a seat, the volume with the seat's work lies over it.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import AsyncIterator
from typing import Any

from workshop.errors import SeatFailed
from workshop.runtimes.kubernetes.client import ClusterClient, object_path
from workshop.runtimes.kubernetes.exec_stream import STDOUT, PodPlace, pod_command
from workshop.runtimes.kubernetes.objects import SeatObjects, container_security, placement, pod_security
from workshop.runtimes.kubernetes.seat_states import record_of

Json = dict[str, Any]

START_WAIT = 120.0
LIFE = 900
"""Seconds after which the cluster ends the pod, whoever made it."""


async def read_image(client: ClusterClient, objects: SeatObjects) -> AsyncIterator[bytes]:
    """A tar stream of the image's home folder.

    Raises:
        SeatFailed: the pod did not start, or the folder could not be read.
    """
    manifest = _pod(objects)
    path = object_path(manifest)
    await client.create(manifest)
    try:
        await _until_running(client, path)
        place = PodPlace(objects.namespace, manifest["metadata"]["name"])
        argv = ("tar", "-C", objects.wishes.home, "-cf", "-", "--", ".")
        complaint = b""
        async with pod_command(client, place, argv) as command:
            async for channel, data in command:
                if channel == STDOUT:
                    yield data
                else:
                    complaint = (complaint + data)[-2000:]
        if command.exit_code not in (0, 1):
            raise SeatFailed(
                "The home folder of the seats' image could not be read.",
                details=tuple(complaint.decode("utf-8", "replace").splitlines()[-3:]),
            )
    finally:
        await asyncio.shield(client.delete(path, grace=0))


async def _until_running(client: ClusterClient, path: str) -> None:
    deadline, pause = time.monotonic() + START_WAIT, 0.1
    while True:
        pod = await client.get(path)
        if pod is None:
            raise SeatFailed("The pod that reads the seats' image was removed.", hint="Run it again.")
        statuses = pod.get("status", {}).get("containerStatuses") or ()
        if any("running" in (entry.get("state") or {}) for entry in statuses):
            return
        record = record_of(0, 1, pod)
        if record.state == "failed" or time.monotonic() > deadline:
            raise SeatFailed(f"The seats' image could not be read: {record.detail or 'its pod did not start'}.")
        await asyncio.sleep(pause)
        pause = min(pause * 1.5, 1)


def _pod(objects: SeatObjects) -> Json:
    wishes = objects.wishes
    container = {
        "name": "seat",
        "image": objects.classroom.image,
        "imagePullPolicy": "IfNotPresent",
        "args": ["sleep", str(LIFE)],
        "resources": {"limits": {"memory": "128Mi", "cpu": "1"}, "requests": {"memory": "32Mi", "cpu": "10m"}},
        "securityContext": container_security(),
    }
    spec: Json = {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "restartPolicy": "Never",
        "activeDeadlineSeconds": LIFE,
        "terminationGracePeriodSeconds": 1,
        "securityContext": pod_security(wishes.user, wishes.group),
        "tolerations": wishes.tolerations,
        "containers": [container],
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": objects.metadata(f"-image-{secrets.token_hex(3)}", "helper"),
        "spec": spec | placement(wishes.part),
    }
