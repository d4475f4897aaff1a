"""The pods of a classroom's seats, one at a time: looked at, waited for, told things, resized, removed."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from workshop.errors import RuntimeRefused, SeatFailed
from workshop.model.classroom import Classroom
from workshop.model.seat import SeatRecord, SeatState, seat_name
from workshop.model.snapshot import Survivor
from workshop.runtimes.kubernetes import launcher, rescue
from workshop.runtimes.kubernetes.client import ApiRefused, ClusterClient, object_path
from workshop.runtimes.kubernetes.cluster_events import events_about
from workshop.runtimes.kubernetes.exec_stream import PodPlace, run_in_pod
from workshop.runtimes.kubernetes.holders import holds
from workshop.runtimes.kubernetes.names import SEAT_KIND, base_name, claim_name, pod_name, seat_number, selector
from workshop.runtimes.kubernetes.rooms import Place, Rooms
from workshop.runtimes.kubernetes.roster import Roster
from workshop.runtimes.kubernetes.seat_states import parse_quantity, record_of, waits_for_volume
from workshop.runtimes.kubernetes.seat_watch import why_not_made
from workshop.runtimes.kubernetes.volumes import why_no_volume
from workshop.runtimes.kubernetes.wishes import wishes_of

Json = dict[str, Any]

START_WAIT = 60.0
RESIZE_WAIT = 20.0
REMOVE_WAIT = 120.0
_INSIDE = (SeatState.STARTING, SeatState.READY, SeatState.STOPPED, SeatState.PAUSED)
"""States in which the seat's container runs."""


