"""What can be known before anything is built."""

from __future__ import annotations

import shutil
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workshop.core.fit import fit
from workshop.errors import (
    DefinitionError,
    RuntimeRefused,
    SettingError,
    SourceError,
    StateError,
    UsageError,
    WorkshopError,
)
from workshop.model.classroom import Ui
from workshop.model.events import Noted
from workshop.model.image import Detected, Image, Source
from workshop.model.names import DEFINITION_FILES
from workshop.model.snapshot import EngineFacts, Fit, Problem
from workshop.ports.build import Report
from workshop.ports.remote import remote_of
from workshop.service import building, drafts, finding, peaks
from workshop.service.plain_http import plain_http_problem
from workshop.service.reports import CheckReport, Finding, Workshop
from workshop.service.spread import targeting
from workshop.service.wiring import SEARCHED, Wiring

if TYPE_CHECKING:
    from workshop.model.definition import WorkshopDefinition


async def check(wiring: Wiring, file: str, *, seats: int | None, runtime: str, report: Report) -> CheckReport:
    try:
        workshop = await finding.load(wiring, file)
    except DefinitionError as error:
        return CheckReport(None, _definition_problems(file, error))
    except SourceError as error:
        return CheckReport(None, (Problem("source", error.message, error.hint),))
    report = _without_notes(report)
    if workshop.definition.targets:
        try:
            targeting.refuse_runtime(workshop, runtime)
        except UsageError as error:
            return CheckReport(workshop, (Problem("targets", error.message, error.hint),))
    problems: list[Problem] = []
    if past := drafts.past_end_problem(workshop.definition, wiring.clock()):
        problems.append(past)
    if targeting.is_spread(workshop.definition):
        from workshop.service.spread.check import check as check_spread  # few workshops need it

        spread = await check_spread(wiring, workshop, seats=seats, report=report)
        return replace(spread, problems=(*problems, *spread.problems))
    source: Source | None = None
    detected: Detected | None = None
    image = None
    name = await building.choose_runtime(wiring, workshop, runtime)
    facts = fits = None
    if tunnel := tunnel_problem(workshop.definition.access.tunnel, name):
        problems.append(tunnel)
    try:
        engine = wiring.runtime(name, workshop.definition)
        facts = await engine.facts()
        problems += await _remote_problems(wiring, workshop, name)
    except WorkshopError as error:
        problems.append(Problem("runtime", error.message, error.hint))
    try:
        found = await building.planned(wiring, workshop, name if facts else "", report=report)
        image = found.image
        if found.request is not None:
            source, detected = found.request.source, found.request.detected
        problems += repository_problems(workshop, found)
    except SourceError as error:
        problems.append(Problem("source", error.message, error.hint))
    except WorkshopError as error:
        problems.append(Problem("image", error.message, error.hint))
    if facts is not None:
        definition = workshop.definition
        wanted = seats if seats is not None else definition.seats + definition.spare_seats
        fits = await _fits(wiring, workshop, name, facts, wanted, image)
        if fits.verdict != "fits":
            level = "error" if fits.verdict == "does not fit" else "warning"
            most = f"At most {fits.largest} fit." if fits.largest < wanted else ""
            problems.append(Problem("seats", fits.sentence, most, level=level))
    return CheckReport(workshop, tuple(problems), source, detected, name, facts, fits, image)


def _without_notes(report: Report) -> Report:
    """What is worth a warning is a problem of the check, and need not be told on the way too."""
    return lambda event: None if isinstance(event, Noted) else report(event)


async def _remote_problems(wiring: Wiring, workshop: Workshop, runtime: str) -> tuple[Problem, ...]:
    """What keeps this user from opening the class on other machines: missing rights, no way for images."""
    remote = remote_of(wiring.runtime(runtime, workshop.definition))
    if remote is None:
        return ()
    problems = await remote.obstacles(drafts.draft(wiring, workshop, runtime))
    try:
        await remote.refuse_early(workshop.definition)
    except RuntimeRefused as error:
        problems += (Problem("kubernetes.registry", error.message, error.hint),)
    return problems


async def _fits(
    wiring: Wiring, workshop: Workshop, runtime: str, facts: EngineFacts, wanted: int, image: Image | None
) -> Fit:
    remote = remote_of(wiring.runtime(runtime, workshop.definition))
    draft = drafts.draft(wiring, workshop, runtime)
    if remote is not None:
        return await remote.fit(draft, wanted)
    return fit(facts, draft.limits, wanted, peak_bytes=peaks.peak_of(wiring, image.digest) if image else None)


def _definition_problems(file: str, error: DefinitionError) -> tuple[Problem, ...]:
    """The problems one by one, or the error itself where the file cannot be read at all."""
    path = Path(file)
    if path.is_dir():
        path /= DEFINITION_FILES[0]
    from workshop.config.definition import InvalidDefinition

    if isinstance(error, InvalidDefinition) and error.problems:
        return tuple(error.problems)
    return (Problem(str(path), error.message, error.hint),)


