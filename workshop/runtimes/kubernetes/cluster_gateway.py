"""The gateway in the cluster, from outside: made, waited for, found, reached, stopped."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from workshop.errors import GatewayFailed
from workshop.model.classroom import Classroom
from workshop.runtimes.kubernetes.client import ApiRefused, ClusterClient
from workshop.runtimes.kubernetes.exec_stream import STDOUT, PodCommand, PodPlace, pod_command
from workshop.runtimes.kubernetes.exposure import choose_exposure, door_of, ingress_class
from workshop.runtimes.kubernetes.gateway_objects import PORT, GatewayObjects, GatewayWishes
from workshop.runtimes.kubernetes.local_end import LocalEnd
from workshop.runtimes.kubernetes.names import GATEWAY_KIND, base_name, selector
from workshop.runtimes.kubernetes.objects import SeatObjects
from workshop.runtimes.kubernetes.port_forward import FindPod, LocalForward
from workshop.runtimes.kubernetes.rooms import Place, Rooms
from workshop.runtimes.kubernetes.seat_watch import why_not_made
from workshop.runtimes.kubernetes.wishes import wishes_of

Json = dict[str, Any]

EXPOSURE = "exposure"
"""Option of a classroom: how students come in, as it was chosen when the gateway was first opened."""
READY_WAIT = 180.0
ASK_EVERY = 8.0
REFUSED_WAIT = 30.0
"""Seconds that the cluster may refuse its pod: what fetched the images frees its part of a quota within them."""
STOP_WAIT = 60.0
_RELAY = """
import os, socket, sys, threading
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1])
def up():
    while data := os.read(0, 65536):
        s.sendall(data)
    s.shutdown(socket.SHUT_WR)
threading.Thread(target=up, daemon=True).start()
while data := s.recv(65536):
    while data:
        data = data[os.write(1, data):]
"""
"""What carries a connection from `exec` to the gateway's control socket."""


class ClusterGateway:
    """The gateway of classrooms on one cluster."""

    def __init__(self, client: ClusterClient, rooms: Rooms) -> None:
        self._client = client
        self._rooms = rooms

    def _place(self, classroom: Classroom) -> Place:
        return self._rooms.place(classroom, wishes_of(classroom).part.namespace)

    async def ensure(self, classroom: Classroom, wishes: GatewayWishes) -> Classroom:
        """Have the gateway run and be reachable; the classroom with the door that its links name from now on.

        Raises:
            GatewayFailed: it did not start, or the cluster gave it no address; the message says why.
            RuntimeRefused: rights or quota are missing.
        """
        place = self._place(classroom)
        record = await self._rooms.find_record(classroom, place.namespace)
        if record is None:
            raise GatewayFailed(f"The classroom {classroom.name} is not in namespace {place.namespace} any more.")
        part = wishes_of(classroom).part
        exposure = classroom.option(EXPOSURE) or await choose_exposure(self._client, part)
        seats = SeatObjects(classroom, place.namespace, wishes_of(classroom), owner_uid=record["metadata"]["uid"])
        # The door first: the gateway reads from the record what its links are to say.
        objects = GatewayObjects(seats, wishes)
        served_by = await ingress_class(self._client, part) if exposure == "ingress" else ""
        for manifest in [objects.service(exposure)] + ([objects.ingress(served_by)] if exposure == "ingress" else []):
            await self._client.apply(manifest)
        name = f"{base_name(classroom.name)}-gateway"
        door = await door_of(self._client, place.namespace, name, exposure, part, classroom.door)
        if door != classroom.door or classroom.option(EXPOSURE) != exposure:
            chosen = classroom.with_options(**{EXPOSURE: exposure})
            classroom = await self._rooms.record_door(chosen, place.namespace, door)
        for manifest in objects.all(exposure, served_by):
            await self._client.apply(manifest)
        await self._wait_ready(classroom)
        return classroom

    async def image_in_use(self, classroom: Classroom) -> str:
        """The image of the gateway that was made for the class before; empty when there is none, or it cannot start."""
        found = await self._client.get(self._deployment(classroom))
        if found is None or _trouble(await self._pods(classroom))[1]:
            return ""
        return str(found["spec"]["template"]["spec"]["containers"][0]["image"])

    async def pod(self, classroom: Classroom) -> PodPlace | None:
        """A gateway pod that is ready; None when there is none."""
        namespace = self._place(classroom).namespace
        for pod in await self._pods(classroom):
            ready = {entry["type"]: entry["status"] for entry in pod["status"].get("conditions") or ()}.get("Ready")
            if ready == "True" and "deletionTimestamp" not in pod["metadata"]:
                return PodPlace(namespace, pod["metadata"]["name"], "gateway")
        return None

    async def stop(self, classroom: Classroom) -> bool:
        """Remove the gateway and wait until its pods are gone. False when there was none."""
        was = await self._client.delete(self._deployment(classroom), propagation="Foreground")
        deadline, pause = time.monotonic() + STOP_WAIT, 0.2
        while await self._pods(classroom):
            if time.monotonic() > deadline:
                raise GatewayFailed(f"The gateway of {classroom.name} does not end.", hint="`workshop down` goes on.")
            await asyncio.sleep(pause)
            pause = min(pause * 1.5, 2)
        return was

    async def relay(self, classroom: Classroom, socket: Path, remote: str) -> SocketRelay:
        """A Unix socket on this machine that leads to the gateway's control socket.

        Args:
            remote: the path of the control socket in the gateway's container.

        Raises:
            GatewayFailed: no gateway is ready.
        """
        await self._ready_pod(classroom)
        relay = SocketRelay(self._client, lambda: self._ready_pod(classroom), socket, remote)
        await relay.start()
        return relay

    async def forward(self, classroom: Classroom, host: str, port: int) -> LocalForward:
        """A port of this machine that leads to the gateway: for a demo, and where the cluster has no door.

        Raises:
            GatewayFailed: no gateway is ready.
            PortTaken: another program listens there.
        """
        await self._ready_pod(classroom)
        forward = LocalForward(self._client, lambda: self._ready_pod(classroom), PORT)
        await forward.start(host, port)
        return forward

    async def _ready_pod(self, classroom: Classroom) -> PodPlace:
        found = await self.pod(classroom)
        if found is None:
            raise GatewayFailed(
                f"The gateway of {classroom.name} does not run.",
                hint=f"`workshop up --name {classroom.name}` starts it again.",
            )
        return found

    async def _pods(self, classroom: Classroom) -> list[Json]:
        path = f"/api/v1/namespaces/{self._place(classroom).namespace}/pods"
        return await self._client.listed(path, selector(classroom, GATEWAY_KIND))

    async def _wait_ready(self, classroom: Classroom) -> None:
        began, pause = time.monotonic(), 0.3
        deadline, ask_at = began + READY_WAIT, began
        while await self.pod(classroom) is None:
            pods = await self._pods(classroom)
            why, hopeless = _trouble(pods)
            if not pods and (why := await self._why_not_made(classroom)):
                hopeless = time.monotonic() - began > REFUSED_WAIT
                if time.monotonic() > ask_at:
                    ask_at = time.monotonic() + ASK_EVERY
                    await self._client.ask_again(self._deployment(classroom))
            if hopeless or time.monotonic() > deadline:
                raise GatewayFailed(
                    f"The gateway of {classroom.name} did not start: {why or 'its pod is not ready'}.",
                    hint="Mend that" + (", see its log below" if pods else "") + "; `workshop up` tries again.",
                    details=await self._log(pods),
                )
            await asyncio.sleep(pause)
            pause = min(pause * 1.3, 2)

    async def _why_not_made(self, classroom: Classroom) -> str:
        """Why the cluster makes no pod of it (a quota, say); empty when it says nothing."""
        found = await self._client.get(self._deployment(classroom)) or {}
        for condition in found.get("status", {}).get("conditions") or ():
            if condition["type"] == "ReplicaFailure" and condition["status"] == "True":
                return why_not_made(str(condition.get("message", "")))
        return ""

    def _deployment(self, classroom: Classroom) -> str:
        namespace = self._place(classroom).namespace
        return f"/apis/apps/v1/namespaces/{namespace}/deployments/{base_name(classroom.name)}-gateway"

    async def _log(self, pods: list[Json]) -> tuple[str, ...]:
        for pod in pods:
            path = f"/api/v1/namespaces/{pod['metadata']['namespace']}/pods/{pod['metadata']['name']}/log"
            for extra in ({}, {"previous": "true"}):
                try:
                    answer = await self._client.request("GET", path, params={"tailLines": "15", **extra})
                except ApiRefused:
                    continue
                lines = str(answer.get("text", "")).splitlines()
                if lines:
                    return tuple(lines)
        return ()


