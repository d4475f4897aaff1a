"""A real cluster's load balancer as the door: students come in by it, and it is gone after the class."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import pytest

from tests.kubernetes.class_day import change, links, states, take_seat
from tests.kubernetes.cluster_program import ClusterProgram

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.skipif(
        not os.environ.get("WORKSHOP_TEST_CLUSTER_LOAD_BALANCER"),
        reason="WORKSHOP_TEST_CLUSTER_LOAD_BALANCER does not say that the cluster gives load balancers",
    ),
]
CLUSTER = "real"


async def test_students_come_in_by_the_load_balancer_and_nothing_of_it_is_left(
    program: ClusterProgram, repository: Path, unique_name: str
) -> None:
    change(repository, exposure="loadbalancer")
    opened = program.up(repository, unique_name)
    assert states(opened) == {"ready"}
    address = program.world.load_balancer(unique_name)
    assert address
    assert {urlsplit(link).netloc for link in links(opened).values()} == {address}
    await take_seat(opened["seats"][0]["link"])
    assert links(program.up(repository, unique_name)) == links(opened)
    closed = program.down(unique_name)
    assert closed["left"] == []
    assert program.objects(unique_name) == []
    with pytest.raises((aiohttp.ClientConnectionError, TimeoutError)):
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5)) as session:
            await session.get(opened["join"])
