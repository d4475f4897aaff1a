"""What building an image and starting one seat from it cost, side by side with pip and with stock JupyterLab.

    python benchmarks/builds.py [--rounds 3] [--base IMAGE] [--ca-bundle FILE] [--requirements "numpy pandas"]

Needs a Docker engine with buildx. Every way starts from the same base image:

- our recipe, cold: no layer is there (a new lowest layer) and no package was ever downloaded or compiled;
- the same with the engine's cache of packages filled, as for the second workshop on a machine;
- the same packages with pip, cold, in a Dockerfile anybody would write;
- our recipe again after a commit of code alone, and after one more requirement;
- repo2docker, where it is installed and can reach what it needs;
- one seat, from `docker run` to the first HTTP 200, its processor time until then and its memory two seconds later.

Medians of the rounds. Each round leaves a cache of packages in the engine, which `docker builder prune` frees.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
import statistics
import subprocess
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import httpx

from workshop.core.launch import seat_command
from workshop.engines.docker_engine import DockerEngine
from workshop.errors import WorkshopError
from workshop.images import dockerfile
from workshop.images.docker_builder import DockerBuilder
from workshop.images.repo2docker import Repo2Docker, find_repo2docker
from workshop.images.sources import GitSources
from workshop.model.classroom import Classroom, Door, new_key, new_uid
from workshop.model.image import Image, ImageSettings
from workshop.ports.build import BuildRequest, ignore_events
from workshop.service.wiring import utc_now

NOTEBOOK = '{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}\n'
MB = 1e6
GOALS = {"code": 3.0, "requirement": 0.3, "cpu": 0.4, "memory": 50.0}
"""Seconds; share of cold; share of stock's processor time; MB."""


