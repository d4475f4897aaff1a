"""Seats as plain processes of this machine: for trying out and for tests. It separates nothing from anything."""

from __future__ import annotations

import asyncio
import os
import platform
import shutil
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path

import psutil

from workshop.engines.command import end_group
from workshop.errors import RuntimeRefused, SeatFailed
from workshop.model.classroom import Classroom
from workshop.model.data_file import DataFile
from workshop.model.events import RuntimeEvent, SeatChanged, SeatGone, SeatsListed
from workshop.model.seat import SeatCommand, SeatRecord, Usage, seat_name
from workshop.model.snapshot import EngineFacts, Removal
from workshop.ports.runtime import ExecResult
from workshop.runtimes.archive import relative_path
from workshop.runtimes.chunks import Feed, pull
from workshop.runtimes.disk_sizes import DiskSizes
from workshop.runtimes.process.folder_archive import pack, unpack, written_bytes
from workshop.runtimes.process.seat_folder import SeatFile, SeatFolder, rooms
from workshop.runtimes.process.seat_processes import MARK, mark
from workshop.runtimes.process.seats import ProcessSeats
from workshop.runtimes.process.start import seat_environment
from workshop.runtimes.readiness import answers

NO_WALLS = (
    "Seats are plain processes: they run as you, see your files and each other, and have no limits. "
    "Use them to try things out, not with people you do not know."
)
WATCH_SECONDS = 1.0


