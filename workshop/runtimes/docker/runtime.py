"""Seats as containers of a Docker engine."""

from __future__ import annotations

import asyncio
import os
import platform
import shutil
import sys
import time
from collections.abc import AsyncGenerator, AsyncIterator, Collection, Mapping, Sequence
from contextlib import aclosing, suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import docker
import psutil
from docker.errors import ImageNotFound, NotFound

from workshop.engines.docker_engine import DockerEngine
from workshop.errors import RuntimeRefused, RuntimeUnreachable, SeatFailed, SettingError
from workshop.model import labels
from workshop.model.classroom import Classroom, Door
from workshop.model.data_file import DataFile
from workshop.model.events import RuntimeEvent, SeatChanged, SeatGone, SeatOutOfMemory, SeatsListed
from workshop.model.seat import SeatCommand, SeatRecord, SeatState, Usage
from workshop.model.snapshot import EngineFacts, Removal
from workshop.ports.runtime import ExecResult
from workshop.runtimes.archive import relative_path
from workshop.runtimes.chunks import Feed, pull
from workshop.runtimes.disk_sizes import DiskSizes
from workshop.runtimes.docker import closing
from workshop.runtimes.docker import seats as containers
from workshop.runtimes.docker.data import fill_volume
from workshop.runtimes.docker.exec import SeatExec
from workshop.runtimes.docker.files import open_archive, owner_of, put_archive
from workshop.runtimes.docker.image_files import read_image
from workshop.runtimes.docker.network import open_network, room_networks
from workshop.runtimes.docker.objects import SEAT_KIND, SeatImage, bridge_name, container_name
from workshop.runtimes.docker.records import parse_time, record_of, seat_number
from workshop.runtimes.docker.usage import UsageReader
from workshop.runtimes.docker.wall import MODES, HostWall, bridge_is_here
from workshop.runtimes.docker.watch import EventStream, StreamEnded
from workshop.runtimes.readiness import answers

RELIST_SECONDS = 60.0
RECONNECT_SECONDS = (0.5, 1.0, 2.0, 5.0, 10.0)
BEST_SHELL = "command -v bash >/dev/null && exec bash; exec sh"
LOCAL_HOSTS = ("localhost", "127.0.0.1", "[::1]")


