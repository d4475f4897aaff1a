"""From a workshop to its image."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from pathlib import Path

from workshop.errors import BuildFailed, SourceUnreachable, UsageError
from workshop.model.events import Noted, StepFinished, StepStarted
from workshop.model.image import Image
from workshop.model.snapshot import Removal
from workshop.ports.build import BuildRequest, Report
from workshop.ports.remote import remote_of
from workshop.service import finding
from workshop.service.reports import Workshop
from workshop.service.spread import targeting
from workshop.service.supplying import have_data
from workshop.service.wiring import Wiring

_COMMIT = re.compile(r"[0-9a-f]{40}")


async def build(wiring: Wiring, file: str, *, runtime: str, no_cache: bool, report: Report) -> Image:
    workshop = await finding.load(wiring, file)
    if len(workshop.definition.targets) > 1 and not runtime:
        return await _build_for_each(wiring, workshop, no_cache=no_cache, report=report)
    workshop = targeting.in_one_place(workshop, runtime)
    image = await _build_in_one_place(wiring, workshop, runtime, no_cache=no_cache, report=report)
    finding.used_now(wiring, workshop, wiring.clock())
    return image


async def _build_for_each(wiring: Wiring, workshop: Workshop, *, no_cache: bool, report: Report) -> Image:
    """The image of every target; the first one's."""
    images = [
        await _build_in_one_place(wiring, one, "", no_cache=no_cache, report=report)
        for one in targeting.on_each(workshop)
    ]
    finding.used_now(wiring, workshop, wiring.clock())
    return images[0]


async def _build_in_one_place(
    wiring: Wiring, workshop: Workshop, runtime: str, *, no_cache: bool, report: Report
) -> Image:
    name = await choose_runtime(wiring, workshop, runtime)
    image = await build_workshop(wiring, workshop, name, newest=True, no_cache=no_cache, report=report)
    await have_data(wiring, workshop.definition.data, report=report)
    remote = remote_of(wiring.runtime(name, workshop.definition))
    if remote is not None:
        await remote.deliver_gateway(workshop.definition, wiring.config.image(), report=report)
    return image


async def choose_runtime(wiring: Wiring, workshop: Workshop | None, asked: str) -> str:
    """Flag, then the first of the definition's targets, then setting, then definition.

    `auto` is Docker when an engine answers, else plain processes.

    Raises:
        UsageError: no such runtime.
    """
    if not asked and workshop is not None and workshop.definition.targets:
        return workshop.definition.targets[0].runtime
    wanted = asked or wiring.flag_runtime() or (workshop.definition.runtime if workshop else "auto") or "auto"
    if wanted != "auto":
        if wanted not in wiring.known_runtimes():
            raise UsageError(
                f"There is no runtime {wanted!r}.", hint=f"Choose one of {', '.join(wiring.known_runtimes())}."
            )
        return wanted
    return "docker" if await wiring.answers("docker") else "process"


@dataclass(frozen=True, slots=True)
class Found:
    """What there is of a workshop before anything is built."""

    request: BuildRequest | None
    """None where its repository cannot be had now, and an image of it stands in."""
    image: Image | None = None
    why: SourceUnreachable | None = None
    """Why there is no request."""


async def build_workshop(
    wiring: Wiring, workshop: Workshop, runtime: str, *, newest: bool = False, no_cache: bool = False, report: Report
) -> Image:
    """Build or reuse the image of a workshop (see `look` for which commit's), and bring it to where seats run.

    Raises:
        SourceError: the repository or commit cannot be had.
        BuildFailed: the image cannot be built.
        RuntimeRefused: the seats run elsewhere, and the image cannot get there.
    """
    await refuse_early(wiring, workshop, runtime)
    image = await _built(wiring, workshop, runtime, newest=newest, no_cache=no_cache, report=report)
    return await delivered(wiring, workshop, runtime, image, report=report)


async def refuse_early(wiring: Wiring, workshop: Workshop, runtime: str) -> None:
    """Say before anything is built that there is no way for images to where the seats run.

    Raises:
        RuntimeRefused: there is none.
    """
    remote = remote_of(wiring.runtime(runtime, workshop.definition))
    if remote is not None:
        await remote.refuse_early(workshop.definition)


