"""Repositories to build from, and the engine to build on."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.git_repository import Commit, Write, git
from workshop.engines.docker_engine import DockerEngine
from workshop.images.docker_builder import DockerBuilder
from workshop.images.sources import GitSources
from workshop.model.image import ImageSettings
from workshop.ports.build import BuildRequest, ignore_events


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def make(files: dict[str, str], *, folder: Path | None = None) -> Path:
        root = folder or tmp_path / "repo"
        root.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        return root

    return make


@pytest.fixture
def commit(write: Write) -> Commit:
    def make(files: dict[str, str], *, folder: Path | None = None, branch: str = "main") -> str:
        root = write(files, folder=folder)
        if not (root / ".git").exists():
            git(root, "init", "--quiet", f"--initial-branch={branch}")
        git(root, "add", "--all")
        git(root, "commit", "--quiet", "--message", "a change")
        return git(root, "rev-parse", "HEAD")

    return make


@pytest.fixture
async def engine() -> AsyncIterator[DockerEngine]:
    engine = DockerEngine()
    yield engine
    await engine.aclose()


@pytest.fixture
async def builder(engine: DockerEngine, tmp_path: Path, unique_name: str) -> AsyncIterator[DockerBuilder]:
    """A builder whose images of this test are removed at its end."""
    builder = DockerBuilder(engine, work_dir=tmp_path / "contexts")
    yield builder
    for image in await builder.images():
        if image.workshop == unique_name:
            await builder.remove(image)


class Requests:
    """Makes build requests for what is in a folder now."""

    def __init__(self, cache: Path, slug: str) -> None:
        self._sources = GitSources(cache)
        self._slug = slug

    async def of(self, folder: Path, *, ui: str = "lab", **settings: object) -> BuildRequest:
        source = await self._sources.resolve(str(folder), report=ignore_events)
        return BuildRequest(
            title="A course",
            slug=self._slug,
            source=source,
            detected=self._sources.detect(source),
            settings=image_settings(**settings),
            ui=ui,
        )


def image_settings(**changes: object) -> ImageSettings:
    """What this machine gives builds, with changes."""
    own: dict[str, object] = {
        "base": os.environ.get("WORKSHOP_IMAGE_BASE", "python:3.12-slim"),
        "ca_bundle": os.environ.get("WORKSHOP_IMAGE_CA_BUNDLE", ""),
    }
    return ImageSettings(**(own | changes))  # type: ignore[arg-type]


@pytest.fixture
def requests(tmp_path: Path, unique_name: str) -> Requests:
    return Requests(tmp_path / "cache", unique_name)
