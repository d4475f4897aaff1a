"""What the gateway asks of the rest: the classroom as it is now, and where its seats answer."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from workshop.model.classroom import Classroom
from workshop.model.events import ClassEvent
from workshop.model.snapshot import Snapshot

ReportFact = Callable[[ClassEvent], None]
"""Takes each fact that the gateway notices; must not block."""


@dataclass(frozen=True, slots=True)
class Upstream:
    """Where a seat's own server answers."""

    endpoint: str
    """`http://172.30.0.5:8888`, without a path."""
    token: str = ""
    """Sent as `Authorization: token …` to the seat; never to a browser."""
    strips_prefix: bool = False
    ready: bool = False


class RoomView(Protocol):
    """The classroom, as the process that holds the gateway sees it."""

    @property
    def classroom(self) -> Classroom: ...

    def snapshot(self) -> Snapshot: ...

    def changes(self) -> AsyncIterator[Snapshot]:
        """The snapshot now and after each change, slow readers seeing only the newest."""
        ...

    def upstream(self, number: int) -> Upstream | None:
        """None when there is no such seat."""
        ...

    def joinable(self) -> tuple[int, ...]:
        """Numbers that the join page may give out now, in order, spares last; claims are the store's business."""
        ...

    def work(self, number: int) -> AsyncGenerator[bytes, None]:
        """The participant's files as a zip, made while it is read; of a seat that is broken too.

        Raises:
            WorkshopError: the seat's files cannot be read (now).
        """
        ...

    @property
    def closing(self) -> bool:
        """The class is over: nobody is let in any more."""
        ...

    async def act(self, verb: str, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        """Carry out what came over the control socket (`extend`, `refresh`, `say`, …).

        Raises:
            WorkshopError: it could not be done.
        """
        ...
