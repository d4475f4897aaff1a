"""Figures of the terminal UI: start to the first useful screen, and key to paint with 500 seats and 50 events a second.

python benchmarks/tui.py [--seconds 20] [--minutes 30]
"""

from __future__ import annotations

import argparse
import asyncio
import os
import pty
import random
import select
import statistics
import subprocess
import sys
import tempfile
import time
import tracemalloc
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPOSITORY))

from tests.tui.scripted_service import ScriptedService  # noqa: E402
from tests.tui.support import Clock, classroom, seat_of, snapshot_of  # noqa: E402
from workshop.config.paths import paths  # noqa: E402
from workshop.model.seat import Activity  # noqa: E402
from workshop.model.snapshot import Snapshot  # noqa: E402
from workshop.tui.app import WorkshopApp  # noqa: E402
from workshop.tui.widgets.seat_table import SeatTable  # noqa: E402

ROOM = "large"
SEATS = 500
EVENTS = 50
"""A second; each snapshot carries what happened since the last one, five times a second as the gateway sends them."""
SNAPSHOTS = 5
USEFUL = b"Last used"
"""The home screen stands: workshops are listed and keys work."""
COMPLETE = b"None is open"
"""It also knows that there are no classrooms: every engine was asked."""


def start_times(count: int) -> list[tuple[float, float]]:
    """Seconds from the command to the first useful screen, and to the complete one, in a terminal of its own."""
    found = []
    with tempfile.TemporaryDirectory(prefix="workshop-bench-") as home:
        environment = {**os.environ, "HOME": home, "TERM": "xterm-256color", "WORKSHOP_RUNTIME": "process",
                       "WORKSHOP_STATE_DIR": f"{home}/state", "WORKSHOP_CACHE_DIR": f"{home}/cache",
                       "WORKSHOP_CONFIG_DIR": f"{home}/config", "WORKSHOP_DATA_DIR": f"{home}/data",
                       "DOCKER_HOST": f"unix://{home}/none.sock"}  # fmt: skip
        for _ in range(count):
            found.append(_start_once(environment))
    return found


def _start_once(environment: dict[str, str]) -> tuple[float, float]:
    ours, theirs = pty.openpty()
    import fcntl
    import struct
    import termios

    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    began = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "workshop"], stdin=theirs, stdout=theirs, stderr=theirs, env=environment, close_fds=True
    )
    os.close(theirs)
    seen, useful = b"", 0.0
    try:
        while COMPLETE not in seen:
            ready, _, _ = select.select([ours], [], [], 20)
            if not ready:
                raise TimeoutError(f"no useful screen within 20 s: {seen[-400:]!r}")
            seen += os.read(ours, 65536)
            if USEFUL in seen and not useful:
                useful = time.perf_counter() - began
        return useful, time.perf_counter() - began
    finally:
        process.terminate()
        process.wait(20)
        os.close(ours)


class Storm:
    """A room of 500 seats in which something happens all the time."""

    def __init__(self) -> None:
        self.room = classroom(ROOM, SEATS)
        self.seats = [seat_of(self.room, number, claimed=True) for number in range(1, SEATS + 1)]
        self.random = random.Random(7)
        self.clock = Clock()
        self.service = ScriptedService(rooms={ROOM: self.snapshot()}, clock=self.clock)

    def snapshot(self) -> Snapshot:
        return snapshot_of(self.room, self.seats, taken_at=self.clock.now if hasattr(self, "clock") else None)

    def happen(self, count: int) -> None:
        """So many events, and the snapshot that follows."""
        for place in self.random.sample(range(SEATS), count):
            seat = self.seats[place]
            activity = self.random.choice((Activity.OPEN, Activity.RUNNING, Activity.IDLE, Activity.DISCONNECTED))
            memory = self.random.randrange(80, 900) * 1024**2
            self.seats[place] = replace(
                seat, activity=activity, memory_bytes=memory, cpu_percent=self.random.random() * 99,
                last_active=self.clock.now - timedelta(seconds=self.random.randrange(900)),
            )  # fmt: skip
        self.service.change(ROOM, self.snapshot())

    def app(self) -> WorkshopApp:
        return WorkshopApp(
            cast(Any, self.service), places=paths({}, {"HOME": "/nonexistent"}), start=ROOM, clock=self.clock,
            environment={"TERM": "xterm"},
        )  # fmt: skip


