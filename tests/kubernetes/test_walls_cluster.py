"""Walls between seats, seen from inside: on a real cluster whose network enforces NetworkPolicies.

Not every cluster's does (`docs/kubernetes.md`); `WORKSHOP_TEST_CLUSTER_WALLS=1` says that this one is to.
"""

from __future__ import annotations

import os
from typing import Any

import pytest

from tests.kubernetes.cluster_world import KubernetesWorld
from tests.runtimes.worlds import until
from workshop.model.classroom import Classroom
from workshop.model.labels import KIND, UID
from workshop.model.seat import seat_name
from workshop.ports.runtime import Runtime

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.skipif(
        not os.environ.get("WORKSHOP_TEST_CLUSTER_WALLS"),
        reason="the cluster's network may enforce no NetworkPolicies: WORKSHOP_TEST_CLUSTER_WALLS is not set",
    ),
]
CLUSTER = "real"
KNOCK = """
import socket, sys
s = socket.socket()
s.settimeout(4)
try:
    s.connect((sys.argv[1], int(sys.argv[2])))
    print("open")
except OSError as error:
    print("closed")
"""


def address(endpoint: str) -> tuple[str, str]:
    host, _, port = endpoint.removeprefix("http://").rpartition(":")
    return host.strip("[]"), port


async def knock(runtime: Runtime, room: Classroom, number: int, host: str, port: str) -> str:
    result = await runtime.run(room, number, ("python3", "-c", KNOCK, host, port))
    return result.stdout.decode().strip()


class Visitor:
    """A pod of the test's own in the class's namespace, which knocks from there."""

    def __init__(self, world: KubernetesWorld, room: Classroom, name: str, labels: dict[str, str]) -> None:
        self.world, self.room, self.name, self.labels = world, room, name, labels

    def start(self) -> None:
        security = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
        container = {
            "name": "c",
            "image": self.room.image,
            "command": ["python3", "-m", "http.server", "8080"],
            "securityContext": security,
            "resources": {"limits": {"memory": "64Mi", "cpu": "200m"}},
            "ports": [{"name": "http", "containerPort": 8080}],
        }
        pod = {"runAsNonRoot": True, "runAsUser": 1000, "seccompProfile": {"type": "RuntimeDefault"}}
        spec = {"containers": [container], "securityContext": pod, "terminationGracePeriodSeconds": 1}
        manifest = {"metadata": {"name": self.name, "labels": self.labels}, "spec": spec}
        self.world.of("CoreV1Api").create_namespaced_pod(self.room.option("namespace"), manifest)

    async def address(self) -> str:
        async def ready() -> Any:
            pod = self.world.of("CoreV1Api").read_namespaced_pod(self.name, self.room.option("namespace"))
            states = [entry.state.running for entry in pod.status.container_statuses or ()]
            return pod.status.pod_ip if all(states) and states else None

        return str(await until(ready, f"{self.name} runs", 60))

    def knock(self, host: str, port: str) -> str:
        from kubernetes.stream import stream

        connect = self.world.of("CoreV1Api").connect_get_namespaced_pod_exec
        command = ["python3", "-c", KNOCK, host, port]
        where = (self.name, self.room.option("namespace"))
        return str(stream(connect, *where, command=command, stdout=True, stderr=True)).strip()


async def test_only_the_gateway_reaches_a_seat_and_no_seat_reaches_another_or_the_clouds_metadata(
    world: KubernetesWorld, runtime: Runtime, room: Classroom, ready: Any
) -> None:
    seats = {number: address((await ready(number)).endpoint) for number in (1, 2)}
    gateway = Visitor(world, room, "stand-in", {UID: room.uid, KIND: "gateway"})
    stranger = Visitor(world, room, "stranger", {"app": "other"})
    for visitor in (gateway, stranger):
        visitor.start()
    door, other = await gateway.address(), await stranger.address()

    async def allowed() -> bool:
        return gateway.knock(*seats[1]) == "open"  # policies reach a new pod a moment after it starts

    await until(allowed, "the gateway reaches seat 01", 30)
    assert gateway.knock(*seats[2]) == "open"
    assert stranger.knock(*seats[1]) == "closed"
    assert await knock(runtime, room, 1, *seats[2]) == "closed", f"from seat 01 to seat {seat_name(2)}"
    assert await knock(runtime, room, 2, *seats[1]) == "closed"
    assert await knock(runtime, room, 1, "169.254.169.254", "80") == "closed"
    assert await knock(runtime, room, 1, door, "8080") == "open", "the gateway's port is for everybody"
    assert await knock(runtime, room, 1, door, "8081") == "closed"
    assert stranger.knock(other, "8080") == "open"
