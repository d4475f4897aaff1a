"""A gateway in a process of its own, as a class has one: a real room on a fake engine, real claims, a real port.

    python -m tests.gateway.gateway_program FOLDER PORT SEATS

Prints a line when it serves, and ends with its standard input. FOLDER/state.db has the claims.
"""

from __future__ import annotations

import asyncio
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from workshop.core.launch import seat_command
from workshop.gateway.server import Gateway
from workshop.model.classroom import Classroom, Door
from workshop.runtimes.fake import FakeEngine, FakeRuntime, FakeScript
from workshop.service.gateway_process import _loop_factory
from workshop.service.room import Room
from workshop.state.store import SqliteStore

UID, KEY = "0123456789ab", "5a" * 32


def now() -> datetime:
    return datetime.now(UTC)


def classroom(port: int, seats: int) -> Classroom:
    return Classroom(
        name="rush", uid=UID, key=KEY, workshop="Plotting with Python", runtime="fake", image="", commit="",
        seats=seats, door=Door("127.0.0.1", port), created=now(), ends=now() + timedelta(hours=2),
    )  # fmt: skip


async def serve(folder: Path, port: int, seats: int) -> None:
    room = classroom(port, seats)
    runtime = FakeRuntime(FakeEngine(script=FakeScript(endpoints={0: "http://127.0.0.1:9"})))
    await runtime.open(room)
    for number in range(1, seats + 1):
        await runtime.create(room, number, seat_command(room, number))
    store = SqliteStore(folder / "state.db")
    kept = Room(room, runtime, store, clock=now, stop=lambda: None)
    gateway = Gateway(kept, store, kept.report, control_socket=folder / "control.sock", pulse_interval=0)
    running = asyncio.create_task(kept.run())
    await kept.until_listed()
    async for picture in kept.changes():
        if picture.ready == seats:
            break
    await gateway.start()
    print("serving", flush=True)
    await asyncio.to_thread(sys.stdin.read)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await gateway.stop()
    store.close()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(serve(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])))
