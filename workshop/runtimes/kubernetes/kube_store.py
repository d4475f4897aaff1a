"""The gateway's memory in the cluster: claims survive a restart of its pod, and two replicas share them.

Implements `ports.store.Store` on two Secrets of the classroom's namespace. What decides who sits where is written
before a call returns, with the version it was read at, so that of two gateways one wins. What only informs (labels,
times, history) is kept in memory and written together, a few times a minute, however many seats there are.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import copy
import json
import logging
import threading
from collections.abc import Callable, Coroutine
from dataclasses import fields
from datetime import UTC, datetime
from typing import Any, TypeVar

from workshop.errors import RuntimeRefused, WorkshopError
from workshop.model.classroom import Classroom
from workshop.ports.store import BROWSERS_KEPT, Claim, RoomMemory, RoomState, SeatNote
from workshop.runtimes.kubernetes.client import ApiRefused, ClusterClient
from workshop.runtimes.kubernetes.names import STORE_KIND, base_name, object_annotations, object_labels
from workshop.runtimes.kubernetes.reflector import Gone, Listed, reflect

log = logging.getLogger(__name__)
T = TypeVar("T")
Json = dict[str, Any]

KEY = "state.json"
FLUSH = 15.0
"""Seconds between two writes of what only informs."""
HISTORY = 500
"""Lines of history that are kept."""
ATTEMPTS = 20
CALL_TIMEOUT = 60.0


class KubeStore:
    """The store of one classroom's gateway in its namespace.

    Args:
        connect: makes the client; called in the store's own thread.
        classroom: whose objects these are.
        owner_uid: the uid of the room's Secret, which owns them.
    """

    def __init__(
        self,
        connect: Callable[[], ClusterClient],
        classroom: Classroom,
        namespace: str,
        *,
        owner_uid: str = "",
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._now = now
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run_loop, name="kube-store", daemon=True)
        self._ready = threading.Event()
        self._closed = False
        self._thread.start()
        self._client = connect()
        base = base_name(classroom.name)
        self._claims = _Document(self._client, _manifest(classroom, namespace, f"{base}-claims", owner_uid))
        self._notes = _Document(self._client, _manifest(classroom, namespace, f"{base}-notes", owner_uid))
        self._dirty = False
        self._tasks: list[asyncio.Task[None]] = []
        try:
            self._wait(self._start())
        except BaseException:
            self._stop_loop()
            raise

    def _run_loop(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()

    def _wait(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(CALL_TIMEOUT)

    async def _start(self) -> None:
        for document in (self._claims, self._notes):
            await document.load()
        self._tasks = [
            self._loop.create_task(self._claims.follow(), name="claims of other gateways"),
            self._loop.create_task(self._flush_often(), name="notes"),
        ]

    async def _flush_often(self) -> None:
        while True:
            await asyncio.sleep(FLUSH)
            try:
                await self._flush()
            except WorkshopError as error:
                log.warning("notes were not written: %s", error.message)

    async def _flush(self) -> None:
        if self._dirty:
            self._dirty = False
            try:
                await self._notes.save()
            except WorkshopError:
                self._dirty = True
                raise

    def close(self) -> None:
        """Write what is left, and end the thread."""
        if self._closed:
            return
        self._closed = True
        try:
            self._wait(self._flush())
        finally:
            self._wait(self._end_tasks())
            self._stop_loop()

    async def _end_tasks(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._client.aclose()

    def _stop_loop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)

    # Rooms

    def remember(self, classroom: Classroom) -> None:
        """The room's own Secret remembers it."""

    def remembered(self) -> tuple[Classroom, ...]:
        return ()

    def room_state(self, uid: str) -> RoomState:
        return state_of(self._claims.room(uid))

    def set_room_state(self, uid: str, **changes: object) -> RoomState:
        values = _encoded(RoomState, changes)
        self._change(uid, lambda room: room.setdefault("state", {}).update(values))
        return self.room_state(uid)

    # Claims

    def claim(self, uid: str, number: int, browser: str) -> bool:
        def give(room: Json) -> bool:
            holder = room.setdefault("claims", {}).get(str(number))
            if holder is not None and holder["browser"] != browser:
                return False
            self._take(room, number, browser)
            return True

        return self._change(uid, give)

    def claim_first(self, uid: str, numbers: tuple[int, ...], browser: str) -> int | None:
        def give(room: Json) -> int | None:
            taken = {int(number) for number in room.setdefault("claims", {})}
            own = _seats_of(room, browser)
            if own and own[0] in taken:
                return own[0]
            free = [number for number in numbers if number not in taken]
            for number in (*own[:1], *free[:1]):
                self._take(room, number, browser)
                return number
            return None

        return self._change(uid, give)

    def _take(self, room: Json, number: int, browser: str) -> None:
        room["claims"].setdefault(str(number), {"browser": browser, "at": self._now().isoformat()})
        _opened(room, number, browser)

    def claims(self, uid: str) -> tuple[Claim, ...]:
        return claims_of(self._claims.room(uid))

    def seats_of(self, uid: str, browser: str) -> tuple[int, ...]:
        return _seats_of(self._claims.room(uid), browser)

    def also_opened(self, uid: str, number: int, browser: str) -> None:
        known = [number, browser] in self._claims.room(uid).get("openings", [])
        if known and self.seats_of(uid, browser)[:1] == (number,):
            return
        if not known and self.browsers(uid).get(number, 0) >= BROWSERS_KEPT:
            return
        self._change(uid, lambda room: _opened(room, number, browser))
        if not known:
            self.record(uid, "second browser", "Another browser opened the seat with its code.", seat=number)

    def browsers(self, uid: str) -> dict[int, int]:
        """How many different browsers have come to each seat, by number."""
        counts: dict[int, int] = {}
        for number, _ in self._claims.room(uid).get("openings", []):
            counts[number] = counts.get(number, 0) + 1
        return counts

    def free(self, uid: str, number: int) -> None:
        def release(room: Json) -> None:
            room.get("claims", {}).pop(str(number), None)
            room["openings"] = [entry for entry in room.get("openings", []) if entry[0] != number]

        self._change(uid, release)
        self._notes.room(uid, make=True).get("notes", {}).pop(str(number), None)
        self._dirty = True

    def _change(self, uid: str, change: Callable[[Json], T]) -> T:
        return self._wait(self._claims.change(uid, change))

    # Notes and history

    def notes(self, uid: str) -> dict[int, SeatNote]:
        return {note.number: note for note in notes_of(self._notes.room(uid))}

    def note(self, uid: str, number: int, **changes: object) -> None:
        values = _encoded(SeatNote, changes)
        self._notes.room(uid, make=True).setdefault("notes", {}).setdefault(str(number), {}).update(values)
        self._dirty = True

    def record(self, uid: str, kind: str, text: str, *, seat: int | None = None) -> None:
        lines = self._notes.room(uid, make=True).setdefault("history", [])
        lines.append([self._now().isoformat(), kind, text, seat])
        del lines[:-HISTORY]
        self._dirty = True

    def history(self, uid: str, *, limit: int = 1000) -> tuple[tuple[datetime, str, str, int | None], ...]:
        return history_of(self._notes.room(uid))[-limit:]

    def counts(self, uid: str) -> dict[str, int]:
        """How many lines of each kind the history that is kept has."""
        found: dict[str, int] = {}
        for _, kind, _, _ in self._notes.room(uid).get("history", []):
            found[kind] = found.get(kind, 0) + 1
        return found

    def take_over(self, uid: str, memory: RoomMemory) -> None:
        """This is where it is written down."""

    def forget(self, uid: str) -> None:
        self._change(uid, lambda room: room.clear())
        self._notes.room(uid, make=True).clear()
        self._dirty = True


