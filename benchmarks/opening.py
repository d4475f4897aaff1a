"""What opening and closing a class costs, beside what anybody would do by hand. Prints a table.

    python benchmarks/opening.py [--seats 10] [--rounds 3] [--base IMAGE] [--ca-bundle FILE]

Needs a Docker engine. Two images: the one that `workshop build` makes, whose JupyterLab starts in a third of the
processor time, and a stock one, a repository's own Dockerfile with `pip install jupyterlab`. Each round opens and
closes a class in these ways, one after the other, on the same machine:

- `workshop up` from either image, as a process of its own, from its call on;
- a shell's loop of `docker run -d` from either image, with the same command in each seat;
- the loop from the stock image, started as JupyterLab's documentation says.

A seat is ready when it answers HTTP 200; all are asked in the same way and at the same pace. Medians of the rounds.

The last column is the floor, from one container alone: the first seat cannot be there before that one is, and as
starting is bound by the processor, N seats take at least N times its processor seconds, shared by the cores. For the
teardown it is what the engine needs to remove as many idle containers and their network, asked for all at once by a
program that is there already and looks at nothing.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from time import perf_counter

import aiohttp
import docker
import psutil

from workshop.core.launch import seat_command
from workshop.core.provision import probe_pause
from workshop.model.classroom import Classroom, Door, new_key, new_uid
from workshop.service.wiring import utc_now

PREFIX = "workshop-bench"
NOTEBOOK = '{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}\n'
CORES = os.cpu_count() or 1
STOCK_COMMAND = (
    "jupyter", "lab", "--ip=0.0.0.0", "--port=8888", "--no-browser", "--IdentityProvider.token=secret",
)  # fmt: skip


@dataclass(frozen=True)
class Opening:
    """When seats were ready, in seconds since the beginning."""

    first: float
    mean: float
    all: float

    @classmethod
    def of(cls, moments: Sequence[float]) -> Opening:
        return cls(min(moments), statistics.mean(moments), max(moments))


@dataclass
class Measured:
    """Every round of one way."""

    openings: list[Opening] = field(default_factory=list)
    closings: list[float] = field(default_factory=list)

    def median(self, look: Callable[[Opening], float]) -> float:
        return statistics.median(look(opening) for opening in self.openings)

    @property
    def closing(self) -> float:
        return statistics.median(self.closings)


@dataclass(frozen=True)
class Goal:
    """A row: ours beside the other's, and how much less it is to be."""

    name: str
    ours: float
    other: float
    at_most: float
    floor: float | None = None
    """Seconds below which nothing could go."""

    def line(self) -> str:
        ratio = self.ours / self.other
        verdict = "reached" if ratio <= self.at_most else "MISSED"
        floor = f"{self.floor / self.other:>7.2f}" if self.floor is not None else f"{'':>7}"
        figures = f"{self.ours:>8.2f} {self.other:>8.2f} {ratio:>7.2f} {self.at_most:>7.2f}"
        return f"{self.name:<46} {figures}  {verdict:<8}{floor}"


@dataclass(frozen=True)
class Alone:
    """One container started by itself.

    Args:
        ready: seconds until it answered.
        busy: processor seconds of the whole machine meanwhile.
    """

    ready: float
    busy: float

    def all_of(self, seats: int) -> float:
        return max(self.ready, seats * self.busy / CORES)

    def mean_of(self, seats: int) -> float:
        return max(self.ready, (seats + 1) / 2 * self.busy / CORES)


@dataclass(frozen=True)
class Subject:
    """A workshop whose class is opened, and its image's digest once it is built."""

    name: str
    repository: Path
    digest: str = ""


