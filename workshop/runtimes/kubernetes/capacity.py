"""What a cluster has and what of it is free; how many seats fit, and what the limit is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from workshop.model.amounts import format_size
from workshop.model.snapshot import EngineFacts, Fit
from workshop.runtimes.kubernetes.client import ApiRefused, ClusterClient
from workshop.runtimes.kubernetes.seat_states import exact_quantity, parse_quantity

Json = dict[str, Any]

_WORDS = {
    "memory": "memory",
    "cpu": "CPU",
    "pods": "pods",
    "requests.memory": "requested memory",
    "limits.memory": "memory limits",
    "requests.cpu": "requested CPU",
    "limits.cpu": "CPU limits",
}


@dataclass(frozen=True, slots=True)
class Room:
    """How many seats fit, by what would run out. None: nothing is known of that."""

    nodes: int | None
    nodes_lack: str
    quota: int | None
    quota_lacks: str

    def fit(self, seats: int, *, there: int = 0) -> Fit:
        """`18 of 30 seats fit: memory of the nodes`.

        Args:
            there: how many of the seats exist, so that they were counted among what is taken.
        """
        bounds = [(self.nodes, f"{self.nodes_lack} of the nodes"), (self.quota, f"{self.quota_lacks} in the quota")]
        known = [(count + there, why) for count, why in bounds if count is not None]
        if not known:
            return Fit(seats, seats, "tight", "How much room the cluster has cannot be read; it is tried all the same.")
        largest, why = min(known)
        if largest >= seats:
            return Fit(seats, largest, "fits", f"{seats} seats fit; {largest} would be the most ({why}).")
        return Fit(seats, largest, "does not fit", f"{largest} of {seats} seats fit: {why}.")


async def cluster_facts(client: ClusterClient) -> EngineFacts:
    """
    Raises:
        RuntimeUnreachable: the cluster does not answer within 10 s.
    """
    version = (await client.meet()).get("gitVersion", "")
    access = await client.access()
    version = f"{version}, context {access.context}"
    nodes = await usable_nodes(client)
    if nodes is None:
        note = "The cluster's nodes may not be read by this account: how many seats fit is not known."
        return EngineFacts("kubernetes", version, 0, 0, notes=(note,), identity=access.server)
    cpus = sum(exact_quantity(node["status"]["allocatable"]["cpu"]) for node in nodes)
    memory = sum(parse_quantity(node["status"]["allocatable"]["memory"]) for node in nodes)
    requested = await requests_by_node(client)
    free = None
    if requested is not None:
        free = sum(
            max(
                0,
                parse_quantity(node["status"]["allocatable"]["memory"])
                - int(requested.get(_name(node), {}).get("memory", 0)),
            )
            for node in nodes
        )
    version += f", {len(nodes)} node{'s' if len(nodes) != 1 else ''}"
    return EngineFacts("kubernetes", version, cpus, memory, memory_free_bytes=free, identity=access.server)


async def node_images(client: ClusterClient, reference: str) -> bool:
    """Whether every node that takes seats says that it has the image. Nodes name at most fifty, the largest."""
    nodes = await usable_nodes(client)
    if not nodes:
        return False
    wanted = {reference, f"docker.io/{reference}", f"docker.io/library/{reference}"}
    return all(
        any(wanted & set(image.get("names") or ()) for image in node["status"].get("images") or ()) for node in nodes
    )


async def usable_nodes(client: ClusterClient) -> list[Json] | None:
    """Nodes that pods can be given to; None without the right to read them."""
    try:
        nodes = await client.listed("/api/v1/nodes")
    except ApiRefused as error:
        if error.status == 403:
            return None
        raise
    return [node for node in nodes if takes_pods(node)]


async def requests_by_node(client: ClusterClient) -> dict[str, dict[str, float]] | None:
    """What the pods of each node have requested; None without the right to read all pods."""
    try:
        pods = await client.listed("/api/v1/pods", fields="status.phase!=Succeeded,status.phase!=Failed")
    except ApiRefused as error:
        if error.status == 403:
            return None
        raise
    totals: dict[str, dict[str, float]] = {}
    for pod in pods:
        node = pod["spec"].get("nodeName")
        if node:
            sums = totals.setdefault(node, {"memory": 0.0, "cpu": 0.0, "pods": 0.0})
            sums["pods"] += 1
            for name in ("memory", "cpu"):
                sums[name] += _pod_request(pod, name)
    return totals


async def room_for(
    client: ClusterClient,
    resources: Mapping[str, Mapping[str, str]],
    *,
    namespace: str = "",
    node_selector: Mapping[str, str] | None = None,
    beside: Mapping[str, Mapping[str, str]] | None = None,
) -> Room:
    """How many seats with these limits and requests the nodes and the namespace's quota have room for.

    Args:
        beside: limits and requests of a pod that the quota has to have room for too: the gateway's.
        namespace: an existing namespace whose ResourceQuotas and LimitRanges count; empty for one of one's own.
    """
    nodes, used = await usable_nodes(client), await requests_by_node(client)
    by_nodes, nodes_lack = None, ""
    if nodes is not None and used is not None:
        selected = [node for node in nodes if _selected(node, node_selector or {})]
        by_nodes, nodes_lack = seats_on_nodes(selected, used, resources["requests"])
    by_quota, quota_lacks = None, ""
    if namespace:
        quotas = await client.listed_if_allowed(f"/api/v1/namespaces/{namespace}/resourcequotas") or []
        by_quota, quota_lacks = seats_in_quotas(quotas, resources, beside)
        for limit_range in await client.listed_if_allowed(f"/api/v1/namespaces/{namespace}/limitranges") or ():
            refused = breaks_limit_range(limit_range, resources)
            if refused:
                by_quota, quota_lacks = 0, refused
    return Room(by_nodes, nodes_lack, by_quota, quota_lacks)


def seats_on_nodes(
    nodes: Iterable[Json], used: Mapping[str, Mapping[str, float]], requests: Mapping[str, str]
) -> tuple[int, str]:
    """How many pods with these requests the nodes still take, and what runs out first."""
    total, short = 0, dict.fromkeys(("memory", "cpu", "pods"), 0)
    wanted = {"memory": exact_quantity(requests["memory"]), "cpu": exact_quantity(requests["cpu"]), "pods": 1.0}
    for node in nodes:
        allocatable, taken = node["status"]["allocatable"], used.get(_name(node), {})
        free = {key: exact_quantity(allocatable.get(key, "0")) - taken.get(key, 0.0) for key in wanted}
        counts = {key: max(0, int(free[key] / wanted[key] + 1e-9)) for key in wanted}
        fits = min(counts.values())
        total += fits
        for key, count in counts.items():
            short[key] += count == fits
    return total, _WORDS[max(short, key=lambda key: short[key])]


def seats_in_quotas(
    quotas: Iterable[Json],
    resources: Mapping[str, Mapping[str, str]],
    beside: Mapping[str, Mapping[str, str]] | None = None,
) -> tuple[int | None, str]:
    """How many more seats the quotas allow beside another pod; None when they limit nothing of a seat."""
    per_seat = _counted(resources)
    other = _counted(beside) if beside else {}
    largest, why = None, ""
    for quota in quotas:
        hard = quota.get("status", {}).get("hard") or quota.get("spec", {}).get("hard") or {}
        used = quota.get("status", {}).get("used") or {}
        for name, amount in hard.items():
            if name not in per_seat:
                continue
            free = exact_quantity(amount) - exact_quantity(used.get(name, "0")) - other.get(name, 0.0)
            count = max(0, int(free / per_seat[name] + 1e-9))
            if largest is None or count < largest:
                largest, why = count, _WORDS.get(name, name)
    return largest, why


def _counted(resources: Mapping[str, Mapping[str, str]]) -> dict[str, float]:
    """What one pod takes of a quota, by the quota's names."""
    taken = {"pods": 1.0, "count/pods": 1.0}
    for group in ("requests", "limits"):
        for name, amount in resources[group].items():
            taken[f"{group}.{name}"] = exact_quantity(amount)
    return taken | {"memory": taken["requests.memory"], "cpu": taken["requests.cpu"]}


