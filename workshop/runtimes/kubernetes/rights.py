"""Which rights are needed, which are missing, and the smallest Role that would do."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

from workshop.runtimes.kubernetes.client import ClusterClient
from workshop.runtimes.kubernetes.gateway_objects import WITHOUT_INGRESS, Rule, rights_for

Json = dict[str, Any]

LAPTOP: tuple[Rule, ...] = ((("",), ("pods/portforward",), ("get", "create")),)
RESCUE: tuple[Rule, ...] = ((("",), ("pods/ephemeralcontainers",), ("patch",)),)
"""Without it, `reset` of a seat that keeps ending cannot save its files first; everything else works."""
OWN_NAMESPACE: tuple[Rule, ...] = ((("",), ("namespaces",), ("get", "list", "create", "delete")),)
"""Needed everywhere when each class is to have a namespace of its own."""
OPTIONAL: tuple[Rule, ...] = (
    (("",), ("nodes",), ("list",)),
    (("",), ("nodes/proxy",), ("get",)),
)
"""Without them, room and images cannot be looked at before; everything else works."""
OPTIONAL_FOR_INGRESS: Rule = (("networking.k8s.io",), ("ingressclasses",), ("list",))
"""Without it, an ingress class that is not there is found out late."""
OPTIONAL_FOR_STORAGE: tuple[Rule, ...] = (
    (("storage.k8s.io",), ("storageclasses",), ("list",)),
    (("",), ("persistentvolumes",), ("list",)),
)
"""Without them, a storage class that is not there is found out late, and volumes are not looked for after the class."""
_NOT_NEEDED = {"metrics.k8s.io"}
"""Groups that only inform."""


@dataclass(frozen=True, slots=True)
class Right:
    """One thing that may be asked of the API server."""

    verb: str
    group: str
    resource: str
    namespace: str

    def sentence(self) -> str:
        name = f"{self.resource}.{self.group}" if self.group else self.resource
        return f"{self.verb} {name}" + (f" in {self.namespace}" if self.namespace else "")


def rights_needed(namespace: str, *, own: bool, exposure: str = "auto") -> tuple[Right, ...]:
    """What opening, running and removing a class asks for.

    Args:
        own: the namespace is made and removed by us.
        exposure: how students come in, as the definition says.
    """
    found = []
    for groups, resources, verbs in (*rights_for(exposure), *LAPTOP):
        if resources == ("namespaces",):
            continue
        found += [
            Right(verb, group, resource, namespace)
            for group in groups
            if group not in _NOT_NEEDED
            for resource in resources
            for verb in verbs
        ]
    if own:
        found += [Right(verb, "", "namespaces", "") for verb in OWN_NAMESPACE[0][2]]
    return tuple(found)


async def missing_rights(
    client: ClusterClient, namespace: str, *, own: bool, exposure: str = "auto"
) -> tuple[Right, ...]:
    """Those of the needed rights that this account has not; each is asked of the cluster itself.

    Raises:
        RuntimeUnreachable: it does not answer.
    """
    gate = asyncio.Semaphore(16)

    async def allowed(right: Right) -> bool:
        resource, _, sub = right.resource.partition("/")
        attributes = {
            "namespace": right.namespace,
            "verb": right.verb,
            "group": right.group,
            "resource": resource,
            "subresource": sub,
        }
        body = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": attributes},
        }
        async with gate:
            answer = await client.request("POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", body=body)
        return bool(answer.get("status", {}).get("allowed"))

    needed = rights_needed(namespace, own=own, exposure=exposure)
    answers = await asyncio.gather(*(allowed(right) for right in needed))
    return tuple(right for right, has in zip(needed, answers, strict=True) if not has)


def optional_rights(exposure: str, *, storage: bool) -> tuple[Rule, ...]:
    """What may be read of the whole cluster, so that more is known before and after."""
    ingress = () if exposure in WITHOUT_INGRESS else (OPTIONAL_FOR_INGRESS,)
    return OPTIONAL + ingress + (OPTIONAL_FOR_STORAGE if storage else ())


def smallest_role(
    namespace: str,
    *,
    own: bool,
    exposure: str = "auto",
    storage: bool = False,
    name: str = "workshop-instructor",
) -> list[Json]:
    """Manifests that give an instructor just enough; the binding's subject is for the administrator to fill in.

    Args:
        namespace: the existing namespace; empty together with `own` for a ClusterRole that may make namespaces.
        storage: whether seats are to have volumes.
    """
    kind, metadata = ("ClusterRole", {"name": name}) if own else ("Role", {"name": name, "namespace": namespace})
    rules = [
        {"apiGroups": list(groups), "resources": list(resources), "verbs": list(verbs)}
        for groups, resources, verbs in (
            *rights_for(exposure),
            *LAPTOP,
            *RESCUE,
            *(OWN_NAMESPACE + optional_rights(exposure, storage=storage) if own else ()),
        )
        if resources != ("namespaces",) or (own and "create" in verbs)
    ]
    binding = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": f"{kind}Binding",
        "metadata": metadata,
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": name},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "THE-INSTRUCTOR"}],
    }
    return [
        {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": kind, "metadata": metadata, "rules": rules},
        binding,
    ]
