"""A seat: one participant's session. It belongs to a number, never to a container."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class SeatState(StrEnum):
    """How far a seat's session has come, as its runtime and its readiness probe see it."""

    QUEUED = "queued"
    CREATING = "creating"
    STARTING = "starting"
    READY = "ready"
    PAUSED = "paused"
    STOPPED = "stopped"
    FAILED = "failed"
    LOST = "lost"
    REMOVING = "removing"


class Activity(StrEnum):
    """What the participant is doing, from kernel states, browser connections and the engine's events."""

    UNKNOWN = "unknown"
    NEVER_OPENED = "never opened"
    OPEN = "open"
    RUNNING = "running"
    IDLE = "idle"
    DISCONNECTED = "disconnected"
    OUT_OF_MEMORY = "out of memory"
    PROCESS_LIMIT = "process limit"
    CRASHED = "crashed"


LABEL_LONGEST = 60
"""Signs of a label that an instructor gives a seat."""


def seat_name(number: int) -> str:
    """The number of a seat as people see it and as it stands in paths: `07`, `112`."""
    return f"{number:02d}"


def parse_seat_name(text: str) -> int | None:
    """`07`, `7` or `seat 7` as a number; None if it is none."""
    digits = text.strip().lower().removeprefix("seat").strip()
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) <= 5 and int(digits) > 0 else None


@dataclass(frozen=True, slots=True)
class Limits:
    """What one seat may use at most."""

    memory_bytes: int = 1024**3
    cpus: float = 1.0
    pids: int = 512


@dataclass(frozen=True, slots=True)
class SeatRecord:
    """A seat as its runtime knows it."""

    number: int
    state: SeatState
    object_id: str
    """The runtime's own name for what runs the seat (container id, pod name, folder)."""
    endpoint: str = ""
    """Where the gateway reaches the seat's server: `http://172.30.0.5:8888`, without a path; empty while unknown."""
    started_at: datetime | None = None
    memory_limit: int = 0
    restarts: int = 0
    generation: int = 1
    """Raised by reset and move, so that an old object of the same number is told from its successor."""
    exit_code: int | None = None
    detail: str = ""
    target: str = ""
    """The cluster or engine it runs on, where a class has several."""


@dataclass(frozen=True, slots=True)
class Usage:
    """One reading of what a seat uses; None where it cannot be read."""

    memory_bytes: int | None = None
    cpu_seconds: float | None = None
    """CPU time since the seat started; rates are differences of two readings."""
    pids: int | None = None
    disk_bytes: int | None = None
    oom_kills: int | None = None
    pid_limit_hits: int | None = None
    """How often a new process was refused because the seat's limit was reached."""
    at: float = 0.0
    """Monotonic seconds of the reading."""


@dataclass(frozen=True, slots=True)
class Pulse:
    """One reading of a seat's activity, taken by the gateway without causing any."""

    number: int
    reachable: bool
    kernels: int = 0
    busy: int = 0
    connections: int = 0
    """Kernel connections that the seat's own server counts."""
    browsers: int = 0
    """Different browsers of participants with an open connection at the gateway."""
    visited: bool = False
    """Whether the instructor is in the seat by a visit of `model.visit`."""
    last_activity: datetime | None = None
    notebook: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the notebooks of a seat are: counts, never content."""

    notebook: str
    cells: int
    run: int
    error_since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Seat:
    """Everything known of a seat at one instant: a row of the table, an entry of `status --json`."""

    number: int
    code: str
    link: str
    state: SeatState = SeatState.QUEUED
    claimed: bool = False
    activity: Activity = Activity.UNKNOWN
    last_active: datetime | None = None
    first_seen: datetime | None = None
    memory_bytes: int | None = None
    memory_limit: int | None = None
    cpu_percent: float | None = None
    """Of one core: 150 is one core and a half."""
    disk_bytes: int | None = None
    pids: int | None = None
    restarts: int = 0
    kernel_restarts: int = 0
    browsers: int = 0
    visited: bool = False
    label: str = ""
    """Free text given by the instructor or typed by the participant; never leaves this machine."""
    idle_seconds: float | None = None
    """Since the participant last did something, breaks of the class taken out; None when nobody was there."""
    help_since: datetime | None = None
    notebook: str = ""
    progress: tuple[Progress, ...] = ()
    spare: bool = False
    detail: str = ""
    warnings: tuple[str, ...] = ()
    target: str = ""

    @property
    def name(self) -> str:
        return seat_name(self.number)


@dataclass(frozen=True, slots=True)
class SeatCommand:
    """What is run in a seat, and where it answers. Made by `core.launch`, carried out by a runtime."""

    argv: tuple[str, ...]
    """With `{host}` and `{port}` where the address to listen on belongs."""
    port: int
    """The port inside a container; a runtime without containers chooses its own."""
    ready_path: str
    """An HTTP GET of this path that answers 200 (with the token, where there is one) means ready."""
    token: str = ""
    env: tuple[tuple[str, str], ...] = field(default=())
    strips_prefix: bool = False
    """True when the UI knows no base path, so that the gateway takes `/seat/NN` off before it forwards."""

    def arguments(self, host: str, port: int) -> tuple[str, ...]:
        """`argv` with `{host}` and `{port}` filled in: where the server is to listen."""
        return tuple(part.replace("{host}", host).replace("{port}", str(port)) for part in self.argv)