async def delivered(wiring: Wiring, workshop: Workshop, runtime: str, image: Image, *, report: Report) -> Image:
    """The image as seats start from it: itself on this machine, else what it is where they run, with their data.

    Raises:
        SourceError: a file of `data:` cannot be had.
        BuildFailed: it was refused on the way.
    """
    remote = remote_of(wiring.runtime(runtime, workshop.definition))
    if remote is None:
        return image
    files = await have_data(wiring, workshop.definition.data, report=report)
    return await remote.deliver(image, workshop.definition, files, report=report)


async def _built(
    wiring: Wiring, workshop: Workshop, runtime: str, *, newest: bool, no_cache: bool, report: Report
) -> Image:
    if workshop.definition.image.reference:
        return await _given(wiring, workshop, runtime)
    return await image_of(wiring, await look(wiring, workshop, runtime, newest=newest, report=report), runtime,
                          no_cache=no_cache, report=report)  # fmt: skip


async def image_of(wiring: Wiring, found: Found, runtime: str, *, no_cache: bool = False, report: Report) -> Image:
    """The image that was found, or built now."""
    if found.request is None:
        assert found.image is not None
        return replace(found.image, cached=True)
    request = found.request
    if no_cache:
        request = replace(request, settings=replace(request.settings, no_cache=True))
    return await wiring.builder(runtime).build(request, report=report)


async def look(wiring: Wiring, workshop: Workshop, runtime: str, *, newest: bool = False, report: Report) -> Found:
    """Which commit a workshop is built from, and whether its image is there.

    A workshop that was built stays at its commit: a newer one is told of, and taken by `build` alone (`newest`).

    Raises:
        SourceError: the repository cannot be had, and there is no image of it.
    """
    builder = wiring.builder(runtime)
    last = await _last_image(wiring, workshop, runtime)
    pinned = last.commit if last is not None and not newest and _COMMIT.fullmatch(last.commit) else ""
    try:
        request = await prepare(wiring, workshop, pinned=pinned, report=report)
        if pinned and last is not None and last.place not in ("", request.source.place):
            # Another branch or folder is asked for than the image was built from.
            request = await prepare(wiring, workshop, report=report)
    except SourceUnreachable as error:
        if last is None:
            raise
        report(Noted(f"{error.message} {last.reference}, which is there, is taken.", level="warning"))
        return Found(None, last, error)
    if request.source.newer:
        report(Noted(newer_sentence(request.source.newer, request.source.commit), level="warning"))
    return Found(request, await builder.find(request))


async def planned(wiring: Wiring, workshop: Workshop, runtime: str, *, report: Report) -> Found:
    """As `look`, also for a definition that names a finished image.

    Args:
        runtime: empty where no engine answers: then only the repository is looked at.
    """
    if runtime and not workshop.definition.image.reference:
        return await look(wiring, workshop, runtime, report=report)
    request = await prepare(wiring, workshop, report=report)
    given = await _given(wiring, workshop, runtime) if runtime else None
    return Found(request, given)


def newer_sentence(newer: str, commit: str) -> str:
    """That a repository has moved on."""
    return f"The repository has a newer commit, {newer[:7]}. {commit[:7]}, which was built, is kept: `build` takes it."


async def newer_commit(wiring: Wiring, file: str) -> str:
    """What the repository has moved to since the workshop's image was built; empty for nothing new, and for no image.

    Raises:
        WorkshopError: the workshop, its repository or the engine cannot be asked.
    """
    workshop = targeting.in_one_place(await finding.load(wiring, file))
    runtime = await choose_runtime(wiring, workshop, "")
    last = await _last_image(wiring, workshop, runtime)
    if last is None or not _COMMIT.fullmatch(last.commit):
        return ""
    return await wiring.sources.newer(workshop.repository, workshop.ref, last.commit)


async def _last_image(wiring: Wiring, workshop: Workshop, runtime: str) -> Image | None:
    """The newest image that was built of what the workshop says now, but for its commit."""
    for image in await wiring.builder(runtime).of_workshop(workshop.slug):
        if image.ui in ("", workshop.definition.ui) and _is_of(image, workshop):
            return image
    return None


