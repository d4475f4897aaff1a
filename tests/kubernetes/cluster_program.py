"""The program with a cluster: what it opened there is closed at the end."""

from __future__ import annotations

from tests.journey.conftest import Program
from tests.kubernetes.cluster_world import KubernetesWorld


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
