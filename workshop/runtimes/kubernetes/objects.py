"""Manifests of what all seats of a classroom share: pure functions, the same number of objects for any number of seats.

Everything is accepted by the Pod Security level `restricted`. Every object carries the labels by which it is found
again and, but for the room's Secret, that Secret as its owner: when the Secret goes, the cluster removes the rest.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from workshop.model import labels
from workshop.model.classroom import Classroom, encode_classroom
from workshop.model.parts import first_number
from workshop.runtimes.kubernetes import launcher
from workshop.runtimes.kubernetes.names import (
    GATEWAY_KIND,
    ROOM_KEY,
    ROOM_KIND,
    ROSTER,
    SEAT_KIND,
    VOLUME,
    base_name,
    object_annotations,
    object_labels,
)
from workshop.runtimes.kubernetes.wishes import Wishes

Json = dict[str, Any]

SEAT_PORT = 8888
CPU_SHARE = 5
"""A seat's CPU limit divided by what it requests, beside the overcommit factor: notebooks wait for people."""
GRACE = 10
"""Seconds a seat's server has to end."""
METADATA_NETS = ("169.254.0.0/16",)
"""Where clouds answer with credentials of the node."""
METADATA_NETS_6 = ("fd00:ec2::254/128", "fe80::/10")


def namespace(classroom: Classroom, name: str) -> Json:
    """A namespace of the classroom's own. Its record is without the key: names of namespaces are read by many."""
    record = json.loads(encode_classroom(classroom)) | {"key": "", "definition": "", "pin": ""}
    return {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {
            "name": name,
            "labels": object_labels(classroom, "namespace")
            | {
                "pod-security.kubernetes.io/enforce": "restricted",
                "pod-security.kubernetes.io/warn": "restricted",
            },
            "annotations": object_annotations(classroom)
            | {labels.DEFINITION: json.dumps(record, separators=(",", ":"), sort_keys=True)},
        },
    }


