"""Starting a seat's server as a process of this machine: its environment, its port, its detachment."""

from __future__ import annotations

import os
import random
import secrets
import shutil
import socket
import subprocess
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from pathlib import Path

import psutil

from workshop.errors import SeatFailed
from workshop.model.classroom import Classroom
from workshop.model.data_file import DATA_VARIABLE
from workshop.model.seat import SeatCommand, seat_name
from workshop.runtimes.process.seat_folder import SeatFile, SeatFolder
from workshop.runtimes.process.seat_processes import MARK, await_mark, mark

HOST = "127.0.0.1"
PORTS = range(20000, 30000)
"""Below the ports that systems give to outgoing connections, so that none of those is in the way later."""
LARGEST_LOG = 10 * 1024 * 1024

KEPT = (
    "PATH", "LANG", "LANGUAGE", "TZ", "USER", "LOGNAME", "SHELL",
    "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS",
)  # fmt: skip
"""What a seat gets of the instructor's environment; the rest may hold secrets."""
PROXIES = ("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")
"""Kept too, unless they hold a password."""


def seat_environment(
    folder: SeatFolder, image: Path, own: Mapping[str, str], instructor: Mapping[str, str]
) -> dict[str, str]:
    """The whole environment of a seat's processes.

    Args:
        image: the environment's folder: its `venv/bin` comes first on `PATH`.
        own: what the seat's command wants.
        instructor: the environment of this program, of which little is passed on.
    """
    kept = {name: value for name, value in instructor.items() if name in KEPT or name.startswith("LC_")}
    kept |= {name: instructor[name] for name in PROXIES if "@" not in instructor.get(name, "@")}
    jupyter = folder.path / "jupyter"
    return {
        **kept,
        "PATH": f"{image / 'venv' / 'bin'}{os.pathsep}{instructor.get('PATH', os.defpath)}",
        "VIRTUAL_ENV": str(image / "venv"),
        "HOME": str(folder.home),
        "TMPDIR": str(folder.path / "tmp"),
        "JUPYTER_CONFIG_DIR": str(jupyter / "config"),
        "JUPYTER_DATA_DIR": str(jupyter / "data"),
        "JUPYTER_RUNTIME_DIR": str(jupyter / "runtime"),
        "IPYTHONDIR": str(jupyter / "ipython"),
        "PYTHONUNBUFFERED": "1",
        **own,
        **({DATA_VARIABLE: str(folder.data)} if DATA_VARIABLE in own else {}),
    }


def furnish(folder: SeatFolder, image: Path) -> None:
    """The seat's own copy of the repository, whole or not at all.

    Raises:
        SeatFailed: the environment is not there, or the disk is full.
    """
    name = seat_name(folder.number)
    if folder.home.exists():
        return
    if not (image / "repo").is_dir() or not (image / "venv" / "bin").is_dir():
        raise SeatFailed(
            f"Seat {name} could not be made: there is no environment at {image}.",
            hint="Build it again with `workshop build`.",
        )
    partial = folder.path / "home.partial"
    try:
        shutil.rmtree(partial, ignore_errors=True)
        shutil.copytree(image / "repo", partial, symlinks=True)
        for sub in ("tmp", "jupyter"):
            (folder.path / sub).mkdir(exist_ok=True, mode=0o700)
        partial.rename(folder.home)
    except (OSError, shutil.Error) as error:
        raise SeatFailed(f"Seat {name} could not be made: its files could not be copied ({error}).") from error


def start(
    classroom: Classroom, folder: SeatFolder, seat: SeatFile, taken: Collection[int], image: Path
) -> tuple[SeatFile, subprocess.Popen[bytes]]:
    """Start the server, detached: it goes on when this program, its terminal and its session end.

    What is written before the start is enough to find the process, should this program be killed right after it.

    Args:
        taken: ports that belong to other seats.

    Raises:
        SeatFailed: the program is not in the environment.
    """
    name = seat_name(folder.number)
    port = seat.port if seat.port and _is_free(seat.port) else free_port(taken)
    begun = secrets.token_hex(4)
    seat = folder.change(
        port=port,
        start=begun,
        pid=0,
        wanted=True,
        exit_code=None,
        boot=psutil.boot_time(),
        started_at=datetime.now(UTC).isoformat(),
    )
    environment = seat_environment(folder, image, seat.env, os.environ)
    environment[MARK] = mark(classroom.uid, folder.number, folder.generation, begun)
    argv = SeatCommand(seat.argv, port, "").arguments(HOST, port)
    if folder.log.exists() and folder.log.stat().st_size > LARGEST_LOG:
        folder.log.replace(folder.log.with_suffix(".log.1"))
    try:
        with folder.log.open("ab") as log:
            process = subprocess.Popen(
                argv,
                cwd=folder.home,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                umask=0o077,
            )
    except OSError as error:
        raise SeatFailed(
            f"Seat {name} could not be started: {argv[0]}: {error.strerror}.",
            hint="Is the program among the workshop's requirements? `workshop check` shows what was found.",
        ) from error
    seat = folder.change(pid=process.pid)
    await_mark(process.pid, environment[MARK], lambda: process.poll() is not None)
    return seat, process


def free_port(taken: Collection[int]) -> int:
    """A port on the loopback that nobody listens on and no other seat has been given.

    Raises:
        SeatFailed: there is none.
    """
    first = random.randrange(len(PORTS))
    for offset in range(len(PORTS)):
        port = PORTS[(first + offset) % len(PORTS)]
        if port not in taken and _is_free(port):
            return port
    raise SeatFailed(f"No free port from {PORTS.start} to {PORTS.stop - 1} is left on {HOST}.")


def _is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def reap(children: dict[int, subprocess.Popen[bytes]]) -> dict[int, int]:
    """Exit codes of those of our own children that have ended; they are forgotten."""
    # A copy, and `pop`: several threads do this at once.
    ended = {pid: code for pid, child in list(children.items()) if (code := child.poll()) is not None}
    for pid in ended:
        children.pop(pid, None)
    return ended
