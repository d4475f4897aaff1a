"""Where seats run: one protocol for Docker, Kubernetes, plain processes and the fake."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from workshop.model.classroom import Classroom
from workshop.model.data_file import DataFile
from workshop.model.events import RuntimeEvent
from workshop.model.image import Image
from workshop.model.seat import SeatCommand, SeatRecord, Usage
from workshop.model.snapshot import EngineFacts, Removal


@dataclass(frozen=True, slots=True)
class ExecResult:
    """What a command in a seat printed and how it ended."""

    exit_code: int
    stdout: bytes = b""
    stderr: bytes = b""


class Runtime(Protocol):
    """Makes, watches and removes the seats of classrooms.

    Rules for every implementation, checked by one contract test body:

    - Every object is made with its labels in the same call: there is never one without.
    - Making what exists and removing what is gone succeed and change nothing.
    - `classrooms`, `seats` and `close` work from labels alone, on any machine, without the state database.
    - Library errors are translated by type and status: `RuntimeUnreachable` when nothing answers,
      `RuntimeRefused` when it says no, `SeatFailed` for one seat. Cancelling a call leaves nothing unlabelled.
    """

    @property
    def name(self) -> str: ...

    async def facts(self) -> EngineFacts:
        """What the machine or cluster is and has.

        Raises:
            RuntimeUnreachable: it does not answer within a few seconds.
        """
        ...

    async def has_image(self, reference: str) -> bool:
        """Whether seats can start from this image without fetching anything."""
        ...

    async def classrooms(self) -> tuple[Classroom, ...]:
        """Every classroom found by its labels, past ones and broken ones included."""
        ...

    async def open(self, classroom: Classroom) -> Classroom:
        """Make what all seats share (a network, a namespace, a folder); the room as it is recorded there.

        A classroom of the same name and uid is adopted: what its labels say wins over the argument.

        Raises:
            NameInUse: a classroom of that name with another uid is there.
        """
        ...

    async def seats(self, classroom: Classroom) -> tuple[SeatRecord, ...]:
        """All seats there are, in the order of their numbers. Running ones are `starting`: readiness is probed."""
        ...

    async def create(
        self, classroom: Classroom, number: int, command: SeatCommand, *, generation: int = 1
    ) -> SeatRecord:
        """Make the seat and start it; if it exists, start it if it is stopped. Returns before it is ready.

        Raises:
            SeatFailed: this seat could not be made or started; the message says why.
        """
        ...

    async def probe(self, classroom: Classroom, record: SeatRecord, command: SeatCommand) -> bool:
        """Whether the seat answers on its ready path with 200 now. False while it starts; never raises for that."""
        ...

    async def restart(self, classroom: Classroom, number: int) -> SeatRecord:
        """Stop and start the seat; its files stay."""
        ...

    async def stop(self, classroom: Classroom, number: int) -> None:
        """Stop the seat; its files stay."""
        ...

    async def pause(self, classroom: Classroom, number: int, *, paused: bool) -> None:
        """Freeze or thaw the seat's processes."""
        ...

    async def remove_seats(self, classroom: Classroom, numbers: Collection[int]) -> Removal:
        """Remove these seats and their files, all at once; already gone is success."""
        ...

    async def close(self, classroom: Classroom) -> Removal:
        """Remove every object of the classroom, the one that names it last, then list again and name survivors."""
        ...

    async def remove_strays(self, known: Collection[str]) -> Removal:
        """Remove objects of ours that belong to no classroom of `known` (uids): what a half-made one left behind."""
        ...

    def watch(self, classroom: Classroom) -> AsyncIterator[RuntimeEvent]:
        """List once, then follow the engine's own events, listing again on a timer and after a lost connection."""
        ...

    async def usage(self, classroom: Classroom) -> Mapping[int, Usage]:
        """What each seat uses now, read as cheaply as the runtime can."""
        ...

    async def logs(self, classroom: Classroom, number: int, *, tail: int = 200) -> str:
        """The last lines that the seat's server printed."""
        ...

    async def run(self, classroom: Classroom, number: int, argv: tuple[str, ...], *, timeout: float = 60) -> ExecResult:
        """Run a command inside the seat, as the seat's user, in its home folder."""
        ...

    async def set_memory(self, classroom: Classroom, number: int, memory_bytes: int) -> None:
        """Change the memory limit of a running seat, restarting nothing."""
        ...

    def read_files(self, classroom: Classroom, number: int, path: str) -> AsyncIterator[bytes]:
        """A tar stream of a file or folder of the seat (relative to its home), in constant memory; stopped seats too.

        Links are stored as links.
        """
        ...

    def read_image_files(self, classroom: Classroom) -> AsyncIterator[bytes]:
        """A tar stream of the home folder that a fresh seat starts with, named as `read_files(".")` names it.

        Nothing is started for it, and nothing made for it is left.

        Raises:
            SeatFailed: it cannot be read without a seat (the image is gone, or the runtime cannot).
        """
        ...

    async def write_files(self, classroom: Classroom, number: int, path: str, tar: AsyncIterator[bytes]) -> None:
        """Unpack a tar stream into a folder of the seat (relative to its home), owned by the seat's user."""
        ...

    def shell_command(self, classroom: Classroom, number: int) -> tuple[str, ...]:
        """A command for this machine's terminal that opens a shell in the seat."""
        ...

    async def aclose(self) -> None:
        """Give up connections and threads; touches no seat."""
        ...


@runtime_checkable
class BatchRuntime(Protocol):
    """A runtime that makes many seats in one go, pacing them itself."""

    async def create_all(
        self, classroom: Classroom, commands: Mapping[int, SeatCommand], *, generation: int = 1
    ) -> dict[int, SeatRecord]:
        """As `Runtime.create` for each of the numbers, with a constant number of calls.

        Raises:
            SeatFailed: none of them could be made.
        """
        ...


@runtime_checkable
class WalledRuntime(Protocol):
    """A runtime whose seats are kept from their machine by rules that others can take away (a firewall's restart)."""

    async def keep_walls(self, classroom: Classroom) -> str:
        """Put back what is missing. What stays open, as a sentence, or nothing. Cheap: to be called again and again."""
        ...


@runtime_checkable
class DataRuntime(Protocol):
    """A runtime that gives the seats of a classroom files of `data:`."""

    async def bring(self, classroom: Classroom, files: Sequence[DataFile]) -> None:
        """Have the files where the seats of this classroom will see them, before there are any; again is harmless.

        `close` removes them with all else.

        Raises:
            SourceError: a file is not what its checksum says any more.
            RuntimeRefused: there is no room for them.
        """
        ...


class ImageStore(Protocol):
    """Builds images for one runtime and keeps them in order."""

    async def images(self) -> tuple[Image, ...]:
        """Ours, newest first, found by labels."""
        ...

    async def remove(self, image: Image) -> Removal:
        """Remove one image of ours; already gone is success, in use is a survivor."""
        ...
