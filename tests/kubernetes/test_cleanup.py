"""`cleanup` from a machine that never saw the classes: what is over or was broken off goes, everything else stays."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.kubernetes.api_server import ApiServer
from tests.kubernetes.node import Node
from tests.runtimes.worlds import make_classroom, server_command
from workshop.config.paths import paths
from workshop.config.settings import settings
from workshop.errors import RuntimeUnreachable, UnknownClassroom
from workshop.model.classroom import Classroom
from workshop.runtimes.fake import FakeRuntime
from workshop.runtimes.kubernetes import KubernetesRuntime
from workshop.runtimes.kubernetes.objects import namespace
from workshop.service import Service
from workshop.service.near_doors import NearDoors
from workshop.service.wiring import Wiring

NOW = datetime.now(UTC).replace(microsecond=0)
LONG_AGO = {"created": NOW - timedelta(hours=5), "ends": NOW + timedelta(hours=1)}
OVER = {"created": NOW - timedelta(hours=5), "ends": NOW - timedelta(hours=1)}


@pytest.fixture
async def service(kubeconfig: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Service]:
    """A machine with an empty state whose kubeconfig names the cluster."""
    monkeypatch.setenv("KUBECONFIG", kubeconfig)
    service = Service({"runtime": "kubernetes"})
    yield service
    await service.aclose()


async def test_what_is_over_or_was_broken_off_is_removed_and_what_may_be_in_the_making_is_not(
    api: ApiServer, named: Node, kubeconfig: str, service: Service
) -> None:
    runtime = KubernetesRuntime(kubeconfig=kubeconfig)

    async def opened(name: str, seats: int, **changes: Any) -> Classroom:
        room = await runtime.open(make_classroom(name, "kubernetes", "docker.io/workshop-test/seat:1", **changes))
        if seats:
            commands = {number: server_command(room, number) for number in range(1, seats + 1)}
            await runtime.create_all(room, commands)
        return room

    await opened("over", 2, **OVER)
    await opened("broken-off", 0, **LONG_AGO)
    await opened("at-work", 2)
    await opened("in-the-making", 0)
    without_record = make_classroom("no-record", "kubernetes", "x", **LONG_AGO)
    api.call(lambda: api.make("namespaces", namespace(without_record, "workshop-no-record")))
    await runtime.aclose()

    removal = await service.cleanup()
    assert removal.left == ()
    assert removal.removed["seats"] == 2
    left = {name for plural, _, name in api.objects if plural == "namespaces"}
    assert left == {"workshop-at-work", "workshop-in-the-making"}
    assert (await service.cleanup(everything=True)).left == ()
    assert {key[0] for key in api.objects} == {"nodes"}


async def test_of_two_classes_of_one_name_the_one_that_is_over_is_removed() -> None:
    here, there = FakeRuntime(), FakeRuntime()
    wiring = Wiring(settings({}), paths({}), runtimes={"fake": here, "docker": there}, doors=NearDoors())
    service = Service(wiring=wiring)
    kept = await here.open(make_classroom("algebra", "fake", "x", created=NOW - timedelta(hours=9)))
    await here.create(kept, 1, server_command(kept, 1))
    over = await there.open(make_classroom("algebra", "docker", "x", **OVER))
    await there.create(over, 1, server_command(over, 1))
    assert (await service.cleanup()).removed["seats"] == 1
    assert [room.uid for room in await here.classrooms()] == [kept.uid]
    assert await there.classrooms() == ()
    await service.aclose()


async def test_a_class_whose_cluster_does_not_answer_is_not_said_to_be_gone(
    api: ApiServer, named: Node, kubeconfig: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBECONFIG", kubeconfig)
    runtime = KubernetesRuntime(kubeconfig=kubeconfig)
    room = await runtime.open(make_classroom("algebra", "kubernetes", "x"))
    await runtime.aclose()
    before = Service({"runtime": "kubernetes"})
    assert (await before.status(room.name)).classroom.uid == room.uid
    await before.aclose()
    api.faults.away = True
    service = Service({})  # it remembers where the class is
    with pytest.raises(RuntimeUnreachable, match="does not answer"):
        await service.status(room.name)
    with pytest.raises(RuntimeUnreachable, match="does not answer"):
        await service.down(room.name, discard=True)
    with pytest.raises(UnknownClassroom, match="geometry"):
        await service.status("geometry")
    await service.aclose()
