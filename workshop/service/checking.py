"""What can be known before anything is built."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from workshop.core.fit import fit
from workshop.errors import DefinitionError, SettingError, SourceError, WorkshopError
from workshop.model.classroom import Ui
from workshop.model.image import Detected, Source
from workshop.model.seat import Limits
from workshop.model.snapshot import Problem
from workshop.ports.build import Report
from workshop.service import building, finding, peaks
from workshop.service.plain_http import plain_http_problem
from workshop.service.reports import CheckReport, Finding, Workshop
from workshop.service.wiring import Wiring


async def check(wiring: Wiring, file: str, *, seats: int | None, runtime: str, report: Report) -> CheckReport:
    try:
        workshop = await finding.load(wiring, file)
    except DefinitionError as error:
        return CheckReport(None, _definition_problems(file, error))
    problems: list[Problem] = []
    source: Source | None = None
    detected: Detected | None = None
    image = None
    name = await building.choose_runtime(wiring, workshop, runtime)
    facts = fits = None
    if tunnel := tunnel_problem(workshop.definition.access.tunnel, name):
        problems.append(tunnel)
    try:
        facts = await wiring.runtime(name).facts()
    except WorkshopError as error:
        problems.append(Problem("runtime", error.message, error.hint))
    try:
        found = await building.planned(wiring, workshop, name if facts else "", report=report)
        image = found.image
        if found.request is not None:
            source, detected = found.request.source, found.request.detected
            problems += _source_problems(workshop, source, detected)
        elif found.why is not None and image is not None:
            problems.append(Problem("source", found.why.message, f"{image.reference} is there.", "warning"))
    except SourceError as error:
        problems.append(Problem("source", error.message, error.hint))
    except WorkshopError as error:
        problems.append(Problem("image", error.message, error.hint))
    if facts is not None:
        definition = workshop.definition
        wanted = seats if seats is not None else definition.seats + definition.spare_seats
        limits = Limits(definition.memory_bytes, definition.limits.cpus, definition.limits.pids)
        fits = fit(facts, limits, wanted, peak_bytes=peaks.peak_of(wiring, image.digest) if image else None)
        if fits.verdict != "fits":
            level = "error" if fits.verdict == "does not fit" else "warning"
            problems.append(Problem("seats", fits.sentence, f"At most {fits.largest} fit.", level=level))
    return CheckReport(workshop, tuple(problems), source, detected, name, facts, fits, image)


def _definition_problems(file: str, error: DefinitionError) -> tuple[Problem, ...]:
    """The problems one by one, or the error itself where the file cannot be read at all."""
    path = Path(file)
    if path.is_dir():
        path /= finding.FILE_NAMES[0]
    from workshop.config.definition import InvalidDefinition

    if isinstance(error, InvalidDefinition) and error.problems:
        return tuple(error.problems)
    return (Problem(str(path), error.message, error.hint),)


def _source_problems(workshop: Workshop, source: Source, detected: Detected) -> list[Problem]:
    problems = [Problem("source", note, level="warning") for note in source.notes]
    problems += [Problem("source", note, level="warning") for note in detected.notes]
    problems += [
        Problem(f"dependency {name}", f"{name} is not pinned: another version may be built next time.",
                "Write the version you tested.", level="warning")
        for name in detected.unpinned
    ]  # fmt: skip
    if source.newer:
        problems.append(Problem("source.ref", building.newer_sentence(source.newer, source.commit), level="warning"))
    if (problem := plain_http_problem(workshop.definition)) is not None:
        problems.append(problem)
    wanted = workshop.definition.open
    if wanted and workshop.definition.ui is not Ui.WEB and not (Path(source.folder) / wanted).exists():
        problems.append(Problem("open", f"There is no {wanted} in the repository.", _nearest(wanted, detected)))
    return problems


def tunnel_problem(command: str, runtime: str) -> Problem | None:
    """Why a tunnel's command cannot be started from this machine; None when it can, or when there is none."""
    if not command:
        return None
    from workshop.gateway.tunnel import program_of

    if runtime == "kubernetes":
        return Problem(
            "access.tunnel",
            "On Kubernetes the gateway runs in the cluster, and no tunnel is started there.",
            "Use `kubernetes.exposure`, or write the address of your own tunnel into `access.public_url`.",
        )
    try:
        program = program_of(command)[0]
    except SettingError as error:
        return Problem("access.tunnel", error.message, error.hint)
    if shutil.which(program) is None:
        hint = "Install it, or name it with its whole path."
        return Problem("access.tunnel", f"The tunnel program {program} is not there.", hint)
    return None


def _nearest(wanted: str, detected: Detected) -> str:
    import difflib

    close = difflib.get_close_matches(wanted, detected.notebooks, n=1, cutoff=0.4)
    if close:
        return f"Is it {close[0]}?"
    return f"There are: {', '.join(detected.notebooks[:5])}." if detected.notebooks else "It has no notebooks."


async def doctor(wiring: Wiring) -> tuple[Finding, ...]:
    """What is there and what is missing on this machine."""
    version = ".".join(map(str, sys.version_info[:3]))
    found = [Finding("python", sys.version_info >= (3, 11), version, "Python 3.11 or newer is needed.")]
    git = shutil.which("git")
    found.append(
        Finding("git", git is not None, git or "not found", "Install git: repositories cannot be fetched without.")
    )
    for name in ("docker", "process"):
        try:
            facts = await wiring.runtime(name).facts()
        except WorkshopError as error:
            found.append(Finding(name, False, error.message, error.hint))
            continue
        text = f"{facts.version}, {facts.cpus:g} cores, {facts.memory_bytes / 1024**3:.1f} GB"
        found.append(Finding(name, True, text, " ".join(facts.notes)))
    found.append(Finding("state", True, str(wiring.state_dir)))
    return tuple(found)