def _trouble(pods: list[Json]) -> tuple[str, bool]:
    """What keeps the gateway's pods from being ready, and whether waiting is useless."""
    for pod in pods:
        for entry in pod["status"].get("containerStatuses") or ():
            waiting = (entry.get("state") or {}).get("waiting") or {}
            reason, message = waiting.get("reason", ""), " ".join(str(waiting.get("message", "")).split())
            if reason in ("ErrImagePull", "ImagePullBackOff", "InvalidImageName"):
                return f"its image cannot be fetched: {message[:300]}", reason != "ErrImagePull"
            if reason == "CrashLoopBackOff":
                return "it ends as soon as it starts", True
            if reason == "CreateContainerConfigError":
                return message[:300], True
        for entry in pod["status"].get("conditions") or ():
            if entry["type"] == "PodScheduled" and entry.get("reason") == "Unschedulable":
                return f"no node has room for it: {entry.get('message', '')[:300]}", False
    return "", False


class SocketRelay:
    """A local Unix socket; each connection is one `exec` in the gateway's pod.

    Args:
        find: the pod that is the gateway now: it may be another one than a minute ago.
    """

    def __init__(self, client: ClusterClient, find: FindPod, path: Path, remote: str) -> None:
        self._client = client
        self._find = find
        self._path = path
        self._remote = remote
        self._end = LocalEnd(self._connect)

    @contextlib.asynccontextmanager
    async def _connect(self) -> AsyncIterator[_Output]:
        argv = ("python3", "-c", _RELAY, self._remote)
        async with pod_command(self._client, await self._find(), argv, stdin=True) as command:
            yield _Output(command)

    async def start(self) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._path.unlink(missing_ok=True)
        before = os.umask(0o177)
        try:
            await self._end.listen_at(str(self._path))
        finally:
            os.umask(before)

    async def aclose(self) -> None:
        await self._end.aclose()
        with contextlib.suppress(FileNotFoundError):
            self._path.unlink()


class _Output:
    """A command as a stream: its input, and its standard output alone."""

    def __init__(self, command: PodCommand) -> None:
        self._command = command

    async def send(self, data: bytes) -> None:
        await self._command.send(data)

    async def end_input(self) -> None:
        await self._command.close_input()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for channel, data in self._command:
            if channel == STDOUT:
                yield data
