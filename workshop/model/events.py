"""Facts, in the past tense. They flow up; pure functions turn them into snapshots."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from workshop.model.classroom import Door
from workshop.model.room_check import RoomCheck
from workshop.model.seat import Progress, Pulse, SeatRecord, Usage


@dataclass(frozen=True, slots=True)
class StepStarted:
    """A named part of a longer piece of work began: `resolve`, `build`, `install`, …"""

    step: str
    text: str
    index: int = 0
    total: int = 0
    """How many steps there are in all, where that is known; never invented."""


@dataclass(frozen=True, slots=True)
class StepFinished:
    step: str
    text: str
    seconds: float = 0.0
    cached: bool = False


@dataclass(frozen=True, slots=True)
class LogLine:
    """A line that something else printed, as it came."""

    text: str
    step: str = ""


@dataclass(frozen=True, slots=True)
class Noted:
    """Something worth telling that is no failure."""

    text: str
    level: str = "info"
    """`info`, `warning` or `error`."""


@dataclass(frozen=True, slots=True)
class SeatChanged:
    """A seat's record as its runtime sees it now."""

    record: SeatRecord


@dataclass(frozen=True, slots=True)
class SeatAnswered:
    """The object that this record describes answered on its ready path."""

    record: SeatRecord


@dataclass(frozen=True, slots=True)
class SeatGone:
    """The runtime has nothing under this number any more."""

    number: int


@dataclass(frozen=True, slots=True)
class SeatsListed:
    """All records at once: what is not among them is gone."""

    records: tuple[SeatRecord, ...]


@dataclass(frozen=True, slots=True)
class SeatOutOfMemory:
    """Something in the seat was killed because the seat's memory was full."""

    number: int
    at: datetime


@dataclass(frozen=True, slots=True)
class SeatClaimed:
    number: int
    at: datetime


@dataclass(frozen=True, slots=True)
class SeatVisited:
    """The instructor came to a seat."""

    number: int
    at: datetime


@dataclass(frozen=True, slots=True)
class SeatFreed:
    number: int


@dataclass(frozen=True, slots=True)
class PulseTaken:
    pulse: Pulse
    at: datetime


@dataclass(frozen=True, slots=True)
class UsageRead:
    """What each seat used at one moment, by number."""

    usage: dict[int, Usage] = field(default_factory=dict)
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class SeatLabelled:
    number: int
    label: str


@dataclass(frozen=True, slots=True)
class HelpAsked:
    number: int
    at: datetime


@dataclass(frozen=True, slots=True)
class HelpDone:
    number: int


@dataclass(frozen=True, slots=True)
class ProgressRead:
    number: int
    progress: tuple[Progress, ...]


@dataclass(frozen=True, slots=True)
class FilesChanged:
    """The newest of the seat's own files was written at this moment."""

    number: int
    at: datetime


@dataclass(frozen=True, slots=True)
class KernelsRestarted:
    """Kernels of the seat have new processes under their old ids."""

    number: int
    at: datetime
    count: int = 1


@dataclass(frozen=True, slots=True)
class BreakSet:
    """The class pauses: nobody is idle in this time. `until` before or at `since` takes the break back."""

    since: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class ClockSet:
    """The class ends at another time."""

    ends: datetime | None


@dataclass(frozen=True, slots=True)
class DoorMoved:
    """Students come in at another address from now on."""

    door: Door


@dataclass(frozen=True, slots=True)
class RoomChecked:
    """A device tested its way to the gateway."""

    check: RoomCheck


@dataclass(frozen=True, slots=True)
class Warned:
    """Something about the room as a whole needs the instructor; an empty text takes it back."""

    key: str
    """What it is about: `address`, `tunnel`, `certificate`."""
    text: str


@dataclass(frozen=True, slots=True)
class RemovedObject:
    """One object of ours is gone."""

    kind: str
    name: str


RuntimeEvent = SeatChanged | SeatGone | SeatsListed | SeatOutOfMemory
ClassEvent = (
    RuntimeEvent
    | SeatAnswered
    | SeatClaimed
    | SeatVisited
    | SeatFreed
    | PulseTaken
    | UsageRead
    | SeatLabelled
    | HelpAsked
    | HelpDone
    | ProgressRead
    | FilesChanged
    | KernelsRestarted
    | BreakSet
    | ClockSet
    | DoorMoved
    | RoomChecked
    | Warned
)
WorkEvent = StepStarted | StepFinished | LogLine | Noted | SeatChanged | RemovedObject