class Bench:
    """The repository, images and folders of one run. Everything it makes is removed by `close`."""

    def __init__(self, base: str, ca_bundle: str, requirements: str) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="wb-"))
        self.repository = self.folder / "repository"
        self.slug = f"bench-{os.getpid()}"
        self._base, self._ca_bundle = base, ca_bundle
        self._requirements = requirements.split()
        self._made: list[str] = []
        self.engine = DockerEngine()
        self.builder = DockerBuilder(self.engine, work_dir=self.folder / "contexts")
        self._sources = GitSources(self.folder / "cache")
        self.seconds: dict[str, list[float]] = defaultdict(list)
        self.figures: dict[str, list[float]] = defaultdict(list)
        self.notes: list[str] = []

    def prepare(self) -> None:
        self.repository.mkdir()
        run(["git", "init", "-q", str(self.repository)])

    def commit(self, **files: str) -> None:
        for name, text in files.items():
            (self.repository / name.replace("__", ".")).write_text(text)
        who = ["-c", "user.name=bench", "-c", "user.email=bench@example.org"]
        run(["git", "-C", str(self.repository), "add", "."])
        run(["git", "-C", str(self.repository), *who, "commit", "-qm", "change"])

    def fresh_base(self, number: int) -> str:
        """The base with one more layer that no cache knows."""
        tag = f"workshop-bench/base:{os.getpid()}-{number}"
        text = f"FROM {self._base}\nRUN echo {os.getpid()}-{number}-{time.time_ns()} > /etc/workshop-bench\n"
        run(["docker", "build", "-q", "-t", tag, "-"], text)
        self._made.append(tag)
        return tag

    async def build(self, base: str, row: str) -> Image:
        """Resolve, detect and build, as `workshop build` does."""
        began = time.perf_counter()
        source = await self._sources.resolve(str(self.repository), report=ignore_events)
        settings = ImageSettings(base=base, ca_bundle=self._ca_bundle)
        request = BuildRequest("Bench", self.slug, source, self._sources.detect(source), settings)
        image = await self.builder.build(request, report=ignore_events)
        self.seconds[row].append(time.perf_counter() - began)
        assert not image.cached
        return image

    def build_with_pip(self, base: str) -> str:
        """What the same repository costs with pip in a Dockerfile."""
        context = self.folder / f"pip-{len(self._made)}"
        context.mkdir()
        (context / "ca.crt").write_bytes(Path(self._ca_bundle).read_bytes() if self._ca_bundle else b"")
        shutil.copy(self.repository / "requirements.txt", context)
        (context / "Dockerfile").write_text(
            f"FROM {base}\nCOPY ca.crt /ca.crt\nENV PATH=/opt/venv/bin:$PATH\n"
            "RUN python3 -m venv /opt/venv && useradd -m student\n"
            "RUN if [ -s /ca.crt ]; then export PIP_CERT=/ca.crt; fi; pip install -q --no-cache-dir jupyterlab\n"
            "COPY requirements.txt /home/student/\nRUN if [ -s /ca.crt ]; then export PIP_CERT=/ca.crt; fi; "
            "pip install -q --no-cache-dir -r /home/student/requirements.txt\nUSER student\nWORKDIR /home/student\n"
        )
        tag = f"workshop-bench/pip:{os.getpid()}-{len(self._made)}"
        began = time.perf_counter()
        run(["docker", "buildx", "build", "-q", "--load", "-t", tag, str(context)])
        self.seconds["pip cold"].append(time.perf_counter() - began)
        self._made.append(tag)
        return tag

    async def build_with_repo2docker(self) -> None:
        tag = f"workshop-bench/r2d:{os.getpid()}"
        began = time.perf_counter()
        try:
            tool = Repo2Docker(find_repo2docker("python"), self.engine.address, ignore_events)
        except WorkshopError:
            self.notes.append("repo2docker is not installed: no figure.")
            return
        if not await tool.build(self.repository, tag, {}):
            last = next((line for line in reversed(tool.lines) if line.strip()), "")
            self.notes.append(f"repo2docker did not get through: {last[:160]}")
            return
        self._made.append(tag)
        self.seconds["repo2docker cold"].append(time.perf_counter() - began)

    async def seat(self, row: str, image: str, argv: tuple[str, ...], path: str, token: str) -> None:
        """Start one seat, and read what it cost until it answered."""
        began = time.perf_counter()
        name = f"workshop-bench-{os.getpid()}"
        env = ["-e", f"JUPYTER_TOKEN={token}"]
        await asyncio.to_thread(run, ["docker", "run", "-d", "--name", name, *env, image, *argv])
        try:
            form = "{{.NetworkSettings.IPAddress}}"
            address = (await asyncio.to_thread(run, ["docker", "inspect", "-f", form, name])).strip()
            url = f"http://{address}:8888{path}"
            async with httpx.AsyncClient(headers={"Authorization": f"token {token}"}, trust_env=False) as client:
                await answered(client, url, began + 120)
            self.seconds[f"{row} start"].append(time.perf_counter() - began)
            self.figures[f"{row} cpu"].append((await self._stats(name))["cpu_stats"]["cpu_usage"]["total_usage"] / 1e9)
            await asyncio.sleep(2)  # what its start allocated in passing is given back by then
            memory = (await self._stats(name))["memory_stats"]
            cache = memory["stats"].get("inactive_file", memory["stats"].get("total_inactive_file", 0))
            self.figures[f"{row} memory"].append((memory["usage"] - cache) / MB)
            own = memory["stats"].get("anon", memory["stats"].get("total_rss", 0))
            self.figures[f"{row} own"].append(own / MB)
        finally:
            await asyncio.to_thread(run, ["docker", "rm", "-f", name])

    async def _stats(self, name: str) -> dict[str, Any]:
        def read(client: Any) -> dict[str, Any]:
            stats: dict[str, Any] = client.api.stats(name, stream=False, one_shot=True)
            return stats

        return await self.engine.call(read)

    async def round(self, number: int) -> None:
        listed = "\n".join(self._requirements) + "\n"
        base = self.fresh_base(number)
        dockerfile.PACKAGE_CACHE = f"workshop-bench-{os.getpid()}-{number}"
        self.commit(requirements__txt=listed, lesson__ipynb=NOTEBOOK, round__txt=f"{number}")
        ours = await self.build(base, "cold")
        await self.build(self.fresh_base(number + 2000), "warm")
        self.figures["size"].append(ours.size_bytes / MB)
        self.commit(lesson__ipynb=NOTEBOOK + " " * number + "\n")
        await self.build(base, "code")
        self.commit(requirements__txt=listed + f"seaborn\n# {number}\n")
        await self.build(base, "requirement")
        self.commit(requirements__txt=listed)
        pip = self.build_with_pip(self.fresh_base(number + 1000))
        inspected = run(["docker", "image", "inspect", "-f", "{{.Size}}", pip])
        self.figures["pip size"].append(int(inspected) / MB)
        room = classroom(ours)
        command = seat_command(room, 1)
        argv = command.arguments("0.0.0.0", command.port)
        await self.seat("ours", ours.digest, argv, command.ready_path, command.token)
        stock = ("jupyter", "lab", "--ip=0.0.0.0", "--port=8888", "--no-browser")
        await self.seat("stock", pip, stock, "/api/status", "secret")

    async def close(self) -> None:
        for image in await self.builder.images():
            if image.workshop == self.slug:
                await self.builder.remove(image)
        for tag in reversed(self._made):
            await asyncio.to_thread(subprocess.run, ["docker", "rmi", "-f", tag], check=False, capture_output=True)
        await self.engine.aclose()
        shutil.rmtree(self.folder, ignore_errors=True)