class ProcessRuntime:
    """The `Runtime` protocol on processes of this machine.

    Args:
        state_dir: classrooms are kept in `process/` below it.
        watch_seconds: how often `watch` looks.
    """

    name = "process"

    def __init__(self, state_dir: Path, *, watch_seconds: float = WATCH_SECONDS) -> None:
        self._seats = ProcessSeats(state_dir / "process")
        self._watch_seconds = watch_seconds
        self._disk = DiskSizes(self._measure_disk)

    async def facts(self) -> EngineFacts:
        memory = psutil.virtual_memory()
        root = self._seats.root
        disk = shutil.disk_usage(next(path for path in (root, *root.parents) if path.exists()))
        return EngineFacts(
            runtime=self.name,
            version=f"{platform.system()} {platform.release()}",
            cpus=float(os.cpu_count() or 1),
            memory_bytes=memory.total,
            memory_free_bytes=memory.available,
            disk_free_bytes=disk.free,
            disk_total_bytes=disk.total,
            isolated=False,
            notes=(NO_WALLS,),
        )

    async def has_image(self, reference: str) -> bool:
        return bool(reference) and (Path(reference) / "venv" / "bin").is_dir()

    async def classrooms(self) -> tuple[Classroom, ...]:
        found = (folder.classroom() for folder in rooms(self._seats.root).values())
        return tuple(room for room in found if room is not None)

    async def open(self, classroom: Classroom) -> Classroom:
        return await asyncio.to_thread(self._seats.room(classroom).make, classroom)

    async def bring(self, classroom: Classroom, files: Sequence[DataFile]) -> None:
        """As in `ports.runtime.DataRuntime`: a folder of the classroom, which nothing keeps a seat from changing."""
        await asyncio.to_thread(self._seats.room(classroom).take_data, files)

    async def seats(self, classroom: Classroom) -> tuple[SeatRecord, ...]:
        return await asyncio.to_thread(self._seats.records, classroom)

    async def create(
        self, classroom: Classroom, number: int, command: SeatCommand, *, generation: int = 1
    ) -> SeatRecord:
        return await asyncio.to_thread(self._seats.create, classroom, number, command, generation)

    async def probe(self, classroom: Classroom, record: SeatRecord, command: SeatCommand) -> bool:
        return await answers(record.endpoint, command.ready_path, command.token)

    async def restart(self, classroom: Classroom, number: int) -> SeatRecord:
        return await asyncio.to_thread(self._seats.restart, classroom, number)

    async def stop(self, classroom: Classroom, number: int) -> None:
        await asyncio.to_thread(self._seats.stop, classroom, number)

    async def pause(self, classroom: Classroom, number: int, *, paused: bool) -> None:
        await asyncio.to_thread(self._seats.pause, classroom, number, paused=paused)

    async def remove_seats(self, classroom: Classroom, numbers: Collection[int]) -> Removal:
        return await asyncio.to_thread(self._seats.remove, classroom, numbers)

    async def close(self, classroom: Classroom) -> Removal:
        return await asyncio.to_thread(self._seats.close, classroom)

    async def remove_strays(self, known: Collection[str]) -> Removal:
        return await asyncio.to_thread(self._seats.remove_strays, known)

    async def watch(self, classroom: Classroom) -> AsyncIterator[RuntimeEvent]:
        known = {seat.number: seat for seat in await self.seats(classroom)}
        yield SeatsListed(tuple(known.values()))
        while True:
            await asyncio.sleep(self._watch_seconds)
            now = {seat.number: seat for seat in await self.seats(classroom)}
            for number in known.keys() - now.keys():
                yield SeatGone(number)
            for number, seat in now.items():
                if known.get(number) != seat:
                    yield SeatChanged(seat)
            known = now

    async def usage(self, classroom: Classroom) -> Mapping[int, Usage]:
        read = await asyncio.to_thread(self._seats.usage, classroom)
        homes = {n: str(folder.home) for n, (folder, _) in self._seats.room(classroom).seats().items() if n in read}
        self._disk.renew(homes.values())
        return {n: replace(usage, disk_bytes=self._disk.get(homes.get(n, ""))) for n, usage in read.items()}

    async def _measure_disk(self, home: str) -> int | None:
        return await asyncio.to_thread(written_bytes, Path(home))

    async def logs(self, classroom: Classroom, number: int, *, tail: int = 200) -> str:
        folder, _ = self._seats.find(classroom, number)
        return await asyncio.to_thread(_last_lines, folder.log, tail)

    async def run(self, classroom: Classroom, number: int, argv: tuple[str, ...], *, timeout: float = 60) -> ExecResult:
        folder, seat = await asyncio.to_thread(self._seats.running, classroom, number)
        try:
            process = await asyncio.create_subprocess_exec(
                *argv,
                cwd=folder.home,
                env=_environment(classroom, folder, seat),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                start_new_session=True,
            )
        except OSError as error:
            return ExecResult(127, b"", f"{argv[0]}: {error.strerror}\n".encode())
        try:
            async with asyncio.timeout(timeout):
                stdout, stderr = await process.communicate()
        except TimeoutError:
            await end_group(process)
            raise TimeoutError(f"{argv[0]} in seat {seat_name(number)} took longer than {timeout:g} s") from None
        except BaseException:
            await end_group(process)
            raise
        return ExecResult(process.returncode or 0, stdout, stderr)

    async def set_memory(self, classroom: Classroom, number: int, memory_bytes: int) -> None:
        raise RuntimeRefused(
            f"Seat {seat_name(number)} has no memory limit that could be changed: it is a plain process.",
            hint="Limits need the docker or the kubernetes runtime.",
        )

    async def read_files(self, classroom: Classroom, number: int, path: str) -> AsyncIterator[bytes]:
        clean = relative_path(path)
        folder, _ = self._seats.find(classroom, number)
        top = folder.home if clean == "." else folder.home / clean
        if not os.path.lexists(top) or not top.parent.resolve().is_relative_to(folder.home.parent.resolve()):
            raise SeatFailed(
                f"Seat {seat_name(number)} has no {path!r}.", hint="Paths are relative to the seat's home folder."
            )
        pieces = pack(top, "." if clean == "." else top.name)
        async with aclosing(pull(pieces)) as stream:
            async for piece in stream:
                yield piece

    async def read_image_files(self, classroom: Classroom) -> AsyncIterator[bytes]:
        repository = Path(classroom.image) / "repo"
        if not repository.is_dir():
            raise SeatFailed(
                f"There is no environment at {classroom.image}.", hint="Build it again with `workshop build`."
            )
        async with aclosing(pull(pack(repository, "."))) as stream:
            async for piece in stream:
                yield piece

    async def write_files(self, classroom: Classroom, number: int, path: str, tar: AsyncIterator[bytes]) -> None:
        clean = relative_path(path)
        folder, _ = self._seats.find(classroom, number)
        async with Feed(tar) as feed:
            await asyncio.to_thread(unpack, feed, folder.home, clean)

    def shell_command(self, classroom: Classroom, number: int) -> tuple[str, ...]:
        folder, seat = self._seats.find(classroom, number)
        environment = _environment(classroom, folder, replace(seat, env={}))
        words = [f"{name}={value}" for name, value in environment.items()]
        shell = environment.get("SHELL", "sh")
        return ("env", "-i", *words, "sh", "-c", 'cd "$HOME" && exec "$0"', shell)

    async def aclose(self) -> None:
        await self._disk.aclose()


def _environment(classroom: Classroom, folder: SeatFolder, seat: SeatFile) -> dict[str, str]:
    """What commands in a seat see; marked, so that they end with the seat."""
    environment = seat_environment(folder, Path(classroom.image), seat.env, os.environ)
    return environment | {MARK: mark(classroom.uid, folder.number, folder.generation, "command")}


def _last_lines(file: Path, count: int) -> str:
    """The end of a log, of which no more than the last megabyte is read."""
    if not file.exists():
        return ""
    with file.open("rb") as handle:
        handle.seek(max(0, file.stat().st_size - 1024 * 1024))
        lines = handle.read().decode("utf-8", "replace").splitlines(keepends=True)
    return "".join(lines[-count:])
