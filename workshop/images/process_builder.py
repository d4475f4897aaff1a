"""Environments of this machine: what an image is to the process runtime.

`<cache>/environments/<slug>-<commit>-<recipe>/` holds `venv/`, `repo/` and, written last, `image.json`: without that
file the folder is not finished and is made again.
"""

from __future__ import annotations

import asyncio
import dataclasses
import json
import shutil
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

from workshop.engines.file_lock import FileLock
from workshop.errors import BuildFailed, WorkshopError
from workshop.images.checkouts import file_name
from workshop.images.dockerfile import recipe_hash
from workshop.images.environment_steps import EnvironmentSteps
from workshop.images.image_records import short_commit
from workshop.images.installs import InstallPlan, install_plan
from workshop.images.links import redact
from workshop.images.recipe import jupyter_packages, wanted_python
from workshop.images.recipe_files import EXCLUDED, read_ca_bundle
from workshop.images.recipe_ui import ui_packages
from workshop.images.repository_files import RepositoryFiles
from workshop.model.events import Noted, StepFinished, StepStarted
from workshop.model.image import Image
from workshop.model.snapshot import Removal, Survivor
from workshop.ports.build import BuildRequest, Report

MARKER = "image.json"
RUNTIME = "process"
HALF_MADE_SECONDS = 86400.0
"""No build takes so long."""


class ProcessBuilder:
    """The `Builder` protocol with a folder for an image.

    Args:
        cache_dir: environments are kept in `environments/` below it.
    """

    def __init__(self, cache_dir: Path) -> None:
        self._root = cache_dir / "environments"
        self._bytecode = cache_dir / "bytecode"

    async def build(self, request: BuildRequest, *, report: Report) -> Image:
        """Build, or find, the environment of this commit and recipe. The last good one is untouched when it fails.

        Raises:
            BuildFailed: with the relevant lines in `details`.
        """
        started = time.monotonic()
        plan = _plan(request)
        recipe = _recipe(request, plan)
        name = f"{file_name(request.slug)}-{short_commit(request.source.commit)}-{recipe[:8]}"
        self._root.mkdir(parents=True, exist_ok=True)
        async with FileLock(self._root / f".{name}.lock"):
            if not request.settings.no_cache and (image := await self.find(request)) is not None:
                report(Noted(f"{image.reference} is there already: same commit, same recipe."))
                return replace(image, cached=True, seconds=time.monotonic() - started)
            await asyncio.to_thread(self._forget_half_made)
            folder = self._free_folder(name)
            report(StepStarted("build", f"building {request.title} at {short_commit(request.source.commit)}"))
            try:
                await asyncio.to_thread(folder.mkdir)
                packages = await EnvironmentSteps(request, plan, folder, report, bytecode=self._bytecode).run()
                image = await asyncio.to_thread(_finished, request, folder, recipe, packages)
            finally:
                if not (folder / MARKER).exists():
                    # Cancelled or failed: a thread would not be waited for when this program is ending.
                    shutil.rmtree(folder, ignore_errors=True)
        seconds = time.monotonic() - started
        report(StepFinished("build", f"built {image.reference}", seconds))
        return replace(image, seconds=seconds, notes=_notes(request))

    async def find(self, request: BuildRequest) -> Image | None:
        """The environment of this commit and recipe, if it was built before."""
        recipe = _recipe(request, _plan(request))
        wanted = (request.slug, request.source.commit, recipe)
        every = await self.images()
        return next((image for image in every if (image.workshop, image.commit, image.recipe) == wanted), None)

    async def of_workshop(self, workshop: str) -> tuple[Image, ...]:
        """The environments of a workshop (its slug), newest first."""
        return tuple(image for image in await self.images() if image.workshop == workshop)

    async def images(self) -> tuple[Image, ...]:
        """Finished environments, newest first."""
        found = await asyncio.to_thread(lambda: [_read(path) for path in self._root.glob(f"*/{MARKER}")])
        known = [image for image in found if image is not None]
        oldest = datetime.fromtimestamp(0, UTC)
        return tuple(sorted(known, key=lambda image: image.created or oldest, reverse=True))

    async def remove(self, image: Image) -> Removal:
        """Remove one environment; already gone is success, in use is a survivor."""
        folder = Path(image.digest)
        if folder.parent != self._root or not (folder / MARKER).exists():
            return Removal()
        if await asyncio.to_thread(_is_in_use, folder):
            return Removal(left=(Survivor("image", image.reference, "in use by seats"),))
        await asyncio.to_thread(_remove, folder)
        return Removal({"images": 1})

    def _forget_half_made(self) -> None:
        """Remove what builds that were killed have left; younger ones may be under way."""
        oldest = time.time() - HALF_MADE_SECONDS
        for folder in self._root.iterdir():
            if folder.is_dir() and not (folder / MARKER).exists() and folder.stat().st_mtime < oldest:
                shutil.rmtree(folder, ignore_errors=True)

    def _free_folder(self, name: str) -> Path:
        """The folder to build in. A finished one stays: seats may run from it while it is built anew."""
        numbers = ["", *(f"-{number}" for number in range(2, 1000))]
        folder = next(path for path in (self._root / f"{name}{n}" for n in numbers) if not (path / MARKER).exists())
        shutil.rmtree(folder, ignore_errors=True)
        return folder


