"""Classrooms on a cluster: found by labels, recorded, adopted."""

from __future__ import annotations

import asyncio
import base64
import time
from dataclasses import dataclass, replace
from typing import Any

from workshop.errors import NameInUse, RuntimeRefused
from workshop.model import labels
from workshop.model.classroom import Classroom, Door, decode_classroom, encode_classroom, new_key
from workshop.runtimes.kubernetes.client import ApiRefused, ClusterClient
from workshop.runtimes.kubernetes.names import MANAGER, ROOM_KEY, ROOM_KIND, STORE_KIND, base_name, own_namespace
from workshop.runtimes.kubernetes.objects import namespace as namespace_manifest
from workshop.runtimes.kubernetes.objects import room as room_manifest

Json = dict[str, Any]

NAMESPACE = "namespace"
OWN = "own_namespace"
CONTEXT = "context"
"""Options of a classroom: where it is, and whether the namespace was made for it."""
_OURS = f"{labels.TOOL}={labels.TOOL_VALUE}"
TERMINATING_WAIT = 60.0


@dataclass(frozen=True, slots=True)
class Place:
    """Where a classroom's objects are."""

    namespace: str
    own: bool
    """The namespace was made for this classroom and goes with it."""


class Rooms:
    """The classrooms of one cluster.

    Args:
        namespace: where new ones are made; empty for a namespace of each one's own.
    """

    def __init__(self, client: ClusterClient, *, namespace: str = "") -> None:
        self._client = client
        self._namespace = namespace

    @property
    def wanted(self) -> str:
        """The existing namespace that new classrooms go to; empty for one of each one's own."""
        return self._namespace

    def place(self, classroom: Classroom, wanted: str = "") -> Place:
        """Where a classroom is, or will be: its record, then what is wanted, then a namespace of its own."""
        recorded = classroom.option(NAMESPACE)
        if recorded:
            return Place(recorded, classroom.option(OWN) == "yes")
        given = wanted or self._namespace
        return Place(given or own_namespace(classroom.name), not given)

    async def all(self) -> tuple[Classroom, ...]:
        """Every classroom that this account may see, with those whose making was broken off.

        Raises:
            RuntimeUnreachable: the cluster does not answer.
        """
        namespaces = await self._own_namespaces()
        secrets = await self._secrets(ROOM_KIND, namespaces)
        found = {}
        for secret in secrets:
            room = _decoded(secret)
            if room is not None:
                found[room.uid] = room
        for entry in namespaces:
            if entry["metadata"]["labels"].get(labels.UID, "") not in found:
                room = _from_namespace(entry)
                if room is not None:
                    found[room.uid] = room
        return tuple(sorted(found.values(), key=lambda room: room.created))

    async def stores(self) -> list[Json]:
        """The Secrets in which gateways keep what they have to remember."""
        return await self._secrets(STORE_KIND, None)

    async def _secrets(self, kind: str, namespaces: list[Json] | None) -> list[Json]:
        """Secrets of ours that this account may see."""
        selector = f"{_OURS},{labels.KIND}={kind}"
        try:
            return await self._client.listed("/api/v1/secrets", selector)
        except ApiRefused as error:
            if error.status != 403:
                raise
        own = await self._own_namespaces() if namespaces is None else namespaces
        return await self._in_namespaces(selector, [entry["metadata"]["name"] for entry in own])

    async def _own_namespaces(self) -> list[Json]:
        try:
            return await self._client.listed("/api/v1/namespaces", _OURS)
        except ApiRefused as error:
            if error.status != 403:
                raise
            return []

    async def _in_namespaces(self, selector: str, names: list[str]) -> list[Json]:
        access = await self._client.access()
        found = []
        for name in dict.fromkeys([self._namespace, access.namespace, *names]):
            if not name:
                continue
            try:
                found += await self._client.listed(f"/api/v1/namespaces/{name}/secrets", selector)
            except ApiRefused as error:
                if error.status not in (403, 404):
                    raise
        return found

    async def record(self, classroom: Classroom, wanted: str = "") -> tuple[Classroom, str]:
        """Make the classroom's record, or adopt the one there is. The room as recorded, and the record's uid.

        Raises:
            NameInUse: the name, or the namespace of that name, belongs to somebody else.
            RuntimeRefused: rights or quota are missing.
        """
        place = self.place(classroom, wanted)
        access = await self._client.access()
        extra = {NAMESPACE: place.namespace, OWN: "yes" if place.own else "no"}
        if access.context != "in-cluster":
            extra[CONTEXT] = access.context
        classroom = classroom.with_options(**extra)
        existing = await self.find_record(classroom, place.namespace)
        if existing is None:
            await self._refuse_namesake(classroom)
            if place.own:
                await self._make_namespace(classroom, place.namespace)
            else:
                await self.refuse_namespace(classroom, place)
            existing = await self._client.create(room_manifest(classroom, place.namespace))
            existing = existing or await self.find_record(classroom, place.namespace)
        room = _decoded(existing) if existing else None
        if existing is None or room is None:
            raise RuntimeRefused(f"The record of {classroom.name} in namespace {place.namespace} cannot be read.")
        if room.uid != classroom.uid:
            raise _in_use(classroom.name, place.namespace)
        return room, existing["metadata"]["uid"]

    async def refuse_namespace(self, classroom: Classroom, place: Place) -> None:
        """
        Raises:
            RuntimeRefused: there is no such namespace, and it is not for us to make it.
            NameInUse: one of the name that the class's own would have is somebody else's.
        """
        if place.own:
            there = await self._client.get(f"/api/v1/namespaces/{place.namespace}")
            if there is not None:
                _refuse_others(there, classroom.name)
            return
        if await self._client.get(f"/api/v1/namespaces/{place.namespace}/serviceaccounts/default"):
            return
        context = (await self._client.access()).context
        raise RuntimeRefused(
            f"There is no namespace {place.namespace} in the cluster of context {context}.",
            hint="Ask for it to be made, or leave `kubernetes.namespace` empty for one of the class's own.",
        )

    async def find_record(self, classroom: Classroom, namespace: str) -> Json | None:
        return await self._client.get(f"/api/v1/namespaces/{namespace}/secrets/{base_name(classroom.name)}-room")

    async def record_door(self, classroom: Classroom, namespace: str, door: Door) -> Classroom:
        """Write into the record where students come in; the classroom with that door."""
        classroom = replace(classroom, door=door)
        path = f"/api/v1/namespaces/{namespace}/secrets/{base_name(classroom.name)}-room"
        await self._client.merge(path, {"stringData": {ROOM_KEY: encode_classroom(classroom)}}, manager=MANAGER)
        return classroom

    async def _refuse_namesake(self, classroom: Classroom) -> None:
        for room in await self.all():
            if room.name == classroom.name and room.uid != classroom.uid:
                raise _in_use(classroom.name, room.option(NAMESPACE))

    async def _make_namespace(self, classroom: Classroom, name: str) -> None:
        deadline = time.monotonic() + TERMINATING_WAIT
        while True:
            made = await self._client.create(namespace_manifest(classroom, name))
            there = made or await self._client.get(f"/api/v1/namespaces/{name}")
            if there is None:
                continue
            marks = there["metadata"].get("labels") or {}
            if there.get("status", {}).get("phase") == "Terminating" or "deletionTimestamp" in there["metadata"]:
                if time.monotonic() > deadline:
                    raise RuntimeRefused(
                        f"The namespace {name} is still being removed.",
                        hint="Try again in a minute, or use another --name.",
                    )
                await asyncio.sleep(1)
                continue
            _refuse_others(there, classroom.name)
            if marks.get(labels.UID) != classroom.uid:
                raise _in_use(classroom.name, name)
            return


