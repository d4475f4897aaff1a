"""One classroom's gateway: the parts put together, started and stopped."""

from __future__ import annotations

import asyncio
import errno
import logging
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from aiohttp import web

from workshop.errors import GatewayFailed, PortTaken
from workshop.gateway.addresses import refuse_public, watch_address
from workshop.gateway.attempts import Attempts
from workshop.gateway.certificate import Certificate
from workshop.gateway.compression import Compression
from workshop.gateway.control import ControlServer
from workshop.gateway.cookies import Cookies
from workshop.gateway.front import Front
from workshop.gateway.http_server import SHARE, HttpServer, raise_file_limit
from workshop.gateway.join import Join
from workshop.gateway.pages import Pages
from workshop.gateway.peers import Peers
from workshop.gateway.presence import Presence
from workshop.gateway.proxy import Proxy
from workshop.gateway.pulse import INTERVAL, run_pulses
from workshop.gateway.room_check import RoomCheckPage
from workshop.gateway.seat_page import SeatPage
from workshop.gateway.seating import Seating
from workshop.gateway.seatmap import SeatMap
from workshop.gateway.settings import GatewaySettings
from workshop.gateway.take_home import TakeHome
from workshop.gateway.visits import Visits
from workshop.gateway.waiting import WaitingRoom
from workshop.model.events import Warned
from workshop.ports.room import ReportFact, RoomView
from workshop.ports.store import Store

log = logging.getLogger(__name__)

BACKLOG = 1024
STOP_SECONDS = 0.7
"""For requests that are under way; streams would never end by themselves."""
SWEEP_SECONDS = 30.0
PREPARE_AFTER = 5.0
"""Seconds after the door opened in which seats need the processor more than our pages do."""