async def answered(client: httpx.AsyncClient, url: str, deadline: float) -> None:
    """Ask until the answer is 200."""
    while time.perf_counter() < deadline:
        try:
            if (await client.get(url, timeout=5)).status_code == 200:
                return
        except httpx.TransportError:
            pass  # it does not listen yet
        await asyncio.sleep(0.02)
    raise SystemExit(f"{url} did not answer")


def classroom(image: Image) -> Classroom:
    return Classroom(
        name="bench", uid=new_uid(), key=new_key(), workshop="Bench", runtime="docker", image=image.digest,
        commit=image.commit, seats=1, door=Door("127.0.0.1", 8080), created=utc_now(),
    )  # fmt: skip


def run(argv: list[str], text: str | None = None) -> str:
    """The output of a command that has to succeed."""
    done = subprocess.run(argv, input=text, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(argv)} ended with {done.returncode}:\n{done.stderr[-2000:]}")
    return done.stdout


def table(bench: Bench) -> str:
    """The figures, and which goals they reach."""
    middle = {name: statistics.median(values) for name, values in {**bench.seconds, **bench.figures}.items()}
    rows = [
        ("cold build, s", middle["cold"], middle["pip cold"], "pip", None),
        ("the same, packages cached, s", middle["warm"], middle["pip cold"], "pip", None),
        ("code only, s", middle["code"], middle["cold"], "cold", middle["code"] <= GOALS["code"]),
        ("one more requirement, s", middle["requirement"], middle["cold"], "cold",
         middle["requirement"] / middle["cold"] <= GOALS["requirement"]),
        ("image, MB", middle["size"], middle["pip size"], "pip", None),
        ("seat to first 200, s", middle["ours start"], middle["stock start"], "stock", None),
        ("seat's processor time, s", middle["ours cpu"], middle["stock cpu"], "stock",
         middle["ours cpu"] / middle["stock cpu"] <= GOALS["cpu"]),
        ("idle seat's own memory, MB", middle["ours own"], middle["stock own"], "stock",
         middle["ours own"] <= GOALS["memory"]),
        ("the same with file cache, MB", middle["ours memory"], middle["stock memory"], "stock", None),
    ]  # fmt: skip
    if "repo2docker cold" in middle:
        rows.insert(1, ("cold build, s", middle["cold"], middle["repo2docker cold"], "repo2docker", None))
    lines = [f"{'':<32}{'ours':>9}{'other':>9}  {'beside':<12}{'ratio':>6}  goal"]
    for name, ours, other, what, reached in rows:
        verdict = "" if reached is None else ("reached" if reached else "MISSED")
        lines.append(f"{name:<32}{ours:>9.2f}{other:>9.2f}  {what:<12}{ours / other:>6.2f}  {verdict}")
    return "\n".join([*lines, *bench.notes])


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    defaults = ImageSettings()
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--base", default=os.environ.get("WORKSHOP_IMAGE_BASE", defaults.base))
    parser.add_argument("--ca-bundle", default=os.environ.get("WORKSHOP_IMAGE_CA_BUNDLE", ""))
    parser.add_argument("--requirements", default="numpy pandas matplotlib scipy")
    words = parser.parse_args()
    bench = Bench(words.base, words.ca_bundle, words.requirements)
    try:
        bench.prepare()
        for number in range(1, words.rounds + 1):
            await bench.round(number)
        await bench.build_with_repo2docker()
        print(table(bench))
    finally:
        await bench.close()


if __name__ == "__main__":
    asyncio.run(main())
