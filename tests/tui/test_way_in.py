"""How students get here: the room's network tested from devices in it, and the address that links name."""

from __future__ import annotations

from datetime import timedelta

import pytest

import workshop.gateway.addresses as own
from tests.tui.world import World, notices, press, screen_text, shows, until
from workshop.gateway.addresses import Address, AddressKind
from workshop.model.events import RoomChecked
from workshop.model.room_check import RoomCheck, Trouble
from workshop.model.snapshot import TunnelState
from workshop.service import UpRequest
from workshop.service.room import Room
from workshop.tui.screens.addresses import AddressesScreen
from workshop.tui.screens.room_check import RoomCheckScreen

ROOM = "python-basics"
SIZES = pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=["80x24", "120x40"])


async def open_room(world: World) -> Room:
    await world.service.up(UpRequest(file=str(world.repository())))
    client = await world.doors.client(world.classroom(ROOM))
    assert client is not None
    return client.room


@SIZES
async def test_what_devices_found_about_the_room_appears_as_they_find_it(world: World, size: tuple[int, int]) -> None:
    room = await open_room(world)
    app = world.app(start=ROOM)
    async with app.run_test(size=size) as pilot:
        await shows(pilot, "4 of 4 ready")
        await press(pilot, "T")
        await until(pilot, lambda: isinstance(app.screen, RoomCheckScreen))
        await shows(pilot, "Nobody has tested yet.")
        assert room.classroom.check_url() in screen_text(app)
        assert "▀" in screen_text(app)
        at = world.clock()
        room.report(RoomChecked(RoomCheck(at, Trouble.NONE, echoes=40, echo_ms=4.2, download_mbit=87.4)))
        room.report(RoomChecked(RoomCheck(at + timedelta(minutes=1), Trouble.WEBSOCKET_BLOCKED, phone=True)))
        await shows(pilot, "2 tests, 1 good")
        await shows(pilot, "laptop: good, 4 ms, 87 Mbit/s")
        await shows(pilot, "phone: pages load, but WebSockets")


async def test_the_class_moves_to_another_address_and_every_link_follows(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = (
        Address("127.0.0.2", "wlan0", AddressKind.LAN, default_route=True),
        Address("127.0.0.1", "lo", AddressKind.LOOPBACK),
    )
    monkeypatch.setattr(own, "addresses", lambda: known)
    room = await open_room(world)
    before = room.classroom.door
    app = world.app(start=ROOM)
    async with app.run_test() as pilot:
        await shows(pilot, "4 of 4 ready")
        await press(pilot, "L")
        await until(pilot, lambda: isinstance(app.screen, AddressesScreen))
        await shows(pilot, "the way out of this machine")
        await press(pilot, "enter")
        await shows(pilot, "Those from before lead nowhere")
        await press(pilot, "enter")
        assert room.classroom.door == before, "enter alone moves nothing"
        await press(pilot, "enter", "y")
        await until(pilot, lambda: room.classroom.door.host == "127.0.0.2")
        await until(pilot, lambda: any("come in at http://127.0.0.2" in text for text in notices(app)))
        await press(pilot, "escape", "p")
        await shows(pilot, f"http://127.0.0.2:{before.port}/")
    status = await world.service.status(ROOM)
    assert all(seat.link.startswith("http://127.0.0.2:") for seat in status.seats)
    assert (await world.service.classroom(ROOM)).door.host == "127.0.0.2", "also without asking the gateway"


async def test_the_tunnel_stands_in_the_head_of_the_class(world: World) -> None:
    room = await open_room(world)
    app = world.app(start=ROOM)
    async with app.run_test(size=(120, 40)) as pilot:
        await shows(pilot, "4 of 4 ready")
        room.show_tunnel(TunnelState.OPEN)
        await shows(pilot, "tunnel open")
        room.show_tunnel(TunnelState.LOST)
        await shows(pilot, "tunnel lost")