def _is_of(image: Image, workshop: Workshop) -> bool:
    """Whether an image was made of a workshop's repository; one from a file, of another copy of the folder."""
    if _COMMIT.fullmatch(workshop.ref) and image.commit != workshop.ref:
        return False
    local = Path(workshop.repository).is_absolute()
    if image.imported and local:
        return True
    inside = bool(image.repository) and workshop.shown.startswith(f"{image.repository}/")
    return image.repository == workshop.shown or (local and inside)


async def prepare(wiring: Wiring, workshop: Workshop, *, pinned: str = "", report: Report) -> BuildRequest:
    """Bring the commit to this machine and read what it asks for.

    Args:
        pinned: the commit to be taken although the branch may have moved.
    """
    began = wiring.clock()
    report(StepStarted("resolve", f"Finding {workshop.shown}"))
    source = await wiring.sources.resolve(
        workshop.repository, ref=workshop.ref, folder=workshop.folder, report=report, pinned=pinned
    )
    detected = wiring.sources.detect(source)
    seconds = (wiring.clock() - began).total_seconds()
    found = "The folder's files" if source.commit.startswith("folder-") else f"Commit {source.commit[:12]}"
    report(StepFinished("resolve", f"{found}: {detected.sentence()}", seconds))
    for note in (*source.notes, *detected.notes):
        report(Noted(note, level="warning"))
    definition = workshop.definition
    return BuildRequest(
        title=definition.title,
        slug=workshop.slug,
        source=source,
        detected=detected,
        settings=wiring.image_settings(definition),
        ui=definition.ui,
    )


async def _given(wiring: Wiring, workshop: Workshop, runtime: str) -> Image:
    reference = workshop.definition.image.reference
    if runtime == "process":
        raise UsageError(
            "The process runtime cannot start seats from a container image.",
            hint="Take `image.reference` out of the definition, or use `--runtime docker`.",
        )
    engine = wiring.runtime(runtime, workshop.definition)
    if remote_of(engine) is None and not await engine.has_image(reference):
        raise BuildFailed(
            f"The image {reference} named in the definition is not there.",
            hint=f"Fetch it once, while there is a network: `docker pull {reference}`.",
        )
    return Image(
        reference=reference, digest=reference, commit="", recipe="given", runtime=runtime, cached=True,
        workshop=workshop.slug,
    )  # fmt: skip


async def images(wiring: Wiring, *, runtime: str) -> tuple[Image, ...]:
    """Ours, newest first, each with when a classroom was last opened with it."""
    from workshop.service import rooms

    names = [runtime] if runtime else [n for n in ("docker", "process") if n == "process" or await wiring.answers(n)]
    found: list[Image] = []
    for name in names:
        found.extend(await wiring.builder(name).images())
    uses = wiring.image_uses.entries()
    for room in await rooms.every(wiring):  # their labels know it, also of classes that another machine opened
        digest, opened = room.classroom.image, room.classroom.created
        uses[digest] = max(uses.get(digest, opened), opened)
    return tuple(replace(image, last_used=uses.get(image.digest)) for image in found)


async def prune(wiring: Wiring, *, keep: int, report: Report) -> Removal:
    """Keep the newest `keep` of each workshop and whatever a classroom uses; remove our others."""
    from workshop.service import rooms

    used = {room.classroom.image for room in await rooms.every(wiring)}
    total = Removal()
    kept: dict[tuple[str, str], int] = {}
    for image in await images(wiring, runtime=""):
        group = (image.runtime, image.workshop)
        kept[group] = kept.get(group, 0) + 1
        if kept[group] <= keep or image.digest in used:
            continue
        removal = await wiring.builder(image.runtime).remove(image)
        report(Noted(f"removed {image.reference}" if not removal.left else f"kept {image.reference}"))
        total += removal
    return total


def definition_json(workshop: Workshop, *, allow_public: bool = False) -> str:
    """The definition as one line, for the classroom's label; `allow_public` was said at `up`."""
    definition = workshop.definition
    if allow_public:
        definition = definition.model_copy(
            update={"access": definition.access.model_copy(update={"allow_public": True})}
        )
    return json.dumps(definition.model_dump(mode="json", exclude_defaults=True), separators=(",", ":"))