def room(classroom: Classroom, namespace_name: str) -> Json:
    """The Secret by which a classroom is found again: made first, removed last."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "Opaque",
        "metadata": {
            "name": f"{base_name(classroom.name)}-room",
            "namespace": namespace_name,
            "labels": object_labels(classroom, ROOM_KIND),
            "annotations": object_annotations(classroom),
        },
        "stringData": {ROOM_KEY: encode_classroom(classroom)},
    }


class SeatObjects:
    """Builds the manifests of one classroom in one namespace.

    Args:
        owner_uid: the uid of the room's Secret; empty leaves owner references out (`up --dry-run`).
    """

    def __init__(self, classroom: Classroom, namespace_name: str, wishes: Wishes, *, owner_uid: str = "") -> None:
        self.classroom = classroom
        self.namespace = namespace_name
        self.wishes = wishes
        self.owner_uid = owner_uid

    @property
    def base(self) -> str:
        return base_name(self.classroom.name)

    def metadata(self, suffix: str, kind: str, annotations: Mapping[str, str] | None = None) -> Json:
        """Name, labels, expiry and owner of an object."""
        metadata: Json = {
            "name": f"{self.base}{suffix}",
            "namespace": self.namespace,
            "labels": object_labels(self.classroom, kind),
            "annotations": object_annotations(self.classroom) | dict(annotations or {}),
        }
        if self.owner_uid:
            metadata["ownerReferences"] = [
                {
                    "apiVersion": "v1",
                    "kind": "Secret",
                    "name": f"{self.base}-room",
                    "uid": self.owner_uid,
                    "blockOwnerDeletion": False,
                }
            ]
        return metadata

    def pod_labels(self, kind: str) -> dict[str, str]:
        return {labels.UID: self.classroom.uid, labels.KIND: kind}

    def shared(self) -> list[Json]:
        """What `open` makes: walls and the Service that names the seats' pods. No seat yet."""
        return [self.arrivals_policy(), self.departures_policy(), self.gateway_policy(), self.seat_service()]

    def seat_service(self) -> Json:
        return {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": self.metadata("", "service"),
            "spec": {
                "clusterIP": "None",
                "publishNotReadyAddresses": True,
                "selector": self.pod_labels(SEAT_KIND),
                "ports": [{"name": "http", "port": SEAT_PORT, "targetPort": SEAT_PORT, "protocol": "TCP"}],
            },
        }

    def arrivals_policy(self) -> Json:
        """Only the gateway reaches a seat."""
        rule = {
            "from": [{"podSelector": {"matchLabels": self.pod_labels(GATEWAY_KIND)}}],
            "ports": [{"protocol": "TCP", "port": SEAT_PORT}],
        }
        return self._seat_policy("-seats", {"policyTypes": ["Ingress"], "ingress": [rule]})

    def departures_policy(self) -> Json:
        """A seat reaches everything but the cloud's metadata service; with `egress: none`, nothing.

        An object of its own: kube-router (and so k3s) takes a policy's rules for either direction, and a seat that may
        go anywhere would come into every other one.
        """
        egress: list[Json] = []
        if self.wishes.egress != "none":
            egress = [
                # Wherever the cluster's name server is: a pod, the node, or an address of the metadata's own net.
                {"ports": [{"protocol": "UDP", "port": 53}, {"protocol": "TCP", "port": 53}]},
                {
                    "to": [
                        {"ipBlock": {"cidr": "0.0.0.0/0", "except": list(METADATA_NETS)}},
                        {"ipBlock": {"cidr": "::/0", "except": list(METADATA_NETS_6)}},
                    ]
                },
            ]
        return self._seat_policy("-seats-out", {"policyTypes": ["Egress"], "egress": egress})

    def _seat_policy(self, suffix: str, rules: Json) -> Json:
        return {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "NetworkPolicy",
            "metadata": self.metadata(suffix, "policy"),
            "spec": {"podSelector": {"matchLabels": self.pod_labels(SEAT_KIND)}, **rules},
        }

    def gateway_policy(self) -> Json:
        """Everybody reaches the gateway's port, also where the namespace closes everything by default."""
        return {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "NetworkPolicy",
            "metadata": self.metadata("-gateway", "policy"),
            "spec": {
                "podSelector": {"matchLabels": self.pod_labels(GATEWAY_KIND)},
                "policyTypes": ["Ingress", "Egress"],
                "ingress": [{"ports": [{"protocol": "TCP", "port": "http"}]}],
                "egress": [{}],
            },
        }

    def quota(self, replicas: int) -> Json:
        """A roof over the namespace: what this many seats, the gateway and the clock need, and no more."""
        per_seat = self.resources()
        pods = replicas + 6
        return {
            "apiVersion": "v1",
            "kind": "ResourceQuota",
            "metadata": self.metadata("", "quota"),
            "spec": {
                "hard": {
                    "pods": str(pods),
                    "limits.memory": str(replicas * int(per_seat["limits"]["memory"]) + 6 * 1024**3),
                    "services.loadbalancers": "1",
                }
            },
        }

    def resources(self) -> Json:
        """Limits as the definition says; requests smaller by the overcommit factor, so that a class fits."""
        limits = self.classroom.limits
        factor = self.wishes.part.overcommit
        return {
            "limits": {"memory": str(limits.memory_bytes), "cpu": f"{math.ceil(limits.cpus * 1000)}m"},
            "requests": {
                "memory": str(math.ceil(limits.memory_bytes / factor)),
                "cpu": f"{max(10, math.ceil(limits.cpus * 1000 / (factor * CPU_SHARE)))}m",
            },
        }

    def seat_secret(self, values: Mapping[str, str]) -> Json:
        """The launch script and what each seat is told, by pod name."""
        return {
            "apiVersion": "v1",
            "kind": "Secret",
            "type": "Opaque",
            "metadata": self.metadata("-seats", "seats"),
            "stringData": dict(values),
        }

    def seats(self, last: int, roster: Mapping[int, int]) -> Json:
        """The one StatefulSet; pods are numbered from the class's first number here to `last` and made all at once.

        Updates wait for a pod's deletion: applying a changed template restarts nobody's work.
        """
        start = first_number(self.classroom)
        spec: Json = {
            "replicas": max(0, last + 1 - start),
            "serviceName": self.base,
            "podManagementPolicy": "Parallel",
            "ordinals": {"start": start},
            "updateStrategy": {"type": "OnDelete"},
            "revisionHistoryLimit": 1,
            "selector": {"matchLabels": self.pod_labels(SEAT_KIND)},
            "template": self._template(),
        }
        if self.wishes.part.storage:
            spec["persistentVolumeClaimRetentionPolicy"] = {"whenDeleted": "Delete", "whenScaled": "Delete"}
            spec["volumeClaimTemplates"] = [self._claim()]
        return {
            "apiVersion": "apps/v1",
            "kind": "StatefulSet",
            "metadata": self.metadata("", "seats", {ROSTER: encode_roster(roster)}),
            "spec": spec,
        }

    def _claim(self) -> Json:
        part = self.wishes.part
        spec: Json = {
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": str(part.storage)}},
        }
        if part.storage_class:
            spec["storageClassName"] = part.storage_class
        return {
            "metadata": {"name": VOLUME, "labels": object_labels(self.classroom, "volume")},
            "spec": spec,
        }

    def _template(self) -> Json:
        part, wishes = self.wishes.part, self.wishes
        spec: Json = {
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            "terminationGracePeriodSeconds": GRACE,
            "securityContext": pod_security(wishes.user, wishes.group),
            "tolerations": wishes.tolerations,
            "initContainers": [self._container("fill", ["sh", launcher.LAUNCH_PATH, "fill"], filling=True)],
            "containers": [self._container("seat", ["sh", launcher.LAUNCH_PATH], filling=False)],
            "volumes": [{"name": "files", "secret": {"secretName": f"{self.base}-seats", "defaultMode": 0o440}}],
        }
        if not part.storage:
            spec["volumes"].append({"name": VOLUME, "emptyDir": {}})
        spec |= placement(part)
        return {
            "metadata": {
                "labels": object_labels(self.classroom, SEAT_KIND) | {labels.SPEC: self.classroom.spec_hash},
                "annotations": object_annotations(self.classroom)
                | {"cluster-autoscaler.kubernetes.io/safe-to-evict": "false"},
            },
            "spec": spec,
        }

    def _container(self, name: str, arguments: list[str], *, filling: bool) -> Json:
        """The seat's own container, or the one that fills its home folder from the image once."""
        files: list[Json] = [
            {"name": "files", "mountPath": launcher.SEAT_PATH, "subPathExpr": "$(POD_NAME)", "readOnly": True},
            {"name": "files", "mountPath": launcher.LAUNCH_PATH, "subPath": launcher.LAUNCH_KEY, "readOnly": True},
        ]
        container: Json = {
            "name": name,
            "image": self.classroom.image,
            "imagePullPolicy": "IfNotPresent",
            # `args` alone: the image's own entrypoint (a `start` script, an activated environment) stays in charge.
            "args": arguments,
            "env": [{"name": "POD_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}],
            "resources": self.resources(),
            "securityContext": container_security(),
        }
        if filling:
            container["volumeMounts"] = [*files, {"name": VOLUME, "mountPath": launcher.VOLUME_PATH}]
            return container
        probe = {"tcpSocket": {"port": SEAT_PORT}}
        container |= {
            "ports": [{"name": "http", "containerPort": SEAT_PORT, "protocol": "TCP"}],
            # The kubelet asks whether the port is open, which costs nothing; the gateway asks the server itself.
            "startupProbe": probe | {"periodSeconds": 1, "failureThreshold": 86400},
            "readinessProbe": probe | {"periodSeconds": 3, "failureThreshold": 3},
            "volumeMounts": [
                *files,
                {"name": VOLUME, "mountPath": self.wishes.home, "subPath": "home"},
                {"name": VOLUME, "mountPath": launcher.STATE_PATH, "subPath": "state"},
            ],
        }
        return container


def pod_security(user: int, group: int) -> Json:
    return {
        "runAsNonRoot": True,
        "runAsUser": user,
        "runAsGroup": group,
        "fsGroup": group,
        "fsGroupChangePolicy": "OnRootMismatch",
        "seccompProfile": {"type": "RuntimeDefault"},
    }


def container_security() -> Json:
    return {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}


def placement(part: Any) -> Json:
    """Where pods may run and where their images come from, as the definition says."""
    spec: Json = {}
    if part.node_selector:
        spec["nodeSelector"] = dict(part.node_selector)
    if part.runtime_class:
        spec["runtimeClassName"] = part.runtime_class
    if part.image_pull_secrets:
        spec["imagePullSecrets"] = [{"name": name} for name in part.image_pull_secrets]
    return spec


def encode_roster(roster: Mapping[int, int]) -> str:
    """The generations that are not 1, by number: `{"3":2,"7":0}`; 0 stands for a removed seat between others."""
    return json.dumps({str(number): roster[number] for number in sorted(roster)}, separators=(",", ":"))


def decode_roster(stateful_set: Mapping[str, Any]) -> dict[int, int]:
    """The generation of every seat that exists, by number."""
    annotations = stateful_set.get("metadata", {}).get("annotations") or {}
    special = {int(number): int(generation) for number, generation in json.loads(annotations.get(ROSTER, "{}")).items()}
    numbers = {number: special.get(number, 1) for number in row_of(stateful_set)}
    return {number: generation for number, generation in numbers.items() if generation}


def row_of(stateful_set: Mapping[str, Any]) -> range:
    """The numbers of its pods, those of removed seats between others included."""
    spec = stateful_set.get("spec", {})
    start = int((spec.get("ordinals") or {}).get("start", 1))
    return range(start, start + int(spec.get("replicas") or 0))
