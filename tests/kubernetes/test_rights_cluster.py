"""The printed role is enough: with it and nothing else, an instructor opens and closes a class on a real cluster."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.kubernetes.cluster_world import KubernetesWorld
from tests.runtimes.worlds import server_command, until_ready
from workshop.errors import RuntimeRefused
from workshop.runtimes.kubernetes import KubernetesRuntime
from workshop.runtimes.kubernetes.access import Access, kubeconfig_access
from workshop.runtimes.kubernetes.client import ClusterClient

pytestmark = pytest.mark.cluster
CLUSTER = "real"


class _Acting(ClusterClient):
    """The cluster's administrator acting as somebody else, as `kubectl --as` does."""

    def __init__(self, access: Access, user: str) -> None:
        super().__init__(access=access)
        headers = access.headers

        async def acting() -> dict[str, str]:
            return {**await headers(), "Impersonate-User": user}

        self._access = _Impersonating(access, acting)  # type: ignore[assignment]


class _Impersonating:
    def __init__(self, access: Access, headers: Any) -> None:
        self._inner = access
        self.headers = headers

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


@pytest.fixture
async def namespace(world: KubernetesWorld, unique_name: str) -> AsyncIterator[str]:
    """An existing namespace with its own quota, where Pod Security `restricted` is enforced."""
    core, name = world.of("CoreV1Api"), f"team-{unique_name}"
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    core.create_namespace({"metadata": {"name": name, "labels": labels}})
    quota = {"metadata": {"name": "theirs"}, "spec": {"hard": {"limits.memory": "1Gi", "pods": "10"}}}
    core.create_namespaced_resource_quota(name, quota)
    yield name
    core.delete_namespace(name)


async def test_the_smallest_role_is_enough_for_a_class_in_an_existing_namespace(
    world: KubernetesWorld, namespace: str, unique_name: str
) -> None:
    client = _Acting(kubeconfig_access(world.kubeconfig, ""), "ada@example.org")
    runtime = KubernetesRuntime(client=client, namespace=namespace)
    room = world.classroom(unique_name, seats=30)
    with pytest.raises(RuntimeRefused) as raised:
        await runtime.open(room)
    assert "--rbac" in raised.value.hint
    assert f"create statefulsets.apps in {namespace}" in await runtime.missing_rights()
    role, binding = runtime.rbac()
    binding["subjects"][0]["name"] = "ada@example.org"
    rbac = world.of("RbacAuthorizationV1Api")
    rbac.create_namespaced_role(namespace, role)
    rbac.create_namespaced_role_binding(namespace, binding)
    assert await runtime.missing_rights() == ()
    assert (await runtime.fit(room)).verdict == "does not fit"
    room = await runtime.open(room)
    try:
        record = await runtime.create(room, 1, server_command(room, 1))
        await until_ready(runtime, room, record)
        assert [found.uid for found in await runtime.classrooms()] == [room.uid]
    finally:
        assert (await runtime.close(room)).left == ()
    assert await world.leftovers(room) == []
    quotas = world.of("CoreV1Api").list_namespaced_resource_quota(namespace).items
    assert [quota.metadata.name for quota in quotas] == ["theirs"]
    await runtime.aclose()
