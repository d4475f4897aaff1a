"""Images on a Docker engine: built with BuildKit where it is there, found again by their labels."""

from __future__ import annotations

import asyncio
import contextlib
import os
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import docker
from docker.errors import APIError, ImageNotFound

from workshop.engines.dead_programs import own_prefix, remove_what_the_dead_left
from workshop.engines.docker_engine import DockerEngine, explanation
from workshop.engines.file_lock import FileLock
from workshop.errors import RuntimeRefused
from workshop.images import image_records as records
from workshop.images.build_progress import BuildProgress
from workshop.images.buildx import BuildOrder, Buildx
from workshop.images.checkouts import file_name
from workshop.images.classic_build import build_classic
from workshop.images.context import build_context, uv_program
from workshop.images.dockerfile import Recipe
from workshop.images.failure import FailedBuild, explain
from workshop.images.image_file import export_image, import_image
from workshop.images.index_settings import index_script
from workshop.images.recipe import choose_base, make_recipe
from workshop.images.recipe_files import read_ca_bundle
from workshop.images.repo2docker import Repo2Docker, find_repo2docker
from workshop.model.events import Noted, StepFinished, StepStarted
from workshop.model.image import Image, ImageSettings
from workshop.model.snapshot import Removal, Survivor
from workshop.ports.build import BuildRequest, Report

PROGRAMS = {"lab": "jupyter-lab", "notebook": "jupyter-notebook"}
"""What seats run, by their UI: a repository's own Dockerfile has to bring it."""
SECRETS = "workshop-secret-"
PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy")