class Gateway:
    """The students' door of one classroom, and the control socket of its instructor.

    Args:
        room: the classroom, kept by this process.
        report: takes what is noticed here: claims, pulses, calls for help.
        control_socket: where `ControlClient` finds this gateway.
        settings: None for what the classroom's definition says.
        pulse_interval: seconds between two readings of a seat; 0 leaves `run_pulses` to the caller.
    """

    def __init__(
        self,
        room: RoomView,
        store: Store,
        report: ReportFact,
        *,
        control_socket: Path,
        settings: GatewaySettings | None = None,
        pulse_interval: float = INTERVAL,
    ) -> None:
        self._room = room
        self._report = report
        self._settings = settings or GatewaySettings.of(room.classroom)
        self._pulse_interval = pulse_interval
        self._control = ControlServer(room, control_socket)
        self.presence = Presence()
        self._seats = SeatMap(room, self._settings)
        cookies = Cookies(room.classroom)
        self._pages = pages = Pages(self._settings.title or room.classroom.workshop, self._settings.palette)
        seating = Seating(room, store, self._seats, report)
        self._waiting = WaitingRoom(self._tell_waiting)
        self._compression = Compression()
        self._proxy = Proxy(self._seats, self.presence, self._compression, max_body=self._settings.max_body)
        self._seat_page = SeatPage(self._seats, cookies, pages, self.presence, report, self._settings)
        self._check = RoomCheckPage(self._seats, cookies, pages, report)
        take_home = TakeHome(room, self._seats, pages)
        self._peers = Peers(self._seats, seating, cookies, joining=self._settings.join)
        join = Join(
            self._seats, seating, cookies, pages, Attempts(), Attempts(), self._waiting, self._peers, self._settings
        )
        visits = Visits(self._seats, cookies, pages, join, self._peers, report)
        self._front = Front(
            self._seats, seating, cookies, pages, join, visits, self._seat_page, take_home, self._check, self._proxy,
            self._peers, seat_bar=self._settings.seat_bar, report=report,
        )  # fmt: skip
        self._certificate: Certificate | None = None
        self._connections = 0
        self._runner: web.ServerRunner | None = None
        self._site: web.TCPSite | None = None
        self._address: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._acts: set[asyncio.Task[object]] = set()

    @property
    def port(self) -> int:
        """The port that is listened on; known after `start`."""
        assert self._runner is not None
        return int(self._runner.addresses[0][1])

    @property
    def connections(self) -> int:
        """How many connections of browsers are open."""
        server = self._runner.server if self._runner is not None else None
        return len(server.connections) if server is not None else 0

    async def start(self) -> None:
        """Open the door, then the control socket.

        Raises:
            PortTaken: another program listens there.
            UsageError: the address is public and not protected.
            SettingError: the certificate cannot be used.
            GatewayFailed: the address is not this machine's, or the control socket cannot be made.
        """
        door, settings = self._room.classroom.door, self._settings
        host = settings.bind_host or door.host
        port = settings.bind_port or door.port
        if settings.certificate and settings.key:
            self._certificate = Certificate(settings.certificate, settings.key)
        refuse_public(host, tls=self._certificate is not None, allow_public=settings.allow_public)
        self._connections = raise_file_limit() // SHARE
        await self._proxy.start()
        await self._peers.start()
        try:
            await self._listen(host, port)
            await self._control.start()
        except BaseException:
            await self.stop()
            raise
        self._run(self._seats.follow())
        self._address = self._run(self._watch_address(host))
        self._run(self._sweep())
        self._run(self._prepare())
        if self._certificate is not None:
            self._run(self._certificate.follow(lambda text: self._report(Warned("certificate", text))))
        if self._pulse_interval:
            self._run(run_pulses(self._room, self.presence, self._report, interval=self._pulse_interval))

    async def _listen(self, host: str, port: int) -> None:
        server = HttpServer(self._front, most_of_one_address=self._connections)
        self._runner = web.ServerRunner(server, shutdown_timeout=STOP_SECONDS)
        await self._runner.setup()
        self._site = await self._open(host, port)

    async def _open(self, host: str, port: int) -> web.TCPSite:
        assert self._runner is not None
        context = self._certificate.context if self._certificate else None
        site = web.TCPSite(self._runner, host, port, ssl_context=context, backlog=BACKLOG)
        try:
            await site.start()
        except OSError as error:
            raise _listen_error(error, host, port) from error
        return site

    async def move(self, host: str, port: int) -> None:
        """Let students in at another address. The old one is closed; what is connected there stays connected.

        Raises:
            PortTaken: another program listens there.
            UsageError: the address is public and not protected.
            GatewayFailed: the address is not this machine's; the old one stays open.
        """
        refuse_public(host, tls=self._certificate is not None, allow_public=self._settings.allow_public)
        before, self._site = self._site, await self._open(host, port)
        if self._address is not None:
            self._address.cancel()
        self._address = self._run(self._watch_address(host))
        if before is not None:
            await before.stop()

    async def stop(self) -> None:
        """Close everything; browsers come back by themselves to the gateway that runs next."""
        for task in (*self._tasks, *self._acts):
            task.cancel()
        await asyncio.gather(*self._tasks, *self._acts, return_exceptions=True)
        await self._control.stop()
        await self._seat_page.stop()
        await self._check.stop()
        self._proxy.hang_up()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None
        await self._proxy.stop()
        await self._peers.stop()
        self._compression.stop()

    def _run(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("a part of the gateway ended: %s", type(error).__name__, exc_info=error)

    def _tell_waiting(self, count: int) -> None:
        async def tell() -> object:
            return await self._room.act("waiting", {"count": count})

        task = asyncio.get_running_loop().create_task(tell())
        self._acts.add(task)
        task.add_done_callback(self._acts.discard)

    async def _watch_address(self, host: str) -> None:
        async for there in watch_address(host):
            text = (
                ""
                if there
                else f"This machine no longer has the address {host}: students cannot reach their seats. "
                f"Connect it to the same network again, or move the class: workshop address "
                f"{self._room.classroom.name} (in the classroom: L)."
            )
            self._report(Warned("address", text))

    async def _prepare(self) -> None:
        await asyncio.sleep(PREPARE_AFTER)
        await asyncio.to_thread(self._pages.prepare)

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            self._waiting.sweep()


def _listen_error(error: OSError, host: str, port: int) -> Exception:
    match error.errno:
        case errno.EADDRINUSE:
            return PortTaken(
                f"Port {port} on {host} is in use by another program.",
                hint="Choose another with --port; move a class that is there already with "
                "`workshop address NAME ADDRESS --port PORT`.",
            )
        case errno.EADDRNOTAVAIL | None:  # from Python 3.13 on asyncio leaves the number out of this one
            return GatewayFailed(
                f"This machine has no address {host} (any more).",
                hint="`workshop address` shows those there are, `workshop address NAME ADDRESS` moves a class to one.",
            )
        case errno.EACCES:
            return GatewayFailed(
                f"Port {port} needs special rights.", hint="Choose one from 1024 on, 8080 for example."
            )
        case _:
            return GatewayFailed(f"The gateway cannot listen on {host}, port {port}: {error.strerror or error}.")
