"""What is special about seats that are plain processes: they are detached, marked, and never mistaken for others."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.runtimes.worlds import ProcessWorld, marked, server_command, until, until_ready
from workshop.errors import SeatFailed
from workshop.model.classroom import Classroom, encode_classroom
from workshop.model.seat import SeatState
from workshop.runtimes.process import seats
from workshop.runtimes.process.runtime import ProcessRuntime
from workshop.runtimes.process.seat_folder import RoomFolder, locked


@pytest.fixture
def world(machine: Path) -> ProcessWorld:
    return ProcessWorld(machine)


@pytest.fixture
def stranger() -> Iterator[psutil.Process]:
    """A process of somebody else."""
    process = subprocess.Popen(["sleep", "300"])
    yield psutil.Process(process.pid)
    process.kill()
    process.wait()


def seat_file(world: ProcessWorld, room: Classroom, number: int) -> Path:
    return world.state / "process" / room.name / "seats" / f"{number:02d}" / "seat.json"


def change_file(file: Path, **changes: Any) -> None:
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))


def alive(process: psutil.Process) -> bool:
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE


async def environment_of(runtime: ProcessRuntime, room: Classroom, number: int) -> dict[str, str]:
    (main,) = marked(f"{room.uid}/{number}")
    return main.environ()


async def test_a_seat_outlives_the_program_and_the_terminal_that_made_it(
    world: ProcessWorld, runtime: ProcessRuntime, unique_name: str
) -> None:
    import pty

    room = world.classroom(unique_name)
    script = "\n".join(
        (
            "import asyncio",
            "from tests.runtimes.worlds import server_command",
            "from workshop.model.classroom import decode_classroom",
            *world.spawn_arguments(),
            f"room = decode_classroom({encode_classroom(room)!r})",
            "async def main():",
            "    await runtime.open(room)",
            "    await runtime.create(room, 1, server_command(room, 1))",
            "asyncio.run(main())",
            "print('made', flush=True)",
            "input()",
        )
    )
    master, slave = pty.openpty()
    maker = await asyncio.create_subprocess_exec(
        sys.executable, "-c", script, stdin=slave, stdout=slave, stderr=slave, start_new_session=True,
        cwd=Path(__file__).parents[2],
    )  # fmt: skip
    os.close(slave)
    try:
        said = await asyncio.to_thread(os.read, master, 1000)
        assert b"made" in said
        os.close(master)
        await asyncio.wait_for(maker.wait(), 10)
        (record,) = await runtime.seats(room)
        await until_ready(runtime, room, record)
    finally:
        if maker.returncode is None:
            maker.kill()
        await runtime.close(room)


async def test_the_instructors_secrets_stay_with_the_instructor(
    world: ProcessWorld, runtime: ProcessRuntime, room: Classroom, ready: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hidden")
    monkeypatch.setenv("GITHUB_TOKEN", "hidden")
    monkeypatch.setenv("https_proxy", "http://user:hidden@proxy:3128")
    monkeypatch.setenv("no_proxy", "localhost")
    monkeypatch.setenv("SSL_CERT_FILE", "/etc/ssl/company.pem")
    await ready(1)
    seat = await environment_of(runtime, room, 1)
    command = dict(line.split("=", 1) for line in (await runtime.run(room, 1, ("env",))).stdout.decode().splitlines())
    for environment in (seat, command):
        assert not [name for name, value in environment.items() if "hidden" in value]
        assert environment["no_proxy"] == "localhost"
        assert environment["SSL_CERT_FILE"] == "/etc/ssl/company.pem"
        assert environment["PATH"].startswith(f"{world.image}/venv/bin:")
        assert environment["HOME"].startswith(str(world.state))
        assert environment["JUPYTER_DATA_DIR"].startswith(str(world.state))


async def test_a_reused_process_id_is_neither_taken_for_the_seat_nor_ended(
    world: ProcessWorld, runtime: ProcessRuntime, room: Classroom, ready: Any, stranger: psutil.Process
) -> None:
    await ready(1)
    await world.kill_server(room, 1)
    change_file(seat_file(world, room, 1), pid=stranger.pid)
    (record,) = await runtime.seats(room)
    assert record.state is SeatState.FAILED
    await runtime.stop(room, 1)
    await runtime.pause(room, 1, paused=True)
    await runtime.remove_seats(room, [1])
    assert alive(stranger)
    assert stranger.status() != psutil.STATUS_STOPPED


async def test_a_server_whose_id_was_never_written_down_is_found_and_not_started_twice(
    world: ProcessWorld, room: Classroom, ready: Any
) -> None:
    await ready(1)
    (before,) = marked(f"{room.uid}/1")
    change_file(seat_file(world, room, 1), pid=0)
    fresh = world.fresh()
    record = await fresh.create(room, 1, server_command(room, 1))
    assert record.state is SeatState.STARTING
    assert [process.pid for process in marked(f"{room.uid}/1")] == [before.pid]
    assert json.loads(seat_file(world, room, 1).read_text())["pid"] == before.pid


async def test_after_a_restart_of_the_machine_seats_are_stopped_and_start_again_with_their_files(
    world: ProcessWorld, runtime: ProcessRuntime, room: Classroom, ready: Any
) -> None:
    await ready(1)
    await runtime.run(room, 1, ("sh", "-c", "echo work > kept.txt"))
    await world.kill_server(room, 1)
    change_file(seat_file(world, room, 1), boot=psutil.boot_time() - 86400)
    (record,) = await world.fresh().seats(room)
    assert (record.state, record.detail) == (SeatState.STOPPED, "stopped: this machine was restarted")
    await ready(1)
    assert (await runtime.run(room, 1, ("cat", "kept.txt"))).stdout == b"work\n"


async def test_how_a_server_ended_is_told(
    world: ProcessWorld, runtime: ProcessRuntime, room: Classroom, ready: Any
) -> None:
    await ready(1)
    await world.kill_server(room, 1)

    async def ended() -> Any:
        (record,) = await runtime.seats(room)
        return record if record.state is SeatState.FAILED else None

    record = await until(ended, "the seat has failed")
    assert (record.exit_code, record.detail) == (-9, "the server ended with code -9")
    assert (await world.fresh().seats(room))[0].exit_code == -9


async def test_everything_that_was_started_in_a_seat_ends_with_it(
    world: ProcessWorld, runtime: ProcessRuntime, room: Classroom, ready: Any
) -> None:
    """Kernels have sessions of their own, so ending a process group would leave them."""
    await ready(1)
    await ready(2)
    await runtime.run(
        room, 1, ("sh", "-c", "setsid sleep 300 >/dev/null 2>&1 & setsid setsid sleep 301 >/dev/null 2>&1 &")
    )

    async def started() -> bool:
        return len(marked(f"{room.uid}/1")) == 3

    await until(started, "server and two sleepers run")
    usage = await runtime.usage(room)
    assert (usage[1].pids or 0) >= 3 > (usage[2].pids or 0) - 1
    await runtime.pause(room, 1, paused=True)
    assert {process.status() for process in marked(f"{room.uid}/1")} == {psutil.STATUS_STOPPED}
    await runtime.remove_seats(room, [1])
    assert marked(f"{room.uid}/1") == []
    assert len(marked(f"{room.uid}/2")) == 1


async def test_a_server_that_does_not_listen_to_reason_is_killed(
    world: ProcessWorld, runtime: ProcessRuntime, room: Classroom
) -> None:
    from dataclasses import replace

    deaf = "trap '' TERM INT HUP; echo listening; while :; do sleep 0.1; done"
    await runtime.create(room, 1, replace(server_command(room, 1), argv=("sh", "-c", deaf)))

    async def listening() -> bool:
        return "listening" in await runtime.logs(room, 1)

    await until(listening, "the server has set its traps")
    assert (await runtime.close(room)).left == ()
    assert await world.leftovers(room) == []


async def test_seats_get_different_ports_also_when_two_programs_make_them_at_once(
    world: ProcessWorld, unique_name: str
) -> None:
    instances = [world.fresh() for _ in range(3)]
    rooms = [await one.open(world.classroom(f"{unique_name}-{index}")) for index, one in enumerate(instances)]
    try:
        made = await asyncio.gather(
            *(one.create(room, number, server_command(room, number))
              for one, room in zip(instances, rooms, strict=True) for number in (1, 2, 3))
        )  # fmt: skip
        assert len({record.endpoint for record in made}) == 9
    finally:
        for one, room in zip(instances, rooms, strict=True):
            await one.close(room)


async def test_a_port_that_someone_took_while_the_seat_was_stopped_is_not_insisted_on(
    world: ProcessWorld, runtime: ProcessRuntime, room: Classroom, ready: Any
) -> None:
    record = await ready(1)
    await runtime.stop(room, 1)
    port = int(record.endpoint.rpartition(":")[2])
    with socket.create_server(("127.0.0.1", port)):
        again = await ready(1)
        assert again.endpoint != record.endpoint
    await runtime.restart(room, 1)
    assert (await runtime.seats(room))[0].endpoint == again.endpoint


async def test_servers_listen_on_the_loopback_alone(
    world: ProcessWorld, runtime: ProcessRuntime, room: Classroom, ready: Any
) -> None:
    await ready(1)
    (main,) = marked(f"{room.uid}/1")
    assert {connection.laddr.ip for connection in main.net_connections() if connection.status == "LISTEN"} == {
        "127.0.0.1"
    }


async def test_a_copy_that_was_interrupted_is_made_anew(
    world: ProcessWorld, runtime: ProcessRuntime, room: Classroom, ready: Any
) -> None:
    partial = seat_file(world, room, 1).parent / "home.partial"
    partial.mkdir(parents=True)
    (partial / "half").touch()
    await ready(1)
    assert (await runtime.run(room, 1, ("ls",))).stdout == b"README.md\n"


async def test_each_seat_has_its_own_files_and_the_environment_keeps_its_own(
    world: ProcessWorld, runtime: ProcessRuntime, room: Classroom, ready: Any
) -> None:
    await ready(1)
    await ready(2)
    await runtime.run(room, 1, ("sh", "-c", "echo mine >> README.md"))
    assert (await runtime.run(room, 2, ("cat", "README.md"))).stdout == b"hello\n"
    assert (Path(world.image) / "repo" / "README.md").read_text() == "hello\n"


async def test_folders_that_a_participant_made_read_only_are_removed_too(
    world: ProcessWorld, runtime: ProcessRuntime, room: Classroom, ready: Any
) -> None:
    await ready(1)
    await runtime.run(room, 1, ("sh", "-c", "mkdir -p a/b && touch a/b/c && chmod 500 a/b a && ln -s / root"))
    assert (await runtime.close(room)).left == ()
    assert await world.leftovers(room) == []


async def test_an_environment_that_is_not_there_is_said(
    world: ProcessWorld, runtime: ProcessRuntime, unique_name: str
) -> None:
    from dataclasses import replace

    from workshop.errors import SeatFailed

    room = await runtime.open(replace(world.classroom(unique_name), image="/nowhere"))
    with pytest.raises(SeatFailed, match="no environment at /nowhere") as raised:
        await runtime.create(room, 1, server_command(room, 1))
    assert "workshop build" in raised.value.hint
    assert (await runtime.close(room)).left == ()


async def test_it_says_loudly_that_it_separates_nothing(runtime: ProcessRuntime) -> None:
    facts = await runtime.facts()
    assert facts.isolated is False
    assert "run as you" in facts.notes[0]


async def test_a_shell_opens_in_the_seats_home_without_its_token(
    world: ProcessWorld, runtime: ProcessRuntime, room: Classroom, ready: Any
) -> None:
    await ready(1)
    argv = runtime.shell_command(room, 1)
    shell = await asyncio.create_subprocess_exec(
        *argv, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
    )
    stdout, _ = await asyncio.wait_for(shell.communicate(b"pwd; env | grep -c TOKEN; which python3\n"), 10)
    home, tokens, python = stdout.decode().split()
    assert home == str(seat_file(world, room, 1).parent / "home")
    assert tokens == "0"
    assert python == f"{world.image}/venv/bin/python3"


async def test_what_killed_programs_left_half_made_is_removed_and_nothing_else(
    world: ProcessWorld, runtime: ProcessRuntime, room: Classroom, ready: Any, tmp_path: Path, stranger: psutil.Process
) -> None:
    await ready(1)
    root = world.state / "process"
    (root / ".new-spring-1234").mkdir()
    (root / "emptied").mkdir()
    other = ProcessWorld(tmp_path)
    foreign = await other.fresh().open(other.classroom("foreign"))
    try:
        await other.fresh().create(foreign, 1, server_command(foreign, 1))
        removal = await runtime.remove_strays([])
        assert (removal.removed, removal.left) == ({"folders": 2}, ())
        assert sorted(path.name for path in root.iterdir() if not path.name.startswith(".")) == [room.name]
        assert len(marked(f"{room.uid}/1")) == len(marked(f"{foreign.uid}/1")) == 1
        lost = marked(f"{room.uid}/1")[0]
        RoomFolder(root, room.name).anchor.unlink()
        removal = await runtime.remove_strays([])
        assert removal.removed == {"seats": 1, "folders": 1}
        assert not alive(lost)
    finally:
        await other.fresh().close(foreign)
    assert alive(stranger)


async def test_a_long_log_is_set_aside_at_the_next_start(
    world: ProcessWorld, runtime: ProcessRuntime, room: Classroom, ready: Any
) -> None:
    await ready(1)
    log = seat_file(world, room, 1).parent / "server.log"
    with log.open("ab") as handle:
        handle.truncate(11 * 1024 * 1024)
    await runtime.restart(room, 1)
    await ready(1)
    assert log.stat().st_size < 1000
    assert log.with_suffix(".log.1").stat().st_size == 11 * 1024 * 1024


async def test_files_are_private(world: ProcessWorld, runtime: ProcessRuntime, room: Classroom, ready: Any) -> None:
    await ready(1)
    file = seat_file(world, room, 1)
    modes = {
        path.name: oct(path.stat().st_mode & 0o777) for path in (file, file.parent, *file.parents[2].glob("*.json"))
    }
    assert modes == {"seat.json": "0o600", "01": "0o700", "classroom.json": "0o600"}


async def test_a_signal_to_the_makers_group_does_not_reach_the_seat(
    world: ProcessWorld, runtime: ProcessRuntime, room: Classroom, ready: Any
) -> None:
    await ready(1)
    (main,) = marked(f"{room.uid}/1")
    assert os.getpgid(main.pid) == main.pid
    assert os.getsid(main.pid) == main.pid
    assert signal.Signals.SIGHUP not in signal.pthread_sigmask(signal.SIG_BLOCK, [])


# A teardown, and somebody who starts seats at the same time


async def test_no_seat_is_started_once_its_classroom_is_being_closed(
    world: ProcessWorld, runtime: ProcessRuntime, unique_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = await runtime.open(world.classroom(unique_name))
    await runtime.create(room, 1, server_command(room, 1))
    other, refused = world.fresh(), []
    remove_anchor = RoomFolder.remove_anchor

    def late(folder: RoomFolder) -> None:
        """The last moment of a teardown: every process was looked for already."""
        for act in (other.create(room, 2, server_command(room, 2)), other.restart(room, 1)):
            with pytest.raises(SeatFailed) as caught:
                asyncio.run(act)
            refused.append(caught.value.hint)
        remove_anchor(folder)

    monkeypatch.setattr(RoomFolder, "remove_anchor", late)
    removal = await runtime.close(room)
    assert removal.left == ()
    assert refused == ["It was closed, or is just being closed."] * 2
    assert marked(room.uid) == []


async def test_a_teardown_waits_for_a_seat_that_is_just_being_started(
    world: ProcessWorld, runtime: ProcessRuntime, unique_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = await runtime.open(world.classroom(unique_name))
    held, go_on = threading.Event(), threading.Event()
    furnish = seats.furnish

    def slowly(*arguments: Any) -> None:
        held.set()
        assert go_on.wait(20)
        furnish(*arguments)

    monkeypatch.setattr(seats, "furnish", slowly)
    making = asyncio.create_task(world.fresh().create(room, 1, server_command(room, 1)))
    assert await asyncio.to_thread(held.wait, 20)
    closing = asyncio.create_task(runtime.close(room))
    mark = world.state / "process" / room.name / "closing"
    await until(lambda: asyncio.to_thread(mark.exists), "the teardown has begun")
    assert not closing.done()
    go_on.set()
    await making
    removal = await closing
    assert (removal.removed, removal.left) == ({"seats": 1, "folders": 1}, ())
    assert marked(room.uid) == []


async def test_a_classroom_whose_teardown_was_interrupted_can_be_opened_again(
    world: ProcessWorld, runtime: ProcessRuntime, room: Classroom, ready: Any
) -> None:
    RoomFolder(world.state / "process", room.name).begin_closing()
    with pytest.raises(SeatFailed, match="is not open"):
        await runtime.create(room, 1, server_command(room, 1))
    await runtime.open(room)
    await ready(1)


async def test_a_server_whose_maker_was_killed_before_it_was_recorded_is_waited_for(
    world: ProcessWorld, runtime: ProcessRuntime, room: Classroom, ready: Any
) -> None:
    await ready(1)
    (main,) = marked(f"{room.uid}/1")
    start = main.environ()["WORKSHOP_SEAT_PROCESS"].rpartition("/")[2]
    main.kill()
    psutil.wait_procs([main], timeout=10)
    change_file(seat_file(world, room, 1), pid=0, start=start)
    late: list[subprocess.Popen[bytes]] = []

    def comes_late() -> None:
        mark = {"WORKSHOP_SEAT_PROCESS": f"{room.uid}/1/1/{start}"}
        late.append(subprocess.Popen(["sleep", "300"], env=os.environ | mark))

    timer = threading.Timer(0.3, comes_late)
    timer.start()
    removal = await runtime.remove_seats(room, [1])
    timer.join()
    late[0].wait(10)
    assert marked(f"{room.uid}/1") == []
    assert (removal.removed, removal.left) == ({"seats": 1}, ())


def test_a_missing_file_inside_a_lock_is_told_to_whoever_holds_it(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), locked(tmp_path / "lock"):
        (tmp_path / "nowhere").read_text()
    with locked(tmp_path / "lock"):
        pass
