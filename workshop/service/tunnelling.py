"""The user's tunnel, kept running as long as the gateway does; links, codes and screens follow its address."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import replace
from time import monotonic
from typing import Any

from workshop.errors import GatewayFailed, WorkshopError
from workshop.gateway.tunnel import START_SECONDS, Tunnel, program_of
from workshop.model.events import DoorMoved, Warned
from workshop.model.snapshot import TunnelState
from workshop.service.room import Room

log = logging.getLogger(__name__)

PAUSES = (1.0, 2.0, 5.0, 10.0, 30.0)
"""Seconds between tries to start it again; the last one repeats."""
GOOD_SECONDS = 60.0
"""A tunnel that held this long begins with the shortest pause again."""
LINES_TOLD = 3


class TunnelKeeper:
    """Starts the tunnel's command, and again when it ends. Answers the room's verb `tunnel`.

    Its address is kept beside the classroom (`RoomState.public_url`): what shows links without asking the gateway
    knows it too, and a gateway that was killed begins with the last one.
    """

    def __init__(self, room: Room) -> None:
        state = room.store.room_state(room.classroom.uid)
        self._room = room
        self._command = state.tunnel if state.tunnel is not None else room.rules.tunnel
        self._url = state.public_url or ""
        self._outcome: asyncio.Future[str] | None = None
        self._again = asyncio.Event()
        room.verbs["tunnel"] = self._asked

    async def run(self) -> None:
        """Until cancelled; the program ends with it."""
        failures = 0
        while True:
            if not self._command:
                await self._again.wait()
            self._again.clear()
            if self._command:
                began = monotonic()
                await self._once()
                failures = 0 if monotonic() - began > GOOD_SECONDS + START_SECONDS else failures + 1
                await self._wait_for_call(PAUSES[min(failures, len(PAUSES)) - 1] if failures else PAUSES[0])

    async def _wait_for_call(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._again.wait(), seconds)
        except TimeoutError:
            return

    async def _once(self) -> None:
        """One life of the program: started, followed, taken down."""
        door, command = self._room.classroom.door, self._command
        self._room.show_tunnel(TunnelState.STARTING)
        tunnel = None
        try:
            tunnel = Tunnel(command, door.port, door.host)
            url = await tunnel.start()
            self._opened(url, tunnel.program)
            said = await self._until_it_ends(tunnel)
            if said is not None:
                last = " ".join(said[-LINES_TOLD:])
                self._lost(f"The tunnel program {tunnel.program} ended. {last}".rstrip())
        except WorkshopError as error:
            details = " ".join(error.details[-LINES_TOLD:])
            self._lost(f"{error.message} {details}".rstrip())
            self._settle(error)
        finally:
            if tunnel is not None:
                await tunnel.stop()

    async def _until_it_ends(self, tunnel: Tunnel) -> tuple[str, ...] | None:
        """Its last lines; None when another command was asked for meanwhile."""
        ended = asyncio.create_task(tunnel.wait())
        called = asyncio.create_task(self._again.wait())
        try:
            await asyncio.wait((ended, called), return_when=asyncio.FIRST_COMPLETED)
            return ended.result() if ended.done() else None
        finally:
            ended.cancel()
            called.cancel()

    def _opened(self, url: str, program: str) -> None:
        before, self._url = self._url, url
        room = self._room
        room.store.set_room_state(room.classroom.uid, public_url=url)
        room.report(DoorMoved(replace(room.classroom.door, public_url=url)))
        room.show_tunnel(TunnelState.OPEN)
        text = ""
        if before and before != url:
            text = (
                f"The tunnel has a new address, {url}: QR codes and links from before lead nowhere. Show the new ones."
            )
            room.store.record(room.classroom.uid, "tunnel", "a new address")
        room.report(Warned("tunnel", text))
        log.info("the tunnel of %s is open at %s", program, url)
        if self._outcome is not None and not self._outcome.done():
            self._outcome.set_result(url)

    def _lost(self, text: str) -> None:
        log.warning("%s", text)
        self._room.show_tunnel(TunnelState.LOST)
        self._room.store.record(self._room.classroom.uid, "tunnel", "lost")
        self._room.report(Warned("tunnel", f"{text} Nobody comes in through it; it is started again."))

    def _settle(self, error: WorkshopError) -> None:
        if self._outcome is not None and not self._outcome.done():
            self._outcome.set_exception(error)
            self._outcome.exception()  # whoever asked may have gone

    async def _asked(self, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        """Wait for the tunnel; with another command, end the one that runs and start that.

        Raises:
            SettingError: the command cannot be read.
            GatewayFailed: the tunnel could not be opened; it is tried again all the same.
        """
        if arguments.get("again"):
            self._again.set()  # the gateway has moved: the command may name its address
            return {"url": self._url}
        command = str(arguments.get("command", self._command))
        if command:
            program_of(command)
        changed = command != self._command
        if changed:
            self._room.store.set_room_state(self._room.classroom.uid, tunnel=command)
            self._command = command
        if not command:
            if changed:
                self._close()
            return {"url": ""}
        if not changed and self._room.tunnel is TunnelState.OPEN:
            return {"url": self._url}
        if self._outcome is None or self._outcome.done():
            self._outcome = asyncio.get_running_loop().create_future()
        if changed or self._room.tunnel is TunnelState.LOST:
            self._again.set()
        try:
            url = await asyncio.wait_for(asyncio.shield(self._outcome), START_SECONDS * 2)
        except TimeoutError as error:
            raise GatewayFailed(
                "The tunnel did not open in time.", hint="`workshop status` tells how it is."
            ) from error
        return {"url": url}

    def _close(self) -> None:
        """The class goes on without a tunnel, at the gateway's own address."""
        room, self._url = self._room, ""
        room.store.set_room_state(room.classroom.uid, public_url="")
        room.report(DoorMoved(replace(room.classroom.door, public_url=room.rules.public_url)))
        room.report(Warned("tunnel", ""))
        room.show_tunnel(TunnelState.NONE)
        self._again.set()
