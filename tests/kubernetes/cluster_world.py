"""A real cluster, as the runtimes' contract sees it; read with the `kubernetes` package, past the code under test."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import re
import signal
from pathlib import Path
from typing import Any

from tests.kubernetes.cluster_images import gateway_image
from tests.runtimes.worlds import World
from workshop.model.classroom import Classroom, decode_classroom
from workshop.model.labels import CLASSROOM, CODE, GENERATION, KIND, SEAT, UID
from workshop.ports.runtime import Runtime

KINDS = (
    ("CoreV1Api", "config_map"),
    ("CoreV1Api", "persistent_volume_claim"),
    ("CoreV1Api", "pod"),
    ("CoreV1Api", "resource_quota"),
    ("CoreV1Api", "secret"),
    ("CoreV1Api", "service"),
    ("CoreV1Api", "service_account"),
    ("AppsV1Api", "daemon_set"),
    ("AppsV1Api", "deployment"),
    ("AppsV1Api", "stateful_set"),
    ("BatchV1Api", "cron_job"),
    ("BatchV1Api", "job"),
    ("NetworkingV1Api", "ingress"),
    ("NetworkingV1Api", "network_policy"),
    ("RbacAuthorizationV1Api", "role"),
    ("RbacAuthorizationV1Api", "role_binding"),
)


class KubernetesWorld(World):
    name = "kubernetes"

    def __init__(self, folder: Path, image: str, kubeconfig: str) -> None:
        super().__init__(folder, image)
        from kubernetes import client, config

        self.kubeconfig = kubeconfig
        self.api = client
        self.connection: Any = config.new_client_from_config(config_file=kubeconfig)

    def fresh(self) -> Runtime:
        from workshop.runtimes.kubernetes import KubernetesRuntime

        return KubernetesRuntime(kubeconfig=self.kubeconfig)

    def spawn_arguments(self) -> list[str]:
        return [
            "from workshop.runtimes.kubernetes import KubernetesRuntime",
            f"runtime = KubernetesRuntime(kubeconfig={self.kubeconfig!r})",
        ]

    def of(self, api: str) -> Any:
        return getattr(self.api, api)(self.connection)

    async def labels(self, classroom: Classroom) -> list[dict[str, str]]:
        """What the cluster knows of each seat: the set's labels, its roster, and codes from the room's own record."""
        return await asyncio.to_thread(self._labels, classroom)

    def _labels(self, classroom: Classroom) -> list[dict[str, str]]:
        selector = f"{UID}={classroom.uid}"
        sets = self.of("AppsV1Api").list_stateful_set_for_all_namespaces(label_selector=selector).items
        rooms = self.of("CoreV1Api").list_secret_for_all_namespaces(label_selector=selector).items
        records = [secret.data["room.json"] for secret in rooms if "room.json" in (secret.data or {})]
        found = []
        for made in sets:
            room = decode_classroom(base64.b64decode(records[0]).decode())
            roster = json.loads(made.metadata.annotations["io.workshop.roster"])
            template = made.spec.template.metadata
            for number in range(1, made.spec.replicas + 1):
                generation = roster.get(str(number), 1)
                if generation:
                    own = {SEAT: str(number), CODE: room.code(number), GENERATION: str(generation)}
                    found.append({**template.annotations, **template.labels, **own})
        return found

    async def leftovers(self, classroom: Classroom) -> list[str]:
        return await asyncio.to_thread(self._leftovers, classroom)

    def _leftovers(self, classroom: Classroom) -> list[str]:
        selector = f"{UID}={classroom.uid}"
        found = [
            f"{kind} {item.metadata.name}"
            for api, kind in KINDS
            for item in getattr(self.of(api), f"list_{kind}_for_all_namespaces")(label_selector=selector).items
        ]
        namespaces = self.of("CoreV1Api").list_namespace(label_selector=selector).items
        return found + [f"namespace {item.metadata.name}" for item in namespaces]

    def settings(self) -> dict[str, str]:
        """Variables that an instructor's machine has for this cluster."""
        registry = os.environ.get("WORKSHOP_TEST_CLUSTER_REGISTRY", "")
        given = {"WORKSHOP_KUBERNETES_REGISTRY": registry} if registry else {}
        return given | {"WORKSHOP_KUBERNETES_GATEWAY_IMAGE": gateway_image()}

    def definition(self) -> dict[str, Any]:
        """What a workshop has to say to be opened here."""
        return {"image": {"reference": self.image}, "kubernetes": {}}

    def of_class(self, name: str) -> list[str]:
        """Kind and name of everything with the labels of the class of that name, removals under way included."""
        selector = f"{CLASSROOM}={name}"
        found = [
            f"{kind} {item.metadata.name}"
            for api, kind in KINDS
            if kind != "pod"
            for item in getattr(self.of(api), f"list_{kind}_for_all_namespaces")(label_selector=selector).items
        ]
        namespaces = self.of("CoreV1Api").list_namespace(label_selector=selector).items
        return sorted(found + [f"namespace {item.metadata.name}" for item in namespaces])

    def rehearsals(self) -> list[str]:
        """Namespaces of rehearsals."""
        found = self.of("CoreV1Api").list_namespace(label_selector=f"{UID}").items
        return [item.metadata.name for item in found if item.metadata.name.startswith("workshop-rehearsal-")]

    def _pods(self, name: str, kind: str) -> list[Any]:
        found = self.of("CoreV1Api").list_pod_for_all_namespaces(label_selector=f"{CLASSROOM}={name},{KIND}={kind}")
        return list(found.items)

    def pods(self, name: str) -> int:
        """How many pods of seats there are."""
        return len(self._pods(name, "seat"))

    def delete_pod(self, name: str, number: int) -> str:
        """A seat's pod is evicted, say; its uid."""
        pod = self._seat_pod(name, number)
        self.of("CoreV1Api").delete_namespaced_pod(pod.metadata.name, pod.metadata.namespace)
        return str(pod.metadata.uid)

    def ready_pod(self, name: str, number: int) -> str:
        """The uid of a seat's pod; empty while there is none, or it is not ready."""
        try:
            pod = self._seat_pod(name, number)
        except StopIteration:
            return ""
        ready = {entry.type: entry.status for entry in pod.status.conditions or ()}.get("Ready") == "True"
        return str(pod.metadata.uid) if ready and pod.metadata.deletion_timestamp is None else ""

    def _seat_pod(self, name: str, number: int) -> Any:
        return next(pod for pod in self._pods(name, "seat") if pod.metadata.name == f"ws-{name}-{number}")

    def volumes(self, name: str) -> dict[int, str]:
        """The persistent volumes of a class's seats, by number; also of claims that are gone."""
        claim = re.compile(rf"seat-ws-{name}-(\d+)")
        found = {}
        for volume in self.of("CoreV1Api").list_persistent_volume().items:
            ref = volume.spec.claim_ref
            if ref is not None and (match := claim.fullmatch(ref.name)):
                found[int(match[1])] = str(volume.metadata.name)
        return found

    def load_balancer(self, name: str) -> str:
        """The address that the cluster gave the gateway's Service; empty for none."""
        services = self.of("CoreV1Api").list_service_for_all_namespaces(label_selector=f"{CLASSROOM}={name}").items
        given = (entry for service in services for entry in service.status.load_balancer.ingress or ())
        return next((str(entry.ip or entry.hostname) for entry in given), "")

    def running_gateways(self, name: str) -> int:
        """How many gateways are ready."""
        return sum(
            condition.type == "Ready" and condition.status == "True" and pod.metadata.deletion_timestamp is None
            for pod in self._pods(name, "gateway")
            for condition in pod.status.conditions or ()
        )

    def lose_gateway(self, name: str) -> None:
        """Its pod is gone, all at once."""
        for pod in self._pods(name, "gateway"):
            self.of("CoreV1Api").delete_namespaced_pod(
                pod.metadata.name, pod.metadata.namespace, grace_period_seconds=0
            )

    def run_in_seat(self, name: str, number: int, script: str) -> str:
        """What a shell in the seat's home prints."""
        from kubernetes.stream import stream

        pod = self._seat_pod(name, number)
        answer = stream(
            self.of("CoreV1Api").connect_get_namespaced_pod_exec,
            pod.metadata.name,
            pod.metadata.namespace,
            command=["sh", "-c", f"cd /home/jovyan && {script}"],
            container="seat",
            stdout=True,
            stderr=True,
        )
        return str(answer)

    async def kill_server(self, classroom: Classroom, number: int) -> None:
        from kubernetes.stream import stream

        namespace = classroom.option("namespace")
        command = ["sh", "-c", "kill -KILL $(cat /run/workshop/state/server)"]
        core = self.of("CoreV1Api")
        await asyncio.to_thread(
            stream,
            core.connect_get_namespaced_pod_exec,
            f"ws-{classroom.name}-{number}",
            namespace,
            command=command,
            container="seat",
            stdout=True,
            stderr=True,
        )


class MemoryWorld(KubernetesWorld):
    """The API server in memory, with a node whose pods are processes of this machine."""

    def settings(self) -> dict[str, str]:
        return {"WORKSHOP_KUBERNETES_GATEWAY_IMAGE": "docker.io/workshop-test/gateway:1"}

    async def kill_server(self, classroom: Classroom, number: int) -> None:
        pods = self.of("CoreV1Api").list_namespaced_pod(classroom.option("namespace")).items
        uid = next(pod.metadata.uid for pod in pods if pod.metadata.name == f"ws-{classroom.name}-{number}")
        pid = int((self.folder / "pods" / uid / "run" / "state" / "server").read_text())
        os.kill(pid, signal.SIGKILL)
