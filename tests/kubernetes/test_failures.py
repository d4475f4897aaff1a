"""What goes wrong with clusters, each ending in a clear message and a state that the next run finishes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

from tests.kubernetes.api_server import ApiServer, Refusal
from tests.kubernetes.node import Node
from tests.runtimes.worlds import make_classroom, server_command, until
from workshop.errors import GatewayFailed, NameInUse, RuntimeRefused, RuntimeUnreachable, SeatFailed, UnknownClassroom
from workshop.model.classroom import Classroom
from workshop.model.events import SeatChanged, SeatsListed
from workshop.model.parts import Part, with_parts
from workshop.model.seat import SeatState
from workshop.model.target import Target
from workshop.runtimes.kubernetes import KubernetesRuntime, client, cluster_gateway, live, reflector, teardown
from workshop.runtimes.kubernetes.gateway_objects import GatewayWishes
from workshop.runtimes.kubernetes.objects import decode_roster

IMAGE = "docker.io/workshop-test/seat:1"


@pytest.fixture
async def runtime(kubeconfig: str) -> AsyncIterator[KubernetesRuntime]:
    runtime = KubernetesRuntime(kubeconfig=kubeconfig)
    yield runtime
    await runtime.aclose()


def classroom(name: str, **changes: Any) -> Classroom:
    return make_classroom(name, "kubernetes", IMAGE, **changes)


def commands(room: Classroom, numbers: range) -> dict[int, Any]:
    return {number: server_command(room, number) for number in numbers}


def writes(api: ApiServer) -> int:
    return sum(count for name, count in api.requests.items() if name.split()[0] in ("POST", "PUT", "PATCH", "DELETE"))


# Reaching the cluster


async def test_without_a_kubeconfig_it_says_where_it_looked() -> None:
    with pytest.raises(RuntimeUnreachable, match=r"\.kube/config") as raised:
        await KubernetesRuntime().facts()
    assert "KUBECONFIG" in raised.value.hint


async def test_an_unknown_context_is_answered_with_those_there_are(kubeconfig: str) -> None:
    with pytest.raises(RuntimeUnreachable, match="nowhere") as raised:
        await KubernetesRuntime(kubeconfig=kubeconfig, context="nowhere").facts()
    assert "test" in raised.value.hint


async def test_a_kubeconfig_that_is_none_is_named(tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_text("- not\n- a: [kubeconfig\n")
    with pytest.raises(RuntimeUnreachable, match="config"):
        await KubernetesRuntime(kubeconfig=str(path)).facts()


async def test_expired_credentials_are_named(api: ApiServer, runtime: KubernetesRuntime) -> None:
    api.faults.refuse = lambda method, path: Refusal(401, "Unauthorized", "Unauthorized")
    with pytest.raises(RuntimeRefused, match="does not accept the credentials") as raised:
        await runtime.facts()
    assert "log in" in raised.value.hint


async def test_a_cluster_that_accepts_and_never_answers_is_given_up_in_seconds(
    api: ApiServer, runtime: KubernetesRuntime, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert client.CONNECT <= 10
    monkeypatch.setattr(client, "CONNECT", 0.5)
    api.faults.hang = True
    began = time.monotonic()
    answers = await asyncio.gather(*(runtime.classrooms() for _ in range(8)), return_exceptions=True)
    assert all(isinstance(error, RuntimeUnreachable) and "does not answer" in error.message for error in answers)
    assert time.monotonic() - began < 3, "however many ask, it is waited for once"


async def test_a_port_where_nothing_listens_is_told_at_once(machine: Path, api: ApiServer) -> None:
    path = machine / "dead"
    path.write_text(api.kubeconfig().replace(api.url, "http://127.0.0.1:9"))
    with pytest.raises(RuntimeUnreachable, match=r"127\.0\.0\.1:9"):
        await KubernetesRuntime(kubeconfig=str(path)).facts()


# Opening


async def test_a_namespace_of_that_name_that_is_not_ours_stays_untouched(
    api: ApiServer, named: Node, runtime: KubernetesRuntime
) -> None:
    api.call(lambda: api.make("namespaces", {"kind": "Namespace", "metadata": {"name": "workshop-algebra"}}))
    with pytest.raises(NameInUse, match="was not made for this class") as raised:
        await runtime.open(classroom("algebra"))
    assert "workshop-algebra" in raised.value.hint
    (problem,) = await runtime.remote.obstacles(classroom("algebra"))
    assert (problem.path, problem.message) == ("kubernetes.namespace", raised.value.message)
    assert [key for key in api.objects if key[1] == "workshop-algebra"] == []


async def test_an_existing_namespace_keeps_what_other_people_have_in_it(
    api: ApiServer, named: Node, kubeconfig: str
) -> None:
    def furnish() -> None:
        api.make("namespaces", {"kind": "Namespace", "metadata": {"name": "team"}})
        api.make("secrets", {"kind": "Secret", "metadata": {"name": "theirs", "namespace": "team"}})

    api.call(furnish)
    runtime = KubernetesRuntime(kubeconfig=kubeconfig, namespace="team")
    room = await runtime.open(classroom("algebra"))
    await runtime.create_all(room, commands(room, range(1, 4)))
    assert "resourcequotas" not in {key[0] for key in api.objects}
    assert (await runtime.close(room)).left == ()
    assert [key for key in api.objects if key[1] == "team"] == [("secrets", "team", "theirs")]
    assert ("namespaces", "", "team") in api.objects
    await runtime.aclose()


async def test_a_namespace_that_is_not_there_is_asked_for(api: ApiServer, kubeconfig: str) -> None:
    runtime = KubernetesRuntime(kubeconfig=kubeconfig, namespace="nowhere")
    with pytest.raises(RuntimeRefused, match="no namespace nowhere"):
        await runtime.open(classroom("algebra"))
    (problem,) = await runtime.remote.obstacles(classroom("algebra"))
    assert (problem.path, "no namespace nowhere" in problem.message) == ("kubernetes.namespace", True)
    await runtime.aclose()


async def test_rights_that_end_half_way_are_named_and_the_next_run_finishes(
    api: ApiServer, named: Node, runtime: KubernetesRuntime
) -> None:
    room = await runtime.open(classroom("algebra"))

    def refuse(method: str, path: str) -> Refusal | None:
        if method == "POST" and path.endswith("/statefulsets"):
            return Refusal(403, "Forbidden", 'User "ada" cannot create resource "statefulsets"')
        return None

    api.faults.refuse = refuse
    with pytest.raises(SeatFailed, match=r"cannot create resource .statefulsets") as raised:
        await runtime.create_all(room, commands(room, range(1, 4)))
    assert "--rbac" in raised.value.hint
    api.faults.refuse = lambda method, path: None
    room = await runtime.open(room)
    assert len(await runtime.create_all(room, commands(room, range(1, 4)))) == 3


async def test_missing_rights_are_asked_of_the_cluster_and_named(api: ApiServer, runtime: KubernetesRuntime) -> None:
    assert await runtime.missing_rights() == ()
    api.faults.denied = {("create", "statefulsets"), ("create", "pods/exec"), ("create", "namespaces")}
    assert set(await runtime.missing_rights()) == {
        "create statefulsets.apps",
        "create pods/exec",
        "create namespaces",
    }
    assert set(await runtime.missing_rights("team")) == {"create statefulsets.apps in team", "create pods/exec in team"}


async def test_the_printed_role_grants_what_is_asked_for(runtime: KubernetesRuntime) -> None:
    role, binding = runtime.rbac("team")
    assert (role["kind"], role["metadata"]["namespace"], binding["roleRef"]["kind"]) == ("Role", "team", "Role")
    granted = {(verb, resource) for rule in role["rules"] for verb in rule["verbs"] for resource in rule["resources"]}
    assert {("create", "statefulsets"), ("create", "pods/exec"), ("create", "pods/portforward")} <= granted
    assert not any(resource == "namespaces" for _, resource in granted)
    assert runtime.rbac()[0]["kind"] == "ClusterRole"


async def test_a_role_is_no_larger_than_the_way_students_come_in_needs(
    api: ApiServer, runtime: KubernetesRuntime
) -> None:
    def resources(exposure: str) -> set[str]:
        rules = runtime.rbac("team", exposure=exposure)[0]["rules"]
        return {resource for rule in rules for resource in rule["resources"]}

    assert resources("auto") - resources("nodeport") == {"ingresses"}
    assert resources("ingress") == resources("auto")
    everywhere = {resource for rule in runtime.rbac(storage=True)[0]["rules"] for resource in rule["resources"]}
    assert {"ingressclasses", "storageclasses", "persistentvolumes"} <= everywhere
    few = runtime.rbac(exposure="nodeport")[0]["rules"]
    assert not {"ingressclasses", "storageclasses"} & {resource for rule in few for resource in rule["resources"]}
    api.faults.denied = {("create", "ingresses")}
    assert await runtime.missing_rights("team", exposure="nodeport") == ()
    assert await runtime.missing_rights("team", exposure="auto") == ("create ingresses.networking.k8s.io in team",)


# Seats that do not come up


@pytest.mark.parametrize(
    ("fault", "value", "words", "state"),
    [
        ("image_missing", True, "the image cannot be fetched", SeatState.FAILED),
        (
            "unschedulable",
            "0/1 nodes are available: 1 Insufficient memory.",
            "no node has room: memory",
            SeatState.QUEUED,
        ),
        ("quota_full", True, "the namespace's quota is full", SeatState.CREATING),
        (
            "volume_refused",
            "Failed to provision volume: no space left in the pool",
            "its volume cannot be made: Failed to provision volume: no space left",
            SeatState.QUEUED,
        ),
    ],
)
async def test_seats_that_cannot_run_say_why(
    named: Node, runtime: KubernetesRuntime, fault: str, value: object, words: str, state: SeatState
) -> None:
    setattr(named, fault, value)
    room = await runtime.open(classroom("algebra"))
    await runtime.create_all(room, commands(room, range(1, 4)))
    async with asyncio.timeout(10), aclosing(runtime.watch(room)) as events:  # type: ignore[type-var]
        async for event in events:
            records = event.records if isinstance(event, SeatsListed) else (event.record,)
            if all(record.state is state and words in record.detail for record in records):
                break
    assert {words in record.detail for record in await runtime.seats(room)} == {True}


async def test_a_gateway_that_the_cluster_refuses_to_make_says_why(
    api: ApiServer, named: Node, runtime: KubernetesRuntime, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert cluster_gateway.REFUSED_WAIT < cluster_gateway.READY_WAIT
    monkeypatch.setattr(cluster_gateway, "REFUSED_WAIT", 0.1)

    def refuse(kind: str, plural: str, item: Any) -> None:
        if plural == "deployments":
            words = 'pods "ws-algebra-gateway-x" is forbidden: exceeded quota: small, requested: limits.memory=512Mi'
            item["status"] = {"conditions": [{"type": "ReplicaFailure", "status": "True", "message": words}]}

    api.call(lambda: api.changed.append(refuse))
    room = await runtime.open(classroom("algebra"))
    with pytest.raises(GatewayFailed, match="the namespace's quota is full: small, requested"):
        await runtime.gateway.ensure(room, GatewayWishes("x", ()))


async def test_a_seat_on_a_node_that_does_not_answer_is_lost_and_can_be_replaced(
    api: ApiServer, named: Node, runtime: KubernetesRuntime
) -> None:
    room = await runtime.open(classroom("algebra"))
    await runtime.create_all(room, commands(room, range(1, 3)))

    async def running() -> bool:
        return [seat.state for seat in await runtime.seats(room)] == [SeatState.STARTING] * 2

    await until(running, "both seats run")

    def lose() -> None:
        pod = api.objects[("pods", "workshop-algebra", "ws-algebra-1")]
        for condition in pod["status"]["conditions"]:
            condition["status"] = "False" if condition["type"] == "Ready" else condition["status"]
        api.put("pods", pod)

    api.call(lose)
    lost, other = await runtime.seats(room)
    assert (lost.state, other.state) == (SeatState.LOST, SeatState.STARTING)
    assert "does not answer" in lost.detail
    await runtime.remove_seats(room, [1])
    assert [seat.number for seat in await runtime.seats(room)] == [2]
    await runtime.create(room, 1, server_command(room, 1), generation=2)
    await until(running, "the seat is there again")


async def test_a_part_of_a_class_keeps_its_numbers_through_holes_and_additions(
    api: ApiServer, named: Node, runtime: KubernetesRuntime
) -> None:
    bare = classroom("algebra")
    parts = (Part("another", Target("docker"), (1, 2)), Part(bare.uid, Target("kubernetes"), (3, 4, 5)))
    room = await runtime.open(with_parts(bare, parts))
    await runtime.create_all(room, commands(room, range(3, 6)))

    def pods() -> list[str]:
        return sorted(key[2] for key in api.objects if key[0] == "pods")

    assert pods() == ["ws-algebra-3", "ws-algebra-4", "ws-algebra-5"]
    await runtime.remove_seats(room, [3, 5])
    assert [seat.number for seat in await runtime.seats(room)] == [4]
    assert pods() == ["ws-algebra-3", "ws-algebra-4"], "the row begins where it began"
    await runtime.create_all(room, {number: server_command(room, number) for number in (3, 8)})
    assert [seat.number for seat in await runtime.seats(room)] == [3, 4, 8]
    await runtime.remove_seats(room, [3, 4, 8])
    assert (await runtime.seats(room), pods()) == ((), [])
    await runtime.create(room, 4, server_command(room, 4), generation=2)
    assert [(seat.number, seat.generation) for seat in await runtime.seats(room)] == [(4, 2)]


# The server goes away


@pytest.fixture
def brief(monkeypatch: pytest.MonkeyPatch) -> None:
    """Patience in seconds that a test has."""
    monkeypatch.setattr(client, "PATIENCE", 1.0)
    monkeypatch.setattr(reflector, "FIRST_PAUSE", 0.1)


async def away(api: ApiServer, seconds: float) -> None:
    api.faults.away = True
    await asyncio.sleep(seconds)
    api.faults.away = False


async def test_a_short_outage_is_only_a_pause(api: ApiServer, named: Node, runtime: KubernetesRuntime) -> None:
    assert client.PATIENCE > 30
    room = await runtime.open(classroom("algebra"))
    outage = asyncio.create_task(away(api, 1.5))
    await asyncio.sleep(0)
    assert len(await runtime.create_all(room, commands(room, range(1, 4)))) == 3
    await outage
    outage = asyncio.create_task(away(api, 1.5))
    await asyncio.sleep(0)
    assert (await runtime.close(room)).left == ()
    await outage
    assert api.objects.keys() == {("nodes", "", "node1")}


async def test_a_server_that_has_just_come_back_and_fails_at_first_is_given_a_moment(
    api: ApiServer, named: Node, runtime: KubernetesRuntime, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert 5 < client.RECOVERY < client.PATIENCE
    failures = 2

    def refuse(method: str, path: str) -> Refusal | None:
        nonlocal failures
        if method == "PATCH" and path.endswith("/services/ws-algebra") and failures:
            failures -= 1
            return Refusal(500, "InternalError", "failed to allocate a serviceIP: range is full")
        return None

    api.faults.refuse = refuse
    room = await runtime.open(classroom("algebra"))
    assert failures == 0
    monkeypatch.setattr(client, "RECOVERY", 0.5)
    failures = 1000
    with pytest.raises(RuntimeRefused, match="range is full"):
        await runtime.open(room)


async def test_a_long_outage_in_up_ends_in_a_message_and_the_next_run_finishes(
    api: ApiServer, named: Node, runtime: KubernetesRuntime, brief: None
) -> None:
    room = await runtime.open(classroom("algebra"))
    api.faults.away = True
    with pytest.raises(RuntimeUnreachable, match="stopped answering") as raised:
        await runtime.create_all(room, commands(room, range(1, 4)))
    assert "run the same command again" in raised.value.hint
    api.faults.away = False
    room = await runtime.open(room)
    assert len(await runtime.create_all(room, commands(room, range(1, 4)))) == 3


async def test_a_long_outage_in_down_ends_in_a_message_and_the_next_run_finishes(
    api: ApiServer, named: Node, runtime: KubernetesRuntime, brief: None
) -> None:
    room = await runtime.open(classroom("algebra"))
    await runtime.create_all(room, commands(room, range(1, 4)))

    def refuse(method: str, path: str) -> Refusal | None:
        if method == "DELETE" and "networkpolicies" in path:
            api.faults.away = True
        return None

    api.faults.refuse = refuse
    with pytest.raises(RuntimeUnreachable, match="stopped answering"):
        await runtime.close(room)
    api.faults.refuse, api.faults.away = lambda method, path: None, False
    assert [found.uid for found in await runtime.classrooms()] == [room.uid]
    assert (await runtime.close(room)).left == ()
    assert api.objects.keys() == {("nodes", "", "node1")}


async def test_after_an_outage_the_end_is_waited_for_anew(
    api: ApiServer, named: Node, runtime: KubernetesRuntime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The cluster's own controllers were cut off too, and take as long again."""
    monkeypatch.setattr(teardown, "WAIT", 1.5)
    room = await runtime.open(classroom("algebra"))
    gone = asyncio.Event()

    def refuse(method: str, path: str) -> Refusal | None:
        if method == "DELETE" and "networkpolicies" in path and not gone.is_set():
            gone.set()
            api.faults.away = True
        return None

    api.faults.refuse, api.faults.stuck_namespaces = refuse, True
    closing = asyncio.create_task(runtime.close(room))
    await until(lambda: asyncio.sleep(0, gone.is_set()), "the server is away")
    await asyncio.sleep(teardown.WAIT)
    api.faults.away = False
    await until(lambda: asyncio.sleep(0, runtime.client.back_at > 0), "the server was found again")
    await asyncio.sleep(teardown.WAIT / 2)
    api.faults.stuck_namespaces = False
    api.call(lambda: api.delete("namespaces", "", "workshop-algebra"))
    assert (await closing).left == ()


