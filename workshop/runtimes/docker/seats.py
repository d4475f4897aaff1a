"""Making, starting, replacing and removing seats' containers: blocking calls of the SDK, run in the engine's pool.

Of several containers of one number the highest generation is the seat. A new generation is made beside the old one,
which is stopped, and removed only when its successor has started: a replacement that fails leaves the old seat.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

import docker
from docker.errors import APIError, ImageNotFound, NotFound

from workshop.engines.docker_engine import explanation
from workshop.errors import SeatFailed
from workshop.model import labels
from workshop.model.classroom import Classroom
from workshop.model.seat import SeatCommand, SeatRecord, seat_name
from workshop.runtimes.docker.objects import (
    SEAT_KIND,
    STOP_SECONDS,
    SeatImage,
    container_name,
    network_name,
    seat_request,
)
from workshop.runtimes.docker.records import newest, record_of, seat_generation

SETTLE_SECONDS = 15
"""How long another process's half-done work on the same container is waited for."""


def list_containers(client: docker.DockerClient, uid: str, **wanted: str) -> list[Mapping[str, Any]]:
    """Containers of one classroom, further narrowed by labels (`kind="seat"`, `seat="7"`)."""
    filters = [f"{labels.TOOL}={labels.TOOL_VALUE}", f"{labels.UID}={uid}"]
    filters += [f"{labels.PREFIX}{name}={value}" for name, value in wanted.items()]
    found: list[Mapping[str, Any]] = client.api.containers(all=True, filters={"label": filters})
    return found


def seat_containers(client: docker.DockerClient, uid: str) -> dict[int, Mapping[str, Any]]:
    """The container that is each seat."""
    return dict(sorted(newest(list_containers(client, uid, kind=SEAT_KIND)).items()))


def find_seat(client: docker.DockerClient, classroom: Classroom, number: int) -> Mapping[str, Any]:
    """The container that is a seat.

    Raises:
        SeatFailed: there is none.
    """
    found = newest(list_containers(client, classroom.uid, kind=SEAT_KIND, seat=str(number))).get(number)
    if found is None:
        raise SeatFailed(
            f"Classroom {classroom.name!r} has no seat {seat_name(number)} on the engine.",
            hint="`workshop up` with the same file makes what is missing.",
        )
    return found


def inspect_seats(client: docker.DockerClient, uid: str) -> tuple[SeatRecord, ...]:
    records = []
    for container in seat_containers(client, uid).values():
        with suppress(NotFound):
            records.append(record_of(client.api.inspect_container(container["Id"])))
    return tuple(records)


def create_seat(
    client: docker.DockerClient,
    classroom: Classroom,
    number: int,
    command: SeatCommand,
    *,
    image: SeatImage,
    generation: int,
    engine_cpus: float,
    publish: bool,
) -> SeatRecord:
    """Make and start a seat of at least this generation, or start the one there is.

    Args:
        image: what the classroom's image says of user and folder.

    Raises:
        SeatFailed: it could not be made or started.
    """
    present = list_containers(client, classroom.uid, kind=SEAT_KIND, seat=str(number))
    current = newest(present).get(number)
    if current is not None and seat_generation(current["Labels"]) >= generation:
        record = _started(client, classroom, number, current["Id"])
    else:
        request = seat_request(
            classroom, number, command, image, generation=generation, engine_cpus=engine_cpus, publish=publish
        )
        made, new = _make(client, classroom, number, container_name(classroom, number, generation), request)
        if current is not None:
            _stop(client, current["Id"])
        try:
            record = _started(client, classroom, number, made, new=new)
        except SeatFailed:
            if current is not None:
                force_remove(client, made)
                with suppress(APIError):
                    client.api.start(current["Id"])
            raise
    for container in present:
        if seat_generation(container["Labels"]) < record.generation:
            force_remove(client, container["Id"])
    return record


def inspect_image(client: docker.DockerClient, classroom: Classroom) -> SeatImage:
    """The image that seats start from; never fetched.

    Raises:
        SeatFailed: the engine does not have it.
    """
    if not classroom.image:  # what is left of a classroom whose network is gone
        raise SeatFailed(f"What seats of classroom {classroom.name!r} started from is not known any more.")
    api: Any = client.api
    try:
        return SeatImage.from_inspect(api.inspect_image(classroom.image))
    except ImageNotFound as error:
        raise SeatFailed(
            f"The engine has no image {classroom.image[:19]} for classroom {classroom.name!r}.",
            hint="Build it again with `workshop build`; seats are never started from an image that has to be fetched.",
        ) from error


