"""What the seats of one classroom do, as events: three watches (pods, StatefulSet, warnings), however many seats."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from datetime import datetime
from typing import Any

from workshop.model.classroom import Classroom
from workshop.model.events import RuntimeEvent, SeatChanged, SeatGone, SeatOutOfMemory, SeatsListed
from workshop.model.seat import SeatRecord
from workshop.runtimes.kubernetes.client import ApiRefused, ClusterClient
from workshop.runtimes.kubernetes.names import SEAT_KIND, base_name, seat_number, selector
from workshop.runtimes.kubernetes.objects import decode_roster
from workshop.runtimes.kubernetes.reflector import Gone, Listed, Reflected, reflect
from workshop.runtimes.kubernetes.seat_states import out_of_memory_at, record_of, waits_for_volume
from workshop.runtimes.kubernetes.volumes import why_no_volume

Json = dict[str, Any]

_QUIET = {"MissingClusterDNS", "DNSConfigForming", "Unhealthy", "BackOff", "FailedScheduling"}
"""Warnings that say nothing new: a port that is not open yet, or what the pod's own status says better."""
SWEEP = 20.0
"""Seconds between looks at what only time changes (a pod whose node does not answer)."""


class SeatPicture:
    """The classroom's seats as the watches have told them so far. Pure: events in, records out."""

    def __init__(self, classroom: Classroom, namespace: str, *, target: str = "") -> None:
        self._base = base_name(classroom.name)
        self._where = f"{namespace}/{self._base}"
        self._target = target
        self._roster: dict[int, int] = {}
        self._pods: dict[int, Json] = {}
        self._notes: dict[int, str] = {}
        self._volumes: dict[int, str] = {}
        """Why volumes of seats were not made."""
        self._known: dict[int, SeatRecord] = {}
        self._oom: dict[int, datetime] = {}

    def records(self) -> tuple[SeatRecord, ...]:
        return tuple(
            record_of(
                number,
                generation,
                self._pods.get(number),
                where=f"{self._where}-{number}",
                note=self._note(number),
                target=self._target,
            )
            for number, generation in sorted(self._roster.items())
        )

    def _note(self, number: int) -> str:
        if note := self._notes.get(number):
            return note
        pod = self._pods.get(number)
        return self._volumes.get(number, "") if pod is not None and waits_for_volume(pod) else ""

    def take(self, source: str, event: Reflected) -> None:
        match source:
            case "pods":
                self._take_pods(event)
            case "seats":
                self._take_roster(event)
            case "warnings":
                self._take_warnings(event)

    def changes(self, *, everything: bool = False) -> list[RuntimeEvent]:
        """What is different from the last call."""
        records = {record.number: record for record in self.records()}
        events: list[RuntimeEvent] = []
        if everything:
            events.append(SeatsListed(tuple(records.values())))
        else:
            events += [SeatGone(number) for number in self._known if number not in records]
            events += [SeatChanged(record) for number, record in records.items() if self._known.get(number) != record]
        self._known = records
        for number, pod in self._pods.items():
            at = out_of_memory_at(pod)
            if at is not None and self._oom.get(number) != at:
                self._oom[number] = at
                events.append(SeatOutOfMemory(number, at))
        return events

    def _take_pods(self, event: Reflected) -> None:
        if isinstance(event, Listed):
            self._pods.clear()
            items = event.items
        else:
            items = (event.item,)
        for pod in items:
            number = seat_number(pod["metadata"]["name"])
            if number is None:
                continue
            if isinstance(event, Gone):
                self._pods.pop(number, None)
            else:
                self._pods[number] = pod
                if not waits_for_volume(pod):
                    self._volumes.pop(number, None)
                if any(
                    (entry.get("state") or {}).get("running") for entry in pod["status"].get("containerStatuses") or ()
                ):
                    self._notes.pop(number, None)

    def _take_roster(self, event: Reflected) -> None:
        items = event.items if isinstance(event, Listed) else (event.item,)
        if isinstance(event, Gone) or not items:
            self._roster = {}
            return
        self._roster = decode_roster(items[0])

    def _take_warnings(self, event: Reflected) -> None:
        items = event.items if isinstance(event, Listed) else () if isinstance(event, Gone) else (event.item,)
        for item in items:
            about, reason = item.get("involvedObject") or {}, item.get("reason", "")
            name = about.get("name", "")
            if volume := why_no_volume(item, self._base):
                self._volumes[volume[0]] = volume[1]
                continue
            if reason in _QUIET or not name.startswith(self._base):
                continue
            number = seat_number(name) if about.get("kind") == "Pod" else None
            pod = self._pods.get(number) if number is not None else None
            if number is not None and (pod is None or pod["metadata"]["uid"] == about.get("uid")):
                self._notes[number] = f"{reason}: {' '.join(str(item.get('message', '')).split())[:240]}"
            elif about.get("kind") == "StatefulSet" and reason == "FailedCreate":
                missing = set(self._roster) - set(self._pods)
                self._notes |= dict.fromkeys(missing, why_not_made(str(item.get("message", ""))))


