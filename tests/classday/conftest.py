"""A class that is open, on each runtime: seats with a repository's files, some of them taken by students."""

from __future__ import annotations

import asyncio
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from workshop.config.paths import paths
from workshop.config.settings import settings
from workshop.core.launch import seat_command
from workshop.core.provision import provision
from workshop.model.classroom import Classroom, Door, new_key, new_uid
from workshop.model.definition import WorkshopDefinition
from workshop.model.names import slug
from workshop.model.seat import Limits
from workshop.ports.build import ignore_events
from workshop.ports.runtime import Runtime
from workshop.runtimes.fake import FakeEngine, FakeRuntime, FakeScript
from workshop.service.near_doors import NearDoors
from workshop.service.rooms import FoundRoom
from workshop.service.service import Service
from workshop.service.wiring import Wiring

HERE = Path(__file__).parent
BASE_IMAGE = os.environ.get("WORKSHOP_TEST_BASE", "workshop-test/base:bookworm")
LESSON = json.dumps(
    {
        "cells": [
            {"cell_type": "markdown", "metadata": {}, "source": ["# Lesson"]},
            {"cell_type": "code", "execution_count": None, "metadata": {}, "outputs": [], "source": ["x = 1"]},
            {"cell_type": "code", "execution_count": None, "metadata": {}, "outputs": [], "source": ["print(x)"]},
        ],
        "metadata": {},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
).encode()
REPOSITORY = {"lesson.ipynb": LESSON, "README.md": b"hello\n", "data/table.csv": b"a,b\n1,2\n", "data/empty": b""}


@dataclass
class Clock:
    """Time that passes when a test says so."""

    now: datetime = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **span: float) -> None:
        self.now += timedelta(**span)


