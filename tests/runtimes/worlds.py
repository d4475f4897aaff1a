"""One place to run seats for each runtime, alike from outside: what the contract needs to know of each is here."""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psutil

from workshop.model.classroom import Classroom, Door, new_key, new_uid
from workshop.model.labels import CLASSROOM, CODE, EXPIRES, GENERATION, KIND, SEAT, SPEC, TOOL, UID
from workshop.model.seat import Limits, SeatCommand, SeatRecord
from workshop.ports.runtime import ExecResult, Runtime
from workshop.runtimes.fake import FakeEngine, FakeRuntime, FakeScript, FakeSeat

SEAT_LABELS = {TOOL, KIND, CLASSROOM, UID, SEAT, CODE, SPEC, GENERATION, EXPIRES}

SERVER = """
import http.server, os, sys
print("listening", flush=True)
class Seat(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        good = self.headers.get("Authorization") == "token " + os.environ["SEAT_TOKEN"] and self.path == sys.argv[3]
        self.send_response(200 if good else 403)
        self.send_header("Content-Length", "0")
        self.end_headers()
    def log_message(self, *words):
        pass
http.server.ThreadingHTTPServer((sys.argv[1], int(sys.argv[2])), Seat).serve_forever()
"""


def make_classroom(name: str, runtime: str, image: str, **changes: Any) -> Classroom:
    now = datetime.now(UTC).replace(microsecond=0)
    values: dict[str, Any] = {
        "name": name,
        "uid": new_uid(),
        "key": new_key(),
        "workshop": "contract",
        "runtime": runtime,
        "image": image,
        "commit": "0" * 40,
        "seats": 3,
        "door": Door("127.0.0.1", 8080),
        "created": now,
        "ends": now + timedelta(hours=1),
        "limits": Limits(memory_bytes=96 * 1024**2, cpus=1.0, pids=64),
        "definition": '{"title": "ümlaut"}',
    }
    return Classroom(**(values | changes))


def server_command(classroom: Classroom, number: int) -> SeatCommand:
    """A small server in the place of Jupyter: it answers its ready path, to the seat's token alone."""
    token = classroom.token(number)
    path = f"{classroom.seat_path(number)}api/status"
    return SeatCommand(
        argv=("python3", "-c", SERVER, "{host}", "{port}", path),
        port=8888,
        ready_path=path,
        token=token,
        env=(("SEAT_TOKEN", token),),
    )


async def until(condition: Callable[[], Awaitable[Any]], what: str, seconds: float = 30) -> Any:
    """The first true answer of a condition that is asked again and again."""
    deadline = time.monotonic() + seconds
    while not (answer := await condition()):
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        await asyncio.sleep(0.03)
    return answer


async def until_ready(runtime: Runtime, classroom: Classroom, record: SeatRecord) -> None:
    command = server_command(classroom, record.number)
    try:
        await until(lambda: runtime.probe(classroom, record, command), f"seat {record.number} answers")
    except AssertionError as error:
        error.add_note(f"{record}\n{await runtime.seats(classroom)}\n{await runtime.logs(classroom, record.number)}")
        raise


class World(ABC):
    """A runtime under test."""

    name: str
    limits_memory = True
    survives_its_maker = True
    """Whether seats outlive the program that made them: not so in memory."""

    def __init__(self, folder: Path, image: str) -> None:
        self.folder = folder
        self.image = image

    @abstractmethod
    def fresh(self) -> Runtime:
        """A new instance, as another process would have: it knows nothing but what labels say."""

    @abstractmethod
    async def labels(self, classroom: Classroom) -> list[dict[str, str]]:
        """The labels of everything that is one of the classroom's seats, read past the runtime."""

    @abstractmethod
    async def leftovers(self, classroom: Classroom) -> list[str]:
        """Everything on the engine that belongs to the classroom, read past the runtime."""

    @abstractmethod
    async def kill_server(self, classroom: Classroom, number: int) -> None:
        """End the seat's main process from outside."""

    def classroom(self, name: str, **changes: Any) -> Classroom:
        return make_classroom(name, self.name, self.image, **changes)

    def spawn_arguments(self) -> list[str]:
        """How another Python process makes the same runtime (an expression)."""
        raise NotImplementedError


class FakeWorld(World):
    name = "fake"
    survives_its_maker = False

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, "sha256:fake")
        self.engine = FakeEngine(FakeScript(ready_delay={0: 2}, run=self._run))

    def _run(self, seat: FakeSeat, argv: tuple[str, ...]) -> ExecResult:
        """What the contract's commands print in a real seat."""
        if argv[0] == "sh" and "exit 3" in argv[-1]:
            return ExecResult(3, b"out\n", b"err\n")
        if argv[0] == "cat":
            content = seat.contents.get(argv[1])
            return ExecResult(1, b"", b"no such file") if content is None else ExecResult(0, content)
        if argv[:2] == ("sh", "-c") and ">" in argv[2]:
            text, _, name = argv[2].removeprefix("printf ").partition(" > ")
            import tarfile

            info = tarfile.TarInfo(name)
            info.size = len(text.encode())
            seat.files[name], seat.contents[name] = info, text.encode()
        return ExecResult(0, b"")

    def fresh(self) -> Runtime:
        return FakeRuntime(self.engine)

    async def labels(self, classroom: Classroom) -> list[dict[str, str]]:
        room = self.engine.rooms.get(classroom.name)
        return [seat.labels for seat in room.seats.values()] if room else []

    async def leftovers(self, classroom: Classroom) -> list[str]:
        return [name for name in self.engine.rooms if name == classroom.name]

    async def kill_server(self, classroom: Classroom, number: int) -> None:
        self.engine.kill(classroom, number)


