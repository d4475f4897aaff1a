"""What is kept on this machine beside the engine's labels: claims, free labels, pulses, history."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from workshop.model.classroom import Classroom


@dataclass(frozen=True, slots=True)
class Claim:
    """A seat given to a browser."""

    number: int
    browser: str
    """A random id that the browser holds in a signed cookie; no name, no address."""
    at: datetime


@dataclass(frozen=True, slots=True)
class SeatNote:
    """What this machine remembers of a seat beside its claims."""

    number: int
    label: str = ""
    first_seen: datetime | None = None
    last_active: datetime | None = None
    help_since: datetime | None = None


@dataclass(frozen=True, slots=True)
class RoomState:
    """What has changed about a classroom since its labels were written."""

    wanted: int | None = None
    """Seats wanted since the last `up` or `add`; None when the label still says it."""
    adding: int = 0
    """How many seats an `add` asked for that has not ended well yet: the same call again finishes it."""
    ends: datetime | None = None
    since_opening: bool = False
    """Who came to which seat is written down here from the class's opening on; False where the state was lost since, or
    the class was opened from elsewhere: then any seat may hold somebody's work."""
    closing: bool = False
    """A teardown has begun: nobody is let in, and the next `down` finishes it."""
    pin: str | None = None
    port: int | None = None
    host: str | None = None
    public_url: str | None = None
    """Where the tunnel was last open; it stands in links in place of the label's."""
    tunnel: str | None = None
    """The tunnel's command, when it is another one than the definition's."""
    break_since: datetime | None = None
    break_until: datetime | None = None
    parts: str | None = None
    """The parts of a class that is spread over several targets (`model.parts`), with what was added and where their
    gateways are; None when the label still says it."""
    reminded: str = ""
    """The end that students were reminded of, and the minutes before it: `2026-03-01T17:00:00+00:00 15 5`."""


@dataclass(frozen=True, slots=True)
class RoomMemory:
    """What a gateway has written down of its class where it runs, as other machines may read it."""

    state: RoomState = RoomState()
    claims: tuple[Claim, ...] = ()
    notes: tuple[SeatNote, ...] = ()
    history: tuple[tuple[datetime, str, str, int | None], ...] = ()


BROWSERS_KEPT = 50


class Store(Protocol):
    """The state database. Lose it, and every classroom is found again with the same links.

    Calls are short and synchronous (SQLite in WAL mode); several processes use it at once.
    """

    def remember(self, classroom: Classroom) -> None: ...

    def remembered(self) -> tuple[Classroom, ...]:
        """Classrooms that this machine opened or saw and has not forgotten, latest first."""
        ...

    def room_state(self, uid: str) -> RoomState: ...

    def set_room_state(self, uid: str, **changes: object) -> RoomState:
        """Change the named fields of `RoomState` and keep the others."""
        ...

    def claim(self, uid: str, number: int, browser: str) -> bool:
        """Give a free seat to a browser. False when another has it. The same browser again is True."""
        ...

    def claim_first(self, uid: str, numbers: tuple[int, ...], browser: str) -> int | None:
        """The browser's own seat, else the first free of `numbers`, claimed at once; None when all are taken."""
        ...

    def claims(self, uid: str) -> tuple[Claim, ...]: ...

    def seats_of(self, uid: str, browser: str) -> tuple[int, ...]:
        """The seats this browser has opened, latest first."""
        ...

    def also_opened(self, uid: str, number: int, browser: str) -> None:
        """A second browser came to a claimed seat with its code: remembered, and shown to the instructor.

        Of the browsers of one seat, `BROWSERS_KEPT` are remembered. Who has a code can come with ever new ones: they
        are let in, and nothing is written, so that nobody fills a disk or the object in which a cluster keeps claims.
        """
        ...

    def free(self, uid: str, number: int) -> None: ...

    def notes(self, uid: str) -> dict[int, SeatNote]: ...

    def note(self, uid: str, number: int, **changes: object) -> None:
        """Change the named fields of `SeatNote`."""
        ...

    def record(self, uid: str, kind: str, text: str, *, seat: int | None = None) -> None:
        """Add a line to the classroom's history. Never a code, a token or a name."""
        ...

    def history(self, uid: str, *, limit: int = 1000) -> tuple[tuple[datetime, str, str, int | None], ...]: ...

    def take_over(self, uid: str, memory: RoomMemory) -> None:
        """What a gateway elsewhere has written down, in place of what was known of it here."""
        ...

    def forget(self, uid: str) -> None:
        """Erase everything of a classroom but its history's counts: after a teardown."""
        ...