class DockerBuilder:
    """The `Builder` protocol on a Docker engine.

    Args:
        work_dir: where contexts are put together; on the checkouts' file system nothing is copied for it.
        buildkit: False to use the classic builder although BuildKit is there.
    """

    def __init__(self, engine: DockerEngine, *, work_dir: Path | None = None, buildkit: bool = True) -> None:
        self._engine = engine
        self._work_dir = work_dir
        self._wants_buildkit = buildkit
        self._buildx: Buildx | None = None

    async def build(self, request: BuildRequest, *, report: Report) -> Image:
        """Build, or find, the image of this commit and recipe. The last good one is untouched when it fails.

        Raises:
            BuildFailed: with the log's relevant lines in `details`.
            RuntimeUnreachable: the engine does not answer.
            SettingError: the CA bundle cannot be read.
        """
        started = time.monotonic()
        recipe = make_recipe(request)
        tag = records.image_tag(request.slug, request.source.commit, recipe.hash)
        async with self._alone(tag):
            if not request.settings.no_cache and (image := await self.find(request)) is not None:
                how = " ".join(image.notes) or "Same commit, same recipe."
                report(Noted(f"{image.reference} is there already. {how}"))
                return replace(image, cached=True, seconds=time.monotonic() - started)
            report(StepStarted("build", f"building {request.title} at {records.short_commit(request.source.commit)}"))
            if recipe.repo2docker:
                await self._build_with_repo2docker(request, recipe, tag, report)
            else:
                await self._build_with_docker(request, tag, report)
            image = await self._engine.call(lambda client: _read(client, tag))
            if recipe.own_dockerfile and request.ui in PROGRAMS:
                program = PROGRAMS[request.ui]
                if not await self._engine.call(lambda client: records.has_program(client, image.digest, program)):
                    report(Noted(_without_program(program), level="warning"))
        seconds = time.monotonic() - started
        report(StepFinished("build", f"built {tag}", seconds))
        return replace(image, seconds=seconds)

    @contextlib.asynccontextmanager
    async def _alone(self, tag: str) -> AsyncIterator[None]:
        """Of several programs of this machine one builds an image; the others find it when it is done."""
        if self._work_dir is None:
            yield
            return
        lock = self._work_dir / f".{file_name(tag, length=100)}.lock"
        async with FileLock(lock):
            try:
                yield
            finally:
                lock.unlink(missing_ok=True)

    async def _build_with_docker(self, request: BuildRequest, tag: str, report: Report) -> None:
        buildx = await self._find_buildx()
        if buildx is None:
            report(
                Noted("Docker's buildx plugin is missing: builds are slower and images larger than need be.", "warning")
            )
        recipe = make_recipe(request, buildkit=buildx is not None)
        facts = await self._engine.call(lambda client: client.info())
        uv = uv_program(str(facts.get("Architecture", ""))) if recipe.uses_uv else None
        progress = BuildProgress(report, recipe.titles)
        async with (
            build_context(request, recipe, uv=uv, work_dir=self._work_dir) as context,
            _order(request, recipe, tag) as order,
        ):
            if buildx is not None:
                built = await buildx.build(context, order, progress)
            else:
                built = await build_classic(self._engine, context, order, progress)
        if not built:
            step = progress.failed.title if progress.failed else ""
            raise explain(_failed(request, progress.failure_lines(), step))

    async def _build_with_repo2docker(self, request: BuildRequest, recipe: Recipe, tag: str, report: Report) -> None:
        tool = Repo2Docker(find_repo2docker(request.detected.kind), self._engine.address, report)
        async with (
            build_context(request, recipe, uv=None, work_dir=self._work_dir) as context,
            _order(request, recipe, tag) as order,
        ):
            if not await tool.build(context.folder, tag, order.labels):
                raise explain(_failed(request, list(tool.lines), "repo2docker was at work"))

    async def find(self, request: BuildRequest) -> Image | None:
        """The image of this commit and recipe, if it was built before.

        Else one of this commit that was imported: it was built with another machine's settings, and this one need
        not be able to build it.
        """
        recipe = make_recipe(request)

        def look(client: docker.DockerClient) -> Image | None:
            found = records.find_images(client, COMMIT=request.source.commit, WORKSHOP=request.slug)
            tagged = [image for image in found if image.get("RepoTags")]
            for image in tagged:
                if records.image_of(image).recipe == recipe.hash:
                    return records.image_of(image)
            for image in tagged:
                if records.image_of(image).imported and records.image_of(image).ui in ("", request.ui):
                    note = "It came in a file, and was built with another machine's settings."
                    return replace(records.image_of(image), notes=(note,))
            return None

        return await self._engine.call(look)

    async def of_workshop(self, workshop: str) -> tuple[Image, ...]:
        """The images of a workshop (its slug) that have a name, newest first."""

        def look(client: docker.DockerClient) -> tuple[Image, ...]:
            found = records.find_images(client, WORKSHOP=workshop)
            return tuple(records.image_of(image) for image in found if image.get("RepoTags"))

        return await self._engine.call(look)

    async def export(self, image: Image, path: Path, *, report: Report) -> int:
        """As in `ports.build.ImageCarrier`."""
        return await export_image(self._engine, image, path, report=report)

    async def import_file(self, path: Path, *, report: Report) -> tuple[Image, ...]:
        """As in `ports.build.ImageCarrier`."""
        return await import_image(self._engine, path, report=report)

    async def _find_buildx(self) -> Buildx | None:
        if self._buildx is None and self._wants_buildkit:
            self._buildx = await Buildx.find(self._engine.address)
        return self._buildx

    async def images(self) -> tuple[Image, ...]:
        """Ours, newest first, found by labels; those that lost their name to a newer build come last."""

        def look(client: docker.DockerClient) -> tuple[Image, ...]:
            found = records.find_images(client)
            shared = records.shared_sizes(client, found)
            return tuple(replace(records.image_of(image), shared_bytes=shared[image["Id"]]) for image in found)

        return await self._engine.call(look)

    async def remove(self, image: Image) -> Removal:
        """Remove one image of ours; already gone is success, in use is a survivor."""

        def work(client: docker.DockerClient) -> Removal:
            api: Any = client.api
            inspected = records.inspect_image(client, image.digest)
            if inspected is None:
                return Removal()
            if records.image_of(inspected).recipe == "":
                return Removal(left=(Survivor("image", image.reference, "it is not one of ours"),))
            try:
                for tag in inspected.get("RepoTags") or ():
                    api.remove_image(tag)
                with contextlib.suppress(ImageNotFound):
                    api.remove_image(inspected["Id"])
            except APIError as error:
                if error.status_code != 409:
                    raise
                return Removal(left=(Survivor("image", image.reference, f"in use: {explanation(error)}"),))
            return Removal({"images": 1})

        return await self._engine.call(work)


