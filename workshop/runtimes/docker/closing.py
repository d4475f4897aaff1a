"""Taking a classroom off the engine: everything that carries its uid, the network last, then a look at what is left."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Collection, Mapping
from functools import partial
from typing import Any

import docker
from docker.errors import APIError, NotFound

from workshop.engines.docker_engine import DockerEngine, explanation
from workshop.model import labels
from workshop.model.classroom import Classroom
from workshop.model.snapshot import Removal, Survivor
from workshop.runtimes.docker.network import room_networks
from workshop.runtimes.docker.objects import DATA_KIND, HELPER_KIND, SEAT_KIND
from workshop.runtimes.docker.records import seat_number
from workshop.runtimes.docker.seats import force_remove, list_containers
from workshop.runtimes.docker.wall import HostWall

ROOM_KINDS = (SEAT_KIND, HELPER_KIND, DATA_KIND)
ROUNDS = 3
"""Lists and removals: a seat that another process was just making turns up in the second."""


async def remove_seats(engine: DockerEngine, classroom: Classroom, numbers: Collection[int]) -> Removal:
    """Remove these seats, every generation of them, in parallel."""
    wanted = set(numbers)

    def chosen(client: docker.DockerClient) -> list[Mapping[str, Any]]:
        listed = list_containers(client, classroom.uid, kind=SEAT_KIND)
        return [container for container in listed if seat_number(container["Labels"]) in wanted]

    containers = await engine.call(chosen)
    reasons = await _remove(engine, containers)
    left = {container["Id"]: container for container in await engine.call(chosen)}
    gone = {seat_number(box["Labels"]) for box in containers} - {seat_number(box["Labels"]) for box in left.values()}
    return Removal({"seats": len(gone)} if gone else {}, _survivors(left, reasons))


async def close_classroom(engine: DockerEngine, wall: HostWall, classroom: Classroom) -> Removal:
    """Remove containers and rules at once, then volumes, then the network; count, list again, name survivors."""
    removed: Counter[str] = Counter()
    reasons: dict[str, str] = {}
    left_over: tuple[Survivor, ...] = ()
    network_there = bool(await engine.call(lambda client: room_networks(client, classroom.uid)))
    lowering: asyncio.Task[tuple[int, str]] | None
    lowering = asyncio.create_task(wall.lower_for(classroom, network_there=network_there))
    try:
        for _ in range(ROUNDS):
            containers = await _containers(engine, classroom, helpers=lowering is None)
            if containers:
                reasons |= await _remove(engine, containers)
                left = {box["Id"] for box in await _containers(engine, classroom, helpers=lowering is None)}
                removed.update(_plural(box["Labels"]) for box in containers if box["Id"] not in left)
            if lowering is not None:
                rules, rule_reason = await lowering
                lowering = None
                if rules:
                    removed["rules"] += rules
                if rule_reason:
                    reasons["rules"] = rule_reason
            removed["volumes"] += await engine.call(partial(_remove_volumes, classroom=classroom, reasons=reasons))
            removed["networks"] += await engine.call(partial(_remove_networks, classroom=classroom, reasons=reasons))
            left_over = await _list_left(engine, classroom, reasons)
            if not left_over:
                break
    finally:
        if lowering is not None:
            lowering.cancel()
            await asyncio.gather(lowering, return_exceptions=True)
    return Removal({kind: count for kind, count in removed.items() if count}, left_over)


async def remove_strays(engine: DockerEngine, known: Collection[str]) -> Removal:
    """Remove containers and volumes of classrooms that are neither in `known` nor have a network."""

    def stray(of: Mapping[str, str], alive: Collection[str]) -> bool:
        return of.get(labels.KIND) in ROOM_KINDS and of.get(labels.UID) not in alive

    def find(client: docker.DockerClient) -> tuple[list[Mapping[str, Any]], list[str]]:
        # Listed anew: the network of a classroom is made first, so one that is being opened now is not taken for lost.
        alive = {*known, *(network["Labels"].get(labels.UID) for network in room_networks(client))}
        wanted = {"label": f"{labels.TOOL}={labels.TOOL_VALUE}"}
        boxes = client.api.containers(all=True, filters=wanted)
        volumes = client.api.volumes(filters=wanted).get("Volumes") or ()
        return (
            [box for box in boxes if stray(box.get("Labels") or {}, alive)],
            [volume["Name"] for volume in volumes if stray(volume.get("Labels") or {}, alive)],
        )

    boxes, volumes = await engine.call(find)
    reasons = await _remove(engine, boxes)
    removed = Counter(_plural(box["Labels"]) for box in boxes if box["Id"] not in reasons)
    for name in volumes:
        removed["volumes"] += await engine.call(partial(_remove_volume, name=name, reasons=reasons))
    left = {box["Id"]: box for box in boxes if box["Id"] in reasons}
    lost = tuple(Survivor("volume", name, reasons[name]) for name in volumes if name in reasons)
    return Removal({kind: count for kind, count in removed.items() if count}, (*_survivors(left, reasons), *lost))


async def _containers(engine: DockerEngine, classroom: Classroom, *, helpers: bool) -> list[Mapping[str, Any]]:
    """The classroom's containers, without the helper that is at work for this very removal."""
    listed = await engine.call(lambda client: list_containers(client, classroom.uid))
    return [box for box in listed if helpers or box["Labels"].get(labels.KIND) == SEAT_KIND]


