"""How students come in: which kind of door the cluster has, and its address once it has one."""

from __future__ import annotations

import asyncio
import time
from typing import Any
from urllib.parse import urlsplit

from workshop.errors import GatewayFailed
from workshop.model.classroom import Door
from workshop.model.definition import KubernetesPart
from workshop.model.snapshot import Problem
from workshop.runtimes.kubernetes.capacity import takes_pods
from workshop.runtimes.kubernetes.client import ClusterClient
from workshop.runtimes.kubernetes.cluster_events import events_about
from workshop.runtimes.kubernetes.rooms import Place

Json = dict[str, Any]

PORT_FORWARD = "port-forward"
SERVES_UNNAMED = "gce"
"""The cloud whose own controller takes an Ingress that names no class, and has no ingress class to list."""
ADDRESS_WAIT = 180.0
"""Seconds that a load balancer or an ingress controller has to give an address."""


async def choose_exposure(client: ClusterClient, part: KubernetesPart) -> str:
    """What the definition says; else an Ingress when a host is named and a class is there, a load balancer when the
    cluster's nodes belong to a cloud, and else a port of the nodes."""
    if part.exposure != "auto":
        return part.exposure
    if part.host and await ingress_classes(client) != {}:
        return "ingress"
    nodes = await client.listed_if_allowed("/api/v1/nodes") or []
    clouds = [_cloud(node) for node in nodes]
    if clouds and all(cloud and cloud not in ("kind", "k3s", "minikube") for cloud in clouds):
        return "loadbalancer"
    return "nodeport" if nodes else PORT_FORWARD


async def ingress_class(client: ClusterClient, part: KubernetesPart) -> str:
    """The ingress class to name: the definition's, or the only one there is where none is the cluster's default.

    Raises:
        GatewayFailed: no controller would serve the class's address, as far as may be read.
    """
    classes = await ingress_classes(client)
    if classes is None:
        return part.ingress_class
    there = ", ".join(sorted(classes))
    if part.ingress_class and part.ingress_class not in classes:
        raise GatewayFailed(
            f"The cluster has no ingress class {part.ingress_class}" + (f"; it has {there}." if there else "."),
            hint="Change `kubernetes.ingress_class`, or choose `exposure: nodeport`.",
        )
    if part.ingress_class or any(classes.values()):
        return part.ingress_class
    if not classes:
        nodes = await client.listed_if_allowed("/api/v1/nodes") or []
        if not nodes or any(_cloud(node) == SERVES_UNNAMED for node in nodes):
            return ""  # nobody may know, or it is known to work
        raise GatewayFailed(
            "The cluster has no ingress class: nothing would serve the class's address.",
            hint="Choose `exposure: nodeport` or `loadbalancer`, or ask for an ingress controller.",
        )
    if len(classes) > 1:
        raise GatewayFailed(
            f"The cluster has the ingress classes {there}, and none of them is the default.",
            hint="Name one under `kubernetes.ingress_class`.",
        )
    return there


def _cloud(node: Json) -> str:
    """Whose machine a node is: `gce`, `aws`, `kind`; empty when it does not say."""
    return str(node["spec"].get("providerID", "")).split("://", 1)[0]


async def door_problems(client: ClusterClient, part: KubernetesPart, place: Place) -> tuple[Problem, ...]:
    """What would keep students from coming in the way the definition says, as far as it can be known beforehand."""
    if await choose_exposure(client, part) != "ingress":
        return ()
    try:
        await ingress_class(client, part)
    except GatewayFailed as error:
        named = "ingress_class" if part.ingress_class or part.exposure == "auto" else "exposure"
        return (Problem(f"kubernetes.{named}", error.message, error.hint),)
    if not part.tls_secret:
        return ()
    path = "kubernetes.tls_secret"
    if place.own:
        message = f"The class has a namespace of its own, in which there is no Secret {part.tls_secret}."
        hint = "Name the namespace that has it under `kubernetes.namespace`; else browsers warn of the certificate."
        return (Problem(path, message, hint, "warning"),)
    if await client.get(f"/api/v1/namespaces/{place.namespace}/secrets/{part.tls_secret}") is None:
        message = f"There is no Secret {part.tls_secret} in namespace {place.namespace}."
        return (Problem(path, message, "Make it of type kubernetes.io/tls, or leave `kubernetes.tls_secret` out."),)
    return ()


