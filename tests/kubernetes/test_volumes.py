"""Volumes of seats: a storage class that is not there is told before, and what is left of them after."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.kubernetes.api_server import ApiServer, Refusal
from tests.kubernetes.node import Node
from tests.runtimes.worlds import make_classroom
from workshop.model.classroom import Classroom
from workshop.model.definition import KubernetesPart
from workshop.runtimes.kubernetes import KubernetesRuntime, teardown
from workshop.runtimes.kubernetes.volumes import storage_problems

SIZE = 2 * 1024**3


@pytest.fixture
async def runtime(kubeconfig: str) -> AsyncIterator[KubernetesRuntime]:
    runtime = KubernetesRuntime(kubeconfig=kubeconfig)
    yield runtime
    await runtime.aclose()


@pytest.fixture
async def room(named: Node, runtime: KubernetesRuntime) -> Classroom:
    return await runtime.open(make_classroom("algebra", "kubernetes", "docker.io/workshop-test/seat:1"))


def storage_class(api: ApiServer, name: str, *, default: bool = False) -> None:
    marks = {"storageclass.kubernetes.io/is-default-class": "true"} if default else {}
    item = {"kind": "StorageClass", "metadata": {"name": name, "annotations": marks}}
    api.call(lambda: api.make("storageclasses", item))


def volume(api: ApiServer, name: str, claim: str, *, reclaim: str = "Delete", **more: Any) -> None:
    """A volume that a claim in the class's namespace had."""
    spec = {
        "persistentVolumeReclaimPolicy": reclaim,
        "claimRef": {"namespace": "workshop-algebra", "name": claim},
        "storageClassName": more.pop("storage_class", "fast"),
    }
    marks = {"pv.kubernetes.io/provisioned-by": "example.org/disks"}
    item = {"kind": "PersistentVolume", "metadata": {"name": name, "annotations": marks}, "spec": spec} | more
    api.call(lambda: api.make("persistentvolumes", item))


# Before a class


async def test_a_storage_class_that_is_not_there_is_answered_with_those_there_are(
    api: ApiServer, runtime: KubernetesRuntime
) -> None:
    wanted = KubernetesPart(storage=SIZE, storage_class="fast")
    (problem,) = await storage_problems(runtime.client, wanted)
    assert (problem.path, problem.level) == ("kubernetes.storage_class", "error")
    assert problem.message == "The cluster has no storage class fast."
    storage_class(api, "slow")
    (problem,) = await storage_problems(runtime.client, wanted)
    assert problem.message == "The cluster has no storage class fast; it has slow."
    storage_class(api, "fast")
    assert await storage_problems(runtime.client, wanted) == ()


async def test_without_a_name_there_has_to_be_a_default(api: ApiServer, runtime: KubernetesRuntime) -> None:
    wanted = KubernetesPart(storage=SIZE)
    (problem,) = await storage_problems(runtime.client, wanted)
    assert (problem.path, "no storage class" in problem.message) == ("kubernetes.storage", True)
    storage_class(api, "slow")
    (problem,) = await storage_problems(runtime.client, wanted)
    assert "default; it has slow" in problem.message
    storage_class(api, "usual", default=True)
    assert await storage_problems(runtime.client, wanted) == ()


async def test_volumes_made_by_hand_need_no_storage_class(api: ApiServer, runtime: KubernetesRuntime) -> None:
    volume(api, "by-hand", "", storage_class="manual")
    assert await storage_problems(runtime.client, KubernetesPart(storage=SIZE, storage_class="manual")) == ()


async def test_what_may_not_be_read_is_no_obstacle(api: ApiServer, runtime: KubernetesRuntime) -> None:
    wanted = KubernetesPart(storage=SIZE, storage_class="fast")

    def refuse(*words: str) -> None:
        api.faults.refuse = lambda method, path: Refusal(403, "Forbidden", "no") if path.endswith(words) else None

    refuse("/persistentvolumes")
    assert [problem.level for problem in await storage_problems(runtime.client, wanted)] == ["warning"]
    refuse("/storageclasses", "/persistentvolumes")
    assert await storage_problems(runtime.client, wanted) == ()


async def test_a_storage_class_without_a_size_gives_no_volume_and_says_so(runtime: KubernetesRuntime) -> None:
    (problem,) = await storage_problems(runtime.client, KubernetesPart(storage_class="fast"))
    assert (problem.level, "no size" in problem.message) == ("warning", True)
    assert await storage_problems(runtime.client, KubernetesPart()) == ()


async def test_check_and_up_say_it_before_anything_is_made(api: ApiServer, runtime: KubernetesRuntime) -> None:
    definition = '{"title": "x", "kubernetes": {"storage": "2 GB", "storage_class": "fast"}}'
    room = make_classroom("algebra", "kubernetes", "docker.io/workshop-test/seat:1", definition=definition)
    (problem,) = await runtime.remote.obstacles(room)
    assert problem.path == "kubernetes.storage_class"


# After a class


async def test_volumes_that_a_storage_class_keeps_are_named(
    api: ApiServer, runtime: KubernetesRuntime, room: Classroom
) -> None:
    volume(api, "pv-7", "seat-ws-algebra-1", reclaim="Retain")
    (survivor,) = (await runtime.close(room)).left
    assert (survivor.kind, survivor.name) == ("PersistentVolume", "pv-7")
    assert await runtime.classrooms() == ()


async def test_volumes_of_other_classes_are_not_this_ones(
    api: ApiServer, runtime: KubernetesRuntime, room: Classroom
) -> None:
    volume(api, "pv-1", "seat-ws-algebra-2-1")
    volume(api, "pv-2", "their-data", reclaim="Retain")
    assert (await runtime.close(room)).left == ()


async def test_volumes_that_the_cluster_removes_by_itself_are_waited_for(
    api: ApiServer, runtime: KubernetesRuntime, room: Classroom
) -> None:
    volume(api, "pv-1", "seat-ws-algebra-1", status={"phase": "Released"})
    api.call(lambda: api.loop.call_later(1, lambda: api.remove("persistentvolumes", "", "pv-1")))
    assert (await runtime.close(room)).left == ()
    assert not [key for key in api.objects if key[0] == "persistentvolumes"]


async def test_a_provisioner_that_is_dead_is_named_and_the_next_down_finishes(
    api: ApiServer, runtime: KubernetesRuntime, room: Classroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    volume(api, "pv-1", "seat-ws-algebra-1", status={"phase": "Released"})
    with monkeypatch.context() as impatient:
        impatient.setattr(teardown, "WAIT", 1.0)
        (survivor,) = (await runtime.close(room)).left
    assert (survivor.name, survivor.reason) == ("pv-1", "example.org/disks has not removed it yet")
    assert [found.uid for found in await runtime.classrooms()] == [room.uid], "the same command finds it again"
    api.call(lambda: api.remove("persistentvolumes", "", "pv-1"))
    assert (await runtime.close(room)).left == ()
    assert await runtime.classrooms() == ()


async def test_a_volume_that_could_not_be_removed_is_told_at_once_with_the_clusters_words(
    api: ApiServer, runtime: KubernetesRuntime, room: Classroom
) -> None:
    volume(api, "pv-1", "seat-ws-algebra-1", status={"phase": "Failed", "message": "disk is in use"})
    (survivor,) = (await runtime.close(room)).left
    assert survivor.reason == "it could not be removed: disk is in use"
