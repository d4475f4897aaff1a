"""Removing a classroom: in dependency order, waiting until it is gone, then looking again and naming what is left."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from typing import Any

from workshop.model import labels
from workshop.model.snapshot import Removal, Survivor
from workshop.runtimes.kubernetes.client import ApiRefused, ClusterClient, collection_path, object_path
from workshop.runtimes.kubernetes.holders import holds_because, holds_namespace, overdue
from workshop.runtimes.kubernetes.names import ROOM_KIND, ROSTER, SEAT_KIND, selector_of
from workshop.runtimes.kubernetes.objects import decode_roster
from workshop.runtimes.kubernetes.rooms import Place
from workshop.runtimes.kubernetes.volumes import unremoved_volumes

Json = dict[str, Any]

WAIT = 120.0
"""Seconds that a removal may take before what is left is named."""
MAKING = timedelta(minutes=10)
"""Objects younger than that are left to whoever is making a classroom of them."""
_FIRST_LOOK, _LONGEST_LOOK = 0.2, 2.0

ORDER: tuple[tuple[str, str, str], ...] = (
    ("batch/v1", "CronJob", "clocks"),
    ("batch/v1", "Job", "clocks"),
    ("networking.k8s.io/v1", "Ingress", "ingress rules"),
    ("apps/v1", "Deployment", "gateways"),
    ("apps/v1", "DaemonSet", "prepulls"),
    ("apps/v1", "StatefulSet", "seat sets"),
    ("v1", "Pod", "seats"),
    ("v1", "Service", "services"),
    ("v1", "PersistentVolumeClaim", "volumes"),
    ("networking.k8s.io/v1", "NetworkPolicy", "policies"),
    ("v1", "ResourceQuota", "quotas"),
    ("v1", "ConfigMap", "config maps"),
    ("rbac.authorization.k8s.io/v1", "RoleBinding", "role bindings"),
    ("rbac.authorization.k8s.io/v1", "Role", "roles"),
    ("v1", "ServiceAccount", "accounts"),
    ("v1", "Secret", "secrets"),
)
"""What a class is made of, users of a thing before the thing; the words are those of the report."""


class Teardown:
    """Removes one classroom from one namespace. Safe to run again at any time."""

    def __init__(self, client: ClusterClient, uid: str, name: str, place: Place) -> None:
        self._client = client
        self._uid = uid
        self._name = name
        self._place = place
        self._selector = selector_of(uid)

    async def objects(self) -> list[tuple[str, str]]:
        """Kind and name of everything there is of the classroom, the namespace last."""
        found = [(kind, item["metadata"]["name"]) for _, kind, _, items in await self._listed() for item in items]
        if self._place.own and await self._namespace() is not None:
            found.append(("Namespace", self._place.namespace))
        return found

    async def run(self) -> Removal:
        """Remove everything.

        Raises:
            RuntimeUnreachable: the cluster went away; run it again.
        """
        deadline = time.monotonic() + WAIT
        listed = await self._listed()
        removed = {"seats": seats_in(listed)}
        room = None
        for version, kind, words, items in listed:
            if kind == "Secret":
                room = next((item for item in items if _kind_of(item) == ROOM_KIND), None)
                items = [item for item in items if item is not room]
            if not items:
                continue
            # Foreground: the set is gone only when its pods are.
            await self._delete_kind(version, kind, items)
            if kind != "Pod":
                removed[words] = removed.get(words, 0) + len(items)
        left = await self._wait_gone(deadline, keep_room=True)
        going, kept = await unremoved_volumes(
            self._client, self._place.namespace, self._name, is_late=lambda: self._is_late(deadline)
        )
        going = [] if left else going  # their claims hold them
        # The record stays as long as a volume is to go: so the same command finds the class again and looks again.
        if not left and not going and room is not None:
            await self._client.delete(object_path(room))
            removed["secrets"] = removed.get("secrets", 0) + 1
        if self._place.own and not going:
            left += await self._remove_namespace(removed, deadline)
        left += going + kept
        return Removal({kind: count for kind, count in removed.items() if count}, tuple(left))

    async def _delete_kind(self, version: str, kind: str, items: list[Json]) -> None:
        if kind == "Pod":
            return  # they go with the set that made them
        path = collection_path(version, kind, self._place.namespace)
        propagation = (
            "Foreground" if kind in ("StatefulSet", "Deployment", "DaemonSet", "Job", "CronJob") else "Background"
        )
        if kind in ("Service", "Secret"):
            for item in items:
                await self._client.delete(f"{path}/{item['metadata']['name']}")
            return
        try:
            await self._client.delete_all(path, self._selector, propagation=propagation)
        except ApiRefused as error:
            if error.status not in (403, 405):
                raise
            for item in items:  # some roles give `delete` without `deletecollection`
                await self._client.delete(f"{path}/{item['metadata']['name']}", propagation=propagation)

    def _is_late(self, deadline: float) -> bool:
        """Whether it has taken too long; after an outage the cluster's own controllers need their time anew."""
        return time.monotonic() > max(deadline, self._client.back_at + WAIT)

    async def _listed(self, kinds: set[str] | None = None) -> list[tuple[str, str, str, list[Json]]]:
        async def one(version: str, kind: str, words: str) -> tuple[str, str, str, list[Json]]:
            try:
                items = await self._client.listed(collection_path(version, kind, self._place.namespace), self._selector)
            except ApiRefused as error:
                if error.status not in (403, 404):
                    raise
                items = []
            return version, kind, words, items

        return list(await asyncio.gather(*(one(*entry) for entry in ORDER if kinds is None or entry[1] in kinds)))

    async def _wait_gone(self, deadline: float, *, keep_room: bool) -> list[Survivor]:
        """Look again until nothing is left; survivors with what holds them."""
        pause, forced = _FIRST_LOOK, False
        kinds: set[str] | None = None
        while True:
            there = [
                (kind, item)
                for _, kind, _, items in await self._listed(kinds)
                for item in items
                if not (keep_room and kind == "Secret" and _kind_of(item) == ROOM_KIND)
            ]
            if not there and kinds is None:
                return []
            kinds = {kind for kind, _ in there} or None  # the last look is at everything again
            lost = [item for kind, item in there if kind == "Pod" and overdue(item)]
            if lost and not forced:
                forced = True
                for pod in lost:  # their node does not answer: nobody else will finish this
                    await self._client.delete(object_path(pod), grace=0)
            if there and self._is_late(deadline):
                return [
                    Survivor(kind, item["metadata"]["name"], await holds_because(self._client, item))
                    for kind, item in there
                ]
            await asyncio.sleep(pause)
            pause = min(pause * 1.5, _LONGEST_LOOK)

    async def _namespace(self) -> Json | None:
        found = await self._client.get(f"/api/v1/namespaces/{self._place.namespace}")
        if found is None or (found["metadata"].get("labels") or {}).get(labels.UID) != self._uid:
            return None
        return found

    async def _remove_namespace(self, removed: dict[str, int], deadline: float) -> list[Survivor]:
        name = self._place.namespace
        if await self._namespace() is None:
            return []
        try:
            await self._client.delete(f"/api/v1/namespaces/{name}", propagation="Foreground")
        except ApiRefused as error:
            if error.status != 403:
                raise
            return [Survivor("Namespace", name, "the right to delete it is missing; it is empty")]
        pause = _FIRST_LOOK
        while (found := await self._namespace()) is not None:
            if self._is_late(deadline):
                return [Survivor("Namespace", name, await holds_namespace(self._client, found))]
            await asyncio.sleep(pause)
            pause = min(pause * 1.5, _LONGEST_LOOK)
        removed["namespaces"] = 1
        return []


