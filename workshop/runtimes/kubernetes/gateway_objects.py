"""Manifests of the gateway in the cluster: its account, its door, and the clock that ends the class without it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib import resources
from typing import Any

from workshop.model.amounts import format_span
from workshop.runtimes.kubernetes.names import GATEWAY_KIND
from workshop.runtimes.kubernetes.objects import SeatObjects, container_security, placement, pod_security

Json = dict[str, Any]

PORT = 8080
USER_ID = 1000
STATE = "/var/lib/workshop"
CONTROL_SOCKET = f"{STATE}/control.sock"
LEAVE_NODE = 15
"""Seconds after which the gateway of a node that does not answer is started on another one (by default it is 300)."""
Rule = tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]
"""API groups, resources and verbs."""
WITHOUT_INGRESS = ("loadbalancer", "nodeport", "port-forward")
RIGHTS: tuple[Rule, ...] = (
    (("",), ("secrets",), ("get", "list", "watch", "create", "update", "patch", "delete", "deletecollection")),
    (("",), ("pods",), ("get", "list", "watch", "create", "patch", "delete", "deletecollection")),
    (("",), ("pods/exec",), ("get", "create")),
    (("",), ("pods/log",), ("get",)),
    (("",), ("pods/resize",), ("patch",)),
    (("",), ("events",), ("get", "list", "watch")),
    (
        ("",),
        ("services", "configmaps", "serviceaccounts", "resourcequotas", "persistentvolumeclaims"),
        ("get", "list", "create", "patch", "delete", "deletecollection"),
    ),
    (("apps",), ("statefulsets",), ("get", "list", "watch", "create", "patch", "delete", "deletecollection")),
    (("apps",), ("deployments", "daemonsets"), ("get", "list", "create", "patch", "delete", "deletecollection")),
    (("batch",), ("jobs", "cronjobs"), ("get", "list", "create", "patch", "delete", "deletecollection")),
    (("networking.k8s.io",), ("networkpolicies",), ("get", "list", "create", "patch", "delete", "deletecollection")),
    (("networking.k8s.io",), ("ingresses",), ("get", "list", "create", "patch", "delete", "deletecollection")),
    (
        ("rbac.authorization.k8s.io",),
        ("roles", "rolebindings"),
        ("get", "list", "create", "patch", "delete", "deletecollection"),
    ),
    (("metrics.k8s.io",), ("pods",), ("get", "list")),
    (("",), ("namespaces",), ("get", "delete")),
)
"""All that the tool does in a class's namespace, the instructor's side included."""


def rights_for(exposure: str) -> tuple[Rule, ...]:
    """Those that a class needs whose students come in that way; `auto` may come to an Ingress."""
    return tuple(rule for rule in RIGHTS if exposure not in WITHOUT_INGRESS or rule[1] != ("ingresses",))


@dataclass(frozen=True, slots=True)
class GatewayWishes:
    """How the gateway is run."""

    image: str
    """The image of this package."""
    arguments: tuple[str, ...]
    """What the image's Python runs: `("-m", "workshop", "gateway", …)`."""
    environment: tuple[tuple[str, str], ...] = ()
    replicas: int = 1
    memory: str = "512Mi"
    cpu: str = "250m"
    cpu_limit: str = "1"
    """A quota on CPU limits refuses pods that have none; the gateway is one thread."""
    grace: timedelta = timedelta(minutes=30)
    """After the class's end, before the cluster ends it without the gateway."""
    ends_itself: bool = True
    """Whether the class is removed then; else it stays until somebody removes it."""

    def resources(self) -> dict[str, dict[str, str]]:
        """Limits and requests of one gateway."""
        return {
            "limits": {"memory": self.memory, "cpu": self.cpu_limit},
            "requests": {"memory": "128Mi", "cpu": self.cpu},
        }


