"""The process that holds one classroom's gateway: finds the classroom by its labels, serves until it is told to end."""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from workshop.config.themes import load_palette
from workshop.errors import GatewayFailed, UnknownClassroom, WorkshopError
from workshop.gateway.server import Gateway
from workshop.gateway.settings import GatewaySettings
from workshop.model.classroom import Classroom
from workshop.ports.remote import RemoteSide, remote_of
from workshop.service import rooms
from workshop.service.addressing import DoorMover
from workshop.service.doors import door_files, holding
from workshop.service.duties import Duties
from workshop.service.room import Room
from workshop.service.wiring import Wiring

log = logging.getLogger(__name__)

UNLISTED = 3
"""Looks, a minute in all, at which the classroom is not there before the gateway takes it for removed."""
LOOK_EVERY = 20.0


@dataclass(slots=True)
class _Ends:
    """Why the process is to end."""

    stop: asyncio.Event = field(default_factory=asyncio.Event)


def main(argv: Sequence[str]) -> int:
    """The hidden verb `gateway`; started by `service.doors`, never by hand."""
    parser = argparse.ArgumentParser(prog="workshop gateway")
    parser.add_argument("name")
    parser.add_argument("--uid", required=True)
    parser.add_argument("--runtime", required=True)
    parser.add_argument("--answer-fd", type=int, default=-1)
    options = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    wiring = Wiring.from_settings({"runtime": options.runtime})
    files = door_files(wiring.places.sockets, wiring.places.state / "logs", options.uid)
    with holding(files.lock) as alone:
        if not alone:
            _answer(options.answer_fd, {"running": True})
            return 0
        try:
            with asyncio.Runner(loop_factory=_loop_factory()) as runner:
                runner.run(_serve(wiring, options.name, options.uid, options.answer_fd))
        except WorkshopError as error:
            log.error("%s %s", error.message, error.hint)
            _answer(options.answer_fd, {"error": error.code, "message": error.message, "hint": error.hint})
            return error.exit_code
    return 0


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """uvloop where it is installed: a tenth more requests a second."""
    try:
        import uvloop
    except ImportError:
        return None
    factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return factory


def _answer(descriptor: int, document: dict[str, object]) -> None:
    """Tell the starting process, once; it may be gone."""
    if descriptor < 0:
        return
    try:
        os.write(descriptor, json.dumps(document).encode() + b"\n")
        os.close(descriptor)
    except OSError as error:
        log.info("nobody waits for the answer: %s", error)


async def _serve(wiring: Wiring, name: str, uid: str, answer_fd: int) -> None:
    found = await rooms.find(wiring, uid, only=wiring.flag_runtime(), called=name)
    ends = _Ends()
    loop = asyncio.get_running_loop()
    for sign in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        loop.add_signal_handler(sign, ends.stop.set)
    remote = remote_of(found.runtime)
    if remote is not None:
        await _forward(wiring, found, remote, ends, answer_fd)
    else:
        await _hold(wiring, found, ends, answer_fd)
    await wiring.aclose()


async def _forward(wiring: Wiring, found: rooms.FoundRoom, remote: RemoteSide, ends: _Ends, answer_fd: int) -> None:
    """Lead this machine's door to a gateway elsewhere that has none, until told to end or the class is gone."""
    classroom = found.classroom
    files = door_files(wiring.places.sockets, wiring.places.state / "logs", classroom.uid)
    lines = [await remote.reach(classroom, files.socket)]
    gone = asyncio.create_task(_until_removed(wiring, classroom, ends))
    try:
        lines.append(await remote.forward(classroom, classroom.door.host, classroom.door.port))
        _answer(answer_fd, {"ready": True})
        log.info("%s leads to the gateway of %s", classroom.join_url(), classroom.name)
        await ends.stop.wait()
    finally:
        gone.cancel()
        await asyncio.gather(gone, *(line.aclose() for line in lines), return_exceptions=True)


async def _hold(wiring: Wiring, found: rooms.FoundRoom, ends: _Ends, answer_fd: int) -> None:
    name = found.classroom.name
    room = Room(found.classroom, found.runtime, wiring.store, clock=wiring.clock, stop=ends.stop.set)
    files = door_files(wiring.places.sockets, wiring.places.state / "logs", found.classroom.uid)
    palette = load_palette(wiring.places, wiring.setting("theme"))
    wishes = GatewaySettings.of(found.classroom, palette=palette)
    gateway = Gateway(room, wiring.store, room.report, control_socket=files.socket, settings=wishes)
    tasks: list[asyncio.Task[Any]] = [
        asyncio.create_task(room.run()),
        asyncio.create_task(_until_removed(wiring, found.classroom, ends)),
    ]
    try:
        await room.until_listed()
        duties = Duties(wiring, room)
        room.verbs["door"] = DoorMover(room, gateway.move).asked
        await gateway.start()
        _answer(answer_fd, {"ready": True})
        log.info("classroom %s is open at %s", name, found.classroom.join_url())
        # returns when the class has ended by itself, collected and removed
        tasks.append(asyncio.create_task(duties.run()))
        tasks.append(asyncio.create_task(ends.stop.wait()))
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            if task.done() and (error := task.exception()) is not None:
                raise GatewayFailed(f"The gateway of {name} ended: {error}") from error
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        room.write_notes()
        await gateway.stop()


async def _until_removed(wiring: Wiring, classroom: Classroom, ends: _Ends) -> None:
    """End when somebody, from another machine perhaps, has removed the classroom."""
    name, missing = classroom.name, 0
    while missing < UNLISTED:
        await asyncio.sleep(LOOK_EVERY)
        try:
            await rooms.find(wiring, classroom.uid, only=classroom.runtime, called=name)
            missing = 0
        except UnknownClassroom:
            missing += 1
        except WorkshopError as error:
            log.info("looking for %s: %s", name, error.message)
    log.info("classroom %s is gone", name)
    ends.stop.set()
