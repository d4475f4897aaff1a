"""A classroom in this process, with seats that are small real servers, and a gateway in front of it."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import re
import subprocess
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from uv import find_uv_bin

from tests.support.ports import free_port
from workshop.errors import UsageError
from workshop.gateway.server import Gateway
from workshop.gateway.settings import GatewaySettings
from workshop.model import events
from workshop.model.classroom import Classroom, Door, Ui, new_key, new_uid
from workshop.model.seat import Pulse, Seat, SeatState
from workshop.model.snapshot import Snapshot
from workshop.ports.room import Upstream
from workshop.state.store import SqliteStore

LAPTOP = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


async def until(condition: Callable[[], Any], *, seconds: float = 10) -> Any:
    """Wait for a condition of this process, with an end."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, "waited in vain"
        await asyncio.sleep(0.01)
    return value


class FakeRoom:
    """`ports.room.RoomView` over plain dictionaries; takes facts as the real one does."""

    def __init__(self, classroom: Classroom) -> None:
        self._classroom = classroom
        self.upstreams: dict[int, Upstream] = {}
        self.seats: dict[int, Seat] = {}
        self.closed = False
        self.facts: list[events.ClassEvent] = []
        self.acts: list[tuple[str, dict[str, Any]]] = []
        self.ends: datetime | None = classroom.ends
        self.messages: tuple[str, ...] = ()
        self.works: dict[int, Callable[[], AsyncGenerator[bytes, None]]] = {}
        self._changed = asyncio.Event()
        for number in range(1, classroom.seats + 1):
            self.add(number)

    def add(self, number: int) -> None:
        self.seats[number] = Seat(
            number, self._classroom.code(number), self._classroom.link(number), state=SeatState.STARTING
        )

    @property
    def classroom(self) -> Classroom:
        return self._classroom

    def move_door(self, door: Door) -> None:
        self._classroom = replace(self._classroom, door=door)
        self.notify()

    def snapshot(self) -> Snapshot:
        return Snapshot(
            self._classroom,
            tuple(self.seats[number] for number in sorted(self.seats)),
            taken_at=datetime.now(UTC),
            ends=self.ends,
            gateway=True,
            messages=self.messages,
        )

    async def changes(self) -> AsyncIterator[Snapshot]:
        while True:
            changed = self._changed
            yield self.snapshot()
            await changed.wait()

    def notify(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    def ready(self, number: int, endpoint: str, *, token: str = "", strips_prefix: bool = False) -> None:
        if number not in self.seats:
            self.add(number)
        self.upstreams[number] = Upstream(endpoint, token, strips_prefix, ready=True)
        self.seats[number] = replace(self.seats[number], state=SeatState.READY)
        self.notify()

    def down(self, number: int, state: SeatState = SeatState.STARTING) -> None:
        if number in self.upstreams:
            self.upstreams[number] = replace(self.upstreams[number], ready=False)
        self.seats[number] = replace(self.seats[number], state=state)
        self.notify()

    def upstream(self, number: int) -> Upstream | None:
        return self.upstreams.get(number)

    def joinable(self) -> tuple[int, ...]:
        return tuple(number for number, seat in sorted(self.seats.items()) if seat.state is SeatState.READY)

    def work(self, number: int) -> AsyncGenerator[bytes, None]:
        return self.works[number]()

    @property
    def closing(self) -> bool:
        return self.closed

    async def act(self, verb: str, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        self.acts.append((verb, dict(arguments)))
        if verb == "nonsense":
            raise UsageError("The gateway knows no 'nonsense'.", hint="Try another.")
        if verb == "say":
            self.say(str(arguments["text"]))
        return {"done": verb}

    def say(self, text: str) -> None:
        self.messages = (*self.messages, text)
        self.notify()

    def report(self, fact: events.ClassEvent) -> None:
        self.facts.append(fact)
        match fact:
            case events.SeatClaimed(number):
                self._change(number, claimed=True)
            case events.HelpAsked(number, at):
                self._change(number, help_since=at)
            case events.HelpDone(number):
                self._change(number, help_since=None)
            case events.SeatLabelled(number, label):
                self._change(number, label=label)
            case _:
                pass

    def _change(self, number: int, **changes: Any) -> None:
        self.seats[number] = replace(self.seats[number], **changes)
        self.notify()

    def told(self, kind: type) -> list[Any]:
        return [fact for fact in self.facts if isinstance(fact, kind)]

    def pulse(self, number: int) -> Pulse | None:
        pulses = [fact.pulse for fact in self.told(events.PulseTaken) if fact.pulse.number == number]
        return pulses[-1] if pulses else None


@dataclass
class SeatServer:
    """A small web server that answers below a seat's path as a UI would, and remembers what it was asked."""

    base: str
    endpoint: str = ""
    requests: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)
    received: int = 0
    digest: str = ""
    script: bytes = b""
    runner: web.AppRunner | None = None

    async def start(self) -> None:
        app = web.Application(client_max_size=0, middlewares=[self._remember])
        app.router.add_route("*", f"{self.base}echo", self._echo)
        app.router.add_get(f"{self.base}socket", self._socket)
        app.router.add_get(f"{self.base}big", self._big)
        app.router.add_route("*", f"{self.base}upload", self._upload)
        app.router.add_get(f"{self.base}cookies", self._cookies)
        app.router.add_get(f"{self.base}static/app.js", self._script)
        app.router.add_get(f"{self.base}listing.json", self._listing)
        app.router.add_get(f"{self.base}stream", self._stream)
        app.router.add_get(f"{self.base}broken", self._broken)
        app.router.add_get(f"{self.base}go", self._go)
        app.router.add_get(f"{self.base}page", self._page)
        app.router.add_get(self.base, self._page)
        self.runner = web.AppRunner(app, auto_decompress=False, shutdown_timeout=0.2)
        await self.runner.setup()
        site = web.TCPSite(self.runner, "127.0.0.1", 0)
        await site.start()
        self.endpoint = f"http://127.0.0.1:{self.runner.addresses[0][1]}"

    async def stop(self) -> None:
        if self.runner is not None:
            await self.runner.cleanup()
            self.runner = None

    @web.middleware
    async def _remember(self, request: web.Request, handler: Callable[..., Awaitable[Any]]) -> Any:
        self.requests.append((request.method, request.raw_path, dict(request.headers)))
        return await handler(request)

    async def _echo(self, request: web.Request) -> web.Response:
        body = b"".join([chunk async for chunk in request.content.iter_any()])
        return web.json_response(
            {
                "method": request.method,
                "path": request.raw_path,
                "headers": [[name, value] for name, value in request.headers.items()],
                "body": body.decode("latin-1"),
            }
        )

    async def _socket(self, request: web.Request) -> web.StreamResponse:
        socket_ = web.WebSocketResponse(protocols=("v1.kernel", "other"), max_msg_size=0, compress=False)
        await socket_.prepare(request)
        await socket_.send_str("hello")
        async for message in socket_:
            if message.type is aiohttp.WSMsgType.TEXT:
                if message.data == "end":
                    await socket_.close(code=4001, message=b"as asked")
                    break
                await socket_.send_str(message.data)
            elif message.type is aiohttp.WSMsgType.BINARY:
                await socket_.send_bytes(message.data)
        return socket_

    async def _big(self, request: web.Request) -> web.StreamResponse:
        size = int(request.query["size"])
        piece = bytes(65536)
        response = web.StreamResponse(headers={"Content-Length": str(size), "Content-Type": "application/octet-stream"})
        await response.prepare(request)
        left = size
        while left:
            await response.write(piece[: min(left, len(piece))])
            left -= min(left, len(piece))
        return response

    async def _upload(self, request: web.Request) -> web.Response:
        self.received, digest = 0, hashlib.sha256()
        async for chunk in request.content.iter_any():
            self.received += len(chunk)
            digest.update(chunk)
        self.digest = digest.hexdigest()
        return web.json_response({"received": self.received, "sha256": self.digest})

    async def _cookies(self, _request: web.Request) -> web.Response:
        response = web.Response(text="set")
        for line in (
            "plain=1", "wide=2; Path=/; Domain=example.org", "deep=3; Path=" + self.base + "api; HttpOnly",
            "workshop-seat-000000000000=stolen; Path=/", "outside=4; Path=/seat/99/",
        ):  # fmt: skip
            response.headers.add("Set-Cookie", line)
        response.headers["Clear-Site-Data"] = '"*"'
        response.headers["Service-Worker-Allowed"] = "/"
        response.headers["X-Frame-Options"] = "DENY"
        response.headers["Strict-Transport-Security"] = "max-age=9999"
        response.headers["Content-Security-Policy"] = "default-src 'self'; frame-ancestors 'none'"
        return response

    async def _script(self, request: web.Request) -> web.Response:
        headers = {"ETag": f'"{hashlib.sha256(self.script).hexdigest()[:16]}"', "Content-Type": "text/javascript"}
        if "v" in request.query:
            headers["Cache-Control"] = "max-age=31536000, immutable"
        return web.Response(body=self.script or b"let a = 1;\n" * 5000, headers=headers)

    async def _listing(self, _request: web.Request) -> web.Response:
        return web.json_response({"rows": [{"name": f"row {number}"} for number in range(500)]})

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        await response.write(b"data: first\n\n")
        with contextlib.suppress(asyncio.CancelledError, ConnectionError):
            while True:
                await asyncio.sleep(0.05)
                await response.write(b"data: more\n\n")
        return response

    async def _broken(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/plain"})
        await response.prepare(request)
        await response.write(b"half of it" * 100)
        assert request.transport is not None
        request.transport.abort()
        return response

    async def _go(self, request: web.Request) -> web.Response:
        return web.Response(status=302, headers={"Location": request.query["to"]})

    async def _page(self, _request: web.Request) -> web.Response:
        return web.Response(
            text="<!doctype html><html lang=en><title>The UI</title><h1 id=ui>The UI of the seat</h1></html>",
            content_type="text/html",
        )


@dataclass
class House:
    """A running gateway with its room, its store and its seats' servers."""

    room: FakeRoom
    store: SqliteStore
    gateway: Gateway
    socket: Path
    servers: dict[int, SeatServer]
    settings: GatewaySettings

    @property
    def url(self) -> str:
        return self.room.classroom.door.url

    @property
    def uid(self) -> str:
        return self.room.classroom.uid

    def path(self, number: int) -> str:
        return self.room.classroom.seat_path(number)

    def code(self, number: int) -> str:
        return self.room.classroom.code(number)

    async def restart(self) -> None:
        """Another gateway in the first one's place, as after a crash."""
        await self.gateway.stop()
        self.gateway = Gateway(
            self.room, self.store, self.room.report, control_socket=self.socket, settings=self.settings,
            pulse_interval=0,
        )  # fmt: skip
        await self.gateway.start()


class Student:
    """One browser, without the page: cookies, forms and requests."""

    def __init__(self, house: House, **headers: str) -> None:
        self._house = house
        self.session = aiohttp.ClientSession(
            house.url,
            cookie_jar=aiohttp.CookieJar(unsafe=True),
            headers={"Accept": "text/html,*/*", "User-Agent": "Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0"}
            | headers,
            auto_decompress=True,
        )

    def get(self, path: str, **options: Any) -> Any:
        return self.session.get(path, **options)

    async def form_token(self, path: str = "/join?stay") -> str:
        async with self.session.get(path) as answer:
            return re.search(r'name="token" value="([^"]+)"', await answer.text())[1]  # type: ignore[index]

    async def take(self, **fields: str) -> aiohttp.ClientResponse:
        token = await self.form_token()
        return await self.session.post("/join/take", data={"token": token, **fields}, allow_redirects=False)

    async def take_again(self) -> aiohttp.ClientResponse:
        """The form, sent once more from a page that was open before."""
        return await self.take()

    async def enter(self, number: int) -> None:
        async with self.session.get(f"/s/{self._house.code(number)}", allow_redirects=False) as answer:
            assert answer.status == 303, await answer.text()

    async def type_code(self, number: int) -> None:
        """Go to a seat by its code, from the join page."""
        fields = {"token": await self.form_token(), "code": self._house.code(number)}
        async with self.session.post("/join/code", data=fields, allow_redirects=False) as answer:
            assert answer.status == 303, await answer.text()

    def cookies(self) -> dict[str, str]:
        return {f"{cookie.key}{cookie['path']}": cookie.value for cookie in self.session.cookie_jar}


OpenHouse = Callable[..., Awaitable[House]]
NewStudent = Callable[..., Student]


@pytest.fixture
async def open_house(machine: Path) -> AsyncIterator[OpenHouse]:
    """Opens a classroom with a gateway on loopback: `await open_house(seats=3, settings={...})`."""
    houses: list[House] = []

    async def open_(
        *,
        seats: int = 3,
        servers: int | None = None,
        spares: int = 0,
        pin: str = "",
        public_url: str = "",
        ui: Ui = Ui.LAB,
        open_path: str = "",
        settings: dict[str, Any] | None = None,
        pulse_interval: float = 0,
        tls: bool = False,
    ) -> House:
        classroom = Classroom(
            name="test", uid=new_uid(), key=new_key(), workshop="Plotting with Python", runtime="fake", image="",
            commit="", seats=seats, door=Door("127.0.0.1", free_port(), public_url=public_url, tls=tls),
            created=datetime.now(UTC),
            ends=datetime.now(UTC) + timedelta(hours=2), ui=ui, open_path=open_path, spares=spares, pin=pin,
        )  # fmt: skip
        room = FakeRoom(classroom)
        started = {}
        for number in range(1, (seats if servers is None else servers) + 1):
            server = started[number] = SeatServer("/" if ui is Ui.VSCODE else classroom.seat_path(number))
            await server.start()
            room.ready(number, server.endpoint, token=classroom.token(number), strips_prefix=ui is Ui.VSCODE)
        store = SqliteStore(machine / f"state-{classroom.uid}.db")
        chosen = GatewaySettings.of(classroom, **(settings or {}))
        path = machine / f"{classroom.uid}.sock"
        gateway = Gateway(room, store, room.report, control_socket=path, settings=chosen, pulse_interval=pulse_interval)
        house = House(room, store, gateway, path, started, chosen)
        houses.append(house)
        await gateway.start()
        return house

    yield open_
    for house in houses:
        await house.gateway.stop()
        for server in house.servers.values():
            await server.stop()
        house.store.close()


@pytest.fixture
async def house(open_house: OpenHouse) -> House:
    """Three seats, all ready."""
    return await open_house()


@pytest.fixture
async def student_of() -> AsyncIterator[NewStudent]:
    """New browsers: `student_of(house)`."""
    students: list[Student] = []

    def make(house: House, **headers: str) -> Student:
        students.append(Student(house, **headers))
        return students[-1]

    yield make
    for student in students:
        await student.session.close()


PACKAGES = ("jupyterlab", "notebook", "jupyter-server-proxy")


@pytest.fixture(scope="session")
def jupyter_programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the programs: named by `WORKSHOP_TEST_JUPYTER`, or installed for this run."""
    if named := os.environ.get("WORKSHOP_TEST_JUPYTER", ""):
        return Path(named)
    folder = tmp_path_factory.mktemp("jupyter")
    for command in (
        ("venv", str(folder)),
        ("pip", "install", "--python", str(folder / "bin/python"), *PACKAGES),
    ):
        done = subprocess.run((find_uv_bin(), "-q", *command), capture_output=True, text=True, timeout=300, check=False)
        if done.returncode:
            pytest.skip(f"Jupyter could not be installed: {done.stderr.strip()[-300:]}")
    return folder / "bin"
