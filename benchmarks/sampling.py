"""What watching the seats' memory, processor and processes costs, beside a stream of `docker stats`. Prints a table.

    python benchmarks/sampling.py [--seats 30] [--seconds 30] [--base IMAGE]

Needs a Docker engine. Processor time of the watcher and of the engine (dockerd, containerd and its shims, where this
machine shows them), as a share of one core, less what they use when nobody watches. Both watch the same seats, one
after the other. The seats do nothing, so what is used is the watching. The class is removed at the end.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta

import psutil

from workshop.model.classroom import Classroom, Door, new_key, new_uid
from workshop.model.seat import Limits, SeatCommand
from workshop.runtimes.docker.runtime import DockerRuntime
from workshop.service.room import USAGE_EVERY
from workshop.service.wiring import utc_now

GOAL = 5.0
"""Percent of one core for thirty seats, watcher and engine together."""
ENGINE = ("dockerd", "containerd", "containerd-shim")
SERVER = SeatCommand(argv=("sleep", "infinity"), port=8888, ready_path="/")


@dataclass(frozen=True)
class Cost:
    """Percent of one core."""

    watcher: float
    engine: float

    @property
    def total(self) -> float:
        return self.watcher + self.engine


def engine_seconds() -> float:
    """Processor seconds that the engine's processes have used so far."""
    used = 0.0
    for process in psutil.process_iter(["name", "cpu_times"]):
        if (process.info["name"] or "").startswith(ENGINE) and process.info["cpu_times"]:
            used += process.info["cpu_times"].user + process.info["cpu_times"].system
    return used


async def cost(watch: Callable[[float], Awaitable[float]], seconds: float) -> Cost:
    """
    Args:
        watch: watches for so many seconds; the processor seconds that it used itself.
    """
    before, began = engine_seconds(), time.monotonic()
    own = await watch(seconds)
    wall = time.monotonic() - began
    return Cost(100 * own / wall, 100 * (engine_seconds() - before) / wall)


async def nobody(seconds: float) -> float:
    await asyncio.sleep(seconds)
    return 0.0


def ours(runtime: DockerRuntime, room: Classroom, seats: int) -> Callable[[float], Awaitable[float]]:
    """As a gateway does it."""

    async def watch(seconds: float) -> float:
        used, until = time.process_time(), time.monotonic() + seconds
        while time.monotonic() < until:
            assert len(await runtime.usage(room)) == seats
            await asyncio.sleep(min(USAGE_EVERY, max(0.0, until - time.monotonic())))
        return time.process_time() - used

    return watch


def docker_stats(names: list[str]) -> Callable[[float], Awaitable[float]]:
    """The stream that the `docker` command shows."""

    async def watch(seconds: float) -> float:
        process = await asyncio.create_subprocess_exec("docker", "stats", *names, stdout=subprocess.DEVNULL)
        await asyncio.sleep(seconds)
        times = psutil.Process(process.pid).cpu_times()
        process.kill()  # it takes no notice of less
        await process.wait()
        return float(times.user + times.system)

    return watch


def digest_of(image: str) -> str:
    inspect = ["docker", "image", "inspect", "--format", "{{.Id}}", image]
    return subprocess.run(inspect, check=True, capture_output=True, text=True).stdout.strip()


async def measure(seats: int, seconds: float, digest: str) -> list[tuple[str, Cost]]:
    runtime = DockerRuntime()
    now = utc_now()
    room = Classroom(
        name=f"bench-sampling-{os.getpid()}", uid=new_uid(), key=new_key(), workshop="bench", runtime="docker",
        image=digest, commit="0" * 40, seats=seats, door=Door("127.0.0.1", 8080), created=now,
        ends=now + timedelta(hours=1), limits=Limits(memory_bytes=64 * 1024**2),
    )  # fmt: skip
    try:
        room = await runtime.open(room)
        for number in range(1, seats + 1):
            await runtime.create(room, number, SERVER)
        names = [f"workshop-{room.name}-{number:02d}" for number in range(1, seats + 1)]
        await runtime.usage(room)  # where each seat is counted is looked up once
        idle = await cost(nobody, seconds)
        found = []
        for title, watch in (("workshop", ours(runtime, room, seats)), ("docker stats", docker_stats(names))):
            used = await cost(watch, seconds)
            found.append((title, Cost(used.watcher, max(0.0, used.engine - idle.engine))))
        return found
    finally:
        await runtime.close(room)
        await runtime.aclose()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--seats", type=int, default=30)
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--base", default=os.environ.get("WORKSHOP_IMAGE_BASE", "python:3.12-slim"))
    options = parser.parse_args()
    rows = asyncio.run(measure(options.seats, options.seconds, digest_of(options.base)))
    print(f"{options.seats} seats, {options.seconds:.0f} s each; percent of one core")
    print(f"{'':<14} {'watcher':>8} {'engine':>8} {'total':>8}")
    for title, used in rows:
        print(f"{title:<14} {used.watcher:>8.2f} {used.engine:>8.2f} {used.total:>8.2f}")
    mine, theirs = rows[0][1].total, rows[1][1].total
    verdict = "reached" if mine <= GOAL else "MISSED"
    print(f"{mine / theirs:.3f} of `docker stats`; at most {GOAL:.0f} % of one core: {verdict}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