class ProcessWorld(World):
    name = "process"
    limits_memory = False

    def __init__(self, folder: Path) -> None:
        environment = folder / "environment"
        (environment / "venv" / "bin").mkdir(parents=True)
        (environment / "venv" / "bin" / "python3").symlink_to(sys.executable)
        (environment / "repo").mkdir()
        (environment / "repo" / "README.md").write_text("hello\n")
        super().__init__(folder, str(environment))
        self.state = folder / "state"

    def fresh(self) -> Runtime:
        from workshop.runtimes.process.runtime import ProcessRuntime

        return ProcessRuntime(self.state, watch_seconds=0.05)

    def spawn_arguments(self) -> list[str]:
        return [
            "from pathlib import Path",
            "from workshop.runtimes.process.runtime import ProcessRuntime",
            f"runtime = ProcessRuntime(Path({str(self.state)!r}))",
        ]

    async def labels(self, classroom: Classroom) -> list[dict[str, str]]:
        import json

        files = sorted((self.state / "process" / classroom.name / "seats").glob("*/seat.json"))
        return [json.loads(file.read_text())["labels"] for file in files]

    async def leftovers(self, classroom: Classroom) -> list[str]:
        folder = self.state / "process" / classroom.name
        processes = [f"process {process.pid}" for process in marked(classroom.uid)]
        return processes + ([str(folder)] if folder.exists() else [])

    async def kill_server(self, classroom: Classroom, number: int) -> None:
        mark = f"{classroom.uid}/{number}"
        for process in marked(mark):
            process.send_signal(signal.SIGKILL)
        async with asyncio.timeout(20):
            while marked(mark):  # noqa: ASYNC110 (nobody is told of the end of a process that is not its child)
                await asyncio.sleep(0.02)


def marked(text: str) -> list[psutil.Process]:
    """Processes whose environment has the text: found without the code under test."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if f"={text}/".encode() in (entry / "environ").read_bytes():
                process = psutil.Process(int(entry.name))
                if process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
        except (OSError, psutil.NoSuchProcess):
            continue
    return found


class DockerWorld(World):
    name = "docker"

    def __init__(self, folder: Path, image: str, client: Any) -> None:
        super().__init__(folder, image)
        self.client = client

    def fresh(self) -> Runtime:
        from workshop.runtimes.docker.runtime import DockerRuntime

        return DockerRuntime()

    def spawn_arguments(self) -> list[str]:
        return ["from workshop.runtimes.docker.runtime import DockerRuntime", "runtime = DockerRuntime()"]

    def containers(self, classroom: Classroom) -> list[Any]:
        prefix = f"workshop-{classroom.name}-"
        found = self.client.containers.list(all=True, ignore_removed=True)
        return [box for box in found if box.name.startswith(prefix) or box.labels.get(UID) == classroom.uid]

    async def labels(self, classroom: Classroom) -> list[dict[str, str]]:
        boxes = self.containers(classroom)
        assert all(box.labels.get(UID) == classroom.uid and box.labels.get(TOOL) for box in boxes)
        return [box.labels for box in boxes if box.labels[KIND] != "helper"]

    async def leftovers(self, classroom: Classroom) -> list[str]:
        networks = [f"network {network.name}" for network in self.client.networks.list() if named(network, classroom)]
        volumes = [
            f"volume {box.name}" for box in self.client.volumes.list(filters={"label": f"{UID}={classroom.uid}"})
        ]
        return [f"container {box.name}" for box in self.containers(classroom)] + networks + volumes + rules(classroom)

    async def kill_server(self, classroom: Classroom, number: int) -> None:
        box = next(box for box in self.containers(classroom) if box.labels.get(SEAT) == str(number))
        os.kill(box.attrs["State"]["Pid"], signal.SIGKILL)


def named(network: Any, classroom: Classroom) -> bool:
    return bool(network.name == f"workshop-{classroom.name}")


def rules(classroom: Classroom) -> list[str]:
    """Firewall rules that carry the classroom's uid."""
    import subprocess

    listed = subprocess.run(["iptables", "-S"], capture_output=True, text=True, check=False)
    return [f"rule {line}" for line in listed.stdout.splitlines() if classroom.uid in line]


async def pieces(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


def token() -> str:
    return secrets.token_hex(3)