class _Document:
    """One JSON document in a Secret, mirrored here."""

    def __init__(self, client: ClusterClient, manifest: Json) -> None:
        self._client = client
        self._manifest = manifest
        metadata = manifest["metadata"]
        self._collection = f"/api/v1/namespaces/{metadata['namespace']}/secrets"
        self._path = f"{self._collection}/{metadata['name']}"
        self._version = ""
        self._lock = asyncio.Lock()
        self.content: Json = {}

    def room(self, uid: str, *, make: bool = False) -> Json:
        found: Json = self.content.setdefault(uid, {}) if make else self.content.get(uid, {})
        return found

    async def load(self) -> None:
        found = await self._client.get(self._path) or await self._client.create(self._with(self.content))
        found = found or await self._client.get(self._path)
        if found is None:
            raise RuntimeRefused(f"The Secret {self._manifest['metadata']['name']} could not be made.")
        self._mirror(found)

    def _mirror(self, secret: Json) -> None:
        version = secret["metadata"]["resourceVersion"]
        if self._version and int(version) < int(self._version):
            return  # an event that tells what is known already
        self._version = version
        with contextlib.suppress(ValueError):
            self.content = content_of(secret)

    def _with(self, content: Json, version: str = "") -> Json:
        text = json.dumps(content, separators=(",", ":"))
        manifest = copy.deepcopy(self._manifest) | {"stringData": {KEY: text}}
        if version:
            manifest["metadata"]["resourceVersion"] = version
        return manifest

    async def change(self, uid: str, change: Callable[[Json], T]) -> T:
        """Change one room's part of the document, on top of what everybody else has written.

        Raises:
            RuntimeRefused, RuntimeUnreachable: it could not be written; nothing has changed.
        """
        async with self._lock:
            for _ in range(ATTEMPTS):
                content = copy.deepcopy(self.content)
                result = change(content.setdefault(uid, {}))
                if content == self.content:
                    return result
                try:
                    body = self._with(content, self._version)
                    self._mirror(await self._client.request("PUT", self._path, body=body, repeat=False))
                except ApiRefused as error:
                    if error.status not in (404, 409):
                        raise
                    await self.load()
                    continue
                return result
        raise RuntimeRefused("Claims are being changed from too many places at once.", hint="Try again.")

    async def save(self) -> None:
        """Write the mirror as it is; of two gateways' notes the later one stays."""
        async with self._lock:
            body = self._with(self.content)
            written = await self._client.request("PUT", self._path, body=body)
            self._version = written["metadata"]["resourceVersion"]

    async def follow(self) -> None:
        """Take what other gateways write."""
        fields_ = f"metadata.name={self._manifest['metadata']['name']}"
        while True:
            try:
                async for event in reflect(self._client, self._collection, fields=fields_):
                    items = (
                        event.items if isinstance(event, Listed) else () if isinstance(event, Gone) else (event.item,)
                    )
                    for item in items:
                        self._mirror(item)
            except WorkshopError as error:
                log.warning("claims are not followed: %s", error.message)
                await asyncio.sleep(FLUSH)