class DockerRuntime:
    """The `Runtime` protocol on one Docker engine.

    Args:
        host_wall: see `docker.wall.HostWall`.
        relist_seconds: how often `watch` lists all seats although no event said so.
    """

    name = "docker"

    def __init__(
        self, engine: DockerEngine | None = None, *, host_wall: str = "auto", relist_seconds: float = RELIST_SECONDS
    ) -> None:
        self._engine = engine or DockerEngine()
        self._wall = HostWall(self._engine, host_wall)
        self._relist_seconds = relist_seconds
        self._usage = UsageReader()
        self._usage_lock = asyncio.Lock()
        self._disk = DiskSizes(self._measure_disk)
        self._images: dict[str, SeatImage] = {}
        self._cpus = 0.0
        self._open_notes: dict[str, str] = {}
        self._names: dict[tuple[str, int], str] = {}

    @classmethod
    def from_settings(cls, settings: Mapping[str, str]) -> DockerRuntime:
        """From `docker_host` (an engine's address) and `host_wall` (`auto`, `direct`, `helper`, `off`).

        Raises:
            SettingError: no such `host_wall`.
        """
        mode = settings.get("host_wall", "") or "auto"
        if mode not in MODES:
            raise SettingError(f"{mode!r} is no way to close the host to seats.", hint=f"One of: {', '.join(MODES)}.")
        return cls(DockerEngine(base_url=settings.get("docker_host", "")), host_wall=mode)

    async def facts(self) -> EngineFacts:
        info: Mapping[str, Any] = await self._engine.ask(lambda client: client.api.info())
        self._cpus = float(info.get("NCPU", 0))
        here = _engine_is_here(info)
        root = Path(info.get("DockerRootDir") or "/var/lib/docker")
        disk = None
        with suppress(OSError):
            disk = shutil.disk_usage(root) if here else None
        return EngineFacts(
            runtime=self.name,
            version=info.get("ServerVersion", ""),
            cpus=float(info.get("NCPU", 0)),
            memory_bytes=int(info.get("MemTotal", 0)),
            memory_free_bytes=psutil.virtual_memory().available if here else None,
            disk_free_bytes=disk.free if disk else None,
            disk_total_bytes=disk.total if disk else None,
            notes=(*_limits_missing(info), *dict.fromkeys(self._open_notes.values())),
        )

    async def has_image(self, reference: str) -> bool:
        def look(client: docker.DockerClient) -> bool:
            api: Any = client.api
            try:
                api.inspect_image(reference)
            except ImageNotFound:
                return False
            return True

        return bool(reference) and await self._engine.ask(look)

    async def classrooms(self) -> tuple[Classroom, ...]:
        return await self._engine.ask(_find_classrooms)

    async def open(self, classroom: Classroom) -> Classroom:
        room = await self._engine.call(lambda client: open_network(client, classroom))
        await self._raise_wall(room)
        return room

    async def keep_walls(self, classroom: Classroom) -> str:
        known = self._open_notes.get(classroom.uid, "")
        if self._wall.seen_lately(classroom) or not await self._engine.ask(
            lambda client: room_networks(client, classroom.uid)
        ):
            return known
        return await self._raise_wall(classroom)

    async def _raise_wall(self, classroom: Classroom) -> str:
        note = await self._wall.raise_for(classroom)
        if note:
            self._open_notes[classroom.uid] = note
        else:
            self._open_notes.pop(classroom.uid, None)
        return note

    async def bring(self, classroom: Classroom, files: Sequence[DataFile]) -> None:
        """As in `ports.runtime.DataRuntime`: a volume, read-only in the seats."""
        await self._engine.call(lambda client: fill_volume(client, classroom, files), patience=None)

    async def seats(self, classroom: Classroom) -> tuple[SeatRecord, ...]:
        records = await self._engine.call(lambda client: containers.inspect_seats(client, classroom.uid))
        for record in records:
            self._remember(classroom, record)
        return records

    def _remember(self, classroom: Classroom, record: SeatRecord) -> None:
        self._names[classroom.uid, record.number] = container_name(classroom, record.number, record.generation)

    async def create(
        self, classroom: Classroom, number: int, command: SeatCommand, *, generation: int = 1
    ) -> SeatRecord:
        publish = self._publish(classroom)

        def make(client: docker.DockerClient) -> SeatRecord:
            if not self._cpus:
                self._cpus = float(client.api.info().get("NCPU", 0))
            return containers.create_seat(
                client, classroom, number, command, image=self._image_of(client, classroom), generation=generation,
                engine_cpus=self._cpus, publish=publish,
            )  # fmt: skip

        record = await self._engine.call(make)
        self._remember(classroom, record)
        return record

    def _image_of(self, client: docker.DockerClient, classroom: Classroom) -> SeatImage:
        """Asked once for a digest, which never changes; each time for a name, which may be given to another image."""
        known = self._images.get(classroom.image) or containers.inspect_image(client, classroom)
        if known.id == classroom.image:
            self._images[known.id] = known
        return known

    def _publish(self, classroom: Classroom) -> bool:
        """Whether seats need a port on the engine's loopback, because their own addresses cannot be reached.

        Raises:
            SeatFailed: the engine is on another computer, whose loopback cannot be reached either.
        """
        if bridge_is_here(bridge_name(classroom.name)):
            return False
        scheme, _, rest = self._engine.address.partition("://")
        if scheme in ("unix", "npipe") or rest.rpartition(":")[0] in LOCAL_HOSTS:
            return True
        raise SeatFailed(
            f"The Docker engine at {self._engine.address} is on another computer: its seats are out of reach.",
            hint="Run `workshop` on that computer; seats are never opened to a network.",
        )

    async def probe(self, classroom: Classroom, record: SeatRecord, command: SeatCommand) -> bool:
        return await answers(record.endpoint, command.ready_path, command.token)

    async def restart(self, classroom: Classroom, number: int) -> SeatRecord:
        return await self._engine.call(lambda client: containers.restart_seat(client, classroom, number))

    async def stop(self, classroom: Classroom, number: int) -> None:
        await self._engine.call(lambda client: containers.stop_seat(client, classroom, number))

    async def pause(self, classroom: Classroom, number: int, *, paused: bool) -> None:
        await self._engine.call(lambda client: containers.pause_seat(client, classroom, number, paused=paused))

    async def remove_seats(self, classroom: Classroom, numbers: Collection[int]) -> Removal:
        return await closing.remove_seats(self._engine, classroom, numbers)

    async def remove_strays(self, known: Collection[str]) -> Removal:
        return await closing.remove_strays(self._engine, known)

    async def close(self, classroom: Classroom) -> Removal:
        removal = await closing.close_classroom(self._engine, self._wall, classroom)
        self._open_notes.pop(classroom.uid, None)
        return removal

    async def watch(self, classroom: Classroom) -> AsyncIterator[RuntimeEvent]:
        since, failures = 0, 0
        known: tuple[SeatRecord, ...] | None = None
        while True:
            stream = EventStream(self._engine, classroom.uid, since=since)
            stream.start()
            try:
                await stream.connected()
                known = await self.seats(classroom)
                failures = 0
                yield SeatsListed(known)
                async with aclosing(self._follow(classroom, stream)) as events:
                    async for event, stamp in events:
                        since = max(since, stamp)
                        yield event
            except StreamEnded:
                pass
            except (RuntimeUnreachable, RuntimeRefused) as error:  # an engine that is going down refuses first
                if known is None:
                    raise
                yield SeatsListed(tuple(replace(seat, state=SeatState.LOST, detail=error.message) for seat in known))
            finally:
                stream.close()
            await asyncio.sleep(RECONNECT_SECONDS[min(failures, len(RECONNECT_SECONDS) - 1)])
            failures += 1

    async def _follow(
        self, classroom: Classroom, stream: EventStream
    ) -> AsyncGenerator[tuple[RuntimeEvent, int], None]:
        """Events with the engine's time of each in nanoseconds, and a list of all now and then."""
        relist_at = time.monotonic() + self._relist_seconds
        while True:
            try:
                async with asyncio.timeout(max(0.0, relist_at - time.monotonic())):
                    event = await stream.next()
            except TimeoutError:
                relist_at = time.monotonic() + self._relist_seconds
                yield SeatsListed(await self.seats(classroom)), 0
                continue
            stamp = int(event.get("timeNano", 0))
            number = seat_number(event["Actor"]["Attributes"])
            if number is None:
                continue
            if event["Action"] == "oom":
                yield SeatOutOfMemory(number, datetime.fromtimestamp(stamp / 1e9, UTC)), stamp
            yield await self._seat_now(classroom, number), stamp

    async def _seat_now(self, classroom: Classroom, number: int) -> SeatChanged | SeatGone:
        def look(client: docker.DockerClient) -> SeatRecord | None:
            with suppress(NotFound, SeatFailed):
                found = containers.find_seat(client, classroom, number)
                return record_of(client.api.inspect_container(found["Id"]))
            return None

        record = await self._engine.call(look)
        if record is None:
            return SeatGone(number)
        self._remember(classroom, record)
        return SeatChanged(record)

    async def usage(self, classroom: Classroom) -> Mapping[int, Usage]:
        async with self._usage_lock:
            boxes, read = await self._engine.call(lambda client: self._read_usage(client, classroom))
        self._disk.renew(boxes[number]["Id"] for number in read)
        return {n: replace(usage, disk_bytes=self._disk.get(boxes[n]["Id"])) for n, usage in read.items()}

    def _read_usage(
        self, client: docker.DockerClient, classroom: Classroom
    ) -> tuple[dict[int, Mapping[str, Any]], dict[int, Usage]]:
        boxes = containers.seat_containers(client, classroom.uid)
        return boxes, self._usage.read(client, boxes)

    async def _measure_disk(self, container_id: str) -> int | None:
        def measure(client: docker.DockerClient) -> int | None:
            listed = client.api.containers(all=True, size=True, filters={"id": container_id})
            return int(listed[0].get("SizeRw") or 0) if listed else None

        return await self._engine.call(measure)

    async def logs(self, classroom: Classroom, number: int, *, tail: int = 200) -> str:
        def read(client: docker.DockerClient) -> bytes:
            found = containers.find_seat(client, classroom, number)
            text: bytes = client.api.logs(found["Id"], tail=tail)
            return text

        return (await self._engine.call(read)).decode("utf-8", "replace")

    async def run(self, classroom: Classroom, number: int, argv: tuple[str, ...], *, timeout: float = 60) -> ExecResult:
        found, image = await self._engine.call(lambda client: self._seat_and_image(client, classroom, number))
        command = SeatExec(found["Id"], argv, home=image.home, timeout=timeout)
        try:
            async with asyncio.timeout(timeout + 10):
                return await self._engine.call(lambda client: command.run(client, number), patience=None)
        except BaseException:
            command.give_up()
            raise

    def _seat_and_image(
        self, client: docker.DockerClient, classroom: Classroom, number: int
    ) -> tuple[Mapping[str, Any], SeatImage]:
        """A seat's container, and what its image says of home folder and user."""
        found = containers.find_seat(client, classroom, number)
        image_id = found["ImageID"]
        if image_id not in self._images:
            api: Any = client.api
            self._images[image_id] = SeatImage.from_inspect(api.inspect_image(image_id))
        return found, self._images[image_id]

    async def set_memory(self, classroom: Classroom, number: int, memory_bytes: int) -> None:
        await self._engine.call(lambda client: containers.set_memory(client, classroom, number, memory_bytes))

    async def read_files(self, classroom: Classroom, number: int, path: str) -> AsyncIterator[bytes]:
        clean = relative_path(path)
        found, image = await self._engine.call(lambda client: self._seat_and_image(client, classroom, number))
        address = self._engine.address
        pieces, response = await self._engine.call(
            lambda client: open_archive(client, address, found["Id"], image.home, clean, number), patience=None
        )
        async with aclosing(pull(pieces, self._engine.long_pool, close=response.close)) as stream:
            async for piece in stream:
                yield piece

    async def read_image_files(self, classroom: Classroom) -> AsyncIterator[bytes]:
        async with aclosing(read_image(self._engine, classroom)) as stream:
            async for piece in stream:
                yield piece

    async def write_files(self, classroom: Classroom, number: int, path: str, tar: AsyncIterator[bytes]) -> None:
        clean = relative_path(path)
        found, image = await self._engine.call(lambda client: self._seat_and_image(client, classroom, number))

        def write(client: docker.DockerClient) -> None:
            owner = owner_of(client, found["Id"], image.seat_user)
            put_archive(client, found["Id"], image.home, clean, feed, owner, number)

        async with Feed(tar) as feed:
            await self._engine.call(write, patience=None)

    def shell_command(self, classroom: Classroom, number: int) -> tuple[str, ...]:
        name = self._names.get((classroom.uid, number), container_name(classroom, number, 1))
        return (*self._engine.command, "exec", "-it", name, "sh", "-c", BEST_SHELL)

    async def aclose(self) -> None:
        await self._disk.aclose()
        await self._engine.aclose()


