"""Start, find and stop the gateways of classrooms on this machine.

A gateway is a process of its own, detached from the terminal. That it runs is told by a lock that the kernel
gives back when it dies, never by a process id alone.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, time
from typing import TYPE_CHECKING, Any, Protocol

from workshop.errors import GatewayFailed, PortTaken, RuntimeUnreachable, WorkshopError
from workshop.model.classroom import Classroom
from workshop.model.events import Noted
from workshop.model.snapshot import Snapshot
from workshop.ports.build import Report, ignore_events

if TYPE_CHECKING:
    import psutil

START_TIMEOUT = OTHERS_START = 30.0
STOP_TIMEOUT = 10.0
YOUNG = 5.0
"""Seconds in which a gateway that starts may not hold its lock yet."""
_BY_CODE: dict[str, type[WorkshopError]] = {
    error.code: error for error in (PortTaken, GatewayFailed, RuntimeUnreachable)
}


@dataclass(frozen=True, slots=True)
class DoorFiles:
    """The files of one gateway, in a folder only the user can read."""

    socket: Path
    lock: Path
    log: Path


class DoorClient(Protocol):
    """What verbs ask of a running gateway."""

    async def alive(self) -> bool: ...

    async def snapshot(self) -> Snapshot: ...

    def changes(self) -> AsyncIterator[Snapshot]: ...

    async def act(self, verb: str, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        """
        Raises:
            GatewayFailed: it does not answer.
        """
        ...


class Doors(Protocol):
    """What verbs ask about gateways."""

    async def ensure(self, classroom: Classroom, *, report: Report = ignore_events) -> Classroom:
        """Have the classroom's gateway run; one that runs is left alone. The classroom with the door that links name.

        Raises:
            PortTaken: its address is in use by another program.
            GatewayFailed: it did not start; the message has its reason.
        """
        ...

    async def client(self, classroom: Classroom) -> DoorClient | None:
        """A client for the running gateway; None when there is none."""
        ...

    def hangs(self, classroom: Classroom) -> bool:
        """Whether a gateway for which there is no client runs all the same: it does not answer."""
        ...

    async def stop(self, classroom: Classroom) -> bool:
        """End the gateway and wait until it is gone. False when there was none."""
        ...

    async def aclose(self) -> None: ...


class DetachedDoors:
    """Gateways as processes of their own, which outlive this one."""

    def __init__(self, sockets: Path, logs: Path, *, environment: Mapping[str, str]) -> None:
        self._sockets = sockets
        self._logs = logs
        self._environment = dict(environment)

    def files(self, uid: str) -> DoorFiles:
        return door_files(self._sockets, self._logs, uid)

    async def ensure(self, classroom: Classroom, *, report: Report = ignore_events) -> Classroom:
        if await self.client(classroom) is not None:
            return classroom
        for folder in (self._sockets, self._logs):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        await asyncio.to_thread(self._end_lost, classroom)
        answer = await self._start(classroom)
        if answer.get("running"):
            if await self._answers(classroom, within=OTHERS_START - _age(self.files(classroom.uid).lock)):
                return classroom
            hint = "Ending it and starting another: students come in as before."
            report(Noted(f"The gateway of {classroom.name} runs and does not answer. {hint}", level="warning"))
            await self._end_process(classroom, patience=0)
            answer = await self._start(classroom)
        if answer.get("ready"):
            return classroom
        kind = _BY_CODE.get(str(answer.get("error", "")), GatewayFailed)
        raise kind(
            str(answer.get("message") or f"The gateway of {classroom.name} ended before it was ready."),
            hint=str(answer.get("hint") or f"Its log is {self.files(classroom.uid).log}."),
        )

    async def _start(self, classroom: Classroom) -> Mapping[str, object]:
        """What the started process says of itself: `ready`, `running` where another is there, or its error."""
        reader, writer = os.pipe()
        try:
            self._spawn(classroom, writer)
        finally:
            os.close(writer)
        return await _read_answer(reader)

    def _spawn(self, classroom: Classroom, answer_fd: int) -> None:
        argv = [
            sys.executable, "-m", "workshop", "gateway", classroom.name, "--uid", classroom.uid,
            "--runtime", classroom.runtime, "--answer-fd", str(answer_fd),
        ]  # fmt: skip
        log_fd = os.open(self.files(classroom.uid).log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            # not a process of the event loop: from Python 3.12 on the loop's end kills those
            process = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=log_fd,
                stderr=log_fd,
                start_new_session=True,
                pass_fds=(answer_fd,),
                cwd="/",
                env=os.environ | self._environment,
            )
        finally:
            os.close(log_fd)
        # while this program goes on, a gateway that ended leaves no zombie
        threading.Thread(target=process.wait, name=f"gateway-{classroom.uid}", daemon=True).start()

    async def _answers(self, classroom: Classroom, *, within: float) -> bool:
        """Whether a gateway that did not answer a moment ago does within so many seconds."""
        deadline = monotonic() + within
        while monotonic() < deadline:
            if await self.client(classroom) is not None:
                return True
            await asyncio.sleep(0.1)
        return False

    async def client(self, classroom: Classroom) -> DoorClient | None:
        files = self.files(classroom.uid)
        if not files.socket.exists():
            return None
        from workshop.gateway.control_client import ControlClient

        client = ControlClient(files.socket)
        return client if await client.alive() else None

    def hangs(self, classroom: Classroom) -> bool:
        return is_locked(self.files(classroom.uid).lock)

    async def stop(self, classroom: Classroom) -> bool:
        files = self.files(classroom.uid)
        if not is_locked(files.lock):
            _unlink(files)
            return await asyncio.to_thread(self._end_lost, classroom)
        client = await self.client(classroom)
        if client is not None:
            with contextlib.suppress(GatewayFailed):  # it may end before it answers; the lock tells
                await client.act("stop", {})
        return await self._end_process(classroom, patience=STOP_TIMEOUT)

    def _end_lost(self, classroom: Classroom) -> bool:
        """End a gateway that nobody can reach any more: somebody removed this state folder while it ran.

        It keeps the class's port, and what it writes down is lost. One of another state folder is left alone.
        """
        import psutil

        lost = lost_gateways(classroom.uid, self._environment.get("WORKSHOP_STATE_DIR", ""), self.files(classroom.uid))
        for process in lost:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.terminate()
        _, stubborn = psutil.wait_procs(lost, timeout=STOP_TIMEOUT)
        for process in stubborn:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(stubborn, timeout=STOP_TIMEOUT)
        return bool(lost)

    async def end_forward(self, classroom: Classroom) -> bool:
        """End a process that only leads to a gateway elsewhere. False when there was none."""
        files = self.files(classroom.uid)
        if not is_locked(files.lock):
            _unlink(files)
            return False
        return await self._end_process(classroom, patience=0)

    async def _end_process(self, classroom: Classroom, *, patience: float) -> bool:
        files = self.files(classroom.uid)
        if not await _unlocked(files.lock, patience):
            for sign in (signal.SIGTERM, signal.SIGKILL):
                pid = locked_by(files.lock)
                if pid is None:
                    break
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, sign)
                if await _unlocked(files.lock, STOP_TIMEOUT):
                    break
            else:
                raise GatewayFailed(f"The gateway of {classroom.name} cannot be ended.", hint=f"See {files.lock}.")
        _unlink(files)
        return True

    async def aclose(self) -> None:
        """Gateways go on: nothing to do."""


def door_files(sockets: Path, logs: Path, uid: str) -> DoorFiles:
    return DoorFiles(sockets / f"{uid}.sock", sockets / f"{uid}.lock", logs / f"gateway-{uid}.log")


def lost_gateways(uid: str, state: str, files: DoorFiles) -> list[psutil.Process]:
    """Processes of ours that hold this classroom's gateway for this state folder, while nobody holds its lock."""
    import psutil

    found = []
    for process in psutil.process_iter():
        try:
            words = process.cmdline()
            if "gateway" not in words or _after(words, "--uid") != uid or time() - process.create_time() < YOUNG:
                continue
            mine = process.uids().real == os.getuid() and process.environ().get("WORKSHOP_STATE_DIR") == state
        except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
            continue
        if mine:
            found.append(process)
    return [] if is_locked(files.lock) else found


