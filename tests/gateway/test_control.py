"""The control socket, from both ends."""

from __future__ import annotations

import asyncio
import os
import socket
import stat
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.gateway.conftest import FakeRoom, House
from workshop.errors import GatewayFailed, UsageError
from workshop.gateway.control import ControlServer
from workshop.gateway.control_client import ControlClient
from workshop.model.classroom import Classroom, Door, Ui, new_key, new_uid
from workshop.model.room_check import RoomCheck, Trouble
from workshop.model.seat import Activity, Limits, Progress, Seat, SeatState
from workshop.model.snapshot import Snapshot
from workshop.model.snapshot_json import decode_snapshot, encode_snapshot

NOW = datetime(2026, 3, 1, 9, 30, 15, 123456, tzinfo=UTC)


def full_snapshot() -> Snapshot:
    """A picture in which every field differs from its default."""
    classroom = Classroom(
        name="a", uid=new_uid(), key=new_key(), workshop="Zwölf ✓", runtime="docker", image="sha256:1", commit="c" * 40,
        seats=2, door=Door("192.168.1.2", 8080, "https://x.example", tls=True), created=NOW, ends=NOW,
        ui=Ui.RSTUDIO, open_path="a b.ipynb", limits=Limits(2**31, 1.5, 300), spares=1, pin="12", repository="r",
        definition='{"title": "x"}', options=(("subnet", "10.0.0.0/24"),),
    )  # fmt: skip
    seat = Seat(
        1, "ABCD2345", "http://x/s/ABCD2345", SeatState.READY, claimed=True, activity=Activity.RUNNING, last_active=NOW,
        first_seen=NOW, memory_bytes=1, memory_limit=2, cpu_percent=99.5, disk_bytes=3, pids=4, restarts=5,
        kernel_restarts=6, browsers=2, label="Ana", help_since=NOW, notebook="n.ipynb",
        progress=(Progress("n.ipynb", 10, 4, NOW),), spare=True, detail="d", warnings=("w",), target="t",
    )  # fmt: skip
    check = RoomCheck(NOW, Trouble.SLOW, 1.0, 40, 1, 2.5, 3.5, -4.0, phone=True)
    return Snapshot(
        classroom, (seat, Seat(2, "X", "Y")), taken_at=NOW, ends=NOW, gateway=True, stale="s", waiting=3,
        messages=("m",), warnings=("w",), break_until=NOW, checks=(check,),
    )  # fmt: skip


def test_a_snapshot_survives_the_way_over_the_socket_whole() -> None:
    snapshot = full_snapshot()
    assert decode_snapshot(encode_snapshot(snapshot)) == snapshot
    assert "\n" not in encode_snapshot(snapshot)


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"classroom": 1}', "null"])
def test_what_is_no_snapshot_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match="not a snapshot"):
        decode_snapshot(text)


async def test_a_client_sees_the_room_and_carries_verbs_to_it(house: House) -> None:
    client = ControlClient(house.socket)
    assert await client.alive()
    assert (await client.snapshot()).classroom == house.room.classroom
    assert await client.act("say", {"text": "hello"}) == {"done": "say"}
    assert house.room.messages == ("hello",)


async def test_errors_come_back_as_what_they_were(house: House) -> None:
    with pytest.raises(UsageError) as raised:
        await ControlClient(house.socket).act("nonsense", {})
    assert (raised.value.message, raised.value.hint) == ("The gateway knows no 'nonsense'.", "Try another.")


async def test_changes_arrive_as_they_happen(house: House) -> None:
    stream = ControlClient(house.socket).changes()
    assert (await asyncio.wait_for(anext(stream), 5)).messages == ()
    house.room.say("one")
    assert (await asyncio.wait_for(anext(stream), 5)).messages == ("one",)
    await stream.aclose()  # type: ignore[attr-defined]


async def test_a_stream_ends_with_an_error_when_the_gateway_does(house: House) -> None:
    stream = ControlClient(house.socket).changes()
    await anext(stream)
    await house.gateway.stop()
    with pytest.raises(GatewayFailed):
        await asyncio.wait_for(anext(stream), 10)


async def test_only_the_user_can_open_the_socket(house: House) -> None:
    assert stat.S_IMODE(os.stat(house.socket).st_mode) == 0o600


async def test_without_a_gateway_the_client_says_so(tmp_path: Path) -> None:
    client = ControlClient(tmp_path / "none.sock")
    assert not await client.alive()
    with pytest.raises(GatewayFailed, match="does not answer"):
        await client.snapshot()
    with pytest.raises(GatewayFailed):
        await client.act("say", {})
    with pytest.raises(GatewayFailed):
        await anext(client.changes())


async def test_a_socket_left_by_a_killed_gateway_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "c.sock"
    left = socket.socket(socket.AF_UNIX)
    left.bind(str(path))
    left.close()
    room = FakeRoom(replace(full_snapshot().classroom, seats=1))
    server = ControlServer(room, path)
    await server.start()
    try:
        assert await ControlClient(path).alive()
        with pytest.raises(GatewayFailed, match="Another gateway answers"):
            await ControlServer(room, path).start()
        assert await ControlClient(path).alive()
    finally:
        await server.stop()
    assert not path.exists()


async def test_a_path_too_long_for_a_socket_is_told_before_it_fails(tmp_path: Path) -> None:
    room = FakeRoom(replace(full_snapshot().classroom, seats=1))
    with pytest.raises(GatewayFailed, match="too long"):
        await ControlServer(room, tmp_path / ("x" * 120)).start()
