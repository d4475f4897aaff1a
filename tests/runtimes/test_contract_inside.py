"""What every runtime promises of the inside of a seat: commands, files, use, limits, checked by one body on each."""

from __future__ import annotations

import io
import os
import tarfile
from dataclasses import dataclass, replace
from typing import Any

import pytest

from tests.runtimes.worlds import World, pieces, server_command, until
from workshop.errors import RuntimeRefused, SeatFailed, UsageError
from workshop.model.classroom import Classroom
from workshop.model.seat import SeatState
from workshop.ports.runtime import Runtime


def tar_of(**files: bytes) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name, content in files.items():
            info = tarfile.TarInfo(name.replace("__", "/"))
            info.size, info.mode, info.uid, info.gid, info.uname = len(content), 0o644, 4321, 4321, "someone"
            tar.addfile(info, io.BytesIO(content))
    return stream.getvalue()


@dataclass(frozen=True)
class Member:
    info: tarfile.TarInfo
    content: bytes


async def read_tar(runtime: Runtime, room: Classroom, number: int, path: str) -> dict[str, Member]:
    data = b"".join([piece async for piece in runtime.read_files(room, number, path)])
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        members = {}
        for info in tar:
            file = tar.extractfile(info) if info.isreg() else None
            members[info.name] = Member(info, file.read() if file else b"")
    return members


async def test_usage_is_read_for_running_seats_alone(
    world: World, runtime: Runtime, room: Classroom, ready: Any
) -> None:
    for number in (1, 2):
        await ready(number)
    await runtime.stop(room, 2)
    usage = await runtime.usage(room)
    assert list(usage) == [1]
    assert 1024**2 < (usage[1].memory_bytes or 0) < 1024**3
    assert (usage[1].cpu_seconds or 0) > 0
    assert 1 <= (usage[1].pids or 0) < 64

    async def measured() -> bool:
        return (await runtime.usage(room))[1].disk_bytes is not None

    await until(measured, "the seat's disk use is measured behind the scenes")


async def test_commands_run_in_the_home_folder_and_give_both_streams_and_the_code(
    world: World, runtime: Runtime, room: Classroom, ready: Any
) -> None:
    await ready(1)
    result = await runtime.run(room, 1, ("sh", "-c", "echo out; echo err >&2; exit 3"))
    assert (result.exit_code, result.stdout, result.stderr) == (3, b"out\n", b"err\n")
    if world.name != "fake":
        assert (await runtime.run(room, 1, ("cat", "README.md"))).stdout == b"hello\n"
        assert (await runtime.run(room, 1, ("no-such-program",))).exit_code in (126, 127)
        assert (
            (await runtime.run(room, 1, ("sh", "-c", "echo $HOME; pwd")))
            .stdout.split()[0]
            .endswith((await runtime.run(room, 1, ("pwd",))).stdout.decode().strip().encode())
        )


async def test_a_command_that_takes_too_long_is_ended(
    world: World, runtime: Runtime, room: Classroom, ready: Any
) -> None:
    if world.name == "fake":
        pytest.skip("nothing takes long in memory")
    await ready(1)
    with pytest.raises(TimeoutError):
        await runtime.run(room, 1, ("sleep", "1234"), timeout=0.5)

    async def gone() -> bool:
        script = "for f in /proc/[0-9]*/cmdline; do tr '\\0' ' ' < $f 2>/dev/null; echo; done | grep -c '^sleep 1234'"
        return (await runtime.run(room, 1, ("sh", "-c", script))).stdout.strip() == b"0"

    await until(gone, "no process of the command is left")


async def test_nothing_runs_in_a_stopped_seat(world: World, runtime: Runtime, room: Classroom, ready: Any) -> None:
    await ready(1)
    await runtime.stop(room, 1)
    with pytest.raises(SeatFailed, match="01"):
        await runtime.run(room, 1, ("true",))


async def test_the_last_lines_of_the_server_are_shown(
    world: World, runtime: Runtime, room: Classroom, ready: Any
) -> None:
    await ready(1)
    assert "listening" in await runtime.logs(room, 1)
    assert "listening" in (await runtime.logs(room, 1, tail=1))


async def test_files_come_out_as_they_went_in(world: World, runtime: Runtime, room: Classroom, ready: Any) -> None:
    await ready(1)
    big = os.urandom(3 * 1024**2 + 7)
    stream = tar_of(**{"übung__1.ipynb": b"{}", "übung__leer.txt": b"", "big.bin": big})
    await runtime.write_files(room, 1, "arbeit", pieces(stream[:1000], stream[1000:2_000_000], stream[2_000_000:]))
    for running in (True, False):
        members = await read_tar(runtime, room, 1, "arbeit")
        files = {name: member.content for name, member in members.items() if member.info.isreg()}
        assert files == {"arbeit/übung/1.ipynb": b"{}", "arbeit/übung/leer.txt": b"", "arbeit/big.bin": big}
        if running:
            await runtime.stop(room, 1)
    single = await read_tar(runtime, room, 1, "arbeit/big.bin")
    assert [(name, member.info.size) for name, member in single.items()] == [("big.bin", len(big))]
    home = await read_tar(runtime, room, 1, ".")
    assert "./arbeit/big.bin" in home


