"""How students come in: which kind of door the cluster has, and its address once it has one."""

from __future__ import annotations

import asyncio
import time
from typing import Any
from urllib.parse import urlsplit

from workshop.errors import GatewayFailed
from workshop.model.classroom import Door
from workshop.model.definition import KubernetesPart
from workshop.runtimes.kubernetes.client import ApiRefused, ClusterClient

Json = dict[str, Any]

ADDRESS_WAIT = 180.0
"""Seconds that a load balancer or an ingress controller has to give an address."""


async def choose_exposure(client: ClusterClient, part: KubernetesPart) -> str:
    """What the definition says; else an Ingress when a host is named and a class is there, a load balancer when the
    cluster's nodes belong to a cloud, and else a port of the nodes."""
    if part.exposure != "auto":
        return part.exposure
    if part.host and await _has_ingress(client):
        return "ingress"
    nodes = await _readable(client, "/api/v1/nodes")
    clouds = [str(node["spec"].get("providerID", "")).split("://", 1)[0] for node in nodes]
    if clouds and all(cloud and cloud not in ("kind", "k3s", "minikube") for cloud in clouds):
        return "loadbalancer"
    return "nodeport" if nodes else "port-forward"


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
        return Door(part.host or await _node_address(client), int(port))
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
                f"The cluster gave {what} no address within {ADDRESS_WAIT:.0f} s.",
                hint="Choose `exposure: nodeport`, or name the host under `kubernetes.host`.",
            )
        await asyncio.sleep(pause)
        pause = min(pause * 1.5, 5)


async def _ingress_address(client: ClusterClient, namespace: str, name: str) -> str:
    path = f"/apis/networking.k8s.io/v1/namespaces/{namespace}/ingresses/{name}"
    return await _wait(client, path, "the ingress")


async def _node_address(client: ClusterClient) -> str:
    """A node's address, the outer one first; without the right to read nodes, the API server's host."""
    nodes = await _readable(client, "/api/v1/nodes")
    addresses = [entry for node in nodes for entry in node["status"].get("addresses") or ()]
    for kind in ("ExternalIP", "InternalIP", "Hostname"):
        for entry in addresses:
            if entry["type"] == kind:
                return str(entry["address"])
    return urlsplit((await client.access()).server).hostname or "localhost"


async def _has_ingress(client: ClusterClient) -> bool:
    return bool(await _readable(client, "/apis/networking.k8s.io/v1/ingressclasses"))


async def _readable(client: ClusterClient, path: str) -> list[Json]:
    try:
        return await client.listed(path)
    except ApiRefused as error:
        if error.status in (403, 404):
            return []
        raise
