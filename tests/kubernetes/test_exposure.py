"""The door that a cluster has: which one is taken, what its address is, and what is said when there is none."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.kubernetes.api_server import ApiServer, Refusal
from workshop.errors import GatewayFailed
from workshop.model.classroom import Door
from workshop.model.definition import KubernetesPart
from workshop.runtimes.kubernetes import exposure
from workshop.runtimes.kubernetes.client import ClusterClient
from workshop.runtimes.kubernetes.rooms import Place

FALLBACK = Door("127.0.0.1", 8080)
OWN = Place("workshop-algebra", own=True)


@pytest.fixture
async def client(kubeconfig: str) -> AsyncIterator[ClusterClient]:
    client = ClusterClient(kubeconfig=kubeconfig)
    yield client
    await client.aclose()


def ingress_class(api: ApiServer, name: str, *, default: bool = False) -> None:
    marks = {"ingressclass.kubernetes.io/is-default-class": "true"} if default else {}
    item = {"kind": "IngressClass", "metadata": {"name": name, "annotations": marks}}
    api.call(lambda: api.make("ingressclasses", item))


def node(api: ApiServer, name: str, address: str, *, answers: bool = True, cloud: str = "") -> None:
    status = {
        "conditions": [{"type": "Ready", "status": "True" if answers else "Unknown"}],
        "addresses": [{"type": "InternalIP", "address": address}],
    }
    spec = {"providerID": f"{cloud}://{name}"} if cloud else {}
    api.call(lambda: api.make("nodes", {"kind": "Node", "metadata": {"name": name}, "spec": spec, "status": status}))


def service(api: ApiServer, **spec: Any) -> None:
    item = {"kind": "Service", "metadata": {"name": "ws-a-gateway", "namespace": "team"}, "spec": spec}
    api.call(lambda: api.make("services", item))


def refuse(api: ApiServer, *words: str) -> None:
    """This account may not read what its paths end with."""
    api.faults.refuse = lambda method, path: Refusal(403, "Forbidden", "no") if path.endswith(words) else None


# Which one


@pytest.mark.parametrize(("host", "taken"), [("class.example.org", "ingress"), ("", "nodeport")])
async def test_with_an_ingress_class_a_host_makes_it_an_ingress(
    api: ApiServer, client: ClusterClient, host: str, taken: str
) -> None:
    ingress_class(api, "nginx")
    node(api, "n1", "10.0.0.1")
    assert await exposure.choose_exposure(client, KubernetesPart(host=host)) == taken


async def test_a_host_is_believed_by_an_account_that_may_not_read_the_clusters_ingress_classes(
    api: ApiServer, client: ClusterClient
) -> None:
    refuse(api, "/ingressclasses", "/nodes")
    assert await exposure.choose_exposure(client, KubernetesPart(host="class.example.org")) == "ingress"
    assert await exposure.choose_exposure(client, KubernetesPart()) == "port-forward"
    assert await exposure.ingress_class(client, KubernetesPart(ingress_class="nginx")) == "nginx"


# Which class


async def test_the_only_ingress_class_is_taken_where_none_is_the_default(api: ApiServer, client: ClusterClient) -> None:
    assert await exposure.ingress_class(client, KubernetesPart()) == ""
    ingress_class(api, "nginx")
    assert await exposure.ingress_class(client, KubernetesPart()) == "nginx"
    ingress_class(api, "traefik")
    with pytest.raises(GatewayFailed, match="nginx, traefik, and none of them is the default") as raised:
        await exposure.ingress_class(client, KubernetesPart())
    assert "ingress_class" in raised.value.hint
    ingress_class(api, "haproxy", default=True)
    assert await exposure.ingress_class(client, KubernetesPart()) == ""


async def test_an_ingress_class_that_is_not_there_is_answered_with_those_there_are(
    api: ApiServer, client: ClusterClient
) -> None:
    ingress_class(api, "traefik")
    with pytest.raises(GatewayFailed, match="no ingress class nginx; it has traefik") as raised:
        await exposure.ingress_class(client, KubernetesPart(ingress_class="nginx"))
    assert "nodeport" in raised.value.hint


async def test_a_cluster_without_ingress_classes_is_told_before_anything_is_made(
    api: ApiServer, client: ClusterClient
) -> None:
    part = KubernetesPart(exposure="ingress", host="class.example.org")
    assert await exposure.door_problems(client, part, OWN) == ()  # nodes may not be read: who knows
    node(api, "n1", "10.0.0.1")
    (problem,) = await exposure.door_problems(client, part, OWN)
    assert (problem.path, problem.level) == ("kubernetes.exposure", "error")
    assert "no ingress class" in problem.message
    assert "nodeport" in problem.hint
    (named,) = await exposure.door_problems(client, part.model_copy(update={"ingress_class": "nginx"}), OWN)
    assert (named.path, named.message) == ("kubernetes.ingress_class", "The cluster has no ingress class nginx.")
    assert await exposure.door_problems(client, KubernetesPart(exposure="nodeport"), OWN) == ()
    node(api, "g1", "10.0.0.2", cloud="gce")
    assert await exposure.door_problems(client, part, OWN) == ()


async def test_a_certificate_that_is_not_in_the_namespace_is_told_beforehand(
    api: ApiServer, client: ClusterClient
) -> None:
    ingress_class(api, "nginx")
    part = KubernetesPart(exposure="ingress", host="class.example.org", tls_secret="class-tls")
    (warned,) = await exposure.door_problems(client, part, OWN)
    assert (warned.path, warned.level) == ("kubernetes.tls_secret", "warning")
    (refused,) = await exposure.door_problems(client, part, Place("team", own=False))
    assert (refused.level, "no Secret class-tls in namespace team" in refused.message) == ("error", True)
    secret = {"kind": "Secret", "metadata": {"name": "class-tls", "namespace": "team"}}
    api.call(lambda: api.make("secrets", secret))
    assert await exposure.door_problems(client, part, Place("team", own=False)) == ()


# Which address


async def test_a_port_of_the_nodes_is_that_of_a_node_that_answers(api: ApiServer, client: ClusterClient) -> None:
    service(api, ports=[{"nodePort": 30080}])
    node(api, "n1", "10.0.0.1", answers=False)
    node(api, "n2", "10.0.0.2")
    door = await exposure.door_of(client, "team", "ws-a-gateway", "nodeport", KubernetesPart(), FALLBACK)
    assert door == Door("10.0.0.2", 30080)


async def test_without_the_right_to_read_nodes_it_is_that_of_a_node_with_one_of_the_classs_pods(
    api: ApiServer, client: ClusterClient
) -> None:
    service(api, ports=[{"nodePort": 30080}])
    refuse(api, "/nodes")
    pod = {"kind": "Pod", "metadata": {"name": "p", "namespace": "team"}, "spec": {"containers": []}}
    api.call(lambda: api.make("pods", pod | {"status": {"phase": "Running", "hostIP": "10.0.0.7"}}))
    door = await exposure.door_of(client, "team", "ws-a-gateway", "nodeport", KubernetesPart(), FALLBACK)
    assert door == Door("10.0.0.7", 30080)


async def test_a_load_balancer_that_nobody_provides_is_said_with_what_the_cluster_says_of_it(
    api: ApiServer, client: ClusterClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exposure, "ADDRESS_WAIT", 0.3)
    service(api, type="LoadBalancer", ports=[{}])
    event = {
        "kind": "Event",
        "metadata": {"name": "e1", "namespace": "team"},
        "involvedObject": {"kind": "Service", "name": "ws-a-gateway"},
        "type": "Warning",
        "reason": "SyncLoadBalancerFailed",
        "message": "no address left in the pool",
    }
    api.call(lambda: api.make("events", event))
    with pytest.raises(GatewayFailed, match="gave the load balancer no address") as raised:
        await exposure.door_of(client, "team", "ws-a-gateway", "loadbalancer", KubernetesPart(), FALLBACK)
    assert "nodeport" in raised.value.hint
    assert raised.value.details == ("SyncLoadBalancerFailed: no address left in the pool",)