def repository_problems(workshop: Workshop, found: building.Found) -> list[Problem]:
    """What is wrong with the repository as it was found, or that it cannot be had."""
    if found.request is not None:
        return _source_problems(workshop, found.request.source, found.request.detected)
    if found.why is not None and found.image is not None:
        return [Problem("source", found.why.message, f"{found.image.reference} is there.", "warning")]
    return []


def _source_problems(workshop: Workshop, source: Source, detected: Detected) -> list[Problem]:
    problems = [Problem("source", note, level="warning") for note in source.notes]
    problems += [Problem("source", note, level="warning") for note in detected.notes]
    problems += [
        Problem("dependencies", f"{name} is not pinned: another version may be built next time.",
                "Write the version you tested.", level="warning")
        for name in detected.unpinned
    ]  # fmt: skip
    if source.newer:
        problems.append(Problem("source.ref", building.newer_sentence(source.newer, source.commit), level="warning"))
    if (problem := plain_http_problem(workshop.definition)) is not None:
        problems.append(problem)
    if not detected.notebooks and workshop.definition.ui in (Ui.LAB, Ui.NOTEBOOK):
        where = f"The folder {source.subfolder}" if source.subfolder else "The repository"
        problems.append(Problem("source", f"{where} has no notebook.", "Is it the right one?", level="warning"))
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


async def roles(wiring: Wiring, file: str) -> tuple[dict[str, Any], ...]:
    """The smallest role that classes need on the cluster that a workshop or the settings name.

    Args:
        file: the workshop; empty for that of the current folder, and without one for any, by the settings alone.

    Raises:
        UsageError: the runtime of the settings has none.
        DefinitionError: the workshop's file is not right.
    """
    from workshop.model.definition import WorkshopDefinition

    if named := file or _here():
        definition = (await finding.load(wiring, named)).definition
    else:
        definition = wiring.settled(WorkshopDefinition(title="any"))
    if targeting.is_spread(definition):
        return _roles_of_targets(wiring, definition)
    name = wiring.flag_runtime() or "kubernetes"
    remote = remote_of(wiring.runtime(name, definition))
    if remote is None:
        raise UsageError(f"Classes on {name} need no role.", hint="Roles are for `--runtime kubernetes`.")
    return tuple(remote.roles(definition))


def _roles_of_targets(wiring: Wiring, definition: WorkshopDefinition) -> tuple[dict[str, Any], ...]:
    """What the administrators of all clusters among the targets have to give, each document once."""
    found: list[dict[str, Any]] = []
    for one in targeting.definitions_of(definition):
        remote = remote_of(wiring.runtime(one.targets[0].runtime, one))
        found += [role for role in (remote.roles(one) if remote else ()) if role not in found]
    if not found:
        raise UsageError("None of the targets needs a role.", hint="Roles are for clusters.")
    return tuple(found)


def _here() -> str:
    """The current folder, when it has a workshop's file."""
    return "." if any(Path(name).is_file() for name in DEFINITION_FILES) else ""


async def doctor(wiring: Wiring, file: str) -> tuple[Finding, ...]:
    """What is there and what is missing on this machine.

    Args:
        file: a workshop whose cluster is looked at too; empty for that of the current folder, if it has one.
    """
    version = ".".join(map(str, sys.version_info[:3]))
    found = [Finding("python", sys.version_info >= (3, 11), version, "Python 3.11 or newer is needed.")]
    git = shutil.which("git")
    found.append(
        Finding("git", git is not None, git or "not found", "Install git: repositories cannot be fetched without.")
    )
    state = _state(wiring)
    targets = wiring.searched_targets() if state.ok else tuple(map(wiring.target, SEARCHED))
    if named := file or _here():
        try:
            definition = (await finding.load(wiring, named)).definition
        except WorkshopError as error:
            found.append(Finding("workshop", False, error.message, error.hint))
        else:
            if definition.runtime == "kubernetes":
                targets = tuple(dict.fromkeys((*targets, wiring.target(definition.runtime, definition))))
    for target in targets:
        try:
            facts = await wiring.runtime(target).facts()
        except WorkshopError as error:
            found.append(Finding(str(target), False, error.message, error.hint))
            continue
        text = f"{facts.version}, {facts.cpus:g} cores, {facts.memory_bytes / 1024**3:.1f} GB"
        found.append(Finding(str(target), True, text, " ".join(facts.notes)))
    found.append(state)
    return tuple(found)


def _state(wiring: Wiring) -> Finding:
    """Whether what the program remembers can be read."""
    try:
        wiring.store.remembered()
    except StateError as error:
        return Finding("state", False, error.message, error.hint)
    return Finding("state", True, str(wiring.state_dir))
