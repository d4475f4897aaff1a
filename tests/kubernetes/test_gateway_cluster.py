"""The gateway in a real cluster: students come in by the cluster's door, and claims outlive the gateway's pod."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.kubernetes.cluster_images import gateway_image
from tests.runtimes.worlds import server_command, until
from workshop.gateway.control_client import ControlClient
from workshop.model.classroom import Classroom
from workshop.model.snapshot import Snapshot
from workshop.runtimes.kubernetes import KubernetesRuntime
from workshop.runtimes.kubernetes.gateway_objects import CONTROL_SOCKET, GatewayWishes

pytestmark = pytest.mark.cluster
CLUSTER = "real"
BROWSER = {
    "User-Agent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/126 Safari/537.36",
    "Accept": "text/html",
    "Sec-Fetch-Mode": "navigate",
    "Sec-Fetch-Dest": "document",
}


@pytest.fixture
def image() -> str:
    return gateway_image()


def wishes(room: Classroom, image: str, grace: float) -> GatewayWishes:
    words = ("-m", "workshop.service.cluster_process", room.name, "--uid", room.uid)
    return GatewayWishes(image, words, grace=timedelta(seconds=grace))


async def opened(runtime: Any, world: Any, name: str, image: str, *, grace: float = 60, **changes: Any) -> Classroom:
    definition = json.dumps({"title": "x", "times": {"grace": f"{grace:.0f} s"}})
    room = await runtime.open(world.classroom(name, seats=2, definition=definition, **changes))
    await runtime.create_all(room, {number: server_command(room, number) for number in (1, 2)})
    return await runtime.gateway.ensure(room, wishes(room, image, grace))  # type: ignore[no-any-return]


@pytest.fixture
async def room(runtime: KubernetesRuntime, world: Any, unique_name: str, image: str) -> AsyncIterator[Classroom]:
    classroom = await opened(runtime, world, unique_name, image)
    yield classroom
    assert (await runtime.close(classroom)).left == ()


async def seen(runtime: KubernetesRuntime, room: Classroom, folder: Path) -> Snapshot:
    """What the gateway says of the class, over its control socket."""
    relay = await runtime.gateway.relay(room, folder / "c.sock", CONTROL_SOCKET)
    try:
        return await ControlClient(folder / "c.sock").snapshot()
    finally:
        await relay.aclose()


async def test_a_student_gets_in_and_the_seat_stays_theirs_when_the_gateways_pod_is_killed(
    runtime: KubernetesRuntime, room: Classroom, machine: Path
) -> None:
    async def ready() -> bool:
        return (await seen(runtime, room, machine)).ready == 2

    await until(ready, "the gateway found both seats ready", 60)
    async with httpx.AsyncClient(follow_redirects=True, trust_env=False, headers=BROWSER) as browser:
        arrived = await browser.get(room.link(1))
        assert (arrived.history[0].status_code, arrived.url.path) == (303, "/seat/01/")
        assert (await browser.get(f"{room.door.url}/seat/01/api/status")).status_code == 200
    async with httpx.AsyncClient(trust_env=False, headers=BROWSER) as stranger:
        assert (await stranger.get(f"{room.door.url}/seat/01/api/status")).status_code in (302, 303, 403)
    before = await runtime.gateway.pod(room)
    assert before is not None
    await runtime.client.delete(f"/api/v1/namespaces/{before.namespace}/pods/{before.pod}", grace=0)

    async def back() -> bool:
        pod = await runtime.gateway.pod(room)
        return pod is not None and pod.pod != before.pod

    await until(back, "another pod of the gateway is ready", 60)
    assert [seat.claimed for seat in (await seen(runtime, room, machine)).seats] == [True, False]


@pytest.mark.parametrize("gateway", ["at work", "gone"])
async def test_a_class_past_its_end_is_ended_by_the_cluster_alone(
    runtime: KubernetesRuntime, world: Any, unique_name: str, image: str, gateway: str
) -> None:
    """By the gateway, or without it by the clock beside it; nobody's laptop is needed."""
    ends = (datetime.now(UTC) + timedelta(seconds=30)).replace(microsecond=0)
    room = await opened(runtime, world, unique_name, image, grace=5, ends=ends)
    if gateway == "gone":
        await runtime.gateway.stop(room)

    async def over() -> bool:
        return await world.leftovers(room) == []

    await until(over, "nothing is left of the class", 240)