async def _remove(engine: DockerEngine, containers: Collection[Mapping[str, Any]]) -> dict[str, str]:
    """Remove in parallel; why by id, of those that did not go."""

    async def one(container_id: str) -> tuple[str, str]:
        return container_id, await engine.call(lambda client: force_remove(client, container_id))

    results = await asyncio.gather(*(one(container["Id"]) for container in containers))
    return {container_id: reason for container_id, reason in results if reason}


def _remove_volumes(client: docker.DockerClient, classroom: Classroom, reasons: dict[str, str]) -> int:
    return sum(_remove_volume(client, name, reasons) for name in _volumes(client, classroom))


def _remove_volume(client: docker.DockerClient, name: str, reasons: dict[str, str]) -> int:
    """1 when it was removed now, 0 when it was gone already or stays (the reason is noted)."""
    try:
        client.api.remove_volume(name)
    except NotFound:
        return 0
    except APIError as error:
        reasons[name] = explanation(error)
        return 0
    return 1


def _volumes(client: docker.DockerClient, classroom: Classroom) -> list[str]:
    wanted = [f"{labels.TOOL}={labels.TOOL_VALUE}", f"{labels.UID}={classroom.uid}"]
    return [volume["Name"] for volume in client.api.volumes(filters={"label": wanted}).get("Volumes") or ()]


def _remove_networks(client: docker.DockerClient, classroom: Classroom, reasons: dict[str, str]) -> int:
    """Last of all, and only when no container of ours is left: a classroom with something in it must stay findable."""
    if list_containers(client, classroom.uid) or _volumes(client, classroom):
        return 0
    count = 0
    for network in room_networks(client, classroom.uid):
        try:
            client.api.remove_network(network["Id"])
            count += 1
        except NotFound:
            continue
        except APIError as error:
            reasons[network["Id"]] = _network_reason(client, network["Id"], explanation(error))
    return count


def _network_reason(client: docker.DockerClient, network_id: str, said: str) -> str:
    """Who still uses a network, where that is why it could not be removed."""
    try:
        users = client.api.inspect_network(network_id).get("Containers") or {}
    except NotFound:
        return said
    names = ", ".join(sorted(user["Name"] for user in users.values()))
    return f"still used by {names}, which is not ours: disconnect it, then run this again" if names else said


async def _list_left(engine: DockerEngine, classroom: Classroom, reasons: Mapping[str, str]) -> tuple[Survivor, ...]:
    def look(client: docker.DockerClient) -> tuple[Survivor, ...]:
        boxes = {box["Id"]: box for box in list_containers(client, classroom.uid)}
        volumes = [Survivor("volume", name, reasons.get(name, "still there")) for name in _volumes(client, classroom)]
        networks = [
            Survivor("network", network["Name"], reasons.get(network["Id"], "kept until all else is gone"))
            for network in room_networks(client, classroom.uid)
        ]
        rules = [Survivor("rule", f"workshop-{classroom.uid}", reasons["rules"])] if "rules" in reasons else []
        return (*_survivors(boxes, reasons), *volumes, *networks, *rules)

    return await engine.call(look)


def _survivors(boxes: Mapping[str, Mapping[str, Any]], reasons: Mapping[str, str]) -> tuple[Survivor, ...]:
    return tuple(
        Survivor(
            box["Labels"].get(labels.KIND, "container"),
            box["Names"][0].lstrip("/"),
            reasons.get(container_id, "the engine still lists it"),
        )
        for container_id, box in boxes.items()
    )


def _plural(of: Mapping[str, str]) -> str:
    return f"{of.get(labels.KIND, 'container')}s"
