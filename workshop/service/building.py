"""From a workshop to its image."""

from __future__ import annotations

import json
from dataclasses import replace

from workshop.errors import BuildFailed, UsageError
from workshop.model.classroom import Ui
from workshop.model.events import Noted, StepFinished, StepStarted
from workshop.model.image import Image
from workshop.model.snapshot import Removal
from workshop.ports.build import BuildRequest, Report
from workshop.service import finding
from workshop.service.reports import Workshop
from workshop.service.wiring import Wiring


async def build(wiring: Wiring, file: str, *, runtime: str, no_cache: bool, report: Report) -> Image:
    workshop = await finding.load(wiring, file)
    name = await choose_runtime(wiring, workshop, runtime)
    image = await build_workshop(wiring, workshop, name, no_cache=no_cache, report=report)
    finding.used_now(wiring, workshop, wiring.clock())
    return image


async def choose_runtime(wiring: Wiring, workshop: Workshop | None, asked: str) -> str:
    """Flag, then setting, then definition; `auto` is Docker when an engine answers, else plain processes.

    Raises:
        UsageError: no such runtime.
    """
    wanted = asked or wiring.flag_runtime() or (workshop.definition.runtime if workshop else "auto") or "auto"
    if wanted != "auto":
        if wanted not in wiring.known_runtimes():
            raise UsageError(
                f"There is no runtime {wanted!r}.", hint=f"Choose one of {', '.join(wiring.known_runtimes())}."
            )
        return wanted
    return "docker" if await wiring.answers("docker") else "process"


async def build_workshop(
    wiring: Wiring, workshop: Workshop, runtime: str, *, no_cache: bool = False, report: Report
) -> Image:
    """Resolve the commit, then build or reuse its image for this runtime.

    Raises:
        SourceError: the repository or commit cannot be had.
        BuildFailed: the image cannot be built.
    """
    if workshop.definition.image.reference:
        return await _given(wiring, workshop, runtime)
    builder = wiring.builder(runtime)
    request = await prepare(wiring, workshop, report=report)
    if no_cache:
        request = replace(request, settings=replace(request.settings, no_cache=True))
    return await builder.build(request, report=report)


async def prepare(wiring: Wiring, workshop: Workshop, *, report: Report) -> BuildRequest:
    """Bring the commit to this machine and read what it asks for."""
    began = wiring.clock()
    report(StepStarted("resolve", f"Finding {workshop.shown}"))
    source = await wiring.sources.resolve(workshop.repository, ref=workshop.ref, folder=workshop.folder, report=report)
    detected = wiring.sources.detect(source)
    seconds = (wiring.clock() - began).total_seconds()
    report(StepFinished("resolve", f"Commit {source.commit[:12]}: {detected.sentence()}", seconds))
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
    if not await wiring.runtime(runtime).has_image(reference):
        raise BuildFailed(
            f"The image {reference} named in the definition is not there.",
            hint=f"Fetch it once, while there is a network: `docker pull {reference}`.",
        )
    return Image(
        reference=reference, digest=reference, commit="", recipe="given", runtime=runtime, cached=True,
        workshop=workshop.slug,
    )  # fmt: skip


async def images(wiring: Wiring, *, runtime: str) -> tuple[Image, ...]:
    names = [runtime] if runtime else [n for n in ("docker", "process") if n == "process" or await wiring.answers(n)]
    found: list[Image] = []
    for name in names:
        found.extend(await wiring.builder(name).images())
    return tuple(found)


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


def needs_secure_context(ui: Ui) -> bool:
    """VS Code in a browser loses notebooks and previews without https (a secure context)."""
    return ui is Ui.VSCODE
