"""The real service on a fake engine, and an app on it: what most tests of the terminal UI drive."""

from __future__ import annotations

import asyncio
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC
from pathlib import Path
from typing import Any

from textual.pilot import Pilot
from textual.widget import Widget

from tests.tui.support import Clock
from workshop.config.keymap import Keymap
from workshop.config.paths import Paths, paths
from workshop.config.settings import settings
from workshop.errors import WorkshopError
from workshop.model.classroom import Classroom
from workshop.model.events import LogLine, StepFinished, StepStarted
from workshop.model.image import Image
from workshop.model.labels import classroom_of
from workshop.model.snapshot import Removal
from workshop.ports.build import BuildRequest, Report
from workshop.runtimes.fake import FakeEngine, FakeRuntime
from workshop.service.near_doors import NearDoors
from workshop.service.service import Service
from workshop.service.wiring import Wiring
from workshop.tui.app import WorkshopApp

DEADLINE = 10.0
TERMINAL = {"TERM": "xterm-256color"}


class FakeBuilder:
    """Builds at once, or when it is let; remembers its images."""

    def __init__(self) -> None:
        self.built: dict[tuple[str, str], Image] = {}
        self.gate: asyncio.Event | None = None
        self.error: Exception | None = None
        self.cancelled = False

    async def build(self, request: BuildRequest, *, report: Report) -> Image:
        report(StepStarted("install", "Installing 3 packages"))
        for line in ("jupyterlab==4.4.1", "\x1b[32mnumpy==2.2.1\x1b[0m", "pandas==2.2.3"):
            report(LogLine(line, "install"))
        if self.gate is not None:
            try:
                await self.gate.wait()
            except asyncio.CancelledError:
                self.cancelled = True
                raise
        if self.error is not None:
            raise self.error
        report(StepFinished("install", "Installed 3 packages", 0.2))
        commit = request.source.commit
        image = Image(f"workshop/{request.slug}:{commit[:7]}", f"sha256:{commit}", commit, "r1", "fake",
                      workshop=request.slug, repository=request.source.repository, place=request.source.place,
                      ui=request.ui, size_bytes=5 * 1024**2)  # fmt: skip
        self.built[request.slug, commit] = image
        return image

    async def find(self, request: BuildRequest) -> Image | None:
        return self.built.get((request.slug, request.source.commit))

    async def of_workshop(self, workshop: str) -> tuple[Image, ...]:
        return tuple(image for image in reversed(self.built.values()) if image.workshop == workshop)

    async def images(self) -> tuple[Image, ...]:
        return tuple(self.built.values())

    async def remove(self, image: Image) -> Removal:
        self.built = {key: kept for key, kept in self.built.items() if kept is not image}
        return Removal({"images": 1})


@dataclass
class World:
    """A machine with a fake engine."""

    folder: Path
    places: Paths
    clock: Clock = field(default_factory=Clock)
    engine: FakeEngine = field(default_factory=FakeEngine)
    builder: FakeBuilder = field(default_factory=FakeBuilder)
    doors: NearDoors = field(default_factory=NearDoors)
    service: Service = field(init=False)

    def __post_init__(self) -> None:
        self.engine.clock = self.clock
        self.wiring = Wiring(
            settings({"runtime": "fake", "address": "127.0.0.1"}),
            self.places,
            runtimes={"fake": FakeRuntime(self.engine)},
            builders={"fake": self.builder},
            doors=self.doors,
            clock=self.clock,
        )
        self.doors.attach(self.wiring)
        self.service = Service(wiring=self.wiring)

    def app(self, **options: Any) -> WorkshopApp:
        return app_on(self.service, self.places, self.clock, **options)

    def repository(self, name: str = "python-basics", **files: str) -> Path:
        """A Git repository with a notebook and a workshop.yaml."""
        folder = self.folder / name
        folder.mkdir(parents=True)
        (folder / "01-first-steps.ipynb").write_text(
            '{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}'
        )
        (folder / "requirements.txt").write_text("numpy==2.2.1\n")
        (folder / "workshop.yaml").write_text("title: Python basics\nseats: 4\nspares: 0\nlimits:\n  memory: 512 MB\n")
        for file, text in files.items():
            (folder / file).write_text(text)
        for words in (("init", "-q"), ("add", "."), ("commit", "-qm", "First")):
            subprocess.run(["git", "-C", str(folder), *words], check=True, capture_output=True, timeout=30)
        return folder

    def classroom(self, name: str) -> Classroom:
        """The classroom, from its labels on the engine."""
        return classroom_of(self.engine.rooms[name].labels)

    async def close(self) -> None:
        self.engine.script.unreachable = False
        for name in list(self.engine.rooms):
            await FakeRuntime(self.engine).close(self.classroom(name))
        await self.service.aclose()


def app_on(service: Any, places: Paths, clock: Callable[[], Any], **options: Any) -> WorkshopApp:
    """An app whose clock, zone, keys and clipboard are the test's."""
    settings_of_app = {"zone": UTC, "environment": TERMINAL, "keymap": Keymap(), **options}
    return WorkshopApp(service, places=places, clock=clock, **settings_of_app)


def make_world(folder: Path) -> World:
    return World(folder, paths({}))


async def until(pilot: Pilot[Any], condition: Callable[[], Any], what: str = "", seconds: float = DEADLINE) -> None:
    """Let the app work until something holds; fail when it does not in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"did not happen: {what or condition}; on the screen:\n{screen_text(pilot.app)}")
        await pilot.pause(0.01)
    await pilot.pause()


def screen_text(app: Any) -> str:
    """What stands on the screen now, line by line."""
    lines = app.screen._compositor.render_strips()
    return "\n".join("".join(segment.text for segment in strip).rstrip() for strip in lines[: app.size.height])


async def shows(pilot: Pilot[Any], text: str, seconds: float = DEADLINE) -> None:
    """Wait until a text stands on the screen."""
    await until(pilot, lambda: text in screen_text(pilot.app), f"{text!r} on the screen", seconds)


async def press(pilot: Pilot[Any], *keys: str) -> None:
    await pilot.press(*keys)
    await pilot.pause()


async def type_text(pilot: Pilot[Any], text: str) -> None:
    names = {" ": "space", "-": "minus", "/": "slash", ".": "full_stop", ":": "colon", "!": "exclamation_mark"}
    await pilot.press(*(names.get(sign, sign) for sign in text))
    await pilot.pause()


def notices(app: WorkshopApp) -> list[str]:
    return [notice.text for notice in app.notices]


def widget(app: WorkshopApp, selector: str) -> Widget:
    return app.screen.query_one(selector)


def failure(text: str = "It broke.", hint: str = "Mend it.") -> WorkshopError:
    return WorkshopError(text, hint=hint)
