"""Where students come in: the port that was free a moment ago, and moving to another address."""

from __future__ import annotations

import shutil
import socket

import aiohttp
import pytest

from tests.service.conftest import MakeRoom
from tests.support.ports import free_port
from workshop.errors import PortTaken, UnknownClassroom, UsageError
from workshop.ports.build import ignore_events
from workshop.service import doors
from workshop.service.addressing import open_door


def listener() -> socket.socket:
    """Another program that was quicker."""
    taken = socket.create_server(("127.0.0.1", 0))
    return taken


async def test_a_port_that_was_taken_before_the_gateway_came_is_left_for_the_next_one(make_room: MakeRoom) -> None:
    with listener() as other:
        port = other.getsockname()[1]
        room = await make_room(port=port)
        await open_door(room.wiring, room.classroom, other_port=True, report=ignore_events)
        status = await room.status()
        assert status.classroom.door.port > port
        async with aiohttp.ClientSession() as session:
            assert (await session.get(f"{status.classroom.join_url()}check")).status == 200


async def test_links_that_were_given_out_keep_their_port(make_room: MakeRoom) -> None:
    with listener() as other:
        room = await make_room(port=other.getsockname()[1])
        with pytest.raises(PortTaken, match="in use by another program") as raised:
            await open_door(room.wiring, room.classroom, other_port=False, report=ignore_events)
        assert "workshop address" in raised.value.hint


async def test_the_gateway_of_another_account_at_the_class_s_address_is_told_from_a_foreign_program(
    make_room: MakeRoom, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = await make_room()
    await room.start()
    shutil.rmtree(room.doors.files(room.classroom.uid).lock.parent)  # as if it had another state folder
    with pytest.raises(PortTaken, match="Another gateway of this program answers") as raised:
        await open_door(room.wiring, room.classroom, other_port=False, report=ignore_events)
    assert "WORKSHOP_STATE_DIR" in raised.value.hint
    monkeypatch.setattr(doors, "YOUNG", 0)
    assert await room.doors.stop(room.classroom)


async def test_a_class_moves_with_its_gateway_or_without_and_stays_moved(make_room: MakeRoom) -> None:
    room = await make_room()
    await room.start()
    name, port = room.classroom.name, room.classroom.door.port
    report = await room.service.move_door(name, "127.0.0.2")
    assert report.classroom is not None
    assert report.classroom.door.url == f"http://127.0.0.2:{port}"
    async with aiohttp.ClientSession() as session:
        assert (await session.get(f"http://127.0.0.2:{port}/check")).status == 200
        with pytest.raises(aiohttp.ClientConnectorError):
            await session.get(f"http://127.0.0.1:{port}/check")
        await room.kill()
        another = free_port()
        await room.service.move_door(name, "127.0.0.1", port=another)
        await room.start()
        assert (await session.get(f"http://127.0.0.1:{another}/check")).status == 200


async def test_an_address_that_cannot_be_used_is_refused_and_the_class_stays(make_room: MakeRoom) -> None:
    room = await make_room()
    with pytest.raises(UsageError, match=r"no address 203\.0\.114\.9"):
        await room.service.move_door(room.classroom.name, "203.0.114.9")
    with listener() as other, pytest.raises(PortTaken):
        await room.service.move_door(room.classroom.name, "127.0.0.1", port=other.getsockname()[1])
    with pytest.raises(UnknownClassroom):
        await room.service.addresses("nobody")
    assert (await room.service.classroom(room.classroom.name)).door == room.classroom.door
