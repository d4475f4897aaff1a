"""What seats use: from the cluster's metrics where it has them, else from the kubelets, else from each seat's cgroup.

The first two cost one request for a class or for a node. The last costs one per seat and is made rarely.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Any

from workshop.errors import RuntimeUnreachable
from workshop.model.classroom import Classroom
from workshop.model.seat import Usage
from workshop.runtimes.kubernetes.client import ApiRefused, ClusterClient
from workshop.runtimes.kubernetes.exec_stream import PodPlace, run_in_pod
from workshop.runtimes.kubernetes.names import SEAT_KIND, STOPPED, seat_number, selector
from workshop.runtimes.kubernetes.seat_states import exact_quantity, parse_quantity

Json = dict[str, Any]

CGROUP_EVERY = 120.0
"""Seconds between two readings of the cgroups, which ask every seat."""
AT_ONCE = 4
_SCRIPT = """c=/sys/fs/cgroup
if [ -f $c/memory.current ]; then
  cat $c/memory.current; sed -n 's/^inactive_file //p' $c/memory.stat; sed -n 's/^usage_usec //p' $c/cpu.stat
  sed -n 's/^oom_kill //p' $c/memory.events; cat $c/pids.current 2>/dev/null || echo -
else
  cat $c/memory/memory.usage_in_bytes; sed -n 's/^total_inactive_file //p' $c/memory/memory.stat
  echo $(($(cat $c/cpuacct/cpuacct.usage) / 1000)); sed -n 's/^oom_kill //p' $c/memory/memory.oom_control
  cat $c/pids/pids.current 2>/dev/null || echo -
fi"""


class UsageReader:
    """Reads what seats use, remembering which of the three ways works."""

    def __init__(self, client: ClusterClient) -> None:
        self._client = client
        self._way = ""
        self._cpu: dict[str, tuple[float, float]] = {}
        """CPU seconds summed from rates, and when, by pod."""
        self._read_at = float("-inf")
        self._last: dict[int, Usage] = {}

    async def read(self, classroom: Classroom, namespace: str) -> Mapping[int, Usage]:
        """Usage by seat number; empty where nothing can be read."""
        ways = {"metrics": self._metrics, "nodes": self._nodes, "cgroups": self._cgroups}
        for name, way in ways.items():
            if self._way and name != self._way:
                continue
            try:
                found = await way(classroom, namespace)
            except ApiRefused as error:
                if error.status not in (403, 404, 503):
                    raise
                self._way = ""
                continue
            self._way = name
            return found
        return {}

    async def _metrics(self, classroom: Classroom, namespace: str) -> dict[int, Usage]:
        path = f"/apis/metrics.k8s.io/v1beta1/namespaces/{namespace}/pods"
        now, found = time.monotonic(), {}
        items = await self._client.listed(path, selector(classroom, SEAT_KIND))
        pods = await self._client.listed(f"/api/v1/namespaces/{namespace}/pods", selector(classroom, SEAT_KIND))
        stopped = {pod["metadata"]["name"] for pod in pods if _stopped(pod)}
        for item in items:
            name = item["metadata"]["name"]
            number = seat_number(name)
            if number is None or name in stopped:
                continue
            used = [entry["usage"] for entry in item["containers"] if entry["name"] == "seat"]
            rate = sum(exact_quantity(entry["cpu"]) for entry in used)
            total, at = self._cpu.get(name, (0.0, now))
            self._cpu[name] = (total + rate * (now - at), now)
            memory = sum(parse_quantity(entry["memory"]) for entry in used)
            found[number] = Usage(memory_bytes=memory, cpu_seconds=self._cpu[name][0], at=now)
        return found

    async def _nodes(self, classroom: Classroom, namespace: str) -> dict[int, Usage]:
        """The kubelets' own summary: one request for each node that has seats."""
        pods = await self._client.listed(f"/api/v1/namespaces/{namespace}/pods", selector(classroom, SEAT_KIND))
        nodes = {pod["spec"]["nodeName"] for pod in pods if pod["spec"].get("nodeName")}
        ours = {pod["metadata"]["uid"]: seat_number(pod["metadata"]["name"]) for pod in pods if not _stopped(pod)}
        found: dict[int, Usage] = {}
        for summary in await asyncio.gather(*(self._summary(node) for node in sorted(nodes))):
            for pod in summary.get("pods") or ():
                number = ours.get(pod["podRef"]["uid"])
                if number is not None:
                    found[number] = _from_summary(pod)
        return found

    async def _summary(self, node: str) -> Json:
        try:
            return await self._client.request("GET", f"/api/v1/nodes/{node}/proxy/stats/summary", repeat=False)
        except (RuntimeUnreachable, ApiRefused) as error:
            if isinstance(error, ApiRefused) and error.status == 403:
                raise
            return {}  # this node does not answer; the others do

    async def _cgroups(self, classroom: Classroom, namespace: str) -> dict[int, Usage]:
        if time.monotonic() - self._read_at < CGROUP_EVERY:
            return self._last
        self._read_at = time.monotonic()
        pods = await self._client.listed(f"/api/v1/namespaces/{namespace}/pods", selector(classroom, SEAT_KIND))
        gate = asyncio.Semaphore(AT_ONCE)

        async def one(name: str) -> Usage | None:
            async with gate:
                try:
                    result = await run_in_pod(
                        self._client, PodPlace(namespace, name), ("sh", "-c", _SCRIPT), timeout=10
                    )
                except (ApiRefused, RuntimeUnreachable, TimeoutError, ConnectionError):
                    return None
                return parse_cgroup(result.stdout.decode("ascii", "replace"), time.monotonic())

        names = [
            pod["metadata"]["name"] for pod in pods if pod["status"].get("phase") == "Running" and not _stopped(pod)
        ]
        readings = await asyncio.gather(*(one(name) for name in names))
        self._last = {
            number: usage
            for name, usage in zip(names, readings, strict=True)
            if usage is not None and (number := seat_number(name)) is not None
        }
        return self._last


def parse_cgroup(text: str, at: float) -> Usage | None:
    """The five lines that the script above prints: memory, inactive file pages, CPU microseconds, OOM kills, pids."""
    lines = text.split("\n")
    values = [int(line) if line.strip().isdigit() else None for line in lines[:5]]
    if len(values) < 5 or values[0] is None:
        return None
    memory, inactive, cpu, kills, pids = values
    assert memory is not None
    return Usage(
        memory_bytes=max(0, memory - (inactive or 0)),
        cpu_seconds=None if cpu is None else cpu / 1e6,
        pids=pids,
        oom_kills=kills,
        at=at,
    )


def _stopped(pod: Json) -> bool:
    return STOPPED in (pod["metadata"].get("annotations") or {})


def _from_summary(pod: Json) -> Usage:
    seat: Json = next((entry for entry in pod.get("containers") or () if entry["name"] == "seat"), {})
    nanoseconds = (seat.get("cpu") or {}).get("usageCoreNanoSeconds")
    stored = (pod.get("ephemeral-storage") or {}).get("usedBytes")
    volumes = [entry["usedBytes"] for entry in pod.get("volume") or () if entry.get("pvcRef") and "usedBytes" in entry]
    return Usage(
        memory_bytes=(seat.get("memory") or {}).get("workingSetBytes"),
        cpu_seconds=None if nanoseconds is None else nanoseconds / 1e9,
        pids=(pod.get("process_stats") or {}).get("process_count"),
        disk_bytes=None if stored is None else stored + sum(volumes),
        at=time.monotonic(),
    )
