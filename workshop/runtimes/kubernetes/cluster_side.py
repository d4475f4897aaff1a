"""A cluster as the service sees it beside seats: room, rights, the way of images, and the gateway that runs there.

Implements `ports.remote.RemoteSide`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workshop.engines.docker_engine import DockerEngine
from workshop.errors import NameInUse, RuntimeRefused
from workshop.model.classroom import Classroom
from workshop.model.data_file import DataFile
from workshop.model.definition import KubernetesPart, WorkshopDefinition
from workshop.model.events import StepFinished, StepStarted
from workshop.model.image import Image, ImageSettings
from workshop.model.seat import SeatCommand
from workshop.model.snapshot import Fit, Problem
from workshop.ports.build import Report
from workshop.ports.remote import Line
from workshop.ports.store import RoomMemory
from workshop.runtimes.kubernetes import distribution, gateway_image
from workshop.runtimes.kubernetes.client import ClusterClient
from workshop.runtimes.kubernetes.cluster_gateway import EXPOSURE, ClusterGateway
from workshop.runtimes.kubernetes.data_layer import with_data
from workshop.runtimes.kubernetes.exposure import PORT_FORWARD, choose_exposure, door_problems
from workshop.runtimes.kubernetes.gateway_objects import CONTROL_SOCKET, GatewayObjects, GatewayWishes
from workshop.runtimes.kubernetes.memories import memories_of
from workshop.runtimes.kubernetes.objects import SeatObjects
from workshop.runtimes.kubernetes.rooms import Rooms
from workshop.runtimes.kubernetes.volumes import storage_problems
from workshop.runtimes.kubernetes.wishes import wishes_of

if TYPE_CHECKING:
    from workshop.runtimes.kubernetes.runtime import KubernetesRuntime

Json = dict[str, Any]

GIVEN = "given"
"""The recipe of an image that the definition names: nodes pull it, nobody here has to have it."""
_HIDDEN = "(made when the class is opened)"


class ClusterSide:
    """
    Args:
        runtime: the runtime whose side this is; asked for what it knows of seats.
    """

    def __init__(self, runtime: KubernetesRuntime, client: ClusterClient, rooms: Rooms) -> None:
        self._runtime = runtime
        self._client = client
        self._rooms = rooms
        self._gateway = ClusterGateway(client, rooms)
        self._docker: DockerEngine | None = None

    # Before a class

    async def obstacles(self, classroom: Classroom) -> tuple[Problem, ...]:
        place, part = self._runtime.place(classroom), wishes_of(classroom).part
        missing = await self._runtime.missing_rights("" if place.own else place.namespace, exposure=part.exposure)
        if not missing:
            try:
                await self._rooms.refuse_namespace(classroom, place)
            except (NameInUse, RuntimeRefused) as error:
                return (Problem("kubernetes.namespace", error.message, error.hint),)
            doors, storage = await asyncio.gather(
                door_problems(self._client, part, place), storage_problems(self._client, part)
            )
            return doors + storage
        where = "" if place.own else f" --set kubernetes_namespace={place.namespace}"
        return (
            Problem(
                "runtime",
                f"This account may not: {'; '.join(missing)}.",
                f"`workshop doctor --rbac{where}` prints the smallest role that would do, for the administrator.",
            ),
        )

    async def fit(self, classroom: Classroom, seats: int, *, there: int = 0) -> Fit:
        return await self._runtime.fit(classroom, seats, there=there)

    def roles(self, definition: WorkshopDefinition) -> list[Json]:
        part = definition.kubernetes
        return self._runtime.rbac(part.namespace, exposure=part.exposure, storage=bool(part.storage))

    async def described(
        self, classroom: Classroom, commands: Mapping[int, SeatCommand], settings: ImageSettings
    ) -> list[Json]:
        seats = SeatObjects(classroom, self._runtime.place(classroom).namespace, wishes_of(classroom))
        part = seats.wishes.part
        name = part.gateway_image or gateway_image.reference(settings)
        if part.registry and not part.gateway_image:
            name = ":".join(distribution.pushed_name(part.registry, name))
        wishes = _gateway_wishes(classroom, name, {}, ends_itself=True)
        exposure = classroom.option(EXPOSURE) or await choose_exposure(self._client, part)
        made = self._runtime.manifests(classroom, commands) + GatewayObjects(seats, wishes).all(exposure)
        return [_without_secrets(manifest) for manifest in made]

    # Images

    async def refuse_early(self, definition: WorkshopDefinition) -> None:
        part = definition.kubernetes
        context = (await self._client.access()).context
        if part.registry or distribution.local_cluster(context):
            return
        if definition.image.reference and part.gateway_image:
            return
        raise RuntimeRefused(
            f"There is no way for images from this machine to the cluster of context {context}.",
            hint="Name a registry that both reach (`kubernetes.registry`), or finished images "
            "(`image.reference` and `kubernetes.gateway_image`).",
        )

    async def deliver(
        self, image: Image, definition: WorkshopDefinition, files: Sequence[DataFile], *, report: Report
    ) -> Image:
        if image.recipe == GIVEN and not files:
            return image
        async with with_data(self._engine, image.reference, files, report=report) as name:
            return replace(image, digest=await self._delivered(name, definition.kubernetes, report))

    async def deliver_gateway(self, definition: WorkshopDefinition, settings: ImageSettings, *, report: Report) -> str:
        return await self._gateway_image(definition.kubernetes, settings, report)

    async def _gateway_image(self, part: KubernetesPart, settings: ImageSettings, report: Report) -> str:
        if part.gateway_image:
            return part.gateway_image
        report(StepStarted("gateway image", "Making the gateway's image"))
        image = await gateway_image.build_gateway_image(self._engine, settings)
        report(StepFinished("gateway image", "there already" if image.cached else "built"))
        return await self._delivered(image.reference, part, report)

    async def _delivered(self, reference: str, part: KubernetesPart, report: Report) -> str:
        """What nodes know the image by, once they can have it."""
        if part.registry:
            return await distribution.push(self._engine, reference, part.registry, report=report)
        return await distribution.load((await self._client.access()).context, reference, report=report)

    @property
    def _engine(self) -> DockerEngine:
        """Where images are built, and where they leave from."""
        if self._docker is None:
            self._docker = DockerEngine()
        return self._docker

    async def fetch(self, classroom: Classroom, *, report: Report) -> None:
        if not await self._runtime.has_image(classroom.image):
            await self._runtime.prepull(classroom, report=report)

    # The gateway

    async def open_gateway(
        self,
        classroom: Classroom,
        settings: ImageSettings,
        *,
        environment: Mapping[str, str],
        ends_itself: bool,
        report: Report,
    ) -> Classroom:
        part = wishes_of(classroom).part
        image = await self._gateway.image_in_use(classroom) or await self._gateway_image(part, settings, report)
        wishes = _gateway_wishes(classroom, image, environment, ends_itself=ends_itself)
        return await self._gateway.ensure(classroom, wishes)

    async def gateway_runs(self, classroom: Classroom) -> bool:
        return await self._gateway.pod(classroom) is not None

    async def close_gateway(self, classroom: Classroom) -> bool:
        return await self._gateway.stop(classroom)

    async def reach(self, classroom: Classroom, socket: Path) -> Line:
        return await self._gateway.relay(classroom, socket, CONTROL_SOCKET)

    async def needs_forward(self, classroom: Classroom) -> bool:
        exposure = classroom.option(EXPOSURE) or await choose_exposure(self._client, wishes_of(classroom).part)
        return exposure == PORT_FORWARD

    async def forward(self, classroom: Classroom, host: str, port: int) -> Line:
        return await self._gateway.forward(classroom, host, port)

    async def memories(self) -> Mapping[str, RoomMemory]:
        return memories_of(await self._rooms.stores())

    async def aclose(self) -> None:
        if self._docker is not None:
            await self._docker.aclose()


def _gateway_wishes(
    classroom: Classroom, image: str, environment: Mapping[str, str], *, ends_itself: bool
) -> GatewayWishes:
    words = ("-m", "workshop.service.cluster_process", classroom.name, "--uid", classroom.uid)
    return GatewayWishes(
        image, words, tuple(sorted(environment.items())), grace=_grace(classroom), ends_itself=ends_itself
    )


def _grace(classroom: Classroom) -> timedelta:
    """How long the class stays after its end, as its recorded definition says."""
    if not classroom.definition:
        return timedelta(minutes=30)
    return WorkshopDefinition.model_validate_json(classroom.definition).times.grace


def _without_secrets(manifest: Json) -> Json:
    """A manifest that can be shown: keys, tokens and PINs are only what they are for."""
    if manifest["kind"] != "Secret":
        return manifest
    hidden = {key: text if key == "launch" else _HIDDEN for key, text in manifest.get("stringData", {}).items()}
    return manifest | {"stringData": hidden}