async def door_of(
    client: ClusterClient, namespace: str, service: str, exposure: str, part: KubernetesPart, fallback: Door
) -> Door:
    """The door that links name, waited for where the cluster has to give an address first.

    Raises:
        GatewayFailed: no address came; the message says what was waited for.
    """
    if exposure == "ingress":
        tls = bool(part.tls_secret)
        host = part.host or await _ingress_address(client, namespace, service)
        return Door(host, 443 if tls else 80, tls=tls)
    path = f"/api/v1/namespaces/{namespace}/services/{service}"
    if exposure == "loadbalancer":
        return Door(part.host or await _wait(client, path, "the load balancer"), 80)
    if exposure == "nodeport":
        found = await client.get(path) or {}
        port = next((entry.get("nodePort") for entry in found.get("spec", {}).get("ports") or ()), None)
        if port is None:
            raise GatewayFailed("The cluster gave the gateway no port of its nodes.", hint="Choose another exposure.")
        return Door(part.host or await _node_address(client, namespace), int(port))
    return fallback


async def _wait(client: ClusterClient, path: str, what: str) -> str:
    deadline, pause = time.monotonic() + ADDRESS_WAIT, 0.5
    while True:
        found = await client.get(path) or {}
        for entry in found.get("status", {}).get("loadBalancer", {}).get("ingress") or ():
            if entry.get("ip") or entry.get("hostname"):
                return str(entry.get("ip") or entry["hostname"])
        if time.monotonic() > deadline:
            raise GatewayFailed(
                f"The cluster gave {what} no address within {ADDRESS_WAIT:.0f} s. "
                "It may have nothing that gives any, or none left.",
                hint="Choose `exposure: nodeport`, or name the host under `kubernetes.host`.",
                details=await _warnings(client, path),
            )
        await asyncio.sleep(pause)
        pause = min(pause * 1.5, 5)


async def _ingress_address(client: ClusterClient, namespace: str, name: str) -> str:
    path = f"/apis/networking.k8s.io/v1/namespaces/{namespace}/ingresses/{name}"
    return await _wait(client, path, "the ingress")


async def _warnings(client: ClusterClient, path: str) -> tuple[str, ...]:
    """What the cluster's controllers say of the object, newest last."""
    root, _, name = path.rpartition("/")
    namespace = root.split("/namespaces/")[-1].split("/")[0]
    found = await events_about(client, namespace, f"involvedObject.name={name},type=Warning")
    return tuple(f"{event.get('reason', '')}: {event.get('message', '')}" for event in found)[-3:]


async def _node_address(client: ClusterClient, namespace: str) -> str:
    """The address of a node that answers, the outer one first; without the right to read nodes, that of a node which
    runs one of the class's pods, and else the API server's host."""
    nodes = await client.listed_if_allowed("/api/v1/nodes") or []
    well = [node for node in nodes if takes_pods(node)] or nodes
    addresses = [entry for node in well for entry in node["status"].get("addresses") or ()]
    for kind in ("ExternalIP", "InternalIP", "Hostname"):
        for entry in addresses:
            if entry["type"] == kind:
                return str(entry["address"])
    for pod in await client.listed_if_allowed(f"/api/v1/namespaces/{namespace}/pods") or ():
        if pod.get("status", {}).get("phase") == "Running" and pod["status"].get("hostIP"):
            return str(pod["status"]["hostIP"])
    return urlsplit((await client.access()).server).hostname or "localhost"


async def ingress_classes(client: ClusterClient) -> dict[str, bool] | None:
    """The cluster's ingress classes, and whether each is its default; None when they may not be read."""
    found = await client.listed_if_allowed("/apis/networking.k8s.io/v1/ingressclasses")
    return None if found is None else {item["metadata"]["name"]: _is_default(item) for item in found}


def _is_default(item: Json) -> bool:
    marks = item["metadata"].get("annotations") or {}
    return marks.get("ingressclass.kubernetes.io/is-default-class") == "true"
