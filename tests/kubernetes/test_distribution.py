"""Images on their way to the nodes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from docker.errors import ImageNotFound

from tests.kubernetes.api_server import ApiServer
from tests.runtimes.worlds import make_classroom
from workshop.errors import BuildFailed, RuntimeRefused
from workshop.model.events import Noted, StepFinished, StepStarted
from workshop.model.image import ImageSettings
from workshop.runtimes.kubernetes import KubernetesRuntime
from workshop.runtimes.kubernetes.distribution import load, local_cluster, push, pushed_name
from workshop.runtimes.kubernetes.gateway_image import dockerfile, requirements


@pytest.fixture
async def runtime(kubeconfig: str) -> AsyncIterator[KubernetesRuntime]:
    runtime = KubernetesRuntime(kubeconfig=kubeconfig)
    yield runtime
    await runtime.aclose()


@pytest.mark.parametrize(
    ("reference", "name"),
    [
        ("workshop/basics:3f2a1b9-9c8d", ("registry.example.org/team/basics", "3f2a1b9-9c8d")),
        ("basics", ("registry.example.org/team/basics", "latest")),
        ("localhost:5000/basics", ("registry.example.org/team/basics", "latest")),
    ],
)
def test_an_image_is_pushed_under_its_own_name(reference: str, name: tuple[str, str]) -> None:
    assert pushed_name("registry.example.org/team/", reference) == name


@pytest.mark.parametrize(
    ("context", "found"),
    [
        ("kind-class", ("kind-", "class")),
        ("k3d-a", ("k3d-", "a")),
        ("minikube", ("minikube", "minikube")),
        ("prod", None),
    ],
)
def test_clusters_of_this_machine_are_known_by_their_context(context: str, found: tuple[str, str] | None) -> None:
    assert local_cluster(context) == found


async def test_an_image_of_this_machine_and_a_cluster_elsewhere_need_a_registry() -> None:
    with pytest.raises(RuntimeRefused, match="on this machine alone") as raised:
        await load("prod", "workshop/basics:1", report=lambda event: None)
    assert "kubernetes.registry" in raised.value.hint


async def test_a_loader_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(RuntimeRefused, match="k3d is not installed"):
        await load("k3d-class", "workshop/basics:1", report=lambda event: None)


class Images:
    """An engine's images, where another push of the same image removes its name now and then."""

    def __init__(self, *gone: bool) -> None:
        self.gone = list(gone)
        self.names: set[str] = set()

    def get(self, _reference: str) -> Images:
        return self

    def tag(self, repository: str, tag: str) -> None:
        self.names.add(f"{repository}:{tag}")

    def push(self, repository: str, *, tag: str, **_: Any) -> list[dict[str, Any]]:
        if self.gone.pop(0):
            self.names.clear()
            return [{"error": f"An image does not exist locally with the tag: {repository}"}]
        return [{"status": "Pushed"}, {"aux": {"Digest": "sha256:1"}}]

    def remove(self, name: str, **_: Any) -> None:
        if name not in self.names:
            raise ImageNotFound(f"No such image: {name}")
        self.names.remove(name)


class Engine:
    def __init__(self, *gone: bool) -> None:
        self.images = Images(*gone)

    async def call(self, work: Any) -> Any:
        return work(self)


async def test_two_pushes_of_one_image_at_once_are_not_in_each_others_way() -> None:
    engine = Engine(True, True, False)
    pushed = await push(engine, "workshop/gateway:1", "registry.example.org/team", report=lambda event: None)  # type: ignore[arg-type]
    assert pushed == "registry.example.org/team/gateway@sha256:1"
    assert engine.images.names == set()
    with pytest.raises(BuildFailed, match="no digest"):
        await push(Engine(*[True] * 9), "workshop/gateway:1", "registry.example.org/team", report=lambda event: None)  # type: ignore[arg-type]


def pods_appear(api: ApiServer, states: dict[str, dict[str, Any]]) -> None:
    """Play the DaemonSet's controller: one pod on each node, in the given states."""

    def follow(kind: str, plural: str, item: dict[str, Any]) -> None:
        if plural != "daemonsets" or kind != "ADDED":
            return
        namespace = item["metadata"]["namespace"]
        for node, state in states.items():
            metadata = {"name": f"prepull-{node}", "namespace": namespace} | {
                "labels": item["spec"]["template"]["metadata"]["labels"],
                "ownerReferences": [{"uid": item["metadata"]["uid"], "kind": "DaemonSet"}],
            }
            status = {"containerStatuses": [{"name": "image", "state": state}]}
            api.make("pods", {"kind": "Pod", "metadata": metadata, "spec": {"nodeName": node}, "status": status})
        item["status"] = {"observedGeneration": 1, "desiredNumberScheduled": len(states)}

    api.call(lambda: api.changed.append(follow))


FETCHED = {"running": {"startedAt": "2026-03-01T09:00:00Z"}}
REFUSED = {"waiting": {"reason": "ImagePullBackOff", "message": "Back-off pulling image: not found"}}


async def test_nodes_fetch_the_image_with_progress_and_nothing_of_it_stays(
    api: ApiServer, runtime: KubernetesRuntime
) -> None:
    room = await runtime.open(make_classroom("algebra", "kubernetes", "registry.example.org/x@sha256:1"))
    pods_appear(api, {"a": FETCHED, "b": FETCHED, "c": REFUSED})
    events: list[Any] = []
    async with asyncio.timeout(20):
        done = await runtime.prepull(room, report=events.append, size_bytes=1288490189)
    assert done == ("a", "b")
    assert "2 of 3 nodes, 1.2 GB" in [event.text for event in events if isinstance(event, StepStarted)]
    (note,) = [event for event in events if isinstance(event, Noted)]
    assert "node c cannot fetch the image: Back-off pulling image: not found" in note.text
    assert isinstance(events[-1], StepFinished)
    assert not [key for key in api.objects if key[0] in ("daemonsets", "pods")]


async def test_an_image_that_no_node_can_fetch_is_refused_with_the_nodes_words(
    api: ApiServer, runtime: KubernetesRuntime
) -> None:
    room = await runtime.open(make_classroom("algebra", "kubernetes", "registry.example.org/x@sha256:1"))
    pods_appear(api, {"a": REFUSED})
    with pytest.raises(RuntimeRefused, match="a says: Back-off pulling image: not found") as raised:
        await runtime.prepull(room, report=lambda event: None)
    assert "image_pull_secrets" in raised.value.hint
    assert not [key for key in api.objects if key[0] in ("daemonsets", "pods")]


def test_the_gateways_image_needs_no_terminal_and_no_docker() -> None:
    names = {line.split("==")[0].lower() for line in requirements()}
    assert {"aiohttp", "kubernetes", "pydantic"} <= names
    assert not {"textual", "docker", "pytest"} & names


def test_the_gateways_image_runs_as_a_user_without_rights() -> None:
    lines = dockerfile(ImageSettings(base="python:3.12-slim", index_url="https://pypi.example.org")).splitlines()
    assert lines[0] == "FROM python:3.12-slim"
    assert [line for line in lines if line.startswith("USER")][-1] == "USER 1000:1000"
    assert "ENV UV_DEFAULT_INDEX=https://pypi.example.org" in lines