class GatewayObjects:
    """Builds the gateway's manifests; everything is named and owned as the seats' objects are."""

    def __init__(self, seats: SeatObjects, wishes: GatewayWishes) -> None:
        self._seats = seats
        self._wishes = wishes

    def all(self, exposure: str = "nodeport", ingress_class: str = "") -> list[Json]:
        """Everything, in the order in which it is made.

        Args:
            exposure: `ingress`, `loadbalancer`, `nodeport` or `port-forward`.
            ingress_class: the class of the Ingress; empty for the cluster's default.
        """
        made = [self.account(), self.role(exposure), self.binding(), self.deployment(), self.service(exposure)]
        if exposure == "ingress":
            made.append(self.ingress(ingress_class))
        if self._seats.classroom.ends is not None and self._wishes.ends_itself:
            made += [self.reaper_script(), self.clock()]
        return made

    def account(self) -> Json:
        return {
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": self._seats.metadata("-gateway", "account"),
            "automountServiceAccountToken": False,
        }

    def role(self, exposure: str) -> Json:
        """What the gateway may do: in this namespace alone."""
        own = self._seats.classroom.option("own_namespace") == "yes"
        rules = [
            {"apiGroups": list(groups), "resources": list(names), "verbs": list(verbs)}
            for groups, names, verbs in rights_for(exposure)
            if names != ("namespaces",)
        ]
        if own:
            # Deleting a namespace is a right that counts inside it: no cluster role is needed.
            rules.append(
                {
                    "apiGroups": [""],
                    "resources": ["namespaces"],
                    "resourceNames": [self._seats.namespace],
                    "verbs": ["get", "delete"],
                }
            )
        return {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "Role",
            "metadata": self._seats.metadata("-gateway", "role"),
            "rules": rules,
        }

    def binding(self) -> Json:
        name = f"{self._seats.base}-gateway"
        return {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "RoleBinding",
            "metadata": self._seats.metadata("-gateway", "binding"),
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name},
            "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": self._seats.namespace}],
        }

    def deployment(self) -> Json:
        labels = self._seats.pod_labels(GATEWAY_KIND)
        metadata = self._seats.metadata("-gateway", GATEWAY_KIND)
        return {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": metadata,
            "spec": {
                "replicas": self._wishes.replicas,
                "revisionHistoryLimit": 1,
                "strategy": {"type": "Recreate"} if self._wishes.replicas == 1 else {"type": "RollingUpdate"},
                "selector": {"matchLabels": labels},
                "template": {
                    "metadata": {"labels": metadata["labels"], "annotations": metadata["annotations"]},
                    "spec": self._pod(),
                },
            },
        }

    def _pod(self) -> Json:
        wishes = self._wishes
        environment = {
            "HOME": STATE,
            "WORKSHOP_STATE_DIR": STATE,
            "XDG_RUNTIME_DIR": STATE,
            "PYTHONUNBUFFERED": "1",
            **dict(wishes.environment),
        }
        container = {
            "name": "gateway",
            "image": wishes.image,
            "imagePullPolicy": "IfNotPresent",
            "command": ["python3", *wishes.arguments],
            "env": [{"name": name, "value": value} for name, value in sorted(environment.items())],
            "ports": [{"name": "http", "containerPort": PORT, "protocol": "TCP"}],
            "readinessProbe": {"tcpSocket": {"port": "http"}, "periodSeconds": 2},
            "livenessProbe": {
                "tcpSocket": {"port": "http"},
                "initialDelaySeconds": 60,
                "periodSeconds": 20,
                "failureThreshold": 6,
            },
            "resources": wishes.resources(),
            "securityContext": container_security(),
            "volumeMounts": [{"name": "state", "mountPath": STATE}],
        }
        spec: Json = {
            "serviceAccountName": f"{self._seats.base}-gateway",
            "automountServiceAccountToken": True,
            "enableServiceLinks": False,
            "terminationGracePeriodSeconds": 20,
            "securityContext": pod_security(USER_ID, USER_ID),
            "containers": [container],
            "volumes": [{"name": "state", "emptyDir": {}}],
        }
        return spec | self._placed()

    def _placed(self) -> Json:
        part = self._seats.wishes.part
        spec = placement(part)
        spec.pop("runtimeClassName", None)  # a sandbox is for seats
        leaving = [
            {
                "key": f"node.kubernetes.io/{why}",
                "operator": "Exists",
                "effect": "NoExecute",
                "tolerationSeconds": LEAVE_NODE,
            }
            for why in ("not-ready", "unreachable")
        ]
        spec["tolerations"] = [dict(toleration) for toleration in part.tolerations] + leaving
        return spec

    def service(self, exposure: str) -> Json:
        kinds = {"loadbalancer": "LoadBalancer", "nodeport": "NodePort"}
        return {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": self._seats.metadata("-gateway", "door"),
            "spec": {
                "type": kinds.get(exposure, "ClusterIP"),
                "selector": self._seats.pod_labels(GATEWAY_KIND),
                "ports": [{"name": "http", "port": 80, "targetPort": "http", "protocol": "TCP"}],
            },
        }

    def ingress(self, ingress_class: str) -> Json:
        """Long-lived connections and large uploads are said for the two controllers that are met most."""
        part = self._seats.wishes.part
        annotations = {
            "nginx.ingress.kubernetes.io/proxy-body-size": "0",
            "nginx.ingress.kubernetes.io/proxy-read-timeout": "86400",
            "nginx.ingress.kubernetes.io/proxy-send-timeout": "86400",
            "nginx.ingress.kubernetes.io/proxy-buffering": "off",
        }
        backend = {"service": {"name": f"{self._seats.base}-gateway", "port": {"name": "http"}}}
        rule: Json = {"http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": backend}]}}
        if part.host:
            rule["host"] = part.host
        spec: Json = {"rules": [rule]}
        if ingress_class:
            spec["ingressClassName"] = ingress_class
        if part.tls_secret:
            spec["tls"] = [{"secretName": part.tls_secret, "hosts": [part.host] if part.host else []}]
        return {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "Ingress",
            "metadata": self._seats.metadata("-gateway", "door", annotations),
            "spec": spec,
        }

    def reaper_script(self) -> Json:
        script = resources.files("workshop.runtimes.kubernetes").joinpath("reaper.py").read_text("utf-8")
        return {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": self._seats.metadata("-end", "clock"),
            "data": {"reaper.py": script},
        }

    def clock(self) -> Json:
        """A CronJob at the end of the class and the grace; it needs an image with Python and nothing of ours."""
        ends = self._seats.classroom.ends
        assert ends is not None
        metadata = self._seats.metadata("-end", "clock")
        environment = {
            "NAMESPACE": self._seats.namespace,
            "BASE": self._seats.base,
            "OWN_NAMESPACE": self._seats.classroom.option("own_namespace") or "no",
            "GRACE_SECONDS": str(int(self._wishes.grace.total_seconds())),
        }
        container = {
            "name": "end",
            "image": self._wishes.image,
            "imagePullPolicy": "IfNotPresent",
            "command": ["python3", "/run/workshop/reaper.py"],
            "env": [{"name": name, "value": value} for name, value in environment.items()],
            "resources": {"limits": {"memory": "64Mi", "cpu": "500m"}, "requests": {"memory": "32Mi", "cpu": "10m"}},
            "securityContext": container_security(),
            "volumeMounts": [{"name": "script", "mountPath": "/run/workshop", "readOnly": True}],
        }
        pod = {
            "serviceAccountName": f"{self._seats.base}-gateway",
            "automountServiceAccountToken": True,
            "enableServiceLinks": False,
            "restartPolicy": "OnFailure",
            "securityContext": pod_security(USER_ID, USER_ID),
            "containers": [container],
            "volumes": [{"name": "script", "configMap": {"name": f"{self._seats.base}-end"}}],
        }
        return {
            "apiVersion": "batch/v1",
            "kind": "CronJob",
            "metadata": metadata | {"annotations": metadata["annotations"] | {"description": self.sentence()}},
            "spec": {
                "schedule": cron(ends + self._wishes.grace),
                "timeZone": "Etc/UTC",
                "concurrencyPolicy": "Forbid",
                "successfulJobsHistoryLimit": 1,
                "failedJobsHistoryLimit": 1,
                "jobTemplate": {
                    "metadata": {"labels": metadata["labels"]},
                    "spec": {
                        "backoffLimit": 6,
                        "template": {
                            "metadata": {"labels": metadata["labels"]},
                            "spec": pod | self._placed(),
                        },
                    },
                },
            },
        }

    def sentence(self) -> str:
        grace = format_span(self._wishes.grace)
        return f"Removes the class {grace} after its end when its gateway is gone."


def cron(moment: datetime) -> str:
    """The minute after a moment, as a CronJob's schedule in UTC."""
    later = (moment.astimezone(UTC) + timedelta(seconds=59)).replace(second=0, microsecond=0)
    return f"{later.minute} {later.hour} {later.day} {later.month} *"
