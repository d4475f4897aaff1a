"""Gateways that run where the seats are, on other machines: opened, found, reached and stopped through the runtime."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Protocol

from workshop.engines.dead_programs import is_gone
from workshop.errors import GatewayFailed
from workshop.model.classroom import Classroom
from workshop.model.image import ImageSettings
from workshop.ports.build import Report, ignore_events
from workshop.ports.remote import Line, RemoteSide
from workshop.service.doors import DetachedDoors, DoorClient, Doors

ANSWERS_WITHIN = 60.0
"""Seconds between a gateway's open door and its first answer to a verb."""


@dataclass(frozen=True, slots=True)
class Opening:
    """What this machine gives a gateway that is opened elsewhere."""

    images: ImageSettings
    environment: Mapping[str, str]
    """Settings of its program, by the names of their variables."""
    ends_itself: bool = True


class Forwards(Protocol):
    """Processes of this machine that lead a port of it to a gateway elsewhere."""

    async def ensure(self, classroom: Classroom, *, report: Report = ignore_events) -> Classroom: ...

    async def end_forward(self, classroom: Classroom) -> bool: ...


class HostedDoors:
    """Implements `service.doors.Doors`.

    Args:
        sockets: a folder that only the user can read, for the ends of lines to gateways.
        forwards: for a gateway without a door of its own.
        remote: the side of the runtime that a classroom is on.
    """

    def __init__(
        self,
        sockets: Path,
        forwards: Forwards,
        *,
        remote: Callable[[Classroom], RemoteSide | None],
        opening: Callable[[Classroom], Opening],
    ) -> None:
        self._sockets = sockets
        self._forwards = forwards
        self._side_of = remote
        self._opening = opening
        self._lines: dict[str, Line] = {}

    async def ensure(self, classroom: Classroom, *, report: Report = ignore_events) -> Classroom:
        opening, remote = self._opening(classroom), self._remote(classroom)
        classroom = await remote.open_gateway(
            classroom,
            opening.images,
            environment=opening.environment,
            ends_itself=opening.ends_itself,
            report=report,
        )
        await self._until_it_answers(classroom)
        if await remote.needs_forward(classroom):
            await self._forwards.ensure(classroom, report=report)
        return classroom

    async def _until_it_answers(self, classroom: Classroom) -> None:
        """Where it runs, it counts as ready once its door is open: its control socket may come a moment later.

        Raises:
            GatewayFailed: it does not answer.
        """
        deadline = monotonic() + ANSWERS_WITHIN
        while (client := await self.client(classroom)) is None or not await client.alive():
            if monotonic() > deadline:
                raise GatewayFailed(
                    f"The gateway of {classroom.name} runs and does not answer.", hint="`workshop up` tries again."
                )
            await asyncio.sleep(0.2)

    async def client(self, classroom: Classroom) -> DoorClient | None:
        remote = self._remote(classroom)
        if not await remote.gateway_runs(classroom):
            return None
        from workshop.gateway.control_client import ControlClient

        socket = self._sockets / f"{classroom.uid}-{os.getpid()}.sock"
        if classroom.uid not in self._lines:
            self._sweep(classroom)
            self._lines[classroom.uid] = await remote.reach(classroom, socket)
        return ControlClient(socket)

    def _sweep(self, classroom: Classroom) -> None:
        """Ends of lines whose process was killed."""
        for socket in self._sockets.glob(f"{classroom.uid}-*.sock"):
            if is_gone(socket.stem.rpartition("-")[2]):
                socket.unlink(missing_ok=True)

    def hangs(self, classroom: Classroom) -> bool:
        return False  # the cluster's own probes end one that does not answer

    async def stop(self, classroom: Classroom) -> bool:
        await self._hang_up(classroom)
        await self._forwards.end_forward(classroom)
        return await self._remote(classroom).close_gateway(classroom)

    async def _hang_up(self, classroom: Classroom) -> None:
        line = self._lines.pop(classroom.uid, None)
        if line is not None:
            await line.aclose()

    async def aclose(self) -> None:
        lines, self._lines = list(self._lines.values()), {}
        for line in lines:
            await line.aclose()

    def _remote(self, classroom: Classroom) -> RemoteSide:
        remote = self._side_of(classroom)
        assert remote is not None, f"{classroom.runtime} runs on this machine"
        return remote


class DoorsByRuntime:
    """Implements `service.doors.Doors` with one kind of doors for each kind of runtime."""

    def __init__(self, near: DetachedDoors, hosted: Doors, *, is_hosted: Callable[[Classroom], bool]) -> None:
        self.near = near
        """Those of this machine."""
        self._hosted = hosted
        self._is_hosted = is_hosted

    def _of(self, classroom: Classroom) -> Doors:
        return self._hosted if self._is_hosted(classroom) else self.near

    async def ensure(self, classroom: Classroom, *, report: Report = ignore_events) -> Classroom:
        return await self._of(classroom).ensure(classroom, report=report)

    async def client(self, classroom: Classroom) -> DoorClient | None:
        return await self._of(classroom).client(classroom)

    def hangs(self, classroom: Classroom) -> bool:
        return self._of(classroom).hangs(classroom)

    async def stop(self, classroom: Classroom) -> bool:
        return await self._of(classroom).stop(classroom)

    async def aclose(self) -> None:
        await self._hosted.aclose()
        await self.near.aclose()
