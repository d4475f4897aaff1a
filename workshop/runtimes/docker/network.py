"""The classroom's network: the object that is made first, removed last, and by whose labels a classroom is found."""

from __future__ import annotations

import hashlib
import ipaddress
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import docker
from docker.errors import APIError

from workshop.errors import NameInUse, RuntimeRefused
from workshop.model import labels
from workshop.model.classroom import Classroom
from workshop.runtimes.docker.objects import NETWORK_KIND, bridge_name, network_name, network_request

Network = ipaddress.IPv4Network

POOLS = (Network("172.28.0.0/14"), Network("10.208.0.0/12"))
"""Where subnets are taken from: seldom used by companies, and not where the engine itself looks first."""
ROUTES = Path("/proc/net/route")
TRIES = 12


def open_network(client: docker.DockerClient, classroom: Classroom) -> Classroom:
    """Make the classroom's network, or find it; the classroom as its labels say.

    Raises:
        NameInUse: a classroom of that name with another uid is there.
        RuntimeRefused: no free subnet, or the engine says no for another reason.
    """
    refusal: APIError | None = None
    tried: set[Network] = set()
    for _ in range(TRIES):
        found = find_network(client, classroom)
        if found is not None:
            return found
        taken = taken_subnets(client.api.networks(), ROUTES)
        subnet = next((free for free in free_subnets(classroom, taken) if free not in tried), None)
        if subnet is None:
            raise RuntimeRefused(
                "No free range of addresses is left for the classroom's network.",
                hint="Close classrooms that are over, or remove networks that nothing uses (`docker network ls`).",
            )
        tried.add(subnet)
        room = classroom.with_options(subnet=str(subnet), bridge=bridge_name(classroom.name))
        try:
            client.api.create_network(**network_request(room, str(subnet), str(subnet[1])))
        except APIError as error:
            # 409: another process made this network a moment ago. 403: it has the bridge or an overlapping subnet,
            # or the subnet overlaps something that only the engine sees. Look again, then try the next subnet.
            if error.status_code not in (403, 409):
                raise
            refusal = error
            continue
        return room
    raise RuntimeRefused(
        f"The engine made no network for classroom {classroom.name!r} in {TRIES} tries.",
        hint="A network or interface of that name may be in the way: see `docker network ls` and `ip link`.",
        details=(str(getattr(refusal, "explanation", "") or refusal),),
    )


def find_network(client: docker.DockerClient, classroom: Classroom) -> Classroom | None:
    """The classroom as recorded on its network; None when there is none.

    Raises:
        NameInUse: the name belongs to a classroom with another uid, or to a network that is not ours.
    """
    for network in client.api.networks(names=[network_name(classroom)]):
        if network["Name"] != network_name(classroom):
            continue
        of = network.get("Labels") or {}
        if not labels.is_ours(of):
            raise NameInUse(
                f"A network called {network['Name']!r} that is not ours is in the way of classroom {classroom.name!r}.",
                hint="Give the classroom another name (`--name`).",
            )
        if of.get(labels.UID) != classroom.uid:
            raise NameInUse(
                f"A classroom called {classroom.name!r} is already there.",
                hint="Give this one another name (`--name`), or end the other first (`workshop down`).",
            )
        with suppress(ValueError):
            return labels.classroom_of(of)
        return classroom
    return None


def room_networks(client: docker.DockerClient, uid: str = "") -> list[Mapping[str, Any]]:
    """Networks of ours, of one classroom or of all."""
    wanted = [f"{labels.TOOL}={labels.TOOL_VALUE}", f"{labels.KIND}={NETWORK_KIND}"]
    if uid:
        wanted.append(f"{labels.UID}={uid}")
    found: list[Mapping[str, Any]] = client.api.networks(filters={"label": wanted})
    return found


def free_subnets(classroom: Classroom, taken: Iterable[Network]) -> Iterator[Network]:
    """Subnets large enough that overlap nothing in `taken`, beginning at a place that depends on the classroom.

    Different beginnings keep two processes that open two classrooms at once out of each other's way.
    """
    prefix = 24 if classroom.seats <= 120 else 22 if classroom.seats <= 500 else 20
    busy = tuple(taken)
    for pool in POOLS:
        count = 2 ** (prefix - pool.prefixlen)
        step = 2 ** (32 - prefix)
        begin = int.from_bytes(hashlib.sha256(classroom.uid.encode()).digest()[:4]) % count
        for offset in range(count):
            address = int(pool.network_address) + (begin + offset) % count * step
            subnet = Network((address, prefix))
            if not any(subnet.overlaps(other) for other in busy):
                yield subnet


def taken_subnets(networks: Iterable[Mapping[str, Any]], routes: Path) -> set[Network]:
    """What the engine's networks and this machine's routes use (default routes aside)."""
    taken = set(read_routes(routes.read_text()) if routes.exists() else ())
    for network in networks:
        for config in (network.get("IPAM") or {}).get("Config") or ():
            with suppress(ValueError):  # an IPv6 subnet
                taken.add(Network(config.get("Subnet", "")))
    return taken


def read_routes(text: str) -> Iterator[Network]:
    """Destinations in the format of `/proc/net/route`: little-endian hex, one route a line."""
    for line in text.splitlines()[1:]:
        fields = line.split()
        if len(fields) < 8:
            continue
        destination, mask = (int.from_bytes(bytes.fromhex(fields[index]), "little") for index in (1, 7))
        if mask:
            yield Network((destination & mask, mask.bit_count()))