def _read(client: docker.DockerClient, tag: str) -> Image:
    inspected = records.inspect_image(client, tag)
    if inspected is None:
        raise RuntimeRefused(
            f"The image {tag} was built, but the engine does not have it.",
            hint="Is another builder than Docker's own in use? `docker buildx ls` shows it.",
        )
    return records.image_of(inspected, packages=records.read_packages(client, inspected["Id"]))


def _without_program(program: str) -> str:
    return (
        f"The Dockerfile's image has no {program} in its PATH, and seats run it: install it there "
        "(`pip install jupyterlab notebook`), unless its ENTRYPOINT brings it."
    )


@contextlib.asynccontextmanager
async def _order(request: BuildRequest, recipe: Recipe, tag: str) -> AsyncIterator[BuildOrder]:
    """What the build is told. Secrets are in files of a private folder while it runs."""
    await asyncio.to_thread(remove_what_the_dead_left, Path(tempfile.gettempdir()), SECRETS)
    with tempfile.TemporaryDirectory(prefix=own_prefix(SECRETS, os.getpid())) as folder:
        secrets = await asyncio.to_thread(_write_secrets, Path(folder), request.settings)
        yield BuildOrder(
            tag=tag,
            labels=records.image_labels(request, recipe.hash),
            arguments={**recipe.arguments, **_proxies()},
            secrets=secrets,
            no_cache=request.settings.no_cache,
        )


def _write_secrets(folder: Path, settings: ImageSettings) -> dict[str, Path]:
    secrets = {}
    if text := index_script(settings):
        secrets["index"] = folder / "index"
        secrets["index"].write_text(text, encoding="utf-8")
    if settings.ca_bundle:
        # For Dockerfiles of repositories: `RUN --mount=type=secret,id=ca,target=/etc/ssl/certs/ca-certificates.crt`.
        secrets["ca"] = folder / "ca"
        secrets["ca"].write_bytes(read_ca_bundle(settings.ca_bundle))
    return secrets


def _proxies() -> dict[str, str]:
    """This machine's proxies, which builders keep out of the image; not those that only this machine can reach."""
    found = {name: os.environ[name] for name in PROXIES if os.environ.get(name)}
    local = ("//127.", "//localhost", "@127.", "@localhost")
    return {name: value for name, value in found.items() if not any(mark in value for mark in local)}


def _base(request: BuildRequest) -> str:
    """The image that a recipe of ours begins with."""
    if request.detected.kind == "conda":
        from workshop.images.recipe_conda import conda_base

        return conda_base(request.settings.base)
    return choose_base(request.detected, request.settings)


def _failed(request: BuildRequest, lines: Sequence[str], step: str) -> FailedBuild:
    detected = request.detected
    wanted = detected.python or detected.python_range
    where = next((name for name in detected.files if name.endswith(("runtime.txt", "pyproject.toml", "Pipfile"))), "")
    apt_file = f"{detected.binder_dir}/apt.txt" if detected.binder_dir else "apt.txt"
    own = detected.kind == "dockerfile"
    return FailedBuild(
        lines=lines,
        step=step,
        base="named in the Dockerfile" if own else _base(request),
        python=f"Python {wanted}" + (f" ({where})" if where else "") if wanted else "",
        apt_file=apt_file,
    )