async def key_to_paint(seconds: float) -> tuple[list[float], int]:
    """Seconds from each key until the row under the cursor was painted, and how many rows were painted in all."""
    storm = Storm()
    app = storm.app()
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause(0.5)
        table = app.screen.query_one("#seats", SeatTable)

        async def events() -> None:
            while True:
                storm.happen(EVENTS // SNAPSHOTS)
                storm.clock.forward(seconds=1 / SNAPSHOTS)
                await asyncio.sleep(1 / SNAPSHOTS)

        task = asyncio.create_task(events())
        latencies: list[float] = []
        before = table.painted
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            latencies.append(await _one_key(app, table, storm.random.choice(("down", "up", "pagedown", "G", "g"))))
            await asyncio.sleep(0.03)
        task.cancel()
        return latencies, table.painted - before


async def _one_key(app: WorkshopApp, table: SeatTable, key: str) -> float:
    """Press a key as the terminal does, and wait until the app has painted."""
    from textual import events

    painted = asyncio.Event()
    began = time.perf_counter()
    app.post_message(events.Key(key, key if len(key) == 1 else None))
    app.call_later(lambda: table.call_after_refresh(painted.set))
    await painted.wait()
    return time.perf_counter() - began


async def memory_over(minutes: int) -> list[tuple[int, float]]:
    """Megabytes held by Python at several moments of so many simulated minutes."""
    storm = Storm()
    app = storm.app()
    found: list[tuple[int, float]] = []
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause(0.5)
        tracemalloc.start()
        for minute in range(minutes + 1):
            for _ in range(12):
                storm.happen(EVENTS)
                storm.clock.forward(seconds=5)
                await pilot.pause()
            if minute % max(1, minutes // 6) == 0:
                found.append((minute, tracemalloc.get_traced_memory()[0] / 1024**2))
        tracemalloc.stop()
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=20, help="how long keys are pressed")
    parser.add_argument("--minutes", type=int, default=30, help="simulated minutes for the memory; 0 leaves it out")
    parser.add_argument("--starts", type=int, default=5)
    asked = parser.parse_args()
    rows: list[tuple[str, str, str]] = []
    starts = start_times(asked.starts)
    useful, complete = (statistics.median(times) for times in zip(*starts, strict=True))
    rows.append(("start to the first useful screen", f"{useful * 1000:.0f} ms", "under 700 ms"))
    rows.append(("start to the list of classrooms", f"{complete * 1000:.0f} ms", ""))
    latencies, painted = asyncio.run(key_to_paint(asked.seconds))
    ordered = sorted(latencies)
    p95 = ordered[int(len(ordered) * 0.95)]
    rows.append(
        (f"key to paint, {SEATS} seats, {EVENTS} events/s, p50", f"{ordered[len(ordered) // 2] * 1000:.1f} ms", "")
    )
    rows.append((f"the same, p95 of {len(ordered)} keys", f"{p95 * 1000:.1f} ms", "under 50 ms"))
    rows.append(("rows painted a second", f"{painted / asked.seconds:.0f}", ""))
    if asked.minutes:
        for minute, megabytes in asyncio.run(memory_over(asked.minutes)):
            rows.append((f"memory after {minute} simulated minutes", f"{megabytes:.1f} MB", "flat"))
    width = max(len(name) for name, _value, _goal in rows)
    for name, value, goal in rows:
        print(f"{name:<{width}}  {value:>10}  {goal}")


if __name__ == "__main__":
    main()
