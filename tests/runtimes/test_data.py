"""Files of `data:` in seats: there, proven, read-only where there are walls, and gone with the classroom."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.runtimes.worlds import World, server_command, until_ready
from workshop.errors import SourceError
from workshop.model.classroom import Classroom
from workshop.model.data_file import DATA_PATH, DATA_VARIABLE, DataFile
from workshop.ports.runtime import DataRuntime, Runtime

FakeFile = Callable[[str, bytes], DataFile]
on_both = pytest.mark.parametrize("world", ["process", pytest.param("docker", marks=pytest.mark.docker)], indirect=True)


@pytest.fixture
def data_file(tmp_path: Path) -> FakeFile:
    def make(name: str, content: bytes) -> DataFile:
        path = tmp_path / f"cached-{name}"
        path.write_bytes(content)
        return DataFile(name, path, hashlib.sha256(content).hexdigest(), len(content))

    return make


@pytest.fixture
async def data_room(world: World, runtime: Runtime, unique_name: str) -> AsyncIterator[Classroom]:
    classroom = await runtime.open(world.classroom(unique_name, options=(("data", "0123456789ab"),)))
    yield classroom
    await runtime.close(classroom)


async def start(runtime: Runtime, room: Classroom) -> None:
    command = server_command(room, 1)
    command = replace(command, env=(*command.env, (DATA_VARIABLE, DATA_PATH)))
    await until_ready(runtime, room, await runtime.create(room, 1, command))


async def shell(runtime: Runtime, room: Classroom, script: str) -> tuple[int, str]:
    ran = await runtime.run(room, 1, ("sh", "-c", script))
    return ran.exit_code, ran.stdout.decode()


@on_both
async def test_every_seat_sees_the_files_and_they_go_with_the_classroom(
    world: World, runtime: Runtime, data_room: Classroom, data_file: FakeFile
) -> None:
    assert isinstance(runtime, DataRuntime)
    files = [
        data_file("weather.csv", b"a,b\n1,2\n"),
        data_file("large.bin", bytes(range(256)) * 9000),
        data_file("empty", b""),
    ]
    await runtime.bring(data_room, files)
    await runtime.bring(data_room, files)
    await start(runtime, data_room)
    assert await shell(runtime, data_room, f"cat ${DATA_VARIABLE}/weather.csv") == (0, "a,b\n1,2\n")
    code, _ = await shell(runtime, data_room, f"cd ${DATA_VARIABLE} && sha256sum --quiet -c SHA256SUMS")
    assert code == 0
    removal = await runtime.close(data_room)
    assert removal.left == ()
    assert await world.leftovers(data_room) == []


@pytest.mark.docker
@pytest.mark.parametrize("world", ["docker"], indirect=True)
async def test_a_seat_cannot_change_them(
    world: World, runtime: Runtime, data_room: Classroom, data_file: FakeFile
) -> None:
    assert isinstance(runtime, DataRuntime)
    await runtime.bring(data_room, [data_file("weather.csv", b"a,b\n")])
    await start(runtime, data_room)
    code, _ = await shell(runtime, data_room, f"touch {DATA_PATH}/more || echo x >> {DATA_PATH}/weather.csv")
    assert code != 0
    assert await shell(runtime, data_room, f"ls {DATA_PATH}") == (0, "SHA256SUMS\nweather.csv\n")


@on_both
async def test_a_file_that_was_changed_since_it_was_fetched_is_not_given_out(
    world: World, runtime: Runtime, data_room: Classroom, data_file: FakeFile
) -> None:
    assert isinstance(runtime, DataRuntime)
    good, bad = data_file("good", b"good"), data_file("bad", b"fetched")
    bad.path.write_bytes(b"changed")
    with pytest.raises(SourceError, match="was changed"):
        await runtime.bring(data_room, [good, bad])
    assert not bad.path.exists()
    bad.path.write_bytes(b"fetched")
    await runtime.bring(data_room, [good, bad])
    await start(runtime, data_room)
    assert await shell(runtime, data_room, f"cat ${DATA_VARIABLE}/bad") == (0, "fetched")
