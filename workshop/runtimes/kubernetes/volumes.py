"""Volumes of seats: whether the cluster can make them, and whether they are gone when the class is."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from typing import Any

from workshop.model.definition import KubernetesPart
from workshop.model.snapshot import Problem, Survivor
from workshop.runtimes.kubernetes.client import ClusterClient
from workshop.runtimes.kubernetes.cluster_events import newest_warning
from workshop.runtimes.kubernetes.names import base_name, claim_name

Json = dict[str, Any]

_DEFAULT = ("storageclass.kubernetes.io/is-default-class", "storageclass.beta.kubernetes.io/is-default-class")
_PROVISIONER = "pv.kubernetes.io/provisioned-by"
_FIRST_LOOK, _LONGEST_LOOK = 0.2, 2.0


# Before a class


async def storage_problems(client: ClusterClient, part: KubernetesPart) -> tuple[Problem, ...]:
    """What would keep seats from getting their volumes, as far as it can be known beforehand."""
    wanted = part.storage_class
    if not part.storage:
        if not wanted:
            return ()
        message = f"Seats get no volume: the storage class {wanted} is named, and no size."
        return (Problem("kubernetes.storage_class", message, "Say how large, as `storage: 2 GB`.", "warning"),)
    classes = await client.listed_if_allowed("/apis/storage.k8s.io/v1/storageclasses")
    if classes is None or any(_serves(item, wanted) for item in classes):
        return ()
    volumes = await client.listed_if_allowed("/api/v1/persistentvolumes")
    if any(item["spec"].get("storageClassName", "") == wanted for item in volumes or ()):
        return ()  # made by hand, for a class that exists in name only
    names = ", ".join(sorted(item["metadata"]["name"] for item in classes))
    level = "warning" if volumes is None else "error"
    if wanted:
        message = f"The cluster has no storage class {wanted}" + (f"; it has {names}." if names else ".")
        hint = "Change `kubernetes.storage_class`, or leave out `kubernetes.storage`: seats use their node's disk then."
        return (Problem("kubernetes.storage_class", message, hint, level),)
    if names:
        message = f"None of the cluster's storage classes is its default; it has {names}."
        return (Problem("kubernetes.storage", message, "Name one under `kubernetes.storage_class`.", level),)
    message = "The cluster has no storage class: nothing would make the seats' volumes."
    hint = "Leave out `kubernetes.storage` (seats use their node's disk then), or ask for a provisioner."
    return (Problem("kubernetes.storage", message, hint, level),)


def _serves(item: Json, wanted: str) -> bool:
    """Whether a storage class is the named one; without a name, whether it is the cluster's default."""
    if wanted:
        return bool(item["metadata"]["name"] == wanted)
    marks = item["metadata"].get("annotations") or {}
    return any(marks.get(name) == "true" for name in _DEFAULT)


# While seats start


def why_no_volume(warning: Json, base: str) -> tuple[int, str] | None:
    """The seat whose volume cannot be made, and why, if that is what an event says.

    Args:
        base: the stem of the class's objects (`names.base_name`).
    """
    about = warning.get("involvedObject") or {}
    match = re.fullmatch(rf"{claim_name(base)}-(\d+)", about.get("name", ""))
    if match is None or about.get("kind") != "PersistentVolumeClaim":
        return None
    message = " ".join(str(warning.get("message", "")).split())
    return int(match[1]), f"its volume cannot be made: {message[:240]}"


# After a class


async def unremoved_volumes(
    client: ClusterClient, namespace: str, classroom: str, *, is_late: Callable[[], bool]
) -> tuple[list[Survivor], list[Survivor]]:
    """Volumes of seats whose claims are gone: they cost money. Empty where volumes may not be read.

    Args:
        classroom: the class's name.
        is_late: whether it has taken too long; those that the cluster removes by itself are waited for until then.

    Returns:
        Those that the cluster is still to remove, and those that their storage class keeps.
    """
    ours = re.compile(rf"{claim_name(base_name(classroom))}-\d+")

    def is_ours(volume: Json) -> bool:
        claim = volume["spec"].get("claimRef") or {}
        return claim.get("namespace") == namespace and ours.fullmatch(claim.get("name", "")) is not None

    pause = _FIRST_LOOK
    while True:
        volumes = await client.listed_if_allowed("/api/v1/persistentvolumes") or ()
        there = [volume for volume in volumes if is_ours(volume)]
        kept = [volume for volume in there if volume["spec"].get("persistentVolumeReclaimPolicy") == "Retain"]
        going = [volume for volume in there if volume not in kept]
        if is_late() or all(_phase(volume) == "Failed" for volume in going):
            break
        await asyncio.sleep(pause)
        pause = min(pause * 1.5, _LONGEST_LOOK)
    return (
        [_survivor(volume, await _why_there(client, volume)) for volume in going],
        [_survivor(volume, "its storage class keeps volumes; delete it by hand") for volume in kept],
    )


def _phase(volume: Json) -> str:
    return str((volume.get("status") or {}).get("phase", ""))


async def _why_there(client: ClusterClient, volume: Json) -> str:
    if _phase(volume) == "Failed":
        return f"it could not be removed: {(volume.get('status') or {}).get('message', '')}"
    by = (volume["metadata"].get("annotations") or {}).get(_PROVISIONER, "")
    warning = await newest_warning(client, volume)
    return f"{by or 'the cluster'} has not removed it yet" + (f": {warning}" if warning else "")


def _survivor(volume: Json, reason: str) -> Survivor:
    return Survivor("PersistentVolume", volume["metadata"]["name"], reason)
