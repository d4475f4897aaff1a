"""Where students come in: an address of this machine, or a tunnel."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from workshop.errors import PortTaken, UsageError
from workshop.model.classroom import Classroom, Door
from workshop.model.events import DoorMoved, StepFinished, StepStarted
from workshop.model.snapshot import TunnelState
from workshop.ports.build import Report
from workshop.service import rooms
from workshop.service.doors import DoorClient
from workshop.service.reports import AddressReport, OwnAddress
from workshop.service.wiring import Wiring

if TYPE_CHECKING:
    from workshop.service.room import Room

PORTS_TRIED = 3
ANSWER_SECONDS = 2.0
"""Within which a gateway on this machine says what it is."""


async def open_door(wiring: Wiring, classroom: Classroom, *, other_port: bool, report: Report) -> Classroom:
    """Have the gateway run. The classroom with the door that links name: a cluster gives it out only now.

    Args:
        other_port: the port was chosen here and nobody has a link yet: the next one will do when another program has
            taken it meanwhile.

    Raises:
        PortTaken: another program listens there.
        GatewayFailed: it did not start.
    """
    report(StepStarted("gateway", f"Opening {classroom.join_url()}" if classroom.door.host else "Opening the door"))
    for last in (*[False] * PORTS_TRIED, True):
        try:
            classroom = await wiring.doors.ensure(classroom, report=report)
            break
        except PortTaken as error:
            if not other_port and await asyncio.to_thread(_answers_there, classroom.door):
                raise PortTaken(
                    f"Another gateway of this program answers at {classroom.join_url()} already.",
                    hint="If the class was opened from another account or folder (HOME, WORKSHOP_STATE_DIR), go on "
                    "with it there; else choose another port with --port.",
                ) from error
            if not other_port or last:
                raise
            classroom = await _next_port(wiring, classroom)
    report(StepFinished("gateway", f"Students come in at {classroom.join_url()}"))
    return classroom


def _answers_there(door: Door) -> bool:
    """Whether a gateway of ours answers at a door."""
    import http.client

    connection = http.client.HTTPConnection(door.host, door.port, timeout=ANSWER_SECONDS)
    try:
        connection.request("HEAD", "/")
        return connection.getresponse().getheader("Server") == "workshop"
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


async def _next_port(wiring: Wiring, classroom: Classroom) -> Classroom:
    from workshop.gateway.addresses import choose_door

    old = classroom.door
    others = [room.classroom.door for room in await rooms.every(wiring) if room.classroom.uid != classroom.uid]
    door = choose_door(
        address=old.host, wished=old.port + 1, tls=old.tls, allow_public=_public_allowed(classroom), taken=others
    )
    wiring.store.set_room_state(classroom.uid, port=door.port)
    return replace(classroom, door=replace(old, port=door.port))


async def open_tunnel(client: DoorClient, command: str, *, report: Report) -> None:
    """Have the gateway keep this tunnel, and wait until it is open; with an empty command, none.

    Raises:
        GatewayFailed: it could not be opened. The gateway tries again by itself.
    """
    if command:
        report(StepStarted("tunnel", f"Opening the tunnel: {command}"))
    url = (await client.act("tunnel", {"command": command})).get("url")
    if url:
        report(StepFinished("tunnel", f"Students come in at {url}/"))


async def addresses_of(wiring: Wiring, name: str) -> AddressReport:
    """
    Raises:
        UnknownClassroom: a name was given, and there is no such classroom.
    """
    return _report((await rooms.find(wiring, name)).classroom if name else None)


async def move_door(
    wiring: Wiring, room: rooms.FoundRoom, address: str, *, port: int | None, allow_public: bool
) -> AddressReport:
    """
    Raises:
        UsageError: this machine has no such address, or it is public and not protected; or a cluster holds the gateway.
        PortTaken: the port that was asked for is in use.
    """
    from workshop.gateway.addresses import choose_door

    classroom = room.classroom
    name = classroom.name
    if classroom.runtime == "kubernetes":
        raise UsageError(f"The gateway of {name} is in the cluster.", hint="Its address follows `kubernetes.exposure`.")
    async with wiring.alone(rooms.lock_name(classroom)):
        others = [room.classroom.door for room in await rooms.every(wiring) if room.classroom.uid != classroom.uid]
        old = classroom.door
        door = choose_door(
            address=address,
            port=0 if port == old.port else port or 0,
            wished=old.port,
            tls=old.tls,
            allow_public=allow_public or _public_allowed(classroom),
            taken=others,
        )
        if door.host != old.host or port not in (None, old.port):
            client = await wiring.doors.client(classroom)
            if client is not None:
                await client.act("door", {"host": door.host, "port": door.port})
            else:
                wiring.store.set_room_state(classroom.uid, host=door.host, port=door.port)
    return _report((await rooms.find(wiring, classroom.uid, called=name)).classroom)


def _public_allowed(classroom: Classroom) -> bool:
    from workshop.model.definition import WorkshopDefinition

    text = classroom.definition
    return bool(text) and WorkshopDefinition.model_validate_json(text).access.allow_public


def _report(classroom: Classroom | None) -> AddressReport:
    from workshop.gateway.addresses import addresses

    host = classroom.door.host if classroom else ""
    own = tuple(
        OwnAddress(one.ip, one.interface, one.kind.value, one.default_route, used=one.ip == host) for one in addresses()
    )
    return AddressReport(own, classroom)


class DoorMover:
    """Answers the room's verb `door`: the gateway listens elsewhere, and all that shows links follows.

    Args:
        move: has the gateway listen there; None where nothing listens.
    """

    def __init__(self, room: Room, move: Callable[[str, int], Awaitable[None]] | None = None) -> None:
        self._room = room
        self._move = move

    async def asked(self, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        """
        Raises:
            PortTaken: another program listens there.
            GatewayFailed: the address is not this machine's.
        """
        host, port = str(arguments["host"]), int(arguments["port"])
        room = self._room
        if self._move is not None:
            await self._move(host, port)
        room.store.set_room_state(room.classroom.uid, host=host, port=port)
        door: Door = replace(room.classroom.door, host=host, port=port)
        room.report(DoorMoved(door))
        if room.tunnel is not TunnelState.NONE:
            await room.verbs["tunnel"]({"again": True})
        room.store.record(room.classroom.uid, "address", f"students come in at {host}")
        return {"join": room.classroom.join_url()}