def _find_classrooms(client: docker.DockerClient) -> tuple[Classroom, ...]:
    """From the networks' labels; seats whose network is gone make a classroom that can only be removed."""
    rooms: dict[str, Classroom] = {}
    wanted = {"label": f"{labels.TOOL}={labels.TOOL_VALUE}"}
    listed = [(network.get("Labels") or {}, network.get("Created", "")) for network in room_networks(client)]
    for container in client.api.containers(all=True, filters=wanted):
        if (container.get("Labels") or {}).get(labels.KIND) == SEAT_KIND:
            made = datetime.fromtimestamp(container["Created"], UTC).isoformat()
            listed.append((container["Labels"], made))
    for of, created in listed:
        uid = of.get(labels.UID, "")
        if not uid or uid in rooms:
            continue
        try:
            rooms[uid] = labels.classroom_of(of)
        except ValueError:
            rooms[uid] = _broken_classroom(of, created)
    return tuple(sorted(rooms.values(), key=lambda room: (room.name, room.uid)))


def _broken_classroom(of: Mapping[str, str], created: str) -> Classroom:
    """What is left of a classroom whose own label is lost: enough to name it and to remove it."""
    expires = of.get(labels.EXPIRES)
    return Classroom(
        name=of.get(labels.CLASSROOM, "unknown"),
        uid=of[labels.UID],
        key="00" * 32,
        workshop="",
        runtime="docker",
        image="",
        commit="",
        seats=0,
        door=Door("", 0),
        created=parse_time(created) or datetime.now(UTC),
        ends=datetime.fromisoformat(expires) if expires else None,
        options=(("broken", "its network is gone: `workshop down --collect FOLDER` saves its work and ends it"),),
    )


def _engine_is_here(info: Mapping[str, Any]) -> bool:
    """Whether the engine runs on this machine's own kernel, and not in a virtual machine or elsewhere."""
    if sys.platform != "linux" or "Docker Desktop" in str(info.get("OperatingSystem", "")):
        return False
    return info.get("KernelVersion") == platform.release() and info.get("Name") == os.uname().nodename


def _limits_missing(info: Mapping[str, Any]) -> tuple[str, ...]:
    """What this engine cannot enforce."""
    notes = []
    if info.get("MemoryLimit") is False:
        notes.append("This engine enforces no memory limits: one seat can take the whole machine.")
    elif info.get("SwapLimit") is False:
        notes.append("This engine does not limit swap: a seat over its memory limit becomes slow before it is stopped.")
    if info.get("PidsLimit") is False:
        notes.append("This engine enforces no process limits: a fork bomb in one seat reaches the others.")
    if any("rootless" in str(option) for option in info.get("SecurityOptions") or ()):
        notes.append("The engine runs without root: seats are reached through ports on its loopback.")
    return tuple(notes)