class SeatPods:
    """What `KubernetesRuntime` does to single seats."""

    def __init__(self, client: ClusterClient, rooms: Rooms) -> None:
        self._client = client
        self._rooms = rooms

    def place(self, classroom: Classroom) -> Place:
        """The namespace of a classroom, and whether it was made for it."""
        return self._rooms.place(classroom, wishes_of(classroom).part.namespace)

    def roster(self, classroom: Classroom) -> Roster:
        return Roster(self._client, classroom, self.place(classroom).namespace, wishes_of(classroom))

    def pod(self, classroom: Classroom, number: int) -> PodPlace:
        return PodPlace(self.place(classroom).namespace, pod_name(classroom.name, number))

    async def pods(self, classroom: Classroom) -> dict[int, Json]:
        path = f"/api/v1/namespaces/{self.place(classroom).namespace}/pods"
        found = await self._client.listed(path, selector(classroom, SEAT_KIND))
        return {number: pod for pod in found if (number := seat_number(pod["metadata"]["name"])) is not None}

    async def listed(self, classroom: Classroom) -> tuple[SeatRecord, ...]:
        roster, pods = await asyncio.gather(self.roster(classroom).read(), self.pods(classroom))
        note = await self._why_missing(classroom) if roster.keys() - pods.keys() else ""
        volumes = await self._why_no_volumes(classroom) if any(map(waits_for_volume, pods.values())) else {}
        return tuple(
            record_of(
                number,
                generation,
                pods.get(number),
                where=self._where(classroom, number),
                note=(volumes.get(number, "") if waits_for_volume(pods[number]) else "") if number in pods else note,
            )
            for number, generation in sorted(roster.items())
        )

    async def _why_missing(self, classroom: Classroom) -> str:
        """What the cluster says of pods that it does not make; empty when nothing, or when that may not be read."""
        found = await self._events(classroom, f"involvedObject.name={base_name(classroom.name)},reason=FailedCreate")
        return why_not_made(str(found[-1].get("message", ""))) if found else ""

    async def _why_no_volumes(self, classroom: Classroom) -> dict[int, str]:
        """What the cluster says of volumes that it does not make, by seat."""
        found = await self._events(classroom, "involvedObject.kind=PersistentVolumeClaim,type=Warning")
        return dict(filter(None, (why_no_volume(event, base_name(classroom.name)) for event in found)))

    async def _events(self, classroom: Classroom, about: str) -> list[Json]:
        return await events_about(self._client, self.place(classroom).namespace, about)

    async def record(self, classroom: Classroom, number: int) -> SeatRecord:
        return (await self._look(classroom, number))[0]

    async def _look(self, classroom: Classroom, number: int) -> tuple[SeatRecord, Json | None]:
        """The seat, and its pod if there is one."""
        place = self.pod(classroom, number)
        roster, pod = await asyncio.gather(
            self.roster(classroom).read(), self._client.get(f"/api/v1/namespaces/{place.namespace}/pods/{place.pod}")
        )
        if number not in roster:
            raise SeatFailed(
                f"There is no seat {seat_name(number)} in {classroom.name}.",
                hint=f"`workshop status {classroom.name}` names those there are.",
            )
        return record_of(number, roster[number], pod, where=self._where(classroom, number)), pod

    def _where(self, classroom: Classroom, number: int) -> str:
        place = self.pod(classroom, number)
        return f"{place.namespace}/{place.pod}"

    async def running(self, classroom: Classroom, number: int) -> SeatRecord:
        """The seat, once its container runs: what is done inside a seat waits for that.

        Raises:
            SeatFailed: there is no such seat, or its container does not start.
        """
        deadline, pause = time.monotonic() + START_WAIT, 0.1
        while True:
            record = await self.record(classroom, number)
            if record.state in _INSIDE:
                return record
            if record.state in (SeatState.FAILED, SeatState.LOST) or time.monotonic() > deadline:
                raise SeatFailed(
                    f"Seat {seat_name(number)} does not run: {record.detail or record.state}.",
                    hint="Wait until it is ready, or `reset` it.",
                )
            await asyncio.sleep(pause)
            pause = min(pause * 1.5, 1.0)

    async def readable(self, classroom: Classroom, number: int) -> tuple[PodPlace, str]:
        """The container in which a seat's files can be read, and where the home folder is in it.

        Raises:
            SeatFailed: there is no such seat, or none of its containers runs.
        """
        place = self.pod(classroom, number)
        record, pod = await self._look(classroom, number)
        if pod is not None and rescue.keeps_ending(record, pod):
            return await rescue.rescue_place(self._client, place, pod, number), rescue.HOME
        if record.state not in _INSIDE:
            await self.running(classroom, number)
        return place, wishes_of(classroom).home

    async def tell(self, classroom: Classroom, number: int, word: str, marks: Mapping[str, str | None]) -> None:
        """Give the seat's launcher a word, and mark the pod with what that means."""
        place = self.pod(classroom, number)
        path = f"/api/v1/namespaces/{place.namespace}/pods/{place.pod}"
        patch = {"metadata": {"annotations": dict(marks)}}
        with of_seat(number):
            if any(marks.values()):  # said first: a broken-off `stop` is shown as stopped, and `start` undoes it
                await self._client.merge(path, patch)
            result = await run_in_pod(self._client, place, ("sh", launcher.LAUNCH_PATH, word))
            if not any(marks.values()):
                await self._client.merge(path, patch)
        if result.exit_code != 0:
            raise SeatFailed(
                f"Seat {seat_name(number)} could not be told to {word}.",
                details=tuple(result.stderr.decode("utf-8", "replace").splitlines()[-3:]),
            )

    async def logs(self, classroom: Classroom, number: int, *, tail: int = 200) -> str:
        place = self.pod(classroom, number)
        path = f"/api/v1/namespaces/{place.namespace}/pods/{place.pod}/log"
        params = {"container": place.container, "tailLines": str(tail)}
        with of_seat(number):
            now = await self._log(path, params)
            if now.strip():
                return now
            return await self._log(path, params | {"previous": "true"}) or now

    async def _log(self, path: str, params: dict[str, str]) -> str:
        try:
            answer = await self._client.request("GET", path, params=params)
        except ApiRefused as error:
            if error.status == 400:  # the container has not started yet, or has no earlier run
                return ""
            raise
        return str(answer.get("text", ""))

    async def set_memory(self, classroom: Classroom, number: int, memory_bytes: int) -> None:
        place = self.pod(classroom, number)
        path = f"/api/v1/namespaces/{place.namespace}/pods/{place.pod}"
        patch = {"spec": {"containers": [{"name": "seat", "resources": {"limits": {"memory": str(memory_bytes)}}}]}}
        with of_seat(number):
            try:
                await self._client.request(
                    "PATCH", f"{path}/resize", body=patch, content_type="application/strategic-merge-patch+json"
                )
            except ApiRefused as error:
                if error.status not in (404, 405):
                    raise
                if await self._client.get(path) is None:
                    raise SeatFailed(f"Seat {seat_name(number)} has no pod.") from error
                version = self._client.version.get("gitVersion", "")
                raise RuntimeRefused(
                    f"This cluster ({version}) cannot change a seat's memory while it runs.",
                    hint="Kubernetes can from 1.33 on. Change `limits.memory` and `reset` the seat.",
                ) from error
            await self._wait_resized(path, number, memory_bytes)

    async def _wait_resized(self, path: str, number: int, wanted: int) -> None:
        deadline, pause = time.monotonic() + RESIZE_WAIT, 0.2
        while True:
            pod = await self._client.get(path) or {}
            status = pod.get("status") or {}
            for entry in status.get("containerStatuses") or ():
                now = ((entry.get("resources") or {}).get("limits") or {}).get("memory")
                if entry["name"] == "seat" and now and parse_quantity(now) == wanted:
                    return
            stuck: Json = next((c for c in status.get("conditions") or () if c["type"].startswith("PodResize")), {})
            if stuck.get("reason") == "Infeasible" or time.monotonic() > deadline:
                why = stuck.get("message") or "its node did not do it yet"
                raise RuntimeRefused(
                    f"The memory of seat {seat_name(number)} was not changed: {why}.",
                    hint="Its node may be full, or the seat uses more than that now.",
                )
            await asyncio.sleep(pause)
            pause = min(pause * 1.5, 2)

    async def remove(self, classroom: Classroom, doomed: Mapping[int, Json]) -> list[Survivor]:
        """Delete these very pods, and their volumes; the set makes new ones where the numbers still exist."""
        namespace = self.place(classroom).namespace
        if wishes_of(classroom).part.storage:
            claims = f"/api/v1/namespaces/{namespace}/persistentvolumeclaims"
            for number in doomed:
                await self._client.delete(f"{claims}/{claim_name(pod_name(classroom.name, number))}")
        await asyncio.gather(*(self._delete_pod(pod) for pod in doomed.values()))
        return await self._wait_replaced(classroom, doomed)

    async def _delete_pod(self, pod: Json) -> None:
        lost = record_of(0, 1, pod).state is SeatState.LOST
        await self._client.delete(object_path(_typed(pod)), grace=0 if lost else None)

    async def _wait_replaced(self, classroom: Classroom, doomed: Mapping[int, Json]) -> list[Survivor]:
        """Until none of these very pods is there any more."""
        uids = {pod["metadata"]["uid"] for pod in doomed.values()}
        deadline, pause = time.monotonic() + REMOVE_WAIT, 0.2
        while uids:
            pods = (await self.pods(classroom)).values()
            there = [pod for pod in pods if pod["metadata"]["uid"] in uids]
            if not there:
                break
            if time.monotonic() > deadline:
                return [Survivor("seat", pod["metadata"]["name"], holds(_typed(pod))) for pod in there]
            await asyncio.sleep(pause)
            pause = min(pause * 1.5, 2)
        return []


def _typed(pod: Json) -> Json:
    return {"apiVersion": "v1", "kind": "Pod"} | pod


@contextlib.contextmanager
def of_seat(number: int) -> Iterator[None]:
    """Errors about one seat, as such."""
    try:
        yield
    except ApiRefused as error:
        if error.status in (404, 500, 400):
            raise SeatFailed(
                f"Seat {seat_name(number)} does not run now.",
                hint="Wait until it is ready again, or `reset` it.",
                details=(error.message,),
            ) from error
        raise
    except TimeoutError:
        raise
    except ConnectionError as error:
        raise SeatFailed(f"The connection to seat {seat_name(number)} was lost.", details=(str(error),)) from error


@contextlib.contextmanager
def of_seats(numbers: Collection[int]) -> Iterator[None]:
    try:
        yield
    except ApiRefused as error:
        if error.status in (403, 422, 400):
            which = seat_name(min(numbers)) if len(numbers) == 1 else f"{len(numbers)} seats"
            raise SeatFailed(f"The cluster will not make {which}: {error.message}", hint=error.hint) from error
        raise