class Bench:
    """The repositories, images and folders of one run. Everything it makes is removed by `close`."""

    def __init__(self, seats: int, base: str, ca_bundle: str) -> None:
        self.seats = seats
        self.folder = Path(tempfile.mkdtemp(prefix="wb-"))
        self.name = f"bench-{os.getpid()}"
        self.ours = Subject(self.name, self.folder / "ours")
        self.stock = Subject(f"{self.name}-stock", self.folder / "stock")
        self._base, self._ca_bundle = base, ca_bundle
        self._environment = os.environ | {
            "HOME": str(self.folder),
            "WORKSHOP_STATE_DIR": str(self.folder / "state"),
            "WORKSHOP_CACHE_DIR": str(self.folder / "cache"),
            "WORKSHOP_ADDRESS": "127.0.0.1",
            "WORKSHOP_IMAGE_BASE": base,
            "WORKSHOP_IMAGE_CA_BUNDLE": ca_bundle,
        }

    def prepare(self) -> None:
        """Make both repositories."""
        for subject in (self.ours, self.stock):
            subject.repository.mkdir()
            (subject.repository / "workshop.yaml").write_text(
                f"title: {subject.name}\nsource: .\nseats: {self.seats}\nspares: 0\nruntime: docker\n"
                "limits:\n  memory: 512 MB\n"
            )
            (subject.repository / "lesson.ipynb").write_text(NOTEBOOK)
            run(["git", "init", "-q", str(subject.repository)])
        (self.ours.repository / "requirements.txt").write_text("")
        if self._ca_bundle:
            shutil.copy(self._ca_bundle, self.stock.repository / "ca.crt")
        else:
            (self.stock.repository / "ca.crt").touch()
        (self.stock.repository / "Dockerfile").write_text(
            f"FROM {self._base}\nCOPY ca.crt /ca.crt\n"
            "RUN python3 -m venv /opt/venv && if [ -s /ca.crt ]; then export PIP_CERT=/ca.crt; fi "
            "&& /opt/venv/bin/pip install -q jupyterlab && useradd -m student\n"
            "ENV PATH=/opt/venv/bin:$PATH\nUSER student\nWORKDIR /home/student\n"
        )
        for subject in (self.ours, self.stock):
            self.commit(subject)

    def commit(self, subject: Subject) -> None:
        git = ["git", "-C", str(subject.repository), "-c", "user.name=bench", "-c", "user.email=bench@example.org"]
        run([*git, "add", "."])
        run([*git, "commit", "-qm", "change"])

    def workshop(self, *words: str) -> str:
        """The output of a call that has to succeed."""
        return run([sys.executable, "-m", "workshop", *words], env=self._environment)

    def build(self, subject: Subject) -> tuple[Subject, float]:
        """The workshop with its image, and the seconds from call to end."""
        began = perf_counter()
        document = json.loads(self.workshop("build", str(subject.repository), "--json"))
        return replace(subject, digest=document["digest"]), perf_counter() - began

    def open_class(self, subject: Subject) -> Opening:
        """`workshop up`; its lines say when each seat was ready."""
        began = perf_counter()
        moments: list[float] = []
        words = ["up", str(subject.repository), "--name", subject.name, "--yes"]
        with subprocess.Popen(
            [sys.executable, "-m", "workshop", *words], env=self._environment,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        ) as process:  # fmt: skip
            assert process.stderr is not None
            said = []
            for line in process.stderr:
                said.append(line)
                if line.startswith("seat ") and " ready" in line:
                    moments.append(perf_counter() - began)
        if process.returncode or len(moments) != self.seats:
            raise SystemExit(f"workshop up ended with {process.returncode}:\n{''.join(said)}")
        return Opening.of(moments)

    def close_class(self, name: str) -> float:
        began = perf_counter()
        self.workshop("down", name, "--discard", "--yes")
        return perf_counter() - began

    def open_by_hand(
        self, image: str, command: Callable[[int], tuple[str, ...]], path: Callable[[int], str]
    ) -> Opening:
        """A loop of `docker run -d`, and beside it the question to each seat whether it answers."""
        return asyncio.run(self._open_by_hand(image, command, path))

    def open_alone(self, image: str, command: Callable[[int], tuple[str, ...]], path: Callable[[int], str]) -> Alone:
        """One container by hand; it is gone again afterwards."""
        before = busy_seconds()
        opening = asyncio.run(self._open_by_hand(image, command, path, seats=1))
        busy = busy_seconds() - before
        run(["docker", "rm", "-f", f"{self.name}-1"])
        return Alone(opening.all, busy)

    async def _open_by_hand(
        self,
        image: str,
        command: Callable[[int], tuple[str, ...]],
        path: Callable[[int], str],
        *,
        seats: int = 0,
    ) -> Opening:
        began = perf_counter()
        async with aiohttp.ClientSession() as http, asyncio.TaskGroup() as group:
            waits = []
            for number in range(1, (seats or self.seats) + 1):
                name = f"{self.name}-{number}"
                await asyncio.to_thread(run, ["docker", "run", "-d", "--name", name, image, *command(number)])
                form = "{{.NetworkSettings.IPAddress}}"
                address = (await asyncio.to_thread(run, ["docker", "inspect", "-f", form, name])).strip()
                waits.append(group.create_task(_ready(http, f"http://{address}:8888{path(number)}", began)))
        return Opening.of([wait.result() for wait in waits])

    def close_by_hand(self) -> float:
        """A loop of `docker rm -f`."""
        began = perf_counter()
        for number in range(1, self.seats + 1):
            run(["docker", "rm", "-f", f"{self.name}-{number}"])
        return perf_counter() - began

    def close_at_best(self, image: str) -> float:
        """The engine's own time for containers that do nothing, in a network of their own."""
        network = run(["docker", "network", "create", self.name]).strip()
        containers = [
            run(["docker", "run", "-d", "--name", f"{self.name}-{number}", "--network", network,
                 "--entrypoint", "sleep", image, "1000"]).strip()
            for number in range(1, self.seats + 1)
        ]  # fmt: skip
        with contextlib.closing(docker.APIClient()) as engine, ThreadPoolExecutor(self.seats) as at_once:
            engine.ping()
            began = perf_counter()
            list(at_once.map(lambda container: engine.remove_container(container, force=True), containers))
            engine.remove_network(network)
            return perf_counter() - began

    def close(self) -> None:
        """Remove everything of this run."""
        names = {self.ours.name, self.stock.name}
        rooms = json.loads(self.workshop("list", "--json"))["classrooms"]
        for name in names & {room["classroom"] for room in rooms}:
            self.close_class(name)
        containers = run(["docker", "ps", "-aq", "--filter", f"name=^{self.name}-"]).split()
        if containers:
            run(["docker", "rm", "-f", *containers])
        if run(["docker", "network", "ls", "-q", "--filter", f"name=^{self.name}$"]).split():
            run(["docker", "network", "rm", self.name])
        images = json.loads(self.workshop("images", "--json"))["images"]
        for digest in (image["digest"] for image in images if image["workshop"] in names):
            subprocess.run(["docker", "image", "rm", "-f", digest], capture_output=True, check=False)
        shutil.rmtree(self.folder)