def _make(
    client: docker.DockerClient, classroom: Classroom, number: int, name: str, request: dict[str, Any]
) -> tuple[str, bool]:
    """The id of a new container and True, or of the one that another process has just made by this name and False."""
    api: Any = client.api
    deadline = time.monotonic() + SETTLE_SECONDS
    while True:
        try:
            return str(api.create_container_from_config(request, name)["Id"]), True
        except APIError as error:
            if error.status_code == 404:
                inspect_image(client, classroom)  # says so when it is the image that is gone
            if error.status_code != 409:
                raise SeatFailed(f"Seat {seat_name(number)} could not be made: {explanation(error)}") from error
        try:
            there = client.api.inspect_container(name)
        except NotFound:
            there = None  # being removed, or already gone: the name is free in a moment
        if there is not None and not there["State"].get("Dead") and there["State"]["Status"] != "removing":
            of = there["Config"].get("Labels") or {}
            if labels.is_ours(of) and of.get(labels.UID) == classroom.uid:
                return str(there["Id"]), False
            raise SeatFailed(
                f"Seat {seat_name(number)} could not be made: a container called {name!r} is in the way.",
                hint="It belongs to something else: remove it, or give the classroom another name (`--name`).",
            )
        if time.monotonic() > deadline:
            raise SeatFailed(f"Seat {seat_name(number)} could not be made: the name {name!r} does not become free.")
        time.sleep(0.1)


def _started(
    client: docker.DockerClient, classroom: Classroom, number: int, container: str, *, new: bool = False
) -> SeatRecord:
    """Start a container, paused ones included, and say what it is then.

    Args:
        new: it was made here a moment ago.
    """
    api = client.api
    try:
        status = "created" if new else _inspect_settled(client, classroom, number, container)["State"]["Status"]
        if status == "restarting":
            api.restart(container, timeout=0)  # at once, not when the engine's growing pause between tries is over
        elif status not in ("running", "paused"):
            api.start(container)
        return record_of(api.inspect_container(container))
    except NotFound as error:
        if not api.networks(names=[network_name(classroom)]):
            force_remove(client, container)
            raise SeatFailed(
                f"Seat {seat_name(number)} was not started: classroom {classroom.name!r} is being closed."
            ) from error
        raise SeatFailed(f"Seat {seat_name(number)} could not be started: {explanation(error)}") from error
    except APIError as error:
        raise SeatFailed(
            f"Seat {seat_name(number)} could not be started: {explanation(error)}",
            hint="`workshop rehearse` shows whether the image's server starts at all.",
        ) from error


def _inspect_settled(
    client: docker.DockerClient, classroom: Classroom, number: int, container: str
) -> Mapping[str, Any]:
    """A seat's container that was listed. The engine lists one a moment before it knows it by its id.

    Raises:
        NotFound: it is gone.
    """
    deadline = time.monotonic() + SETTLE_SECONDS
    while True:
        try:
            found: Mapping[str, Any] = client.api.inspect_container(container)
            return found
        except NotFound:
            listed = list_containers(client, classroom.uid, kind=SEAT_KIND, seat=str(number))
            if container not in {entry["Id"] for entry in listed} or time.monotonic() > deadline:
                raise
        time.sleep(0.05)


def restart_seat(client: docker.DockerClient, classroom: Classroom, number: int) -> SeatRecord:
    container = find_seat(client, classroom, number)
    _stop(client, container["Id"])
    return _started(client, classroom, number, container["Id"])


def stop_seat(client: docker.DockerClient, classroom: Classroom, number: int) -> None:
    _stop(client, find_seat(client, classroom, number)["Id"])


def _stop(client: docker.DockerClient, container: str) -> None:
    """Ask the server to end, kill it when it does not; a paused one is thawed first, or it could not hear."""
    with suppress(NotFound):
        if client.api.inspect_container(container)["State"].get("Paused"):
            with suppress(APIError):  # thawed by someone else in between: the stop below tells
                client.api.unpause(container)
        client.api.stop(container, timeout=STOP_SECONDS)


def pause_seat(client: docker.DockerClient, classroom: Classroom, number: int, *, paused: bool) -> None:
    container = find_seat(client, classroom, number)["Id"]
    change: Callable[[str], None] = client.api.pause if paused else client.api.unpause
    try:
        change(container)
    except APIError as error:
        # The engine refuses to do it twice; whether it is as wanted is what counts.
        if bool(client.api.inspect_container(container)["State"].get("Paused")) is paused:
            return
        verb = "paused" if paused else "resumed"
        raise SeatFailed(f"Seat {seat_name(number)} could not be {verb}: {explanation(error)}") from error


def set_memory(client: docker.DockerClient, classroom: Classroom, number: int, memory_bytes: int) -> None:
    container = find_seat(client, classroom, number)["Id"]
    try:
        client.api.update_container(container, mem_limit=memory_bytes, memswap_limit=memory_bytes)
    except APIError as error:
        raise SeatFailed(
            f"Seat {seat_name(number)}'s memory limit could not be changed: {explanation(error)}",
            hint="A limit cannot be set below what the seat uses now.",
        ) from error


def force_remove(client: docker.DockerClient, container: str) -> str:
    """Kill and remove a container with its anonymous volumes: why it is still there, or nothing."""
    deadline = time.monotonic() + SETTLE_SECONDS
    while True:
        try:
            client.api.remove_container(container, force=True, v=True)
            return ""
        except NotFound:
            return ""
        except APIError as error:
            # 409: another process is removing it, or it is just being made; both are over soon.
            if error.status_code != 409 or time.monotonic() > deadline:
                return explanation(error)
        time.sleep(0.1)
