"""What each seat uses: from the kernel's own files where they can be seen, else from the engine's `stats`.

Thirty seats cost 3 ms by file and more than a second by `stats`, which waits for its next sample.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import docker
from docker.errors import APIError, NotFound

from workshop.model.seat import Usage

CGROUP_ROOT = Path("/sys/fs/cgroup")
PROC = Path("/proc")
AT_ONCE = 32


@dataclass(frozen=True, slots=True)
class SeatCgroup:
    """Where the kernel counts for one container: one folder (version 2) or one per controller (version 1)."""

    unified: Path | None = None
    memory: Path | None = None
    cpuacct: Path | None = None
    pids: Path | None = None

    def read(self) -> Usage:
        """The counters now.

        Raises:
            FileNotFoundError: the container is not running any more.
        """
        return _read_unified(self.unified) if self.unified is not None else self._read_v1()

    def _read_v1(self) -> Usage:
        assert self.memory is not None
        assert self.cpuacct is not None
        assert self.pids is not None
        used = int((self.memory / "memory.usage_in_bytes").read_text())
        cache = _counters(self.memory / "memory.stat").get("total_inactive_file", 0)
        return Usage(
            memory_bytes=max(0, used - cache),
            cpu_seconds=int((self.cpuacct / "cpuacct.usage").read_text()) / 1e9,
            pids=int((self.pids / "pids.current").read_text()),
            pid_limit_hits=_counters(self.pids / "pids.events").get("max", 0),
            oom_kills=_counters(self.memory / "memory.oom_control").get("oom_kill", 0),
            at=time.monotonic(),
        )


def _read_unified(folder: Path) -> Usage:
    used = int((folder / "memory.current").read_text())
    cache = _counters(folder / "memory.stat").get("inactive_file", 0)
    return Usage(
        memory_bytes=max(0, used - cache),
        cpu_seconds=_counters(folder / "cpu.stat").get("usage_usec", 0) / 1e6,
        pids=int((folder / "pids.current").read_text()),
        pid_limit_hits=_counters(folder / "pids.events").get("max", 0),
        oom_kills=_counters(folder / "memory.events").get("oom_kill", 0),
        at=time.monotonic(),
    )


def _counters(file: Path) -> dict[str, int]:
    """`name value` lines."""
    pairs = (line.split() for line in file.read_text().splitlines())
    return {pair[0]: int(pair[1]) for pair in pairs if len(pair) == 2 and pair[1].isdigit()}


def find_cgroup(container_id: str, pid: int, *, root: Path = CGROUP_ROOT, proc: Path = PROC) -> SeatCgroup | None:
    """Where a container's main process is counted; None where this machine does not see it.

    The container's id must be in the path: the engine may be on another machine, where `pid` means something else.
    """
    try:
        lines = (proc / str(pid) / "cgroup").read_text().splitlines()
    except OSError:
        return None
    paths: dict[str, str] = {}
    for line in lines:
        _, controllers, path = line.split(":", 2)
        for controller in controllers.split(","):
            paths[controller] = path.lstrip("/")
    if container_id in paths.get("", "") and (root / paths[""] / "memory.current").exists():
        return SeatCgroup(unified=root / paths[""])
    folders = {}
    for controller in ("memory", "cpuacct", "pids"):
        path = paths.get(controller, "")
        mount = next((m for m in (controller, "cpu,cpuacct", "cpuacct,cpu") if (root / m / path).is_dir()), None)
        if container_id not in path or mount is None:
            return None
        folders[controller] = root / mount / path
    return SeatCgroup(**folders)


class UsageReader:
    """Reads all seats at once, and remembers where each is counted."""

    def __init__(self) -> None:
        self._places: dict[str, SeatCgroup | None] = {}

    def read(self, client: docker.DockerClient, containers: Mapping[int, Mapping[str, Any]]) -> dict[int, Usage]:
        """Usage of the running ones among listed containers; blocking."""
        running = {number: box["Id"] for number, box in containers.items() if box["State"] in ("running", "paused")}
        for gone in self._places.keys() - set(running.values()):
            del self._places[gone]
        found: dict[int, Usage] = {}
        unseen: dict[int, str] = {}
        for number, container_id in running.items():
            usage = self._from_files(client, container_id)
            if usage is not None:
                found[number] = usage
            elif container_id in self._places:
                unseen[number] = container_id
        if unseen:
            found |= read_stats(client, unseen)
        return dict(sorted(found.items()))

    def _from_files(self, client: docker.DockerClient, container_id: str) -> Usage | None:
        for known in (True, False):
            if not known or container_id not in self._places:
                try:
                    pid = client.api.inspect_container(container_id)["State"]["Pid"]
                except NotFound:
                    return None
                self._places[container_id] = find_cgroup(container_id, pid) if pid else None
            place = self._places[container_id]
            if place is None:
                return None
            try:
                return place.read()
            except OSError:
                # It ended or was restarted between the list and now; a new place is looked for once.
                del self._places[container_id]
        return None


def read_stats(client: docker.DockerClient, containers: Mapping[int, str]) -> dict[int, Usage]:
    """The same from the engine, all seats in parallel because each answer takes about a second."""

    def one(container_id: str) -> Usage | None:
        try:
            stats = client.api.stats(container_id, stream=False, one_shot=True)
        except APIError:
            return None
        return usage_of_stats(stats)

    with ThreadPoolExecutor(min(len(containers), AT_ONCE), thread_name_prefix="docker-stats") as pool:
        read = dict(zip(containers, pool.map(one, containers.values()), strict=True))
    return {number: usage for number, usage in read.items() if usage is not None}


def usage_of_stats(stats: Mapping[str, Any]) -> Usage | None:
    """One answer of `GET /containers/ID/stats`; None for a container that does not run."""
    memory = stats.get("memory_stats") or {}
    if "usage" not in memory:
        return None
    details = memory.get("stats") or {}
    cache = details.get("total_inactive_file", details.get("inactive_file", 0))
    return Usage(
        memory_bytes=max(0, memory["usage"] - cache),
        cpu_seconds=stats["cpu_stats"]["cpu_usage"]["total_usage"] / 1e9,
        pids=(stats.get("pids_stats") or {}).get("current"),
        at=time.monotonic(),
    )