def why_not_made(message: str) -> str:
    """Why the StatefulSet cannot make a pod, as its event says it."""
    words = " ".join(message.split())
    if "exceeded quota" in words:
        return f"the namespace's quota is full: {words.split('exceeded quota:', 1)[-1].strip()[:200]}"
    return f"the cluster refuses its pod: {words[:240]}"


async def watch_seats(
    client: ClusterClient, classroom: Classroom, namespace: str, *, target: str = ""
) -> AsyncGenerator[RuntimeEvent, None]:
    """`SeatsListed` first, then every change, for ever.

    Raises:
        RuntimeUnreachable, RuntimeRefused: the first list failed.
    """
    picture = SeatPicture(classroom, namespace, target=target)
    arrivals: asyncio.Queue[tuple[str, Reflected]] = asyncio.Queue(maxsize=2000)
    root = f"/namespaces/{namespace}"
    sources = {
        "seats": (f"/apis/apps/v1{root}/statefulsets", selector(classroom), ""),
        "pods": (f"/api/v1{root}/pods", selector(classroom, SEAT_KIND), ""),
        "warnings": (f"/api/v1{root}/events", "", "type=Warning"),
    }

    async def follow(name: str) -> None:
        path, labels, fields = sources[name]
        try:
            async for event in reflect(client, path, labels, fields=fields, patient=name == "warnings"):
                await arrivals.put((name, event))
        except ApiRefused as error:
            # Warnings only explain; a class can be watched without the right to read them.
            if name != "warnings" or error.status not in (401, 403):
                raise

    tasks = [asyncio.create_task(follow(name), name=f"watch {name}") for name in sources]
    try:
        listed: set[str] = set()
        while True:
            batch = await _next_batch(arrivals, tasks)
            whole = False
            for name, event in batch:
                picture.take(name, event)
                whole = whole or (isinstance(event, Listed) and name != "warnings")
                listed.add(name) if isinstance(event, Listed) else None
            if {"seats", "pods"} <= listed:
                for change in picture.changes(everything=whole):
                    yield change
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _next_batch(
    arrivals: asyncio.Queue[tuple[str, Reflected]], tasks: list[asyncio.Task[None]]
) -> list[tuple[str, Reflected]]:
    """Everything that has arrived, at least one thing; after a while nothing, so that time can be looked at.

    Raises:
        WorkshopError: a watch ended for good.
    """
    waiting = asyncio.create_task(arrivals.get())
    try:
        running = {task for task in tasks if not task.done()}
        done, _ = await asyncio.wait({waiting, *running}, timeout=SWEEP, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            if task.done():
                task.result()
        if waiting not in done:
            return []
        batch = [waiting.result()]
    finally:
        waiting.cancel()
    while not arrivals.empty():
        batch.append(arrivals.get_nowait())
    return batch
