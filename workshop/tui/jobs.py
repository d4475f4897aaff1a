"""Long work of this session: it belongs to the app, so that leaving a screen ends nothing."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from workshop.errors import WorkshopError
from workshop.model.events import LogLine, Noted, RemovedObject, SeatChanged, StepFinished, StepStarted, WorkEvent
from workshop.model.seat import SeatRecord, SeatState

LOG_KEPT = 20_000
Report = Callable[[WorkEvent], None]
Work = Callable[[Report], Awaitable[object]]
"""Takes what to report to, and does the work; called again by `again`."""


class JobState(StrEnum):
    RUNNING = "running"
    CANCELLING = "cancelling"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


class JobKind(StrEnum):
    BUILD = "build"
    UP = "up"
    ADD = "add"
    DOWN = "down"
    ACT = "act"
    REHEARSE = "rehearse"
    CLEANUP = "cleanup"
    COLLECT = "collect"
    PUSH = "push"
    CARRY = "carry"


@dataclass(frozen=True, slots=True)
class Step:
    """A named part of the work, as its events told it."""

    name: str
    text: str
    began: datetime
    total: int = 0
    seconds: float | None = None
    """None while it runs."""
    cached: bool = False
    broken: bool = False
    """The work ended while this step was not finished."""


@dataclass(frozen=True, slots=True)
class LogEntry:
    """A line of the work's log."""

    text: str
    tone: str = "normal"
    step: str = ""


@dataclass(slots=True)
class Job:
    """One piece of long work, and what is known of its course."""

    number: int
    kind: JobKind
    title: str
    subject: str
    """The classroom's name, or what is built."""
    began: datetime
    state: JobState = JobState.RUNNING
    ended: datetime | None = None
    steps: list[Step] = field(default_factory=list)
    log: deque[LogEntry] = field(default_factory=lambda: deque(maxlen=LOG_KEPT))
    logged: int = 0
    """Lines ever logged: tells a reader how many are new."""
    seats: dict[int, SeatRecord] = field(default_factory=dict)
    removed: dict[str, int] = field(default_factory=dict)
    result: object = None
    error: WorkshopError | None = None

    @property
    def running(self) -> bool:
        return self.state in (JobState.RUNNING, JobState.CANCELLING)

    @property
    def ready(self) -> int:
        return sum(record.state is SeatState.READY for record in self.seats.values())

    @property
    def wanted(self) -> int:
        """How many seats the work is about, as far as it has said."""
        said = max((step.total for step in self.steps if step.name == "seats"), default=0)
        return max(said, len(self.seats))

    def seconds(self, now: datetime) -> float:
        return max(0.0, ((self.ended or now) - self.began).total_seconds())

    def take(self, event: WorkEvent, now: datetime) -> None:
        """Follow one event."""
        match event:
            case StepStarted():
                self.steps.append(Step(event.step, event.text, now, event.total))
                self._log(event.text, "accent", event.step)
            case StepFinished():
                self._finish(event)
                self._log(event.text, "good", event.step)
            case LogLine():
                self._log(event.text, "normal", event.step)
            case Noted():
                tones = {"warning": "warn", "error": "bad"}
                self._log(event.text, tones.get(event.level, "normal"), "")
            case SeatChanged():
                self.seats[event.record.number] = event.record
            case RemovedObject():
                self.removed[event.kind] = self.removed.get(event.kind, 0) + 1
                self._log(f"{event.kind} {event.name} removed", "muted", "")
            case _:
                raise AssertionError(f"not an event of work: {event}")

    def _log(self, text: str, tone: str, step: str) -> None:
        for line in text.splitlines() or [""]:
            self.log.append(LogEntry(line, tone, step))
            self.logged += 1

    def _finish(self, event: StepFinished) -> None:
        for place in range(len(self.steps) - 1, -1, -1):
            step = self.steps[place]
            if step.name == event.step and step.seconds is None:
                self.steps[place] = replace(step, text=event.text, seconds=event.seconds, cached=event.cached)
                return

    def end(self, state: JobState, now: datetime) -> None:
        self.state = state
        self.ended = now
        broken = state is not JobState.DONE
        self.steps = [
            replace(step, seconds=(now - step.began).total_seconds(), broken=broken) if step.seconds is None else step
            for step in self.steps
        ]
        if self.error is not None:
            self._log(self.error.message, "bad", "")
            for line in self.error.details:
                self._log(line, "normal", "")
            if self.error.hint:
                self._log(self.error.hint, "accent", "")


class JobBoard:
    """All jobs of this session.

    Args:
        now: the clock.
        changed: told the number of a job that has something new; from any thread.
        unforeseen: turns an error that no part translated into one that can be shown.
    """

    def __init__(
        self,
        now: Callable[[], datetime],
        changed: Callable[[int], None],
        unforeseen: Callable[[Exception], WorkshopError],
    ) -> None:
        self._now = now
        self._changed = changed
        self._unforeseen = unforeseen
        self._jobs: dict[int, Job] = {}
        self._work: dict[int, Work] = {}
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._inboxes: dict[int, deque[WorkEvent]] = {}

    def all(self) -> tuple[Job, ...]:
        """Newest first."""
        return tuple(reversed(self._jobs.values()))

    def running(self) -> tuple[Job, ...]:
        return tuple(job for job in self.all() if job.running)

    def find(self, number: int) -> Job:
        return self._jobs[number]

    def start(self, kind: JobKind, title: str, subject: str, work: Work) -> Job:
        """Begin the work; it goes on whatever the screens do."""
        number = len(self._jobs) + 1
        job = Job(number, kind, title, subject, self._now())
        self._jobs[number] = job
        self._work[number] = work
        self._inboxes[number] = deque()
        self._tasks[number] = asyncio.create_task(self._run(job, work), name=f"job {number}: {title}")
        return job

    def again(self, number: int) -> Job:
        """Start the same work as a new job."""
        old = self._jobs[number]
        return self.start(old.kind, old.title, old.subject, self._work[number])

    def cancel(self, number: int) -> None:
        job = self._jobs[number]
        if job.state is JobState.RUNNING:
            job.state = JobState.CANCELLING
            self._tasks[number].cancel()
            self._changed(number)

    async def finish(self) -> None:
        """Wait until no work is running."""
        while tasks := [task for task in self._tasks.values() if not task.done()]:
            await asyncio.wait(tasks)

    def drain(self, number: int) -> Job:
        """Follow the events that have come in; only on the app's own thread."""
        job, inbox, now = self._jobs[number], self._inboxes[number], self._now()
        while inbox:
            job.take(inbox.popleft(), now)
        return job

    async def _run(self, job: Job, work: Work) -> None:
        inbox = self._inboxes[job.number]

        def report(event: WorkEvent) -> None:
            inbox.append(event)
            self._changed(job.number)

        state = JobState.DONE
        try:
            job.result = await work(report)
        except asyncio.CancelledError:
            state = JobState.CANCELLED
        except WorkshopError as error:
            job.error, state = error, JobState.FAILED
        except Exception as error:
            job.error, state = self._unforeseen(error), JobState.FAILED
        self.drain(job.number)
        job.end(state, self._now())
        self._changed(job.number)
