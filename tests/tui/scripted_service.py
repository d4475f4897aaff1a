"""A scripted stand-in for the service: for pictures that always look the same, and for trouble on demand."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from tests.tui.support import NOW, Clock, classroom, image, seat_of, snapshot_of
from workshop.core.class_report import ClassFacts, Moment, NotebookProgress, count_incidents, markdown, overview
from workshop.core.cost import Prices, cost
from workshop.errors import UnknownClassroom
from workshop.model.classroom import Classroom
from workshop.model.definition import WorkshopDefinition
from workshop.model.events import (
    LogLine,
    Noted,
    RemovedObject,
    SeatChanged,
    StepFinished,
    StepStarted,
    WorkEvent,
)
from workshop.model.happening import Happening
from workshop.model.image import Detected, Image, Source
from workshop.model.seat import SeatRecord, SeatState
from workshop.model.snapshot import ClassroomSummary, EngineFacts, Fit, Problem, Removal, Snapshot
from workshop.service import (
    ActReport,
    CheckReport,
    ClassHistory,
    CollectedSeat,
    CollectReport,
    Cost,
    DownReport,
    EndPlan,
    Finding,
    HandoutKind,
    PushReport,
    PushSource,
    RehearsalReport,
    RehearsedNotebook,
    Sample,
    SeatPush,
    SeatResult,
    SeatSnapshot,
    TeardownPlan,
    UpPlan,
    UpReport,
    UpRequest,
    Visit,
    Workshop,
    WorkshopEntry,
    WrittenReport,
)
from workshop.service.handouts import write_handouts

Report = Callable[[WorkEvent], None]


@dataclass
class Call:
    """A call that the stand-in took."""

    name: str
    arguments: tuple[Any, ...]


@dataclass
class ScriptedService:
    """The facade's methods; what they answer is in the fields."""

    entries: tuple[WorkshopEntry, ...] = ()
    rooms: dict[str, Snapshot] = field(default_factory=dict)
    silent: tuple[str, ...] = ()
    clock: Clock = field(default_factory=Clock)
    errors: dict[str, Exception] = field(default_factory=dict)
    """Raised by the method of that name, until it is taken out."""
    calls: list[Call] = field(default_factory=list)
    gates: dict[str, asyncio.Event] = field(default_factory=dict)
    """A method whose name is here waits for the event."""
    seat_results: dict[int, SeatResult] = field(default_factory=dict)
    log_text: str = "[I 09:00:01 ServerApp] Serving notebooks from local directory: /home/jovyan\n"
    problems: tuple[Problem, ...] = ()
    uncollected: tuple[int, ...] = ()
    removal: Removal = field(default_factory=lambda: Removal({"seats": 24, "networks": 1, "gateways": 1}))
    shell: tuple[str, ...] = ("true",)
    pushes: tuple[SeatPush, ...] = ()
    collected: tuple[CollectedSeat, ...] = ()
    findings: tuple[Finding, ...] = ()
    found_images: tuple[Image, ...] = ()
    newer: dict[str, str] = field(default_factory=dict)
    definition_path: Path | None = None
    kept: tuple[SeatSnapshot, ...] = ()
    samples: tuple[Sample, ...] = ()
    happened: tuple[Happening, ...] = ()
    prices: Prices = field(default_factory=Prices)
    end: EndPlan = field(
        default_factory=lambda: EndPlan(sentence="30 min after its end the gateway collects the work.")
    )
    work: Callable[[str, Report], Awaitable[None]] | None = None
    """What `build` and `up` report on their way."""
    _readers: dict[str, list[asyncio.Queue[Snapshot | Exception | None]]] = field(default_factory=dict)

    # Script

    def change(self, room: str, snapshot: Snapshot) -> None:
        """The classroom looks different now."""
        self.rooms[room] = snapshot
        for queue in self._readers.get(room, []):
            queue.put_nowait(snapshot)

    def lose(self, room: str, error: Exception) -> None:
        """The classroom cannot be watched any more."""
        for queue in self._readers.get(room, []):
            queue.put_nowait(error)

    def remove(self, room: str) -> None:
        self.rooms.pop(room, None)
        for queue in self._readers.get(room, []):
            queue.put_nowait(None)

    def called(self, name: str) -> list[tuple[Any, ...]]:
        return [call.arguments for call in self.calls if call.name == name]

    async def _take(self, name: str, *arguments: Any) -> None:
        self.calls.append(Call(name, arguments))
        if name in self.gates:
            await self.gates[name].wait()
        if name in self.errors:
            raise self.errors[name]

    def _room(self, name: str) -> Snapshot:
        if name not in self.rooms:
            raise UnknownClassroom(f"There is no classroom {name!r}.", hint="There are none.")
        return self.rooms[name]

    # The facade

    def workshops(self) -> tuple[WorkshopEntry, ...]:
        return self.entries

    async def load(self, file: str) -> Workshop:
        await self._take("load", file)
        definition = WorkshopDefinition.model_validate({"title": "Python basics", "source": file, "seats": 12})
        return Workshop(
            definition=definition,
            repository=file,
            shown=file,
            ref="",
            folder="",
            path=self.definition_path,
            slug="python-basics",
        )

    async def check(
        self, file: str, *, seats: int | None = None, runtime: str = "", report: Report = id
    ) -> CheckReport:
        await self._take("check", file, seats, runtime)
        workshop = await self.load(file)
        wanted = seats or workshop.definition.seats
        verdict = "fits" if wanted <= 20 else "tight" if wanted <= 28 else "does not fit"
        return CheckReport(
            workshop,
            self.problems,
            Source("https://github.com/example/python-basics", "3f2a1b9c0d" * 4, "/tmp/checkout", ref="main"),
            Detected(
                "python",
                binder_dir="binder",
                python="3.12",
                files=("binder/requirements.txt", "binder/apt.txt"),
                apt=("graphviz",),
                post_build="binder/postBuild",
                notebooks=("01-first-steps.ipynb", "02-loops.ipynb"),
                unpinned=("pandas",),
            ),
            runtime or "docker",
            EngineFacts("docker", "27.1", 8, 32 * 1024**3, 24 * 1024**3),
            Fit(wanted, 28, verdict, f"{wanted} seats of 1 GB on 32 GB: {verdict}, at most 28."),
            None,
        )

    async def build(self, file: str, *, runtime: str = "", no_cache: bool = False, report: Report) -> Image:
        await self._build_events(report)
        await self._take("build", file)
        return image()

    async def _build_events(self, report: Report) -> None:
        if self.work is not None:
            await self.work("build", report)
            return
        report(StepStarted("resolve", "Finding https://github.com/example/python-basics"))
        report(StepFinished("resolve", "Commit 3f2a1b9c0d3f: requirements.txt; Python 3.12", 1.4))
        report(StepStarted("install", "Installing 41 packages"))
        for name in ("jupyterlab==4.4.1", "numpy==2.2.1", "pandas==2.2.3", "matplotlib==3.10.0"):
            report(LogLine(f" + {name}", "install"))
        report(Noted("pandas is not pinned: another version may be built next time.", "warning"))

    async def plan(self, request: UpRequest, *, report: Report = id) -> UpPlan:
        await self._take("plan", request)
        seats = request.seats or 24
        room = classroom(request.name or "python-basics", seats)
        verdict = "fits" if seats <= 28 else "does not fit"
        fits = Fit(seats, 28, verdict, f"{seats} seats of 1 GB on 32 GB: {verdict}, at most 28.")
        return UpPlan(room, tuple(range(1, seats + 1)), (), fits, False, (), image(), end=self.end)

    def decide_end(self, *, by_itself: bool) -> None:
        self.calls.append(Call("decide_end", (by_itself,)))

    async def up(self, request: UpRequest, *, report: Report) -> UpReport:
        room = classroom(request.name or "python-basics", request.seats or 24)
        report(StepStarted("gateway", f"Opening {room.join_url()}"))
        report(StepFinished("gateway", f"Students come in at {room.join_url()}", 0.4))
        report(StepStarted("seats", f"{room.seats} of {room.seats} seats to start", total=room.seats))
        states = (SeatState.READY,) * 17 + (SeatState.STARTING,) * 3 + (SeatState.CREATING,)
        for number, state in enumerate(states[: room.seats], 1):
            report(SeatChanged(SeatRecord(number, state, f"c{number}")))
        await self._take("up", request)
        for number in range(1, room.seats + 1):
            report(SeatChanged(SeatRecord(number, SeatState.READY, f"c{number}")))
        report(StepFinished("seats", f"{room.seats} of {room.seats} seats ready", 21.0))
        self.rooms[room.name] = snapshot_of(room, [seat_of(room, n) for n in range(1, room.seats + 1)])
        return UpReport(self.rooms[room.name], (), 21.4, 4.2)

    async def add(self, name: str, count: int, *, report: Report) -> UpReport:
        await self._take("add", name, count)
        before = self._room(name)
        there = len(before.seats)
        new = [seat_of(before.classroom, number) for number in range(there + 1, there + count + 1)]
        self.change(name, replace(before, seats=(*before.seats, *new)))
        return UpReport(self.rooms[name])

    async def classrooms(self) -> tuple[ClassroomSummary, ...]:
        await self._take("classrooms")
        return tuple(
            ClassroomSummary(
                name, snapshot.classroom.workshop, snapshot.classroom.runtime, len(snapshot.seats), snapshot.ready,
                snapshot.classroom.join_url(), snapshot.ends, snapshot.classroom.created, snapshot.classroom.uid,
                snapshot.gateway,
            )
            for name, snapshot in self.rooms.items()
        )  # fmt: skip

    def unreachable(self) -> tuple[str, ...]:
        return self.silent

    async def classroom(self, name: str) -> Classroom:
        return self._room(name).classroom

    async def status(self, name: str) -> Snapshot:
        return self._room(name)

    async def watch(self, name: str) -> AsyncIterator[Snapshot]:
        await self._take("watch", name)
        yield self._room(name)
        queue: asyncio.Queue[Snapshot | Exception | None] = asyncio.Queue()
        self._readers.setdefault(name, []).append(queue)
        try:
            while True:
                picture = await queue.get()
                if picture is None:
                    return
                if isinstance(picture, Exception):
                    raise picture
                yield picture
        finally:
            self._readers[name].remove(queue)

    async def _each(self, verb: str, seats: Sequence[int]) -> ActReport:
        return ActReport(verb, tuple(self.seat_results.get(n, SeatResult(n, True, verb)) for n in seats))

    async def restart(self, name: str, seats: Sequence[int], *, report: Report) -> ActReport:
        await self._take("restart", name, tuple(seats))
        return await self._each("restarted", seats)

    async def reset(self, name: str, seats: Sequence[int], *, report: Report) -> ActReport:
        await self._take("reset", name, tuple(seats))
        return await self._each("fresh", seats)

    async def act(
        self, name: str, verb: str, seats: Sequence[int] = (), *, report: Report, **arguments: Any
    ) -> ActReport:
        await self._take("act", name, verb, tuple(seats), arguments)
        before = self._room(name)
        changes: dict[str, Any] = {}
        if verb == "label":
            changes = {"label": arguments["text"]}
        elif verb == "help-done":
            changes = {"help_since": None}
        self.change(
            name,
            replace(before, seats=tuple(replace(s, **changes) if s.number in seats else s for s in before.seats)),
        )
        return await self._each(verb, seats)

    async def move(self, name: str, seats: Sequence[int], *, report: Report) -> ActReport:
        await self._take("move", name, tuple(seats))
        return await self._each("moved", seats)

    async def restore(self, name: str, seats: Sequence[int], *, snapshot: str = "", report: Report) -> ActReport:
        await self._take("restore", name, tuple(seats), snapshot)
        return await self._each("restored", seats)

    async def snapshots(self, name: str, seats: Sequence[int] | None = None) -> tuple[SeatSnapshot, ...]:
        await self._take("snapshots", name, seats)
        return tuple(found for found in self.kept if seats is None or found.number in seats)

    async def history(self, name: str) -> ClassHistory:
        await self._take("history", name)
        return ClassHistory(self.samples)

    async def events(self, name: str) -> tuple[Happening, ...]:
        await self._take("events", name)
        return self.happened

    async def cost(self, name: str) -> Cost:
        await self._take("cost", name)
        room, seats = self._room(name).classroom, self._room(name).seats
        return cost(
            self.prices, room.limits, seats=len(seats), claimed=18, since=room.created or NOW, now=self.clock(),
            ends=room.ends, machine=EngineFacts("docker", "27.1", 8, 32 * 1024**3),
            used_memory=sum(seat.memory_bytes or 0 for seat in seats), idle_memory=280 * 1024**2,
        )  # fmt: skip

    async def report(self, name: str) -> WrittenReport:
        await self._take("report", name)
        room = self._room(name).classroom
        moments = [
            Moment(NOW - timedelta(minutes=50 - n), min(18, n), min(15, n), min(18, n) * 180 * 1024**2)
            for n in range(50)
        ]
        facts = ClassFacts(
            room.workshop, name, "docker", room.commit, room.created or NOW, NOW, 24, 18, 1024**3, tuple(moments),
            (200 * 1024**2, 930 * 1024**2), (NotebookProgress("02-loops.ipynb", 12, 0.62, 1),),
            count_incidents(["oom", "restart", "restart"]),
        )  # fmt: skip
        file = Path(f"/home/instructor/.local/state/workshop/reports/{name}-20260302-0849.md")
        return WrittenReport(file, file.with_suffix(".html"), markdown(facts), facts, tuple(overview(facts)))

    async def write_handouts(
        self, name: str, folder: Path, kinds: Sequence[HandoutKind], palette: Any, *, spares: bool = False
    ) -> tuple[Path, ...]:
        await self._take("write_handouts", name, folder, tuple(kinds), spares)
        return await write_handouts(folder, self._room(name), kinds, palette, spares=spares)

    def collect_folder(self, room: Classroom) -> Path:
        return Path(f"/home/instructor/.local/share/workshop/collected/{room.name}-20260302-0849")

    async def break_(self, name: str, span: timedelta | None) -> datetime | None:
        await self._take("break_", name, span)
        until = self.clock() + span if span else None
        self.change(name, replace(self._room(name), break_until=until))
        return until

    async def push_plan(self, name: str, source: PushSource, *, seats: Sequence[int] | None = None) -> PushReport:
        await self._take("push_plan", name, source, seats)
        return PushReport(name, source.files, self.pushes, planned=True)

    async def push(
        self, name: str, source: PushSource, *, seats: Sequence[int] | None = None, report: Report
    ) -> PushReport:
        await self._take("push", name, source, seats)
        return PushReport(name, source.files, self.pushes)

    async def collect(
        self, name: str, *, to: Path, seats: Sequence[int] | None = None, everything: bool = False, report: Report
    ) -> CollectReport:
        await self._take("collect", name, to, seats)
        return CollectReport(name, to, self.collected)

    async def rehearse(self, file: str, *, seats: int = 1, runtime: str = "", report: Report) -> RehearsalReport:
        await self._take("rehearse", file)
        reason = "cell 7: ModuleNotFoundError: No module named 'rich.console'"
        broken = RehearsedNotebook("02-loops.ipynb", False, 3.2, 0, 12, 1, reason, 7)
        fine = RehearsedNotebook("01-first-steps.ipynb", True, 2.0, 0, 9)
        fits = Fit(14, 28, "fits", "14 seats of 1 GB fit in 32 GB.")
        return RehearsalReport("Python basics", "docker", 1, (fine, broken), 400 * 1024**2, 0, 1024**3, 512 * 1024**2,
                               fits, 9.0)  # fmt: skip

    async def logs(self, name: str, seat: int, *, tail: int = 200) -> str:
        await self._take("logs", name, seat)
        return self.log_text

    async def visit(self, name: str, seat: int) -> Visit:
        await self._take("visit", name, seat)
        link = f"http://192.168.1.20:8080/visit/{seat:02d}/1.proof"
        return Visit(name, seat, link, self.clock() + timedelta(hours=8))

    async def shell_command(self, name: str, seat: int) -> tuple[str, ...]:
        await self._take("shell_command", name, seat)
        return self.shell

    async def extend(self, name: str, span: timedelta) -> datetime:
        await self._take("extend", name, span)
        before = self._room(name)
        assert before.ends is not None
        self.change(name, replace(before, ends=before.ends + span))
        return before.ends + span

    async def say(self, name: str, text: str) -> None:
        await self._take("say", name, text)
        before = self._room(name)
        self.change(name, replace(before, messages=(*before.messages, text)))

    async def teardown_plan(self, name: str) -> TeardownPlan:
        await self._take("teardown_plan", name)
        snapshot = self._room(name)
        objects = [("gateway", snapshot.classroom.join_url())]
        objects += [("seat", f"{seat.name}  {seat.state.value}") for seat in snapshot.seats]
        objects.append(("network", f"workshop-{name}"))
        claimed = tuple(seat.number for seat in snapshot.seats if seat.claimed)
        return TeardownPlan(snapshot.classroom, tuple(objects), claimed, self.uncollected)

    async def down(
        self, name: str, *, collect_to: Path | None = None, discard: bool = False, report: Report
    ) -> DownReport:
        report(StepStarted("gateway", "Closing the door"))
        report(StepFinished("gateway", "The door is closed", 0.2))
        report(StepStarted("seats", f"Removing everything of {name}"))
        report(RemovedObject("gateway", name))
        await self._take("down", name, collect_to, discard)
        report(StepFinished("seats", f"{len(self.removal.left)} left", 2.1))
        if not self.removal.left:
            self.remove(name)
        return DownReport(name, self.removal, str(collect_to or ""), 2.3)

    async def cleanup_plan(self, *, everything: bool = False) -> tuple[ClassroomSummary, ...]:
        await self._take("cleanup_plan", everything)
        found = await self.classrooms()
        return tuple(room for room in found if everything or (room.ends is not None and room.ends < self.clock()))

    async def cleanup(
        self, *, everything: bool = False, agreed: Collection[str] | None = None, report: Report
    ) -> Removal:
        await self._take("cleanup", everything, agreed)
        return self.removal

    async def images(self, *, runtime: str = "") -> tuple[Image, ...]:
        await self._take("images", runtime)
        return self.found_images

    def export_file(self, image: Image, to: Path) -> Path:
        return to / "image.tar" if to.is_dir() else to

    async def export_image(self, image: Image, to: Path, *, report: Report) -> Path:
        await self._take("export_image", image.reference, to)
        to.write_text("an image")
        return to

    async def import_images(self, file: Path, *, report: Report) -> tuple[Image, ...]:
        await self._take("import_images", file)
        return (image(),)

    async def newer_commit(self, file: str) -> str:
        await self._take("newer_commit", file)
        return self.newer.get(file, "")

    async def prune_images(self, *, keep: int = 2, report: Report) -> Removal:
        await self._take("prune_images", keep)
        return Removal({"images": 1})

    async def doctor(self) -> tuple[Finding, ...]:
        await self._take("doctor")
        return self.findings

    async def aclose(self) -> None:
        self.calls.append(Call("aclose", ()))
