"""Figures of the Kubernetes runtime: requests per seat, wall time and memory of `up`, steady state and `down`.

    python benchmarks/kubernetes.py [--seats 500] [--steady 60]
    python benchmarks/kubernetes.py --kubeconfig FILE --image REFERENCE --seats 20

Without a kubeconfig the API server is the tests' own, in a process beside this one; its pods are ready in name 50 ms
after they are made, so that what is measured is the tool. With one it is that cluster, pods, probes and all.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import resource
import sys
import tempfile
import time
from collections import Counter
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

# In the place of this folder, where this file would stand for the package of its name.
sys.path[0] = str(Path(__file__).resolve().parent.parent)

from workshop.core.launch import seat_command  # noqa: E402
from workshop.model.classroom import Classroom, Door, new_key, new_uid  # noqa: E402
from workshop.model.events import SeatChanged, SeatsListed  # noqa: E402
from workshop.model.seat import Limits, SeatCommand  # noqa: E402
from workshop.runtimes.kubernetes import KubernetesRuntime  # noqa: E402


def serve(pipe: Connection) -> None:
    """The API server's process: tells its kubeconfig, then its counts whenever it is asked."""
    from tests.kubernetes.api_server import ApiServer
    from tests.kubernetes.node import Node

    server = ApiServer().start()
    node = Node(server, None)
    pipe.send(server.kubeconfig())
    while pipe.recv() == "count":
        pipe.send(dict(server.requests))
    node.stop()
    server.stop()


def by_kind(counts: dict[str, int]) -> Counter[str]:
    kinds: Counter[str] = Counter()
    for name, count in counts.items():
        method = name.split()[0]
        kinds["reads" if method == "GET" else "watches" if method == "WATCH" else "writes"] += count
    return kinds


class Figures:
    """Counts requests and time by phase."""

    def __init__(self, runtime: KubernetesRuntime, seats: int) -> None:
        self._runtime = runtime
        self._seats = seats
        self._before: Counter[str] = Counter()
        self._began = time.monotonic()
        self.phases: dict[str, dict[str, float]] = {}

    def phase(self, name: str, **extra: float) -> None:
        now = self._runtime.client.counts
        used = now - self._before
        self.phases[name] = {
            "seconds": round(time.monotonic() - self._began, 2),
            "writes": used["write"],
            "reads": used["read"],
            "watches": used["watch"],
            "streams": used["stream"],
            "writes_per_seat": round(used["write"] / self._seats, 4),
            "reads_per_seat": round(used["read"] / self._seats, 4),
            **extra,
        }
        self._before, self._began = Counter(now), time.monotonic()


async def seats_ready(runtime: KubernetesRuntime, room: Classroom, seats: int) -> float:
    """Seconds until every seat's port is open, seen by the watch."""
    began, ready = time.monotonic(), set()
    async with aclosing(runtime.watch(room)) as events:  # type: ignore[type-var]
        async for event in events:
            records = event.records if isinstance(event, SeatsListed) else ()
            records = (event.record,) if isinstance(event, SeatChanged) else records
            ready |= {record.number for record in records if record.endpoint}
            if len(ready) == seats:
                break
    return round(time.monotonic() - began, 2)


def command_of(room: Classroom, number: int, image: str) -> SeatCommand:
    if not image:
        return seat_command(room, number)
    return SeatCommand(argv=("python3", "-m", "http.server", "--bind", "{host}", "{port}"), port=8888, ready_path="/")


async def measure(kubeconfig: str, seats: int, steady: float, image: str) -> dict[str, Any]:
    runtime = KubernetesRuntime(kubeconfig=kubeconfig)
    now = datetime.now(UTC)
    room = Classroom(
        name=f"bench-{new_uid()[:5]}", uid=new_uid(), key=new_key(), workshop="bench", runtime="kubernetes",
        image=image or "docker.io/workshop-test/seat:1", commit="0" * 40, seats=seats, door=Door("127.0.0.1", 8080),
        created=now, ends=now + timedelta(hours=1), limits=Limits(memory_bytes=128 * 1024**2, cpus=0.5),
    )  # fmt: skip
    await runtime.facts()
    figures = Figures(runtime, seats)
    try:
        room = await runtime.open(room)
        await runtime.create_all(room, {n: command_of(room, n, image) for n in range(1, seats + 1)})
        figures.phase("up: objects made")
        figures.phase("up: all ready", watched=await seats_ready(runtime, room, seats))
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024

        async def watch() -> None:
            async for _ in runtime.watch(room):
                pass

        watching = asyncio.create_task(watch())
        await asyncio.wait({watching}, timeout=steady)
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
        figures.phase(f"steady state, {steady:.0f} s of watching")
    finally:
        removal = await runtime.close(room)
    figures.phase("down", left=len(removal.left))
    await runtime.aclose()
    return {"seats": seats, "memory_mb_after_up": memory, "phases": figures.phases}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--seats", type=int, default=500)
    parser.add_argument("--steady", type=float, default=60)
    parser.add_argument("--kubeconfig", default="")
    parser.add_argument("--image", default="")
    options = parser.parse_args()
    if options.kubeconfig:
        print(
            json.dumps(asyncio.run(measure(options.kubeconfig, options.seats, options.steady, options.image)), indent=2)
        )
        return 0
    ours, theirs = multiprocessing.get_context("spawn").Pipe()
    server = multiprocessing.get_context("spawn").Process(target=serve, args=(theirs,), daemon=True)
    server.start()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "kubeconfig"
        path.write_text(ours.recv())
        figures = asyncio.run(measure(str(path), options.seats, options.steady, ""))
    ours.send("count")
    figures["seen_by_the_server"] = dict(by_kind(ours.recv()))
    ours.send("end")
    server.join(10)
    print(json.dumps(figures, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