def _after(words: Sequence[str], flag: str) -> str:
    """The word that follows a flag; empty where there is none."""
    at = words.index(flag) + 1 if flag in words else len(words)
    return words[at] if at < len(words) else ""


@contextlib.contextmanager
def holding(lock: Path) -> Iterator[bool]:
    """Hold a lock file while the block runs; yields False when another process holds it."""
    descriptor = os.open(lock, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        os.ftruncate(descriptor, 0)
        os.write(descriptor, str(os.getpid()).encode())
        yield True
    finally:
        os.close(descriptor)


def is_locked(lock: Path) -> bool:
    """Whether a process holds the lock now."""
    try:
        descriptor = os.open(lock, os.O_RDWR)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def locked_by(lock: Path) -> int | None:
    """The process that holds the lock, if one does."""
    if not is_locked(lock):
        return None
    text = lock.read_text()
    return int(text) if text.isdigit() else None


def _age(lock: Path) -> float:
    """Seconds since the process that holds the lock was started."""
    import psutil

    pid = locked_by(lock)
    try:
        return 0.0 if pid is None else time() - psutil.Process(pid).create_time()
    except psutil.NoSuchProcess:
        return 0.0


async def _unlocked(lock: Path, timeout: float) -> bool:
    deadline = monotonic() + timeout
    while is_locked(lock):
        if monotonic() > deadline:
            return False
        await asyncio.sleep(0.05)
    return True


def _unlink(files: DoorFiles) -> None:
    files.socket.unlink(missing_ok=True)
    files.lock.unlink(missing_ok=True)


async def _read_answer(reader: int) -> dict[str, object]:
    """The one line of JSON that a starting gateway writes; empty when it ended without one."""

    stream = asyncio.StreamReader()
    pipe, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(stream), os.fdopen(reader, "rb")
    )
    try:
        async with asyncio.timeout(START_TIMEOUT):
            line = await stream.readline()
    except TimeoutError:
        return {"error": GatewayFailed.code, "message": f"The gateway did not start within {START_TIMEOUT:.0f} s."}
    finally:
        pipe.close()
    answer = json.loads(line) if line else {}
    return answer if isinstance(answer, dict) else {}
