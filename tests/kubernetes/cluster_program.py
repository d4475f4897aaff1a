"""The program with a cluster, and what a workshop for it says."""

from __future__ import annotations

from typing import Any

from tests.journey.conftest import Program
from tests.kubernetes.cluster_world import KubernetesWorld

SEATS = 2
DEFINITION: dict[str, Any] = {
    "title": "Lesson",
    "source": ".",
    "seats": SEATS,
    "spares": 0,
    "runtime": "kubernetes",
    "limits": {"memory": "512 MB", "cpus": 1},
    "times": {"length": "2h"},
}


class ClusterProgram(Program):
    """The program on a machine whose kubeconfig names the cluster."""

    world: KubernetesWorld

    def objects(self, name: str) -> list[str]:
        """Everything on the cluster that carries the class's labels, seen past the code under test."""
        return self.world.of_class(name)

    def close_all(self) -> None:
        there = {room["classroom"] for room in self("list", "--runtime", "kubernetes")["classrooms"]}
        for name in there.intersection(self.opened):
            self.down(name)
