"""What the objects of a classroom are called, and the labels and annotations they carry."""

from __future__ import annotations

import re

from workshop.model import labels
from workshop.model.classroom import Classroom

MANAGER = "workshop"
"""The field manager of every server-side apply."""
SEAT_MANAGER = "workshop-seats"
"""The field manager of per-seat values, so that an apply of what is shared leaves them alone."""

ROSTER = labels.PREFIX + "roster"
"""Annotation of the StatefulSet: the generation of each seat that is not in its first, 0 for one that was removed."""
STOPPED = labels.PREFIX + "stopped"
PAUSED = labels.PREFIX + "paused"
"""Annotations of a seat's pod: the instructor stopped or froze it."""
ASKED = labels.PREFIX + "asked-again"
"""Annotation of what makes pods: when it was last told to try again. By itself it waits longer after each refusal."""
ROOM_KEY = "room.json"
"""The key of the room's Secret that holds the whole classroom."""

SEAT_KIND = "seat"
GATEWAY_KIND = "gateway"
ROOM_KIND = "room"
STORE_KIND = "store"


def base_name(classroom_name: str) -> str:
    """The stem of every object's name: `ws-python-basics`, or `ws-basics` when the name is `basics`.

    At most 43 characters, so that with its suffixes it stays within the 52 of a StatefulSet and a CronJob.
    """
    return f"ws-{classroom_name}"


def own_namespace(classroom_name: str) -> str:
    """The namespace that is made for a classroom when none is given."""
    return f"workshop-{classroom_name}"


def pod_name(classroom_name: str, number: int) -> str:
    return f"{base_name(classroom_name)}-{number}"


VOLUME = "seat"
"""What a pod calls the volume of its seat, made with the pod or claimed."""


def claim_name(pod: str) -> str:
    """The claim of a seat's volume, as the StatefulSet names it."""
    return f"{VOLUME}-{pod}"


def seat_number(pod: str) -> int | None:
    """The number of the seat that a pod of the StatefulSet runs."""
    match = re.search(r"-(\d+)$", pod)
    return int(match.group(1)) if match else None


def object_labels(classroom: Classroom, kind: str) -> dict[str, str]:
    """`labels.classroom_labels` without what no Kubernetes label value may hold (a time has colons)."""
    ours = labels.classroom_labels(classroom, kind)
    ours.pop(labels.EXPIRES, None)
    return ours | {"app.kubernetes.io/managed-by": labels.TOOL_VALUE}


def object_annotations(classroom: Classroom) -> dict[str, str]:
    """What every object carries beside its labels: when it may be removed by anyone."""
    return {labels.EXPIRES: classroom.ends.isoformat()} if classroom.ends else {}


def selector(classroom: Classroom, kind: str = "") -> str:
    """A label selector for everything of a classroom, or for one kind of it."""
    return selector_of(classroom.uid, kind)


def selector_of(uid: str, kind: str = "") -> str:
    parts = [f"{labels.TOOL}={labels.TOOL_VALUE}", f"{labels.UID}={uid}"]
    if kind:
        parts.append(f"{labels.KIND}={kind}")
    return ",".join(parts)
