"""Seats in memory: for tests and for trying out screens. Scripted delays and failures, no time of its own."""

from __future__ import annotations

import asyncio
import io
import tarfile
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from workshop.errors import NameInUse, RuntimeUnreachable, SeatFailed
from workshop.model import labels
from workshop.model.classroom import Classroom
from workshop.model.events import RuntimeEvent, SeatChanged, SeatGone, SeatOutOfMemory, SeatsListed
from workshop.model.seat import SeatCommand, SeatRecord, SeatState, Usage, seat_name
from workshop.model.snapshot import EngineFacts, Removal, Survivor
from workshop.ports.runtime import ExecResult
from workshop.runtimes.archive import relative_path

Sleep = Callable[[float], Awaitable[None]]


async def no_delay(_seconds: float) -> None:
    """Lets others run, and takes no time."""
    await asyncio.sleep(0)


def utc_now() -> datetime:
    return datetime.now(UTC)


def run_nothing(_seat: FakeSeat, argv: tuple[str, ...]) -> ExecResult:
    """Every command succeeds and prints its own words, as `echo` does."""
    return ExecResult(0, " ".join(argv).encode() + b"\n")


@dataclass
class FakeScript:
    """What a fake engine does, by seat number (0 for every seat)."""

    create_delay: dict[int, float] = field(default_factory=dict)
    ready_delay: dict[int, int] = field(default_factory=dict)
    """How many probes say no before one says yes."""
    create_failures: dict[int, list[Exception]] = field(default_factory=dict)
    """Raised by the next calls of `create`, one each."""
    remove_failures: dict[int, str] = field(default_factory=dict)
    """Seats that cannot be removed, and why."""
    endpoints: dict[int, str] = field(default_factory=dict)
    """Where a real server stands in for a seat."""
    image: dict[str, bytes] = field(default_factory=dict)
    """Files that every new seat begins with."""
    unreachable: bool = False
    run: Callable[[FakeSeat, tuple[str, ...]], ExecResult] = run_nothing

    def of(self, script: Mapping[int, Any], number: int, default: Any) -> Any:
        return script.get(number, script.get(0, default))


@dataclass
class FakeSeat:
    """One seat of a fake engine."""

    record: SeatRecord
    labels: dict[str, str]
    command: SeatCommand
    files: dict[str, tarfile.TarInfo] = field(default_factory=dict)
    contents: dict[str, bytes] = field(default_factory=dict)
    log: list[str] = field(default_factory=list)
    usage: Usage = field(default_factory=Usage)
    probes_left: int = 0


@dataclass
class FakeRoom:
    """One classroom of a fake engine."""

    labels: dict[str, str]
    seats: dict[int, FakeSeat] = field(default_factory=dict)
    watchers: list[asyncio.Queue[RuntimeEvent]] = field(default_factory=list)


class FakeEngine:
    """What several runtimes share, as several processes share a Docker engine.

    Args:
        sleep: how delays pass; by default they take no time.
    """

    def __init__(
        self,
        script: FakeScript | None = None,
        *,
        sleep: Sleep = no_delay,
        clock: Callable[[], datetime] = utc_now,
        cpus: float = 8,
        memory_bytes: int = 64 * 1024**3,
    ) -> None:
        self.script = script or FakeScript()
        self.sleep = sleep
        self.clock = clock
        self.cpus = cpus
        self.memory_bytes = memory_bytes
        self.rooms: dict[str, FakeRoom] = {}
        self.calls: list[tuple[str, int | None]] = []
        """Verb and seat of every call, in order."""
        self.locks: defaultdict[tuple[str, int], asyncio.Lock] = defaultdict(asyncio.Lock)

    def room(self, classroom: Classroom) -> FakeRoom | None:
        room = self.rooms.get(classroom.name)
        return room if room is not None and room.labels[labels.UID] == classroom.uid else None

    def change(self, classroom: Classroom, number: int, **changes: Any) -> SeatRecord:
        """Change a seat's record from outside and tell who watches: a crash, a pause, another limit."""
        room = self.room(classroom)
        assert room is not None
        seat = room.seats[number]
        seat.record = replace(seat.record, **changes)
        self.tell(room, SeatChanged(seat.record))
        return seat.record

    def kill(self, classroom: Classroom, number: int, *, exit_code: int = 137) -> None:
        """The seat's main process ends by itself."""
        self.change(
            classroom, number, state=SeatState.FAILED, exit_code=exit_code, endpoint="", detail="the server ended"
        )

    def out_of_memory(self, classroom: Classroom, number: int) -> None:
        room = self.room(classroom)
        assert room is not None
        seat = room.seats[number]
        seat.usage = replace(seat.usage, oom_kills=(seat.usage.oom_kills or 0) + 1)
        self.tell(room, SeatOutOfMemory(number, self.clock()))

    def tell(self, room: FakeRoom, event: RuntimeEvent) -> None:
        for queue in room.watchers:
            queue.put_nowait(event)


