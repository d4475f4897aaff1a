# ruff: noqa: E501
"""From pods to states and sentences that help."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from workshop.model.seat import SeatState
from workshop.runtimes.kubernetes.capacity import Room, breaks_limit_range, seats_in_quotas, seats_on_nodes
from workshop.runtimes.kubernetes.seat_states import exact_quantity, out_of_memory_at, parse_quantity, record_of

RESOURCES = {"limits": {"memory": "1Gi", "cpu": "1"}, "requests": {"memory": "512Mi", "cpu": "100m"}}


def pod(status: dict[str, Any], *, node: str = "node1", **metadata: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": "ws-a-7", "namespace": "n", "uid": "u", **metadata},
        "spec": {"nodeName": node, "containers": [{"name": "seat", "resources": RESOURCES}]},
        "status": status,
    }


def claiming(status: dict[str, Any]) -> dict[str, Any]:
    """A pod without a node whose volume is claimed."""
    made = pod(status, node="")
    made["spec"]["volumes"] = [{"name": "seat", "persistentVolumeClaim": {"claimName": "seat-ws-a-7"}}]
    return made


def container(**state: Any) -> dict[str, Any]:
    return {"containerStatuses": [{"name": "seat", "restartCount": 4, **state}]}


def condition(kind: str, status: str, reason: str = "", message: str = "") -> dict[str, Any]:
    return {"type": kind, "status": status, "reason": reason, "message": message}


NO_MEMORY = "0/3 nodes are available: 1 node(s) had untolerated taint, 2 Insufficient memory, 1 Too many pods."
LONG_AGO = (datetime.now(UTC) - timedelta(minutes=5)).isoformat()


@pytest.mark.parametrize(
    ("found", "state", "words"),
    [
        (pod({"conditions": [condition("PodScheduled", "False", "Unschedulable", NO_MEMORY)]}, node=""),
         SeatState.QUEUED, "no node has room: memory and pods"),
        (pod({"conditions": [condition("PodScheduled", "False", "Unschedulable", "node(s) didn't match Pod's node affinity")]}, node=""),
         SeatState.QUEUED, "no node fits: node(s) didn't match"),
        (pod({}, node=""), SeatState.QUEUED, "waiting for a node"),
        (claiming({}), SeatState.QUEUED, "waiting for its volume to be made"),
        (claiming({"conditions": [condition("PodScheduled", "False", "Unschedulable", "0/2 nodes are available: pod has unbound immediate PersistentVolumeClaims.")]}),
         SeatState.QUEUED, "waiting for its volume to be made"),
        (claiming({"conditions": [condition("PodScheduled", "False", "Unschedulable", NO_MEMORY)]}), SeatState.QUEUED, "no node has room: memory"),
        (pod(container(state={"waiting": {"reason": "ImagePullBackOff", "message": "Back-off pulling image x: not found"}})),
         SeatState.FAILED, "the image cannot be fetched: Back-off pulling image x: not found"),
        (pod({"initContainerStatuses": [{"name": "fill", "state": {"waiting": {"reason": "ErrImagePull", "message": "no such host"}}}]}),
         SeatState.FAILED, "the image cannot be fetched: no such host"),
        (pod(container(state={"waiting": {"reason": "CreateContainerConfigError", "message": "secret not found"}})),
         SeatState.FAILED, "the container cannot be made: secret not found"),
        (pod(container(state={"waiting": {"reason": "CrashLoopBackOff"}}, lastState={"terminated": {"exitCode": 127, "reason": "Error"}})),
         SeatState.FAILED, "its server ended with code 127, 4 times so far"),
        (pod(container(state={"waiting": {"reason": "CrashLoopBackOff"}}, lastState={"terminated": {"exitCode": 137, "reason": "OOMKilled"}})),
         SeatState.FAILED, "out of memory"),
        (pod({"phase": "Failed", "reason": "Evicted", "message": "The node was low on resource: memory."}),
         SeatState.FAILED, "evicted by its node: The node was low on resource: memory."),
        (pod({"initContainerStatuses": [{"name": "fill", "state": {"running": {}}}]}),
         SeatState.CREATING, "its home folder is being filled"),
        (pod(container(state={"running": {}})), SeatState.STARTING, ""),
        (pod(container(state={"running": {}}), annotations={"io.workshop.stopped": "yes"}), SeatState.STOPPED, "stopped"),
        (pod(container(state={"running": {}}), annotations={"io.workshop.paused": "yes"}), SeatState.PAUSED, "paused"),
        (pod(container(state={"running": {}}), deletionTimestamp=(datetime.now(UTC) + timedelta(hours=2)).isoformat()), SeatState.REMOVING, ""),
        (pod(container(state={"running": {}}), deletionTimestamp=LONG_AGO), SeatState.LOST, "node1 does not answer"),
        (pod(container(state={"running": {}}) | {"conditions": [condition("Ready", "False"), condition("ContainersReady", "True")]}),
         SeatState.LOST, "node1 does not answer"),
    ],
)  # fmt: skip
def test_a_pod_is_told_in_words_that_help(found: dict[str, Any], state: SeatState, words: str) -> None:
    record = record_of(7, 1, found)
    assert record.state is state
    assert words in record.detail


def test_a_seat_without_a_pod_says_why_if_the_cluster_said_so() -> None:
    record = record_of(7, 2, None, where="n/ws-a-7", note="the namespace's quota is full: pods")
    assert (record.state, record.object_id, record.detail) == (
        SeatState.CREATING, "n/ws-a-7/2", "the namespace's quota is full: pods"
    )  # fmt: skip


def test_an_address_is_known_only_while_the_port_is_open() -> None:
    running = container(state={"running": {}}) | {"podIP": "10.1.2.3"}
    ready = running | {"conditions": [condition("Ready", "True"), condition("ContainersReady", "True")]}
    assert record_of(7, 1, pod(running)).endpoint == ""
    assert record_of(7, 1, pod(ready)).endpoint == "http://10.1.2.3:8888"
    assert record_of(7, 1, pod(ready | {"podIP": "fd00::7"})).endpoint == "http://[fd00::7]:8888"
    assert record_of(7, 1, pod(ready, annotations={"io.workshop.stopped": "yes"})).endpoint == ""


def test_out_of_memory_is_read_from_the_last_end_of_the_container() -> None:
    ended = {"reason": "OOMKilled", "exitCode": 137, "finishedAt": "2026-03-01T10:00:00Z"}
    found = pod(container(state={"running": {}}, lastState={"terminated": ended}))
    assert out_of_memory_at(found) == datetime(2026, 3, 1, 10, tzinfo=UTC)
    assert out_of_memory_at(pod(container(state={"running": {}}))) is None


def test_the_memory_limit_is_the_one_in_force_after_a_resize() -> None:
    running = container(state={"running": {}}, resources={"limits": {"memory": "2Gi"}})
    assert record_of(7, 1, pod(running)).memory_limit == 2 * 1024**3
    assert record_of(7, 1, pod({})).memory_limit == 1024**3


@pytest.mark.parametrize(
    ("text", "number"),
    [("1Gi", 1024**3), ("512M", 512e6), ("250m", 0.25), ("1.5Ki", 1536), ("3", 3), ("2k", 2000), ("1Pi", 1024**5)],
)
def test_quantities_are_read(text: str, number: float) -> None:
    assert exact_quantity(text) == pytest.approx(number)
    assert parse_quantity(text) == int(number)


# Room


def node(name: str, memory: str, cpu: str = "8", pods: str = "110") -> dict[str, Any]:
    return {"metadata": {"name": name}, "status": {"allocatable": {"memory": memory, "cpu": cpu, "pods": pods}}}


def test_seats_fit_by_what_runs_out_first_on_each_node() -> None:
    nodes = [node("a", "4Gi"), node("b", "16Gi")]
    used = {"a": {"memory": 1024**3, "cpu": 1.0, "pods": 10.0}, "b": {"memory": 0, "cpu": 0, "pods": 104.0}}
    assert seats_on_nodes(nodes, used, RESOURCES["requests"]) == (6 + 6, "memory")
    assert Room(18, "memory", None, "").fit(30).sentence == "18 of 30 seats fit: memory of the nodes."
    assert Room(40, "memory", 25, "pods").fit(30).sentence == "25 of 30 seats fit: pods in the quota."
    assert Room(40, "memory", None, "").fit(30).verdict == "fits"


def test_quotas_count_what_is_used_already() -> None:
    quota = {
        "status": {"hard": {"limits.memory": "10Gi", "pods": "20", "services": "1"}, "used": {"limits.memory": "2Gi"}}
    }
    assert seats_in_quotas([quota], RESOURCES) == (8, "memory limits")
    assert seats_in_quotas([], RESOURCES) == (None, "")


def test_the_gateway_is_counted_beside_the_seats_in_a_quota() -> None:
    quota = {"spec": {"hard": {"pods": "10", "limits.cpu": "40"}}, "status": {}}
    gateway = {"limits": {"memory": "512Mi", "cpu": "1"}, "requests": {"memory": "128Mi", "cpu": "250m"}}
    assert seats_in_quotas([quota], RESOURCES, gateway) == (9, "pods")
    assert seats_in_quotas([{"spec": {"hard": {"pods": "0"}}}], RESOURCES, gateway) == (0, "pods")


@pytest.mark.parametrize(
    ("limit", "words"),
    [
        ({"type": "Container", "max": {"memory": "512Mi"}}, "memory above the namespace's 512 MB"),
        ({"type": "Container", "min": {"cpu": "200m"}}, "requested CPU below the namespace's 200m"),
        ({"type": "Container", "maxLimitRequestRatio": {"cpu": "4"}}, "CPU overcommitted 10.0 times"),
        ({"type": "Container", "max": {"memory": "2Gi"}}, ""),
        ({"type": "PersistentVolumeClaim", "max": {"storage": "1Gi"}}, ""),
    ],
)
def test_a_limit_range_that_forbids_a_seat_is_named(limit: dict[str, Any], words: str) -> None:
    refused = breaks_limit_range({"spec": {"limits": [limit]}}, RESOURCES)
    assert words in refused
    assert bool(words) == bool(refused)