async def test_a_gateway_that_starts_in_an_outage_waits_for_its_end(
    api: ApiServer, named: Node, runtime: KubernetesRuntime, kubeconfig: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ended and started again by its node it would come back minutes after the server."""
    from workshop.service import cluster_process

    monkeypatch.setattr(cluster_process, "TRY_EVERY", 0.05)
    monkeypatch.setenv("KUBECONFIG", kubeconfig)
    room = await runtime.open(classroom("algebra"))
    gateway = KubernetesRuntime(kubeconfig=kubeconfig)
    api.faults.away = True
    starting = asyncio.create_task(cluster_process.find_class(gateway, room.name, room.uid))
    assert not (await asyncio.wait({starting}, timeout=0.5))[0]
    api.faults.away = False
    found, store = await starting
    assert (found.uid, store.claims(room.uid)) == (room.uid, ())
    store.close()
    with pytest.raises(UnknownClassroom):
        await cluster_process.find_class(gateway, room.name, "another")
    await gateway.aclose()


async def test_a_watch_goes_on_after_an_outage_with_what_happened_meanwhile(
    api: ApiServer, named: Node, runtime: KubernetesRuntime, brief: None
) -> None:
    room = await runtime.open(classroom("algebra"))
    await runtime.create_all(room, commands(room, range(1, 3)))
    async with asyncio.timeout(20), aclosing(runtime.watch(room)) as events:  # type: ignore[type-var]
        async for event in events:
            if isinstance(event, SeatsListed):
                break
        outage = asyncio.create_task(away(api, 2))
        await asyncio.sleep(0.3)
        key = ("statefulsets", "workshop-algebra", "ws-algebra")

        def grow() -> None:
            item = api.objects[key]
            item["spec"]["replicas"] = 3
            api.put("statefulsets", item)

        api.call(grow)
        async for event in events:
            records = event.records if isinstance(event, SeatsListed) else ()
            changed = event.record.number if isinstance(event, SeatChanged) else 0
            if changed == 3 or any(record.number == 3 for record in records):
                break
        await outage


# The end


async def test_a_namespace_that_hangs_is_reported_with_its_conditions(
    api: ApiServer, named: Node, runtime: KubernetesRuntime, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert teardown.WAIT <= 120
    monkeypatch.setattr(teardown, "WAIT", 1.5)
    room = await runtime.open(classroom("algebra"))
    api.faults.stuck_namespaces = True
    (survivor,) = (await runtime.close(room)).left
    assert (survivor.kind, survivor.name) == ("Namespace", "workshop-algebra")
    assert "example.org/holds" in survivor.reason
    api.faults.stuck_namespaces = False
    assert (await runtime.close(room)).left == ()


async def test_an_object_of_somebody_else_that_holds_the_namespace_is_named(
    api: ApiServer, named: Node, runtime: KubernetesRuntime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(teardown, "WAIT", 1.0)
    room = await runtime.open(classroom("algebra"))
    theirs = {"name": "backup", "namespace": "workshop-algebra", "finalizers": ["example.org/keep"]}
    api.call(lambda: api.make("configmaps", {"kind": "ConfigMap", "metadata": theirs}))
    (survivor,) = (await runtime.close(room)).left
    assert (survivor.kind, survivor.name) == ("Namespace", "workshop-algebra")
    assert survivor.reason == "ConfigMap backup held by example.org/keep"

    def let_go() -> None:
        del api.objects[("configmaps", "workshop-algebra", "backup")]["metadata"]["finalizers"]
        api.remove("configmaps", "workshop-algebra", "backup")

    api.call(let_go)
    assert (await runtime.close(room)).left == ()


async def test_an_object_that_is_held_is_named_and_the_record_stays_until_it_is_gone(
    api: ApiServer, named: Node, runtime: KubernetesRuntime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(teardown, "WAIT", 1.0)
    room = await runtime.open(classroom("algebra"))
    key = ("services", "workshop-algebra", "ws-algebra")

    def hold() -> None:
        service = api.objects[key]["metadata"]
        service["finalizers"] = ["service.kubernetes.io/load-balancer-cleanup"]
        event = {
            "kind": "Event",
            "metadata": {"name": "e1", "namespace": "workshop-algebra"},
            "involvedObject": {"kind": "Service", "name": "ws-algebra", "uid": service["uid"]},
            "type": "Warning",
            "reason": "SyncLoadBalancerFailed",
            "message": "the address is in use",
        }
        api.make("events", event)

    api.call(hold)
    removal = await runtime.close(room)
    assert ("Service", "ws-algebra", "its load balancer is not released yet: the address is in use") in [
        (survivor.kind, survivor.name, survivor.reason) for survivor in removal.left
    ]
    assert [found.uid for found in await runtime.classrooms()] == [room.uid]

    def let_go() -> None:
        del api.objects[key]["metadata"]["finalizers"]
        api.remove(*key)

    api.call(let_go)
    assert (await runtime.close(room)).left == ()


# How much is asked of the server


async def test_up_twice_changes_nothing(api: ApiServer, named: Node, runtime: KubernetesRuntime) -> None:
    room = await runtime.open(classroom("algebra"))
    await runtime.create_all(room, commands(room, range(1, 6)))
    before = {key: item["metadata"]["resourceVersion"] for key, item in api.objects.items() if key[0] != "pods"}
    room = await runtime.open(room)
    await runtime.create_all(room, commands(room, range(1, 6)))
    after = {key: item["metadata"]["resourceVersion"] for key, item in api.objects.items() if key[0] != "pods"}
    assert after == before


async def test_writes_of_up_and_down_do_not_grow_with_the_seats(
    api: ApiServer, named: Node, runtime: KubernetesRuntime
) -> None:
    counts = []
    for name, seats in (("few", 2), ("many", 60)):
        before = writes(api)
        room = await runtime.open(classroom(name))
        await runtime.create_all(room, commands(room, range(1, seats + 1)))
        up = writes(api) - before
        assert len(await runtime.seats(room)) == seats
        await runtime.close(room)
        counts.append((up, writes(api) - before - up))
    assert counts[0] == counts[1]


async def test_seats_made_one_by_one_at_once_are_made_together(
    api: ApiServer, named: Node, runtime: KubernetesRuntime
) -> None:
    room = await runtime.open(classroom("algebra"))
    before = writes(api)
    await asyncio.gather(*(runtime.create(room, number, server_command(room, number)) for number in range(1, 31)))
    assert writes(api) - before <= 8
    made = api.objects[("statefulsets", "workshop-algebra", "ws-algebra")]
    assert decode_roster(made) == dict.fromkeys(range(1, 31), 1)


async def test_watching_asks_nothing_per_seat(api: ApiServer, named: Node, runtime: KubernetesRuntime) -> None:
    room = await runtime.open(classroom("algebra"))
    await runtime.create_all(room, commands(room, range(1, 41)))
    async with aclosing(runtime.watch(room)) as events:  # type: ignore[type-var]
        async with asyncio.timeout(10):
            async for event in events:
                if isinstance(event, SeatsListed) and len(event.records) == 40:
                    break
        before = sum(api.requests.values())
        quiet = asyncio.ensure_future(anext(events))
        await asyncio.wait({quiet}, timeout=1)
        quiet.cancel()
        await asyncio.gather(quiet, return_exceptions=True)
        assert sum(api.requests.values()) - before <= 5  # three watches, a first list, one more of either
    assert live.IDLE >= 30