@dataclass
class Day:
    """An open class and the service that looks after it."""

    service: Service
    wiring: Wiring
    doors: NearDoors
    runtime: Runtime
    classroom: Classroom
    clock: Clock
    folder: Path
    engine: FakeEngine | None = None
    extra: dict[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.classroom.name

    @property
    def found(self) -> FoundRoom:
        return FoundRoom(self.classroom, self.runtime)

    async def make(self, *numbers: int) -> None:
        """Seats that answer."""
        commands = {number: seat_command(self.classroom, number) for number in numbers}
        outcomes = await provision(self.runtime, self.classroom, commands, at_once=4, report=ignore_events)
        assert [outcome.error for outcome in outcomes] == [None] * len(numbers)

    def claim(self, *numbers: int) -> None:
        for number in numbers:
            assert self.wiring.store.claim(self.classroom.uid, number, f"browser-{number}")

    async def write(self, number: int, files: dict[str, bytes], *, path: str = ".") -> None:
        """Files in a seat, as the participant's."""
        await self.runtime.write_files(self.classroom, number, path, _once(tar_of(files)))

    async def link(self, number: int, path: str, target: str) -> None:
        info = tarfile.TarInfo(path)
        info.type, info.linkname = tarfile.SYMTYPE, target
        await self.runtime.write_files(self.classroom, number, ".", _once(info.tobuf(tarfile.PAX_FORMAT) + bytes(1024)))

    async def read(self, number: int) -> dict[str, bytes]:
        """All files of a seat, links as their targets after an arrow."""
        data = b"".join([piece async for piece in self.runtime.read_files(self.classroom, number, ".")])
        return contents(io.BytesIO(data))

    async def sh(self, number: int, script: str) -> str:
        """A shell's words in a real seat."""
        result = await self.runtime.run(self.classroom, number, ("sh", "-c", script))
        assert result.exit_code == 0, result
        return result.stdout.decode()


def tar_of(files: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for path, data in files.items():
            info = tarfile.TarInfo(path)
            info.size, info.mode, info.mtime = len(data), 0o644, 1_767_225_600
            tar.addfile(info, io.BytesIO(data))
    return out.getvalue()


def contents(stream: Any) -> dict[str, bytes]:
    """A tar's files by clean path; a link as `-> target`."""
    found = {}
    with tarfile.open(fileobj=stream) as tar:
        for member in tar:
            path = os.path.normpath(member.name)
            if member.issym():
                found[path] = b"-> " + member.linkname.encode()
            elif member.isfile() or member.islnk():
                file = tar.extractfile(member)
                assert file is not None
                found[path] = file.read()
    return found


def archive(file: Path) -> dict[str, bytes]:
    with file.open("rb") as stream:
        return contents(stream)


async def until(condition: Callable[[], Any], seconds: float = 20) -> None:
    """Wait until a condition, or what it has to be awaited for, is true."""
    async with asyncio.timeout(seconds):
        while True:
            found = condition()
            if asyncio.iscoroutine(found):
                found = await found
            if found:
                return
            await asyncio.sleep(0.02)


async def _once(data: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(data), 1 << 20):
        yield data[start : start + (1 << 20)]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="session")
def stub_image(session_prefix: str) -> Iterator[str]:
    """A Docker image whose `jupyter-lab` is a stub, with the repository in its home."""
    import docker

    client = docker.from_env()
    dockerfile = (
        f"FROM {BASE_IMAGE}\nRUN useradd -m -u 1000 jovyan\nENV HOME=/home/jovyan\n"
        "COPY stub /usr/local/bin/jupyter-lab\n"
        "COPY --chown=1000:1000 repo/ /home/jovyan/\nUSER jovyan\nWORKDIR /home/jovyan\n"
    )
    context = io.BytesIO()
    with tarfile.open(fileobj=context, mode="w") as tar:
        files = {f"repo/{path}": data for path, data in REPOSITORY.items()}
        files |= {"Dockerfile": dockerfile.encode(), "stub": (HERE / "stub_lab.py").read_bytes()}
        for path, data in files.items():
            info = tarfile.TarInfo(path)
            info.size, info.mode = len(data), 0o755
            tar.addfile(info, io.BytesIO(data))
    tag = f"workshop-test/classday:{session_prefix}"
    image, _ = client.images.build(
        fileobj=io.BytesIO(context.getvalue()), custom_context=True, tag=tag, rm=True,
        labels={"io.workshop.test": session_prefix},
    )  # fmt: skip
    yield str(image.id)
    client.images.remove(tag, force=True)
    client.close()


def process_image(folder: Path) -> str:
    """An environment whose `jupyter-lab` is a stub."""
    image = folder / "environment"
    (image / "venv" / "bin").mkdir(parents=True)
    (image / "venv" / "bin" / "python3").symlink_to(sys.executable)
    shutil.copy(HERE / "stub_lab.py", image / "venv" / "bin" / "jupyter-lab")
    (image / "venv" / "bin" / "jupyter-lab").chmod(0o755)
    for path, data in REPOSITORY.items():
        file = image / "repo" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
    return str(image)


def make_runtime(kind: str, folder: Path, request: pytest.FixtureRequest) -> tuple[Runtime, str, FakeEngine | None]:
    match kind:
        case "fake":
            engine = FakeEngine(FakeScript(image=dict(REPOSITORY)))
            return FakeRuntime(engine), "sha256:fake", engine
        case "process":
            from workshop.runtimes.process.runtime import ProcessRuntime

            return ProcessRuntime(folder / "state", watch_seconds=0.1), process_image(folder), None
        case _:
            from workshop.runtimes.docker.runtime import DockerRuntime

            return DockerRuntime(), request.getfixturevalue("stub_image"), None


ALL = ["fake", "process", pytest.param("docker", marks=pytest.mark.docker)]
REAL = ALL[1:]


@pytest.fixture
def kind(request: pytest.FixtureRequest) -> str:
    """Where the seats run; `parametrize("kind", …, indirect=True)` chooses others."""
    return str(getattr(request, "param", "fake"))


@pytest.fixture
def definition() -> WorkshopDefinition:
    return WorkshopDefinition(title="Class day", seats=2)


@pytest.fixture
async def day(
    kind: str,
    machine: Path,
    unique_name: str,
    clock: Clock,
    definition: WorkshopDefinition,
    request: pytest.FixtureRequest,
) -> AsyncIterator[Day]:
    """A class with seats 1 and 2, nobody in them yet. No gateway runs: a test that wants one ensures it."""
    runtime, image, engine = make_runtime(kind, machine, request)
    doors = NearDoors()
    wiring = Wiring(settings({}), paths({}), runtimes={kind: runtime}, doors=doors, clock=clock)
    doors.attach(wiring)
    classroom = Classroom(
        name=unique_name, uid=new_uid(), key=new_key(), workshop=definition.title, runtime=kind, image=image,
        commit="0" * 40, seats=2, door=Door("127.0.0.1", 8080), created=clock(), ends=clock() + timedelta(hours=3),
        limits=Limits(memory_bytes=128 * 1024**2, cpus=1.0, pids=64), definition=definition.model_dump_json(),
    )  # fmt: skip
    classroom = await runtime.open(classroom)
    wiring.store.remember(classroom)
    wiring.store.set_room_state(classroom.uid, since_opening=True)
    day = Day(Service(wiring=wiring), wiring, doors, runtime, classroom, clock, machine, engine)
    try:
        await day.make(1, 2)
        yield day
    finally:
        if engine is not None:
            engine.script.unreachable = False
        await doors.aclose()
        await runtime.close(classroom)
        await day.service.aclose()


# Real Jupyter seats

COURSE = {
    "good.ipynb": ("x = 20 + 1", "print(x * 2)"),
    "bad.ipynb": ("a = 1", "raise ValueError('on purpose')", "b = 2"),
}


def course(folder: Path) -> Path:
    """A repository with notebooks that run and one that does not."""
    folder.mkdir(parents=True)
    for name, sources in COURSE.items():
        cells = [
            {"cell_type": "code", "execution_count": None, "id": f"c{n}", "metadata": {}, "outputs": [], "source": text}
            for n, text in enumerate(sources)
        ]
        kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
        (folder / name).write_text(json.dumps({"cells": cells, "metadata": kernel, "nbformat": 4, "nbformat_minor": 5}))
    (folder / "requirements.txt").write_text("")
    (folder / "workshop.yaml").write_text("title: Course\nseats: 2\nlimits: {memory: 512 MB}\n")
    for words in (("init", "-q"), ("add", "--all"), ("commit", "-qm", "a course")):
        subprocess.run(("git", "-C", str(folder), *words), check=True, env=os.environ | FIXED_TIME)
    return folder


FIXED_TIME = {"GIT_AUTHOR_DATE": "2026-01-01T12:00:00Z", "GIT_COMMITTER_DATE": "2026-01-01T12:00:00Z"}
"""The same content is the same commit, so the same image."""


@pytest.fixture(scope="session")
def course_title(session_prefix: str) -> Iterator[str]:
    """One workshop for all tests with real Jupyter, so that its image is built once; the image goes at the end."""
    import docker
    from docker.errors import DockerException

    title = f"{session_prefix} course"
    yield title
    try:
        client = docker.from_env()
    except DockerException:
        return  # no engine, so no image
    for image in client.images.list(filters={"label": f"io.workshop.workshop={slug(title)}"}):
        client.images.remove(image.id, force=True)
    client.close()


@pytest.fixture
def course_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The program's cache folder, shared by all tests of a run: checkouts and environments of the course."""
    folder = tmp_path_factory.getbasetemp() / "course-cache"
    monkeypatch.setenv("WORKSHOP_CACHE_DIR", str(folder))
    return folder
