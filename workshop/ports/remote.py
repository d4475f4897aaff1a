"""What a runtime offers beside `Runtime` when its seats run on other machines than the one that is typed on.

Images have to get there, room and rights are somebody else's to give, and the gateway runs there too: nobody else can
dial the seats, and the class goes on when the laptop is closed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from workshop.model.classroom import Classroom
from workshop.model.data_file import DataFile
from workshop.model.image import Image, ImageSettings
from workshop.model.seat import SeatCommand
from workshop.model.snapshot import Fit, Problem
from workshop.ports.build import Report
from workshop.ports.runtime import Runtime
from workshop.ports.store import RoomMemory

if TYPE_CHECKING:
    from workshop.model.definition import WorkshopDefinition


class Line(Protocol):
    """A way to a gateway's control socket, open until it is closed."""

    async def aclose(self) -> None: ...


class RemoteSide(Protocol):
    """The other machines' side of a runtime. Every call may be repeated, and finishes what was begun."""

    # Before a class

    async def obstacles(self, classroom: Classroom) -> tuple[Problem, ...]:
        """What would keep this user from opening the class there, rights above all.

        Raises:
            RuntimeUnreachable: it does not answer.
        """
        ...

    async def fit(self, classroom: Classroom, seats: int, *, there: int = 0) -> Fit:
        """Whether that many seats of the class fit, in machines and in what this user was given of them.

        Args:
            there: how many of them exist.
        """
        ...

    def roles(self, definition: WorkshopDefinition) -> list[dict[str, Any]]:
        """What an administrator has to give this user, as documents to apply."""
        ...

    async def described(
        self, classroom: Classroom, commands: Mapping[int, SeatCommand], settings: ImageSettings
    ) -> list[dict[str, Any]]:
        """Everything that would be made, as documents without their secrets."""
        ...

    # Images

    async def refuse_early(self, definition: WorkshopDefinition) -> None:
        """Say before anything is built that there is no way for images to get there.

        Raises:
            RuntimeRefused: there is none; the hint says what to write.
        """
        ...

    async def deliver(
        self, image: Image, definition: WorkshopDefinition, files: Sequence[DataFile], *, report: Report
    ) -> Image:
        """Bring a finished image to where seats can start from it; the image with the digest that they start from.

        Args:
            files: what seats are to have in `/data`.

        Raises:
            BuildFailed: it was refused on the way.
            RuntimeRefused: there is no way.
        """
        ...

    async def deliver_gateway(self, definition: WorkshopDefinition, settings: ImageSettings, *, report: Report) -> str:
        """Have the gateway's own image there: built from this very program, or the one that the definition names."""
        ...

    async def fetch(self, classroom: Classroom, *, report: Report) -> None:
        """Have every machine fetch the class's image before its seats are made.

        Raises:
            RuntimeRefused: no machine could.
        """
        ...

    # The gateway

    async def open_gateway(
        self,
        classroom: Classroom,
        settings: ImageSettings,
        *,
        environment: Mapping[str, str],
        ends_itself: bool,
        report: Report,
    ) -> Classroom:
        """Have the gateway run; one that runs keeps its image. The classroom with the door that links name.

        Args:
            settings: what this machine gives a build, where the image has to be made.
            environment: settings of the gateway's program.
            ends_itself: whether the class is to be removed there when its time and grace have passed.

        Raises:
            GatewayFailed: it did not start; the message has its reason.
        """
        ...

    async def gateway_runs(self, classroom: Classroom) -> bool:
        """Whether it answers."""
        ...

    async def close_gateway(self, classroom: Classroom) -> bool:
        """End it, and wait until it is gone. False when there was none."""
        ...

    async def reach(self, classroom: Classroom, socket: Path) -> Line:
        """Make `socket` on this machine lead to the gateway's control socket.

        Raises:
            GatewayFailed: no gateway runs.
        """
        ...

    async def needs_forward(self, classroom: Classroom) -> bool:
        """Whether it will have no door of its own, so that students come in through a port of this machine."""
        ...

    async def forward(self, classroom: Classroom, host: str, port: int) -> Line:
        """Make a port of this machine lead to the gateway.

        Raises:
            PortTaken: another program listens there.
        """
        ...

    async def memories(self) -> Mapping[str, RoomMemory]:
        """What gateways have written down, by the uid of their class."""
        ...


@runtime_checkable
class HasRemoteSide(Protocol):
    @property
    def remote(self) -> RemoteSide: ...


def remote_of(runtime: Runtime) -> RemoteSide | None:
    """The remote side of a runtime; None for one whose seats run on this machine."""
    return runtime.remote if isinstance(runtime, HasRemoteSide) else None
