"""Seats on a Kubernetes cluster: a constant number of objects for any number of seats."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import aclosing
from pathlib import Path
from typing import Any

from workshop.errors import SeatFailed
from workshop.model.classroom import Classroom
from workshop.model.events import RuntimeEvent
from workshop.model.seat import SeatCommand, SeatRecord, SeatState, Usage, seat_name
from workshop.model.snapshot import EngineFacts, Fit, Removal
from workshop.ports.build import Report
from workshop.ports.remote import RemoteSide
from workshop.ports.runtime import ExecResult
from workshop.runtimes.archive import relative_path
from workshop.runtimes.kubernetes import files, launcher
from workshop.runtimes.kubernetes.capacity import cluster_facts, node_images, room_for
from workshop.runtimes.kubernetes.client import ClusterClient, object_path
from workshop.runtimes.kubernetes.cluster_gateway import ClusterGateway
from workshop.runtimes.kubernetes.cluster_side import ClusterSide
from workshop.runtimes.kubernetes.exec_stream import run_in_home
from workshop.runtimes.kubernetes.gateway_objects import GatewayWishes
from workshop.runtimes.kubernetes.image_files import read_image
from workshop.runtimes.kubernetes.live import Creations, LivePicture, Shared
from workshop.runtimes.kubernetes.names import PAUSED, STOPPED, pod_name
from workshop.runtimes.kubernetes.objects import SeatObjects
from workshop.runtimes.kubernetes.objects import namespace as namespace_manifest
from workshop.runtimes.kubernetes.objects import room as room_manifest
from workshop.runtimes.kubernetes.port_forward import answers_through_cluster
from workshop.runtimes.kubernetes.prepull import prepull
from workshop.runtimes.kubernetes.rights import missing_rights, smallest_role
from workshop.runtimes.kubernetes.rooms import Place, Rooms
from workshop.runtimes.kubernetes.seat_pods import SeatPods, of_seat, of_seats
from workshop.runtimes.kubernetes.seat_watch import watch_seats
from workshop.runtimes.kubernetes.teardown import Teardown, remove_strays
from workshop.runtimes.kubernetes.usage import UsageReader
from workshop.runtimes.kubernetes.wishes import wishes_of
from workshop.runtimes.readiness import answers

Json = dict[str, Any]


class KubernetesRuntime:
    """Implements `ports.runtime.Runtime`, and `create_all` beside it: many seats in a constant number of writes.

    Args:
        context: a context of the kubeconfig; empty for the current one (in a pod: the pod's own account).
        namespace: an existing namespace for new classrooms; empty for one of each one's own.
    """

    def __init__(
        self, *, context: str = "", namespace: str = "", kubeconfig: str = "", client: ClusterClient | None = None
    ) -> None:
        self._client = client or ClusterClient(context=context, kubeconfig=kubeconfig)
        self._rooms = Rooms(self._client, namespace=namespace)
        self._pods = SeatPods(self._client, self._rooms)
        self._usage = UsageReader(self._client)
        self._remote = ClusterSide(self, self._client, self._rooms)
        self._live: dict[str, LivePicture] = {}
        self._lists: dict[str, Shared[tuple[SeatRecord, ...]]] = {}
        self._creations: dict[tuple[str, int], Creations] = {}

    @classmethod
    def from_settings(cls, settings: Mapping[str, str], *, state_dir: Path | None = None) -> KubernetesRuntime:
        """
        Args:
            settings: `kubernetes_context`, `kubernetes_namespace`; all may be empty.
            state_dir: not used; nothing is kept on this machine.
        """
        return cls(
            context=settings.get("kubernetes_context", ""),
            namespace=settings.get("kubernetes_namespace", ""),
        )

    @property
    def name(self) -> str:
        return "kubernetes"

    @property
    def remote(self) -> RemoteSide:
        """What the service asks beside seats: images, room, rights, and the gateway that runs in the cluster."""
        return self._remote

    @property
    def client(self) -> ClusterClient:
        return self._client

    @property
    def gateway(self) -> ClusterGateway:
        """The gateways that run in this cluster."""
        return ClusterGateway(self._client, self._rooms)

    async def missing_rights(self, namespace: str = "", *, exposure: str = "auto") -> tuple[str, ...]:
        """What this account may not do and would have to, a phrase each: `create statefulsets.apps in class`.

        Args:
            namespace: the existing namespace; empty for the setting's, and without one for a namespace of one's own.
            exposure: how students come in, as the definition says.
        """
        where = namespace or self._rooms.wanted
        missing = await missing_rights(self._client, where, own=not where, exposure=exposure)
        return tuple(right.sentence() for right in missing)

    def rbac(self, namespace: str = "", *, exposure: str = "auto", storage: bool = False) -> list[Json]:
        """Manifests of the smallest role that an instructor needs, for the cluster's administrator."""
        where = namespace or self._rooms.wanted
        return smallest_role(where, own=not where, exposure=exposure, storage=storage)

    async def fit(self, classroom: Classroom, seats: int | None = None, *, there: int = 0) -> Fit:
        """Whether its seats fit on the nodes and in the namespace's quota: `18 of 30 seats fit: memory …`.

        Args:
            seats: how many; those that were wanted by default.
            there: how many of them exist.
        """
        place, wishes = self._pods.place(classroom), wishes_of(classroom)
        resources = SeatObjects(classroom, place.namespace, wishes).resources()
        room = await room_for(
            self._client,
            resources,
            namespace="" if place.own else place.namespace,
            node_selector=wishes.part.node_selector,
            beside=GatewayWishes("", ()).resources(),
        )
        return room.fit(classroom.seats if seats is None else seats, there=there)

    async def prepull(self, classroom: Classroom, *, report: Report, size_bytes: int = 0) -> tuple[str, ...]:
        """Have every node fetch the class's image before its seats are made; the nodes that have it then.

        Raises:
            RuntimeRefused: no node could; the message says which said what.
        """
        place = self._pods.place(classroom)
        owner = await self.record_uid(classroom)
        objects = SeatObjects(classroom, place.namespace, wishes_of(classroom), owner_uid=owner)
        return await prepull(self._client, objects, report=report, size_bytes=size_bytes)

    def manifests(self, classroom: Classroom, commands: Mapping[int, SeatCommand]) -> list[Json]:
        """What `open` and `create_all` would make, for `up --dry-run -o yaml`. Nothing is contacted."""
        place, wishes = self._pods.place(classroom), wishes_of(classroom)
        objects = SeatObjects(classroom, place.namespace, wishes)
        seat_files = launcher.seat_files(commands, home=wishes.home, generations={})
        values = {pod_name(classroom.name, number): text for number, text in seat_files.seats.items()}
        made = [namespace_manifest(classroom, place.namespace)] if place.own else []
        made += [room_manifest(classroom, place.namespace), *objects.shared()]
        made += [objects.quota(len(commands))] if place.own and wishes.quota else []
        return [
            *made,
            objects.seat_secret({launcher.LAUNCH_KEY: seat_files.launch, **values}),
            objects.seats(max(commands), {}),
        ]

    def place(self, classroom: Classroom) -> Place:
        """The namespace of a classroom, and whether it was made for it."""
        return self._pods.place(classroom)

    async def facts(self) -> EngineFacts:
        return await cluster_facts(self._client)

    async def has_image(self, reference: str) -> bool:
        return await node_images(self._client, reference)

    async def classrooms(self) -> tuple[Classroom, ...]:
        return await self._rooms.all()

    async def open(self, classroom: Classroom) -> Classroom:
        wishes = wishes_of(classroom)
        room, owner = await self._rooms.record(classroom, wishes.part.namespace)
        wishes = wishes_of(room)
        objects = SeatObjects(room, self._pods.place(room).namespace, wishes, owner_uid=owner)
        await asyncio.gather(*(self._client.apply(manifest) for manifest in objects.shared()))
        return room

    async def seats(self, classroom: Classroom) -> tuple[SeatRecord, ...]:
        key = f"{classroom.uid}/{self._pods.place(classroom).namespace}"
        if key not in self._lists:
            self._lists[key] = Shared(lambda: self._pods.listed(classroom))
        return await self._lists[key].get()

    async def create(
        self, classroom: Classroom, number: int, command: SeatCommand, *, generation: int = 1
    ) -> SeatRecord:
        # Many seats made one by one at the same time become one call; what it needs of the room is in the key.
        key = (f"{classroom.uid}/{classroom.option('namespace')}/{classroom.spec_hash}", generation)
        if key not in self._creations:
            self._creations[key] = Creations(
                lambda commands: self.create_all(classroom, commands, generation=generation)
            )
        record = await self._creations[key].create(number, command)
        if record is None:
            raise SeatFailed(f"Seat {seat_name(number)} was removed while it was made.", hint="Run it again.")
        return record

    async def create_all(
        self, classroom: Classroom, commands: Mapping[int, SeatCommand], *, generation: int = 1
    ) -> dict[int, SeatRecord]:
        """`create` for many seats at once, in a number of requests that does not grow with them.

        Raises:
            SeatFailed: the seats could not be made; the message says why.
        """
        place = self._pods.place(classroom)
        record = await self._rooms.find_record(classroom, place.namespace)
        if record is None:
            raise SeatFailed(
                f"The classroom {classroom.name} is not in namespace {place.namespace} any more.",
                hint=f"`workshop up` makes it again; `workshop down {classroom.name}` removes what is left.",
            )
        with of_seats(commands):
            before = await self._pods.pods(classroom) if generation > 1 else {}
            added = await self._pods.roster(classroom).add(commands, record["metadata"]["uid"], generation=generation)
            if added.renewed:
                before = before or await self._pods.pods(classroom)
                await self._pods.remove(classroom, {n: before[n] for n in added.renewed if n in before})
        records = {entry.number: entry for entry in await self.seats(classroom)}
        known = set(commands) - added.new
        if known and known - (await self._pods.pods(classroom)).keys():
            await self._client.ask_again(self._pods.roster(classroom).set_path)
        for number in known:
            if number in records and records[number].state is SeatState.STOPPED:
                await self._pods.tell(classroom, number, "start", {STOPPED: None})
                records[number] = await self._pods.record(classroom, number)
        return {number: records[number] for number in commands if number in records}

    async def probe(self, classroom: Classroom, record: SeatRecord, command: SeatCommand) -> bool:
        place = self._pods.pod(classroom, record.number)
        key = f"{classroom.uid}/{place.namespace}"
        live = self._live.setdefault(key, LivePicture(self._client, classroom, place.namespace))
        now = await live.record(record.number)
        if now is None or not now.endpoint or now.state not in (SeatState.STARTING, SeatState.READY):
            return False
        if (await self._client.access()).inside:
            return await answers(now.endpoint, command.ready_path, command.token)
        return await answers_through_cluster(self._client, place, command.port, command.ready_path, command.token)

    async def restart(self, classroom: Classroom, number: int) -> SeatRecord:
        record = await self._pods.running(classroom, number)
        if record.state is SeatState.PAUSED:
            await self.pause(classroom, number, paused=False)
        await self._pods.tell(classroom, number, "restart", {STOPPED: None})
        return await self._pods.record(classroom, number)

    async def stop(self, classroom: Classroom, number: int) -> None:
        record = await self._pods.running(classroom, number)
        if record.state is SeatState.STOPPED:
            return
        if record.state is SeatState.PAUSED:
            await self.pause(classroom, number, paused=False)
        await self._pods.tell(classroom, number, "stop", {STOPPED: "yes"})

    async def pause(self, classroom: Classroom, number: int, *, paused: bool) -> None:
        await self._pods.running(classroom, number)
        await self._pods.tell(classroom, number, "pause" if paused else "resume", {PAUSED: "yes" if paused else None})

    async def remove_seats(self, classroom: Classroom, numbers: Collection[int]) -> Removal:
        before = await self._pods.pods(classroom)
        gone = await self._pods.roster(classroom).remove(numbers)
        left = await self._pods.remove(classroom, {number: before[number] for number in gone if number in before})
        return Removal({"seats": len(gone) - len(left)} if len(gone) > len(left) else {}, tuple(left))

    async def close(self, classroom: Classroom) -> Removal:
        return await Teardown(self._client, classroom.uid, classroom.name, self._pods.place(classroom)).run()

    async def remove_strays(self, known: Collection[str]) -> Removal:
        return await remove_strays(self._client, known)

    async def record_uid(self, classroom: Classroom) -> str:
        """The uid of the classroom's record, which owns everything else of it; empty when it is gone."""
        record = await self._rooms.find_record(classroom, self._pods.place(classroom).namespace)
        return str(record["metadata"]["uid"]) if record else ""

    async def end_from_inside(self, classroom: Classroom) -> None:
        """Begin the removal of everything and leave the rest to the cluster: for a program that is part of it."""
        place = self._pods.place(classroom)
        record = await self._rooms.find_record(classroom, place.namespace)
        if place.own:
            await self._client.delete(f"/api/v1/namespaces/{place.namespace}")
        elif record is not None:
            await self._client.delete(object_path({"apiVersion": "v1", "kind": "Secret"} | record))

    async def objects(self, classroom: Classroom) -> tuple[tuple[str, str], ...]:
        """Kind and name of everything that `close` would remove."""
        return tuple(await Teardown(self._client, classroom.uid, classroom.name, self._pods.place(classroom)).objects())

    def watch(self, classroom: Classroom) -> AsyncIterator[RuntimeEvent]:
        return watch_seats(self._client, classroom, self._pods.place(classroom).namespace)

    async def usage(self, classroom: Classroom) -> Mapping[int, Usage]:
        return await self._usage.read(classroom, self._pods.place(classroom).namespace)

    async def logs(self, classroom: Classroom, number: int, *, tail: int = 200) -> str:
        return await self._pods.logs(classroom, number, tail=tail)

    async def set_memory(self, classroom: Classroom, number: int, memory_bytes: int) -> None:
        await self._pods.set_memory(classroom, number, memory_bytes)

    async def run(self, classroom: Classroom, number: int, argv: tuple[str, ...], *, timeout: float = 60) -> ExecResult:
        record = await self._pods.running(classroom, number)
        if record.state is SeatState.STOPPED:
            raise SeatFailed(
                f"Seat {seat_name(number)} is stopped.", hint=f"`workshop restart {classroom.name}` starts it."
            )
        with of_seat(number):
            home = wishes_of(classroom).home
            return await run_in_home(self._client, self._pods.pod(classroom, number), home, argv, timeout=timeout)

    async def read_files(self, classroom: Classroom, number: int, path: str) -> AsyncIterator[bytes]:
        relative_path(path)
        place, home = await self._pods.readable(classroom, number)
        with of_seat(number):
            async for piece in files.read_tar(self._client, place, home, path, number):
                yield piece

    async def read_image_files(self, classroom: Classroom) -> AsyncIterator[bytes]:
        place = self._pods.place(classroom)
        owner = await self.record_uid(classroom)
        objects = SeatObjects(classroom, place.namespace, wishes_of(classroom), owner_uid=owner)
        async with aclosing(read_image(self._client, objects)) as stream:  # type: ignore[type-var]
            async for piece in stream:
                yield piece

    async def write_files(self, classroom: Classroom, number: int, path: str, tar: AsyncIterator[bytes]) -> None:
        home = wishes_of(classroom).home
        relative_path(path)
        await self._pods.running(classroom, number)
        with of_seat(number):
            await files.write_tar(self._client, self._pods.pod(classroom, number), home, path, tar, number)

    def shell_command(self, classroom: Classroom, number: int) -> tuple[str, ...]:
        place = self._pods.pod(classroom, number)
        context = classroom.option("context")
        return (
            "kubectl", *(("--context", context) if context else ()), "--namespace", place.namespace,
            "exec", "-it", place.pod, "--container", place.container, "--",
            "sh", "-c", "command -v bash >/dev/null && exec bash -l || exec sh",
        )  # fmt: skip

    async def aclose(self) -> None:
        await asyncio.gather(*(picture.aclose() for picture in self._live.values()), self._remote.aclose())
        await self._client.aclose()