def _refuse_others(there: Json, name: str) -> None:
    """
    Raises:
        NameInUse: the namespace was not made for a class of this name.
    """
    marks, namespace = there["metadata"].get("labels") or {}, there["metadata"]["name"]
    if not labels.is_ours(marks) or marks.get(labels.CLASSROOM) != name:
        raise NameInUse(
            f"The namespace {namespace} exists and was not made for this class.",
            hint=f"Use another --name, or say `kubernetes: {{namespace: {namespace}}}` to open the class inside it.",
        )


def _in_use(name: str, namespace: str) -> NameInUse:
    return NameInUse(
        f"There is a classroom {name} already, in namespace {namespace}.",
        hint=f"`workshop down {name}` removes it; `--name` opens a second one beside it.",
    )


def _decoded(secret: Json) -> Classroom | None:
    """The classroom of a room's Secret; where its objects are is read from the Secret itself."""
    try:
        text = base64.b64decode((secret.get("data") or {}).get(ROOM_KEY, "")).decode()
        room = decode_classroom(text)
    except ValueError:
        return None
    return room.with_options(**{NAMESPACE: secret["metadata"]["namespace"]})


def _from_namespace(entry: Json) -> Classroom | None:
    """A classroom whose record was never written, so that nobody has a link yet: a new key does."""
    try:
        room = decode_classroom((entry["metadata"].get("annotations") or {}).get(labels.DEFINITION, ""))
    except ValueError:
        return None
    return replace(room, key=new_key()).with_options(**{NAMESPACE: entry["metadata"]["name"], OWN: "yes"})