async def _ready(http: aiohttp.ClientSession, url: str, began: float) -> float:
    """Seconds until the address answers 200, asked as often as `workshop` asks."""
    asked = perf_counter()
    while True:
        with contextlib.suppress(aiohttp.ClientError, TimeoutError):  # it starts
            async with http.get(url, timeout=aiohttp.ClientTimeout(total=5)) as answer:
                if answer.status == 200:
                    return perf_counter() - began
        await asyncio.sleep(probe_pause(perf_counter() - asked))


def run(argv: Sequence[str], env: dict[str, str] | None = None) -> str:
    """The output of a program that has to succeed."""
    result = subprocess.run(argv, capture_output=True, text=True, env=env, check=False)
    if result.returncode:
        raise SystemExit(f"{' '.join(argv)} ended with {result.returncode}:\n{result.stdout}{result.stderr}")
    return result.stdout


def busy_seconds() -> float:
    """Processor seconds of this machine that were used, by whatever."""
    times = psutil.cpu_times()
    return sum(times) - times.idle - getattr(times, "iowait", 0.0) - getattr(times, "guest", 0.0)


def seat_by_hand(image: str) -> tuple[Callable[[int], tuple[str, ...]], Callable[[int], str]]:
    """The command and the ready path of a seat, as `workshop` would give them."""
    room = Classroom(
        name="bench", uid=new_uid(), key=new_key(), workshop="bench", runtime="docker", image=image, commit="", seats=1,
        door=Door("127.0.0.1", 8080), created=utc_now(),
    )  # fmt: skip

    def command(number: int) -> tuple[str, ...]:
        return seat_command(room, number).arguments("0.0.0.0", 8888)

    return command, lambda number: f"{room.seat_path(number)}api"


def help_milliseconds() -> float:
    """Median of 15 calls of `workshop --help`."""
    times = []
    for _ in range(15):
        began = perf_counter()
        run([sys.executable, "-m", "workshop", "--help"])
        times.append((perf_counter() - began) * 1000)
    return statistics.median(times)