_ENGINES: dict[str, FakeEngine] = {}


def engine_of(place: Path) -> FakeEngine:
    """The engine of this process that belongs to a state folder: every runtime loaded for it sees the same seats."""
    return _ENGINES.setdefault(str(place), FakeEngine())


class FakeRuntime:
    """The `Runtime` protocol on a `FakeEngine`."""

    name = "fake"

    def __init__(self, engine: FakeEngine | None = None) -> None:
        self.engine = engine or FakeEngine()

    def _called(self, verb: str, number: int | None = None) -> None:
        self.engine.calls.append((verb, number))
        if self.engine.script.unreachable:
            raise RuntimeUnreachable("The fake engine does not answer.", hint="It was told not to.")

    def _seat(self, classroom: Classroom, number: int) -> FakeSeat:
        room = self.engine.room(classroom)
        if room is None or number not in room.seats:
            raise SeatFailed(
                f"Classroom {classroom.name!r} has no seat {seat_name(number)}.", hint="`workshop up` makes it."
            )
        return room.seats[number]

    def _change(self, classroom: Classroom, seat: FakeSeat, **changes: Any) -> SeatRecord:
        return self.engine.change(classroom, seat.record.number, **changes)

    async def facts(self) -> EngineFacts:
        self._called("facts")
        engine = self.engine
        return EngineFacts("fake", "1", engine.cpus, engine.memory_bytes, engine.memory_bytes, 10**12)

    async def has_image(self, reference: str) -> bool:
        self._called("has_image")
        return bool(reference)

    async def classrooms(self) -> tuple[Classroom, ...]:
        self._called("classrooms")
        return tuple(labels.classroom_of(room.labels) for _, room in sorted(self.engine.rooms.items()))

    async def open(self, classroom: Classroom) -> Classroom:
        self._called("open")
        found = self.engine.rooms.get(classroom.name)
        if found is not None and found.labels[labels.UID] != classroom.uid:
            raise NameInUse(
                f"A classroom called {classroom.name!r} is already there.",
                hint="Give this one another name (`--name`), or end the other first (`workshop down`).",
            )
        if found is None:
            found = self.engine.rooms[classroom.name] = FakeRoom(labels.room_labels(classroom, "network"))
        return labels.classroom_of(found.labels)

    async def seats(self, classroom: Classroom) -> tuple[SeatRecord, ...]:
        self._called("seats")
        room = self.engine.room(classroom)
        return tuple(seat.record for _, seat in sorted(room.seats.items())) if room else ()

    async def create(
        self, classroom: Classroom, number: int, command: SeatCommand, *, generation: int = 1
    ) -> SeatRecord:
        self._called("create", number)
        engine, script = self.engine, self.engine.script
        async with engine.locks[classroom.uid, number]:
            await engine.sleep(script.of(script.create_delay, number, 0.0))
            failures = script.create_failures.get(number)
            if failures:
                raise failures.pop(0)
            room = engine.room(classroom)
            if room is None:
                raise SeatFailed(f"Seat {seat_name(number)} was not made: classroom {classroom.name!r} is not open.")
            seat = room.seats.get(number)
            if seat is None or seat.record.generation < generation:
                seat = room.seats[number] = self._new_seat(classroom, number, command, generation)
            elif seat.record.state in (SeatState.STOPPED, SeatState.FAILED):
                self._start(seat)
            engine.tell(room, SeatChanged(seat.record))
            return seat.record

    def _new_seat(self, classroom: Classroom, number: int, command: SeatCommand, generation: int) -> FakeSeat:
        object_id = f"fake-{classroom.uid}-{seat_name(number)}-{generation}"
        seat = FakeSeat(
            SeatRecord(number, SeatState.CREATING, object_id, generation=generation),
            labels.seat_labels(classroom, number, generation=generation),
            command,
            usage=Usage(
                memory_bytes=70 * 1024**2, cpu_seconds=1.0, pids=1, disk_bytes=0, oom_kills=0, pid_limit_hits=0
            ),
        )
        seat.record = replace(seat.record, memory_limit=classroom.limits.memory_bytes)
        for name, data in self.engine.script.image.items():
            seat.files[name] = _file_info(name, data)
            seat.contents[name] = data
        self._start(seat)
        return seat

    def _start(self, seat: FakeSeat) -> None:
        script, number = self.engine.script, seat.record.number
        seat.probes_left = script.of(script.ready_delay, number, 0)
        seat.log.append(f"listening on port {seat.command.port}")
        seat.record = replace(
            seat.record,
            state=SeatState.STARTING,
            endpoint=script.of(script.endpoints, number, f"http://fake-{number}.invalid:{seat.command.port}"),
            started_at=self.engine.clock(),
            exit_code=None,
            detail="",
        )

    async def probe(self, classroom: Classroom, record: SeatRecord, command: SeatCommand) -> bool:
        self.engine.calls.append(("probe", record.number))
        await self.engine.sleep(0)
        room = self.engine.room(classroom)
        seat = room.seats.get(record.number) if room is not None else None
        if seat is None or self.engine.script.unreachable or seat.record.state is not SeatState.STARTING:
            return False
        seat.probes_left -= 1
        return seat.probes_left < 0

    async def restart(self, classroom: Classroom, number: int) -> SeatRecord:
        self._called("restart", number)
        seat = self._seat(classroom, number)
        self._start(seat)
        return self._change(classroom, seat)

    async def stop(self, classroom: Classroom, number: int) -> None:
        self._called("stop", number)
        seat = self._seat(classroom, number)
        self._change(classroom, seat, state=SeatState.STOPPED, endpoint="", started_at=None, exit_code=0)

    async def pause(self, classroom: Classroom, number: int, *, paused: bool) -> None:
        self._called("pause", number)
        seat = self._seat(classroom, number)
        if paused and seat.record.state is SeatState.STARTING:
            self._change(classroom, seat, state=SeatState.PAUSED)
        elif not paused and seat.record.state is SeatState.PAUSED:
            self._change(classroom, seat, state=SeatState.STARTING)

    async def remove_seats(self, classroom: Classroom, numbers: Collection[int]) -> Removal:
        self._called("remove_seats")
        room = self.engine.room(classroom)
        if room is None:
            return Removal()
        left, gone = [], 0
        for number in sorted(set(numbers) & room.seats.keys()):
            await self.engine.sleep(0)
            if number in self.engine.script.remove_failures:
                reason = self.engine.script.remove_failures[number]
                left.append(Survivor("seat", room.seats[number].record.object_id, reason))
                continue
            del room.seats[number]
            gone += 1
            self.engine.tell(room, SeatGone(number))
        return Removal({"seats": gone} if gone else {}, tuple(left))

    async def close(self, classroom: Classroom) -> Removal:
        self._called("close")
        room = self.engine.room(classroom)
        if room is None:
            return Removal()
        removal = await self.remove_seats(classroom, tuple(room.seats))
        if removal.left:
            kept = Survivor("network", f"workshop-{classroom.name}", "kept until all else is gone")
            return removal + Removal({}, (kept,))
        del self.engine.rooms[classroom.name]
        return removal + Removal({"networks": 1})

    async def remove_strays(self, known: Collection[str]) -> Removal:
        self._called("remove_strays")
        return Removal()

    async def watch(self, classroom: Classroom) -> AsyncIterator[RuntimeEvent]:
        records = await self.seats(classroom)
        room = self.engine.room(classroom)
        queue: asyncio.Queue[RuntimeEvent] = asyncio.Queue()
        if room is not None:
            room.watchers.append(queue)
        try:
            yield SeatsListed(records)
            while True:
                yield await queue.get()
        finally:
            if room is not None:
                room.watchers.remove(queue)

    async def usage(self, classroom: Classroom) -> Mapping[int, Usage]:
        self._called("usage")
        room = self.engine.room(classroom)
        running = (SeatState.STARTING, SeatState.PAUSED)
        return {n: seat.usage for n, seat in sorted(room.seats.items()) if seat.record.state in running} if room else {}

    async def logs(self, classroom: Classroom, number: int, *, tail: int = 200) -> str:
        self._called("logs", number)
        return "".join(f"{line}\n" for line in self._seat(classroom, number).log[-tail:])

    async def run(self, classroom: Classroom, number: int, argv: tuple[str, ...], *, timeout: float = 60) -> ExecResult:
        self._called("run", number)
        seat = self._seat(classroom, number)
        if seat.record.state is not SeatState.STARTING:
            raise SeatFailed(f"Seat {seat_name(number)} does not run: nothing can be run in it.")
        return self.engine.script.run(seat, argv)

    async def set_memory(self, classroom: Classroom, number: int, memory_bytes: int) -> None:
        self._called("set_memory", number)
        self._change(classroom, self._seat(classroom, number), memory_limit=memory_bytes)

    async def read_files(self, classroom: Classroom, number: int, path: str) -> AsyncIterator[bytes]:
        self._called("read_files", number)
        clean = relative_path(path)
        seat = self._seat(classroom, number)
        chosen = [name for name in sorted(seat.files) if clean in (".", name) or name.startswith(f"{clean}/")]
        if not chosen and clean != ".":
            raise SeatFailed(
                f"Seat {seat_name(number)} has no {path!r}.", hint="Paths are relative to the home folder."
            )
        prefix = "./" if clean == "." else ""
        above = clean.rpartition("/")[0]
        for name in chosen:
            short = name.removeprefix(f"{above}/") if above else name
            info, data = seat.files[name].replace(name=prefix + short, deep=False), seat.contents.get(name, b"")
            yield info.tobuf(tarfile.PAX_FORMAT) + data + bytes(-len(data) % tarfile.BLOCKSIZE)
        yield bytes(2 * tarfile.BLOCKSIZE)

    async def read_image_files(self, classroom: Classroom) -> AsyncIterator[bytes]:
        self._called("read_image_files")
        for name, data in sorted(self.engine.script.image.items()):
            info = _file_info(f"./{name}", data)
            yield info.tobuf(tarfile.PAX_FORMAT) + data + bytes(-len(data) % tarfile.BLOCKSIZE)
        yield bytes(2 * tarfile.BLOCKSIZE)

    async def write_files(self, classroom: Classroom, number: int, path: str, tar: AsyncIterator[bytes]) -> None:
        self._called("write_files", number)
        clean = relative_path(path)
        seat = self._seat(classroom, number)
        data = b"".join([piece async for piece in tar])
        with tarfile.open(fileobj=io.BytesIO(data)) as stream:
            for member in stream:
                name = member.name.removeprefix("./")
                if name in ("", "."):
                    continue
                name = name if clean == "." else f"{clean}/{name}"
                member.pax_headers = {}  # they would bring the old name back
                seat.files[name] = member
                file = stream.extractfile(member) if member.isreg() else None
                seat.contents[name] = file.read() if file is not None else b""

    def shell_command(self, classroom: Classroom, number: int) -> tuple[str, ...]:
        return ("echo", f"a shell in seat {seat_name(number)}")

    async def aclose(self) -> None:
        return None


def _file_info(name: str, data: bytes) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.size, info.mode = len(data), 0o644
    return info