async def test_links_are_stored_as_links_and_files_belong_to_the_seats_user(
    world: World, runtime: Runtime, room: Classroom, ready: Any
) -> None:
    if world.name == "fake":
        pytest.skip("no links and no users in memory")
    await ready(1)
    await runtime.write_files(room, 1, ".", pieces(tar_of(**{"new__a.txt": b"a"})))
    assert (await runtime.run(room, 1, ("sh", "-c", "echo b >> new/a.txt && ln -s /etc/passwd new/l"))).exit_code == 0
    members = await read_tar(runtime, room, 1, "new")
    link = members["new/l"].info
    assert (link.issym(), link.linkname) == (True, "/etc/passwd")
    assert members["new/a.txt"].content == b"ab\n"
    await runtime.run(room, 1, ("rm", "-r", "new"))
    back = io.BytesIO()
    with tarfile.open(fileobj=back, mode="w") as tar:
        tar.addfile(link)
    await runtime.write_files(room, 1, ".", pieces(back.getvalue()))
    assert (await runtime.run(room, 1, ("readlink", "new/l"))).stdout == b"/etc/passwd\n"


async def test_the_images_own_files_are_read_without_a_seat_and_nothing_is_left(
    world: World, runtime: Runtime, room: Classroom
) -> None:
    if world.name == "fake":
        pytest.skip("memory has no image")
    data = b"".join([piece async for piece in runtime.read_image_files(room)])
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        readme = tar.extractfile("./README.md")
        assert readme is not None
        assert readme.read() == b"hello\n"
    assert await world.labels(room) == []


@pytest.mark.parametrize("path", ["/etc/passwd", "../other", "a/../../b", "~/x"])
async def test_paths_out_of_the_home_folder_are_refused(
    world: World, runtime: Runtime, room: Classroom, path: str
) -> None:
    await runtime.create(room, 1, server_command(room, 1))
    with pytest.raises(UsageError):
        await read_tar(runtime, room, 1, path)
    with pytest.raises(UsageError):
        await runtime.write_files(room, 1, path, pieces(tar_of(x=b"")))


async def test_a_missing_file_is_named(world: World, runtime: Runtime, room: Classroom) -> None:
    await runtime.create(room, 1, server_command(room, 1))
    with pytest.raises(SeatFailed, match=r"none\.txt"):
        await read_tar(runtime, room, 1, "none.txt")


async def test_what_is_no_tar_is_refused(world: World, runtime: Runtime, room: Classroom) -> None:
    if world.name == "fake":
        pytest.skip("memory takes what it gets")
    await runtime.create(room, 1, server_command(room, 1))
    with pytest.raises(UsageError):
        await runtime.write_files(room, 1, ".", pieces(b"x" * 2000))


async def test_the_memory_limit_changes_without_a_restart_or_is_refused_by_name(
    world: World, runtime: Runtime, room: Classroom, ready: Any
) -> None:
    before = await ready(1)
    if not world.limits_memory:
        with pytest.raises(RuntimeRefused, match="01"):
            await runtime.set_memory(room, 1, 256 * 1024**2)
        return
    await runtime.set_memory(room, 1, 256 * 1024**2)
    (after,) = await runtime.seats(room)
    assert (after.memory_limit, after.started_at) == (256 * 1024**2, before.started_at)


async def test_a_shell_command_is_given_for_a_terminal(world: World, runtime: Runtime, room: Classroom) -> None:
    await runtime.create(room, 1, server_command(room, 1))
    argv = runtime.shell_command(room, 1)
    assert len(argv) > 1
    assert room.token(1) not in " ".join(argv)


async def test_facts_name_the_runtime_and_its_size(world: World, runtime: Runtime) -> None:
    facts = await runtime.facts()
    assert facts.runtime == world.name
    assert facts.cpus >= 1
    assert facts.memory_bytes > 1024**3
    assert facts.isolated is (world.name != "process")


async def test_images_are_known_without_fetching(world: World, runtime: Runtime) -> None:
    assert await runtime.has_image(world.image)
    assert not await runtime.has_image("")
    if world.name != "fake":
        assert not await runtime.has_image("workshop-test/no-such-image:none")


async def test_the_files_of_a_seat_that_keeps_ending_are_read(world: World, runtime: Runtime, room: Classroom) -> None:
    if world.name == "fake":
        pytest.skip("memory runs no program")
    bad = replace(server_command(room, 1), argv=("sh", "-c", "printf work > mine.txt; exit 3"))
    await runtime.create(room, 1, bad)

    async def failed() -> bool:
        return (await runtime.seats(room))[0].state is SeatState.FAILED

    await until(failed, "the seat is given up", 60)
    for path, name in ((".", "./mine.txt"), ("mine.txt", "mine.txt")):
        assert (await read_tar(runtime, room, 1, path))[name].content == b"work"