def _manifest(classroom: Classroom, namespace: str, name: str, owner_uid: str) -> Json:
    metadata: Json = {
        "name": name,
        "namespace": namespace,
        "labels": object_labels(classroom, STORE_KIND),
        "annotations": object_annotations(classroom),
    }
    if owner_uid:
        metadata["ownerReferences"] = [
            {"apiVersion": "v1", "kind": "Secret", "name": f"{base_name(classroom.name)}-room", "uid": owner_uid}
        ]
    return {"apiVersion": "v1", "kind": "Secret", "type": "Opaque", "metadata": metadata}


def state_of(room: Json) -> RoomState:
    """What a room's part of the claims' document says of the room."""
    return RoomState(**_decoded(RoomState, room.get("state", {})))


def claims_of(room: Json) -> tuple[Claim, ...]:
    held = room.get("claims", {})
    return tuple(
        Claim(int(number), entry["browser"], datetime.fromisoformat(entry["at"]))
        for number, entry in sorted(held.items(), key=lambda item: int(item[0]))
    )


def notes_of(room: Json) -> tuple[SeatNote, ...]:
    held = room.get("notes", {})
    return tuple(
        SeatNote(int(number), **_decoded(SeatNote, values))
        for number, values in sorted(held.items(), key=lambda item: int(item[0]))
    )


def history_of(room: Json) -> tuple[tuple[datetime, str, str, int | None], ...]:
    lines = room.get("history", [])
    return tuple((datetime.fromisoformat(at), kind, text, seat) for at, kind, text, seat in lines)


def content_of(secret: Json) -> Json:
    """The document in a Secret of a gateway's.

    Raises:
        ValueError: there is none.
    """
    content = json.loads(base64.b64decode((secret.get("data") or {}).get(KEY, "")) or b"{}")
    if not isinstance(content, dict):
        raise ValueError("not a gateway's document")
    return content


def _seats_of(room: Json, browser: str) -> tuple[int, ...]:
    return tuple(number for number, whose in reversed(room.get("openings", [])) if whose == browser)


def _opened(room: Json, number: int, browser: str) -> None:
    """Note the opening as the latest one."""
    rest = [entry for entry in room.get("openings", []) if entry != [number, browser]]
    room["openings"] = [*rest, [number, browser]]


def _encoded(kind: type, changes: dict[str, object]) -> Json:
    """
    Raises:
        TypeError: the dataclass has no such field.
    """
    unknown = sorted(set(changes) - {field.name for field in fields(kind)} | ({"number"} & set(changes)))
    if unknown:
        raise TypeError(f"{kind.__name__} has no field {', '.join(unknown)}")
    return {key: {"at": value.isoformat()} if isinstance(value, datetime) else value for key, value in changes.items()}


def _decoded(kind: type, values: Json) -> Json:
    known = {field.name for field in fields(kind)}
    return {
        key: datetime.fromisoformat(value["at"]) if isinstance(value, dict) else value
        for key, value in values.items()
        if key in known
    }
