"""What front ends hand to the service, and what they get back."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workshop.core.push_plan import FileStep, Step, tell
from workshop.model.amounts import format_size
from workshop.model.classroom import Classroom
from workshop.model.image import Detected, Image, Source
from workshop.model.snapshot import EngineFacts, Fit, Problem, Removal, Snapshot

if TYPE_CHECKING:
    from workshop.core.class_report import ClassFacts
    from workshop.model.definition import WorkshopDefinition


@dataclass(frozen=True, slots=True)
class Workshop:
    """A workshop as the user named it: its definition, and where that came from."""

    definition: WorkshopDefinition
    repository: str
    """What is built: a URL, or the absolute path of a folder. A URL may hold credentials: only for fetching."""
    shown: str
    """The same without credentials: for people, labels and logs."""
    ref: str
    folder: str
    path: Path | None
    """The `workshop.yaml`; None when the workshop was named by a link or a folder without one."""
    slug: str
    """The title as a name: classrooms and images are called after it."""


@dataclass(frozen=True, slots=True)
class WorkshopEntry:
    """A line of the home screen: a workshop that was used before, or a bundled sample."""

    title: str
    file: str
    """What `check`, `build` and `up` take."""
    sample: bool = False
    last_used: datetime | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class CheckReport:
    """Everything that can be known before anything is built."""

    workshop: Workshop | None
    problems: tuple[Problem, ...]
    source: Source | None = None
    detected: Detected | None = None
    runtime: str = ""
    facts: EngineFacts | None = None
    fits: Fit | None = None
    image: Image | None = None
    """The image of this commit and recipe, if it is there already."""

    @property
    def ok(self) -> bool:
        return not any(problem.level == "error" for problem in self.problems)


@dataclass(frozen=True, slots=True)
class UpRequest:
    """What `up` was asked for; empty fields come from the definition and the settings."""

    file: str = ""
    """Empty for a class that is there: it goes on with what it was opened with."""
    name: str = ""
    seats: int | None = None
    runtime: str = ""
    address: str = ""
    port: int | None = None
    length: timedelta | None = None
    """From now to the end of a class that is not open yet; None for what the definition says."""
    force: bool = False
    """Open more seats than fit, or a public address without https."""


@dataclass(frozen=True, slots=True)
class EndPlan:
    """What happens when a class's time and grace have passed."""

    by_itself: bool = True
    """The gateway collects the work and removes the class; else it stays."""
    decided: bool = True
    """Somebody has said so: by flag, variable, `workshop.yaml` or configuration."""
    sentence: str = ""


@dataclass(frozen=True, slots=True)
class UpPlan:
    """What `up` would make."""

    classroom: Classroom
    create: tuple[int, ...]
    keep: tuple[int, ...]
    fits: Fit
    exists: bool
    sentences: tuple[str, ...]
    image: Image | None = None
    warning: str = ""
    """What participants will miss at this address."""
    newer: str = ""
    """A commit that the repository has moved to since the image was built; it is not taken."""
    end: EndPlan = EndPlan()
    objects: tuple[Mapping[str, Any], ...] = ()
    """What would be made on other machines, as documents; empty where seats run on this one."""


@dataclass(frozen=True, slots=True)
class SeatResult:
    """How one act on one seat ended."""

    number: int
    ok: bool
    detail: str = ""
    hint: str = ""
    """What to do next, where it failed."""


@dataclass(frozen=True, slots=True)
class Visit:
    """The instructor's way into a seat.

    Args:
        until: when the link runs out.
        shown: whether the participant sees that the instructor is there: by the bar above the seat, where there is one.
    """

    classroom: str
    number: int
    link: str
    until: datetime
    shown: bool = True

    @property
    def notice(self) -> str:
        """What follows from it for the participant."""
        if self.shown:
            return "The participant sees that you are there; nothing is claimed."
        return "This class has no bar above its seats: the participant does not see that you are there."


@dataclass(frozen=True, slots=True)
class UpReport:
    snapshot: Snapshot
    failed: tuple[SeatResult, ...] = ()
    seconds: float = 0.0
    first_ready_seconds: float | None = None
    adopted: bool = False
    """The classroom was there already; only what was missing was made."""