def compared(
    what: str, ours: Measured, loop: Measured, alone: Sequence[Alone], at_best: Sequence[float], seats: int
) -> list[Goal]:
    """The rows of a class and a loop from one image."""
    floor = Alone(statistics.median(one.ready for one in alone), statistics.median(one.busy for one in alone))
    looks: tuple[tuple[str, Callable[[Opening], float], float, float], ...] = (
        ("all ready", lambda opening: opening.all, 0.95, floor.all_of(seats)),
        ("mean seat", lambda opening: opening.mean, 0.6, floor.mean_of(seats)),
        ("first seat", lambda opening: opening.first, 0.4, floor.ready),
    )
    rows = [
        Goal(f"{name}, {what}, both", ours.median(look), loop.median(look), goal, least)
        for name, look, goal, least in looks
    ]
    removal = statistics.median(at_best)
    return [*rows, Goal(f"teardown, {what}, docker rm -f", ours.closing, loop.closing, 0.6, removal)]


def measure(bench: Bench, rounds: int) -> tuple[list[Goal], float]:
    """Every row that compares, and the seconds of a rebuild after a commit that touches only a notebook."""
    bench.prepare()
    bench.build(bench.ours)
    (bench.ours.repository / "lesson.ipynb").write_text(NOTEBOOK.replace("{}", '{"touched": true}'))
    bench.commit(bench.ours)
    ours, rebuild = bench.build(bench.ours)
    stock, _ = bench.build(bench.stock)
    classes: dict[str, Measured] = {ours.name: Measured(), stock.name: Measured()}
    loops: dict[str, Measured] = {ours.name: Measured(), stock.name: Measured()}
    alone: dict[str, list[Alone]] = {ours.name: [], stock.name: []}
    at_best: dict[str, list[float]] = {ours.name: [], stock.name: []}
    documented = Measured()
    for number in range(rounds):
        print(f"round {number + 1} of {rounds}", file=sys.stderr)
        for subject in (ours, stock):
            command, path = seat_by_hand(subject.digest)
            classes[subject.name].openings.append(bench.open_class(subject))
            classes[subject.name].closings.append(bench.close_class(subject.name))
            loops[subject.name].openings.append(bench.open_by_hand(subject.digest, command, path))
            loops[subject.name].closings.append(bench.close_by_hand())
            alone[subject.name].append(bench.open_alone(subject.digest, command, path))
            at_best[subject.name].append(bench.close_at_best(subject.digest))
        documented.openings.append(bench.open_by_hand(stock.digest, lambda _: STOCK_COMMAND, lambda _: "/api"))
        bench.close_by_hand()
    rows = []
    for subject, what in ((ours, "our image"), (stock, "stock image")):
        name = subject.name
        rows += compared(what, classes[name], loops[name], alone[name], at_best[name], bench.seats)
    all_of_ours, all_of_theirs = (one.median(lambda opening: opening.all) for one in (classes[ours.name], documented))
    return [*rows, Goal("all ready, our image against stock JupyterLab", all_of_ours, all_of_theirs, 0.5)], rebuild


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--seats", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--base", default=os.environ.get("WORKSHOP_IMAGE_BASE", "python:3.12-slim"))
    parser.add_argument("--ca-bundle", default=os.environ.get("WORKSHOP_IMAGE_CA_BUNDLE", ""))
    options = parser.parse_args()
    bench = Bench(options.seats, options.base, options.ca_bundle)
    try:
        rows, rebuild = measure(bench, options.rounds)
    finally:
        bench.close()
    print(f"{options.seats} seats, medians of {options.rounds} rounds, {os.cpu_count()} cores; seconds")
    print(f"{'':<46} {'ours':>8} {'other':>8} {'ratio':>7} {'goal':>7}  {'':<8}{'floor':>7}")
    for row in rows:
        print(row.line())
    print(f"{'rebuild after a notebook only':<46} {rebuild:>8.2f} {'':>8} {'':>7} {'3 + copy':>7}")
    print(f"{'workshop --help, milliseconds':<46} {help_milliseconds():>8.0f} {'':>8} {'':>7} {'200':>7}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