def seats_in(listed: list[tuple[str, str, str, list[Json]]]) -> int:
    """How many seats there are among listed objects: by the set that makes them, else by pods that are left of it."""
    by_kind = {kind: items for _, kind, _, items in listed}
    sets = [item for item in by_kind.get("StatefulSet", ()) if ROSTER in (item["metadata"].get("annotations") or {})]
    pods = sum(_kind_of(item) == SEAT_KIND for item in by_kind.get("Pod", ()))
    return sum(len(decode_roster(item)) for item in sets) if sets else pods


async def remove_strays(client: ClusterClient, known: Collection[str]) -> Removal:
    """Remove what carries our labels and belongs to no known classroom. What is young may still be in the making."""
    found: dict[tuple[str, str], tuple[str, bool]] = {}
    ours = f"{labels.TOOL}={labels.TOOL_VALUE}"
    for version, kind, _ in (("v1", "Namespace", ""), *ORDER):
        for item in await client.listed_if_allowed(collection_path(version, kind), ours) or ():
            marks = item["metadata"]["labels"]
            made = datetime.fromisoformat(item["metadata"]["creationTimestamp"])
            uid = marks.get(labels.UID, "")
            if not uid or uid in known or datetime.now(UTC) - made < MAKING or "deletionTimestamp" in item["metadata"]:
                continue
            own = kind == "Namespace"
            key = (uid, item["metadata"]["name"] if own else item["metadata"]["namespace"])
            found[key] = (marks.get(labels.CLASSROOM, ""), own or found.get(key, ("", False))[1])
    total = Removal()
    for (uid, namespace), (name, own) in found.items():
        total += await Teardown(client, uid, name, Place(namespace, own)).run()
    return total


def _kind_of(item: Json) -> str:
    return str((item["metadata"].get("labels") or {}).get(labels.KIND, ""))