@dataclass(frozen=True, slots=True)
class ActReport:
    """How an act on several seats ended, seat by seat."""

    verb: str
    results: tuple[SeatResult, ...]

    @property
    def failed(self) -> tuple[SeatResult, ...]:
        return tuple(result for result in self.results if not result.ok)


@dataclass(frozen=True, slots=True)
class OwnAddress:
    """An address of this machine, and what is known of it."""

    ip: str
    interface: str
    kind: str
    """LAN, VPN, public, Docker, this machine."""
    default_route: bool
    used: bool
    """Whether the classroom's links name it."""

    @property
    def sentence(self) -> str:
        """`LAN, eth0, the way out of this machine`."""
        return ", ".join((self.kind, self.interface, *(("the way out of this machine",) if self.default_route else ())))


@dataclass(frozen=True, slots=True)
class AddressReport:
    """This machine's addresses, the best one for a class first, and the classroom that was asked about."""

    addresses: tuple[OwnAddress, ...]
    classroom: Classroom | None = None

    @property
    def lost(self) -> bool:
        """Whether the classroom's address is none of this machine's now."""
        return self.classroom is not None and not any(one.used for one in self.addresses)


@dataclass(frozen=True, slots=True)
class TeardownPlan:
    """What a teardown would remove and what would be lost."""

    classroom: Classroom
    objects: tuple[tuple[str, str], ...]
    """Kind and name of every object of the classroom."""
    claimed: tuple[int, ...] = ()
    uncollected: tuple[int, ...] = ()
    """Claimed seats whose work has not been collected since it last changed."""
    unsure: tuple[int, ...] = ()
    """Claimed seats that cannot be asked."""

    @property
    def loses(self) -> bool:
        """Whether work is lost, or may be, if nothing is collected first."""
        return bool(self.uncollected or self.unsure)


@dataclass(frozen=True, slots=True)
class CollectedSeat:
    """What was collected of one seat."""

    number: int
    file: Path | None
    size_bytes: int = 0
    new: int = 0
    changed: int = 0
    deleted: int = 0
    not_taken: tuple[str, ...] = ()
    """Paths with the reason, a sentence each."""
    unchanged: bool = False
    """The archive of an earlier run is whole and still true: nothing was read again."""
    error: str = ""

    @property
    def sentence(self) -> str:
        if self.error:
            return self.error
        counts = [f"{n} {word}" for n, word in ((self.new, "new"), (self.changed, "changed")) if n]
        what = ", ".join(counts) or "nothing was changed"
        again = ", collected before" if self.unchanged else ""
        missing = f"; {len(self.not_taken)} not taken" if self.not_taken else ""
        size = f", {format_size(self.size_bytes)}" if counts else ""
        return f"{what}{size}{again}{missing}"


@dataclass(frozen=True, slots=True)
class CollectReport:
    classroom: str
    folder: Path
    seats: tuple[CollectedSeat, ...]

    @property
    def failed(self) -> tuple[CollectedSeat, ...]:
        return tuple(seat for seat in self.seats if seat.error)


@dataclass(frozen=True, slots=True)
class UncollectedWork:
    """Seats that hold work which no collection has."""

    changed: tuple[int, ...] = ()
    unsure: tuple[tuple[int, str], ...] = ()
    """Seats that cannot be read, with the reason."""


_MISSING_MODULE = re.compile(r"No module named '(\w+)")


@dataclass(frozen=True, slots=True)
class RehearsedNotebook:
    """One notebook, run in one or several seats at once."""

    notebook: str
    ok: bool
    seconds: float
    peak_memory_bytes: int
    cells: int
    failed_in: int = 0
    """In how many seats it failed."""
    reason: str = ""
    failing_cell: int | None = None
    """Counted as people do, from 1."""
    failing_line: str = ""
    traceback: str = ""

    @property
    def advice(self) -> str:
        """What to do about it, where that is known; else empty."""
        if missing := _MISSING_MODULE.search(self.reason):
            return f"Add the package that has `{missing[1]}` to the repository's requirements, and build again."
        if "AsksForInput" in self.reason:
            return "A participant can answer it: give the cell the tag `skip-execution`, and it is not rehearsed."
        if self.reason.startswith("its kernel "):
            return (
                "JupyterLab would ask every participant to choose one: open the notebook with a kernel that is there "
                "and save it, or add what brings its kernel."
            )
        return ""