def _plan(request: BuildRequest) -> InstallPlan:
    """
    Raises:
        BuildFailed: only an image can hold what the repository asks for.
    """
    kind = request.detected.kind
    if kind not in ("python", "plain"):
        what = {"dockerfile": "a Dockerfile", "conda": "conda", "r": "R", "julia": "Julia", "nix": "Nix"}.get(
            kind, kind
        )
        raise BuildFailed(
            f"This repository needs {what}, and the process runtime knows Python environments only.",
            hint="Use `--runtime docker`.",
        )
    return install_plan(request.detected, RepositoryFiles(Path(request.source.folder)))


def _recipe(request: BuildRequest, plan: InstallPlan) -> str:
    settings, detected, source = request.settings, request.detected, request.source
    certificates = read_ca_bundle(settings.ca_bundle).hex() if settings.ca_bundle else ""
    return recipe_hash(
        RUNTIME, jupyter_packages(detected), wanted_python(detected), ui_packages(request.ui), EXCLUDED,
        dataclasses.asdict(plan), detected.post_build, request.ui, source.subfolder, source.content,
        redact(settings.index_url), redact(settings.extra_index_url), certificates,
    )  # fmt: skip


def _notes(request: BuildRequest) -> tuple[str, ...]:
    notes = []
    if request.detected.apt:
        notes.append(f"Not installed on this machine: {', '.join(request.detected.apt)} (from apt.txt).")
    if request.detected.start:
        notes.append("`start` is not run: the process runtime starts Jupyter itself.")
    return tuple(notes)


def _finished(request: BuildRequest, folder: Path, recipe: str, packages: tuple[str, ...]) -> Image:
    """Write the marker, in one step: from now on the environment is an image."""
    data = {
        "workshop": request.slug,
        "commit": request.source.commit,
        "recipe": recipe,
        "repository": request.source.repository,
        "place": request.source.place,
        "ui": request.ui,
        "created": datetime.now(UTC).isoformat(timespec="microseconds"),
        "size_bytes": _size(folder),
        "packages": packages,
    }
    fresh = folder / f"{MARKER}.new"
    fresh.write_text(json.dumps(data, indent=1), encoding="utf-8")
    fresh.replace(folder / MARKER)
    image = _read(folder / MARKER)
    assert image is not None
    return image


def _read(marker: Path) -> Image | None:
    try:
        data: dict[str, Any] = json.loads(marker.read_text(encoding="utf-8"))
        return Image(
            reference=f"environments/{marker.parent.name}",
            digest=str(marker.parent),
            commit=data["commit"],
            recipe=data["recipe"],
            runtime=RUNTIME,
            size_bytes=data["size_bytes"],
            created=datetime.fromisoformat(data["created"]),
            workshop=data["workshop"],
            repository=data["repository"],
            place=data.get("place", ""),
            ui=data.get("ui", ""),
            packages=tuple(data["packages"]),
        )
    except (FileNotFoundError, ValueError, KeyError):
        # Removed meanwhile, or written by a version that kept other things.
        return None


def _size(folder: Path) -> int:
    return sum(path.lstat().st_size for path in folder.rglob("*"))


def _is_in_use(folder: Path) -> bool:
    """Whether a process runs a program of the environment."""
    prefix = f"{folder}/"
    for process in psutil.process_iter(["cmdline"]):
        if any(word.startswith(prefix) for word in process.info["cmdline"] or ()):
            return True
    return False


def _remove(folder: Path) -> None:
    """The marker goes first: a half-removed environment is none."""
    (folder / MARKER).unlink(missing_ok=True)
    try:
        shutil.rmtree(folder)
    except OSError as error:
        raise WorkshopError(f"{folder} could not be removed: {error.strerror}.") from error
