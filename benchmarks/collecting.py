"""What collecting a class's work costs, against `docker cp` in a loop.

    python benchmarks/collecting.py [--seats 10] [--megabytes 50] [--rounds 3] [--base IMAGE]

Needs a Docker engine. Each seat's home holds the megabytes as files of incompressible bytes. Two cases:

- typical: nine tenths came with the image (the repository's data), one tenth is the participant's;
- worst: every byte is the participant's.

`docker cp` copies the whole home in both. Medians of the rounds, wall time and the processor time of this process;
both write to the same disk. The class, its seats and its image are removed at the end.

The floor of the worst case is reading every home through the engine, as many at once, and throwing it away: the engine
alone packs the bytes, whoever asks for them.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import resource
import shutil
import statistics
import subprocess
import tarfile
import tempfile
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from workshop.config.paths import paths
from workshop.config.settings import settings
from workshop.model.classroom import Classroom, Door, new_key, new_uid
from workshop.model.seat import Limits, SeatCommand
from workshop.ports.build import ignore_events
from workshop.runtimes.docker.runtime import DockerRuntime
from workshop.service.collecting import AT_ONCE, collect_seats
from workshop.service.rooms import FoundRoom
from workshop.service.wiring import Wiring, utc_now

GOAL = 0.5
FILES = 10
SERVER = SeatCommand(argv=("sleep", "infinity"), port=8888, ready_path="/")


def build(base: str, tag: str, data: Path) -> str:
    """An image whose home holds `data`."""
    dockerfile = f"FROM {base}\nRUN useradd -m -u 1000 person\nENV HOME=/home/person\nCOPY --chown=1000:1000 data/ "
    dockerfile += "/home/person/data/\nUSER person\nWORKDIR /home/person\n"
    context = data.parent / "context"
    shutil.copytree(data, context / "data")
    (context / "Dockerfile").write_text(dockerfile)
    subprocess.run(("docker", "build", "-q", "-t", tag, str(context)), check=True, stdout=subprocess.DEVNULL)
    shutil.rmtree(context)
    found = subprocess.run(
        ("docker", "image", "inspect", "--format", "{{.Id}}", tag), check=True, capture_output=True, text=True
    )
    return found.stdout.strip()


async def fill(runtime: DockerRuntime, room: Classroom, number: int, size: int) -> None:
    """The participant's own files."""

    async def stream():  # type: ignore[no-untyped-def]
        for index in range(FILES):
            info = tarfile.TarInfo(f"own/{index}.bin")
            info.size, info.mode = size // FILES, 0o644
            yield info.tobuf() + os.urandom(info.size) + bytes(-info.size % tarfile.BLOCKSIZE)
        yield bytes(1024)

    await runtime.write_files(room, number, ".", stream())


async def measured(work: Callable[[], object]) -> tuple[float, float]:
    """Wall and own processor seconds."""
    began, used = time.monotonic(), _cpu()
    result = work()
    if asyncio.iscoroutine(result):
        await result
    return time.monotonic() - began, _cpu() - used


def _cpu() -> float:
    own, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


async def case(title: str, arguments: argparse.Namespace, share: float, folder: Path) -> None:
    """One case: the class is made, measured and removed."""
    total = arguments.megabytes * 1024 * 1024
    data = folder / "data"
    data.mkdir()
    for index in range(FILES):
        (data / f"{index}.bin").write_bytes(os.urandom(int(total * (1 - share)) // FILES))
    tag = f"workshop-bench/collecting:{os.getpid()}"
    image = build(arguments.base, tag, data)
    runtime = DockerRuntime()
    wiring = Wiring(settings({}), paths({}), runtimes={"docker": runtime})
    now = utc_now()
    room = Classroom(
        name=f"bench-collecting-{os.getpid()}", uid=new_uid(), key=new_key(), workshop="bench", runtime="docker",
        image=image, commit="0" * 40, seats=arguments.seats, door=Door("127.0.0.1", 8080), created=now,
        ends=now + timedelta(hours=1), limits=Limits(memory_bytes=256 * 1024**2),
    )  # fmt: skip
    try:
        room = await runtime.open(room)
        numbers = range(1, arguments.seats + 1)
        for number in numbers:
            await runtime.create(room, number, SERVER)
            await fill(runtime, room, number, int(total * share))
        names = [f"workshop-{room.name}-{number:02d}" for number in numbers]

        def copy(target: Path) -> None:
            target.mkdir()
            for name in names:
                subprocess.run(("docker", "cp", f"{name}:/home/person", str(target / name)), check=True)

        async def read(number: int, gate: asyncio.Semaphore) -> None:
            async with gate:
                async for _piece in runtime.read_files(room, number, "."):
                    pass

        async def read_all() -> None:
            gate = asyncio.Semaphore(AT_ONCE)
            await asyncio.gather(*(read(number, gate) for number in numbers))

        ours, theirs, again, floor = [], [], [], []
        for turn in range(arguments.rounds):
            theirs.append(await measured(lambda turn=turn: copy(folder / f"cp-{turn}")))  # type: ignore[misc]
            shutil.rmtree(folder / f"cp-{turn}")
            target = folder / f"work-{turn}"
            for times in (ours, again):
                times.append(
                    await measured(
                        lambda target=target: collect_seats(  # type: ignore[misc]
                            wiring, FoundRoom(room, runtime), list(numbers), target, report=ignore_events
                        )
                    )
                )
            shutil.rmtree(target)
            floor.append(await measured(read_all))
    finally:
        await runtime.close(room)
        await wiring.aclose()
        await asyncio.to_thread(subprocess.run, ("docker", "rmi", "-f", tag), check=True, stdout=subprocess.DEVNULL)
        shutil.rmtree(data)
    print(f"\n{title}: {arguments.seats} seats x {arguments.megabytes} MB, {share:.0%} of it the participants' own")
    cp = _row("docker cp, one after the other", theirs)
    mine = _row("collect", ours)
    _row("collect again, nothing changed", again)
    least = _row("reading every byte, kept nowhere", floor)
    verdict = "reached" if mine <= GOAL * cp else "not reached"
    print(f"  {mine / cp:.2f} of `docker cp` (at most {GOAL:g}: {verdict}); reading every byte alone: {least / cp:.2f}")


def _row(name: str, times: list[tuple[float, float]]) -> float:
    wall = statistics.median(time[0] for time in times)
    cpu = statistics.median(time[1] for time in times)
    print(f"  {name:34} {wall:6.2f} s  {cpu:6.2f} s CPU of this process")
    return wall


async def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seats", type=int, default=10)
    parser.add_argument("--megabytes", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--base", default="python:3.12-slim")
    arguments = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="wb-"))
    os.environ["WORKSHOP_STATE_DIR"], os.environ["WORKSHOP_CACHE_DIR"] = str(folder / "state"), str(folder / "cache")
    try:
        await case("typical", arguments, 0.1, folder)
        await case("worst", arguments, 1.0, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    asyncio.run(main())