@dataclass(frozen=True, slots=True)
class RehearsalReport:
    """What a rehearsal found."""

    workshop: str
    runtime: str
    seats: int
    """How many ran at once."""
    notebooks: tuple[RehearsedNotebook, ...]
    peak_memory_bytes: int
    disk_bytes: int
    memory_limit: int
    proposed_memory: int
    """The peak and 30 %, in steps of 256 MB; 0 where nothing was measured."""
    fits: Fit
    seconds: float
    failed_seats: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        return not self.failed_seats and all(notebook.ok for notebook in self.notebooks)


@dataclass(frozen=True, slots=True)
class WrittenReport:
    """Where the report of a class was written."""

    markdown: Path
    html: Path
    text: str
    """The Markdown."""
    facts: ClassFacts
    overview: tuple[tuple[str, str], ...]
    """What stands at its top: label and sentence."""


@dataclass(frozen=True, slots=True)
class Sample:
    """The class at one moment."""

    at: datetime
    ready: int
    joined: int
    active: int
    help: int
    cpu_percent: float
    memory_bytes: int
    """Of all seats together, the highest since the sample before."""
    seats: dict[int, int] = field(default_factory=dict)
    """Memory by seat number."""


@dataclass(frozen=True, slots=True)
class ClassHistory:
    """Samples of a class, oldest first, half a minute apart."""

    samples: tuple[Sample, ...] = ()


@dataclass(frozen=True, slots=True)
class SeatSnapshot:
    """A copy of one seat's own files at one moment."""

    number: int
    id: str
    at: datetime
    files: int
    size_bytes: int
    file: Path | None
    """None for one that is kept where the class's gateway runs, not on this machine."""


@dataclass(frozen=True, slots=True)
class PushSource:
    """What is pushed: `files` of this machine, or what a newer commit of the repository has changed."""

    files: tuple[str, ...] = ()
    into: str = ""
    """The folder of the seat where they go; empty to find out: where the repository has them, else the home folder."""
    newer: bool = False
    """Take the repository as it is now instead of files."""
    ref: str = ""
    """With `newer`: branch, tag or commit instead of the workshop's."""


@dataclass(frozen=True, slots=True)
class SeatPush:
    """What a push does, or did, in one seat."""

    number: int
    steps: tuple[FileStep, ...] = ()
    waits: bool = False
    """The seat is down and gets it when it returns."""
    error: str = ""

    @property
    def sentence(self) -> str:
        if self.error:
            return self.error
        if self.waits:
            return "is down: gets it when it is back"
        put = [step.target for step in self.steps if step.step is Step.BESIDE]
        return tell(self.steps) + (f": {', '.join(put)}" if put else "")


@dataclass(frozen=True, slots=True)
class PushReport:
    """A push, planned or done."""

    classroom: str
    files: tuple[str, ...]
    """Paths in the seats."""
    seats: tuple[SeatPush, ...]
    planned: bool = False
    notes: tuple[str, ...] = ()
    commit: str = ""

    @property
    def failed(self) -> tuple[SeatPush, ...]:
        return tuple(seat for seat in self.seats if seat.error)

    @property
    def sentence(self) -> str:
        """`28 replaced, 2 beside; 1 seat is down and gets it later`."""
        parts = [tell(step for seat in self.seats for step in seat.steps)]
        waiting = sum(seat.waits for seat in self.seats)
        if waiting:
            parts.append(
                "1 seat is down and gets it later" if waiting == 1 else f"{waiting} seats are down and get it later"
            )
        if self.failed:
            parts.append(f"{len(self.failed)} failed")
        return "; ".join(parts)


@dataclass(frozen=True, slots=True)
class DownReport:
    classroom: str
    removal: Removal
    collected: str = ""
    """The folder with the collected work."""
    seconds: float = 0.0
    report: Path | None = None
    """The class's report as Markdown; the same name with `.html` is the page with plots."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A line of `doctor`."""

    name: str
    ok: bool
    text: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class DemoReport:
    """What `demo --headless` did and saw."""

    runtime: str
    image: str
    seats: int
    link: str
    cell: str
    output: str
    removal: Removal
    seconds: dict[str, float] = field(default_factory=dict)