def breaks_limit_range(limit_range: Json, resources: Mapping[str, Mapping[str, str]]) -> str:
    """What a LimitRange of the namespace forbids about a seat; empty when nothing."""
    for entry in limit_range.get("spec", {}).get("limits") or ():
        if entry.get("type") not in ("Container", "Pod"):
            continue
        for name, amount in (entry.get("max") or {}).items():
            ours = resources["limits"].get(name)
            if ours and exact_quantity(ours) > exact_quantity(amount):
                return f"a seat's {_WORDS.get(name, name)} above the namespace's {_amount(name, amount)}"
        for name, amount in (entry.get("min") or {}).items():
            ours = resources["requests"].get(name)
            if ours and exact_quantity(ours) < exact_quantity(amount):
                return f"a seat's requested {_WORDS.get(name, name)} below the namespace's {_amount(name, amount)}"
        for name, ratio in (entry.get("maxLimitRequestRatio") or {}).items():
            if name in resources["limits"]:
                ours_ratio = exact_quantity(resources["limits"][name]) / exact_quantity(resources["requests"][name])
                if ours_ratio > exact_quantity(ratio) + 1e-9:
                    word = _WORDS.get(name, name)
                    return f"{word} overcommitted {ours_ratio:.1f} times, more than the namespace's {ratio}"
    return ""


def _amount(name: str, amount: str) -> str:
    return format_size(parse_quantity(amount)) if name == "memory" else amount


def _name(node: Json) -> str:
    return str(node["metadata"]["name"])


def takes_pods(node: Json) -> bool:
    """Whether a node answers and is open to pods."""
    conditions = {entry["type"]: entry["status"] for entry in node["status"].get("conditions") or ()}
    closed = any(taint.get("effect") in ("NoSchedule", "NoExecute") for taint in node["spec"].get("taints") or ())
    return conditions.get("Ready") == "True" and not node["spec"].get("unschedulable") and not closed


def _selected(node: Json, wanted: Mapping[str, str]) -> bool:
    marks = node["metadata"].get("labels") or {}
    return all(marks.get(key) == value for key, value in wanted.items())


def _pod_request(pod: Json, name: str) -> float:
    """What the scheduler counts: the containers' sum, or the largest of those that run first."""

    def of(container: Json) -> float:
        return exact_quantity(((container.get("resources") or {}).get("requests") or {}).get(name, "0"))

    together = sum(of(container) for container in pod["spec"]["containers"])
    return max([together, *(of(container) for container in pod["spec"].get("initContainers") or ())])
