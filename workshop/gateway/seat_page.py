"""The page around a seat: a slim bar with number, time, messages and help, and the seat's own UI in a frame.

A frame, and not a script put into the UI's own pages: JupyterLab, VS Code and RStudio each measure the window they
are in, and each keeps working exactly as it is. Addresses below the seat's path open the UI alone.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from aiohttp import WSMsgType, web

from workshop.gateway.cookies import Cookies
from workshop.gateway.forms import BadForm, clean_text, read_json
from workshop.gateway.guest import Guest
from workshop.gateway.pages import Pages, answer_json
from workshop.gateway.presence import Presence
from workshop.gateway.seatmap import SeatMap
from workshop.gateway.settings import GatewaySettings
from workshop.model.classroom import Ui
from workshop.model.events import HelpAsked, HelpDone, SeatLabelled
from workshop.model.landing import landing_query
from workshop.model.seat import SeatState, seat_name
from workshop.model.snapshot import Snapshot
from workshop.ports.room import ReportFact

PATH = "_room/"
"""Below a seat's path, what begins with this is ours and never reaches the seat."""
FRAME_QUERY = "ui"
"""`/seat/07/?ui` is the UI alone."""
VISITORS_WORKSPACE = "lab/workspaces/instructor"
"""JupyterLab keeps its open tabs by workspace: in their own, a visitor leaves the participant's as they are."""
NAME_LENGTH = 40
HEARTBEAT = 25.0
TELL_EVERY = 20.0
"""Seconds after which a page is told again what it knows: so it notices a network that went away without a word."""
_HELD_UP = (SeatState.FAILED, SeatState.LOST)


class SeatPage:
    """Handlers of `/seat/NN/` and `/seat/NN/_room/…`."""

    def __init__(
        self,
        seats: SeatMap,
        cookies: Cookies,
        pages: Pages,
        presence: Presence,
        report: ReportFact,
        settings: GatewaySettings,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._seats = seats
        self._cookies = cookies
        self._pages = pages
        self._presence = presence
        self._report = report
        self._settings = settings
        self._now = now
        self._sockets: dict[asyncio.Event, web.WebSocketResponse] = {}
        seats.on_change(lambda _snapshot: self._wake())

    def _wake(self) -> None:
        for changed in self._sockets:
            changed.set()

    async def stop(self) -> None:
        for socket in tuple(self._sockets.values()):
            await socket.close(code=1012)

    def shell(self, request: web.BaseRequest, number: int, guest: Guest) -> web.Response:
        """The bar and the frame."""
        words = self._pages.words(request)
        return self._pages.page(
            request,
            "seat",
            frames=True,
            framed=True,
            seat=seat_name(number),
            base=self._seats.classroom.seat_path(number),
            frame=self._frame(request, number, guest),
            visiting=guest.instructor,
            token="" if guest.instructor else self._cookies.form_token(f"{number}:{guest.browser}"),
            names=not self._settings.strict_privacy and not guest.instructor,
            name_length=NAME_LENGTH,
            view=self.view(number),
            script=words.group("bar"),
        )

    def _frame(self, request: web.BaseRequest, number: int, guest: Guest) -> str:
        classroom = self._seats.classroom
        if guest.instructor and classroom.ui is Ui.LAB:
            return f"{classroom.seat_path(number)}{VISITORS_WORKSPACE}"
        words = (FRAME_QUERY, landing_query(classroom, request.host))
        return f"{classroom.seat_path(number)}?{'&'.join(filter(None, words))}"

    def starting(self, request: web.BaseRequest, number: int) -> web.Response:
        """The seat's server does not answer: a page that goes on by itself."""
        return self._pages.page(
            request,
            "starting",
            status=503,
            framed=True,
            headers={"Retry-After": "2"},
            seat=seat_name(number),
            state=f"{self._seats.classroom.seat_path(number)}{PATH}state",
            stuck=self._state(number) in _HELD_UP,
        )

    async def handle(self, request: web.BaseRequest, number: int, guest: Guest, rest: str) -> web.StreamResponse | None:
        """What is below `_room/`; None for an address that we do not have."""
        match (request.method, rest):
            case ("GET", "live"):
                return await self._live(request, number, guest)
            case ("GET", "state"):
                return answer_json(self.view(number))
            case ("POST", "help"):
                return await self._help(request, number, guest)
            case ("POST", "name"):
                return await self._name(request, number, guest)
            case _:
                return None

    # What the page shows

    def view(self, number: int) -> dict[str, Any]:
        """What one participant is told: of the own seat, and of the class as a whole."""
        snapshot = self._seats.snapshot
        seat = snapshot.seat(number)
        return {
            "ready": self._seats.upstream(number) is not None,
            "stuck": self._state(number) in _HELD_UP,
            "closing": self._seats.closing,
            "now": self._now().isoformat(),
            "ends": snapshot.ends.isoformat() if snapshot.ends else None,
            "break": snapshot.break_until.isoformat() if snapshot.break_until else None,
            "messages": _numbered(snapshot.messages),
            "help": seat.help_since.isoformat() if seat and seat.help_since else None,
            "place": _place(snapshot, number),
            "shared": self._presence.browsers(number) > 1,
            "visited": self._presence.is_visited(number),
            "name": "" if self._settings.strict_privacy or seat is None else seat.label,
        }

    def _state(self, number: int) -> SeatState:
        seat = self._seats.snapshot.seat(number)
        return seat.state if seat else SeatState.QUEUED

    async def _live(self, request: web.BaseRequest, number: int, guest: Guest) -> web.StreamResponse:
        """A WebSocket that tells each change of the view. A plain request gets 400."""
        socket = web.WebSocketResponse(heartbeat=HEARTBEAT, max_msg_size=1024, compress=False)
        if not socket.can_prepare(request):
            return answer_json({"error": "a WebSocket is expected"}, status=400)
        await socket.prepare(request)
        changed = asyncio.Event()
        self._sockets[changed] = socket
        reader = asyncio.ensure_future(_drain(socket))
        try:
            with self._presence.here(number, guest):
                self._wake()  # the others at this seat hear of the newcomer
                await self._tell(socket, changed, reader, number)
        finally:
            self._sockets.pop(changed, None)
            reader.cancel()
            self._wake()
        return socket

    async def _tell(
        self, socket: web.WebSocketResponse, changed: asyncio.Event, reader: asyncio.Future[None], number: int
    ) -> None:
        told: dict[str, Any] = {}
        while not socket.closed:
            changed.clear()
            view = self.view(number)
            if {**view, "now": ""} != told:
                told = {**view, "now": ""}
                try:
                    await socket.send_json(view)
                except ConnectionError:
                    return
            waiter = asyncio.ensure_future(changed.wait())
            try:
                done, _ = await asyncio.wait((waiter, reader), timeout=TELL_EVERY, return_when=asyncio.FIRST_COMPLETED)
            finally:
                waiter.cancel()
            if not done:
                told = {}
            if reader.done():
                return

    # What the participant does

    async def _help(self, request: web.BaseRequest, number: int, guest: Guest) -> web.Response:
        """`{"on": true}` asks for help, `{"on": false}` takes it back."""
        fields = await self._fields(request, number, guest)
        if fields is None or not isinstance(fields.get("on"), bool):
            return answer_json({"error": "refused"}, status=403)
        self._report(HelpAsked(number, self._now()) if fields["on"] else HelpDone(number))
        return answer_json({"on": fields["on"]})

    async def _name(self, request: web.BaseRequest, number: int, guest: Guest) -> web.Response:
        """`{"name": "…"}` as the instructor sees it; empty takes it back."""
        fields = await self._fields(request, number, guest)
        if fields is None or self._settings.strict_privacy:
            return answer_json({"error": "refused"}, status=403)
        name = clean_text(fields.get("name"), longest=NAME_LENGTH)
        self._report(SeatLabelled(number, name))
        return answer_json({"name": name})

    async def _fields(self, request: web.BaseRequest, number: int, guest: Guest) -> dict[str, Any] | None:
        """What our own script sent for a participant; None if it was not that."""
        if guest.instructor:
            return None
        try:
            fields = await read_json(request)
        except BadForm:
            return None
        token = request.headers.get("X-Form-Token", "")
        return fields if self._cookies.is_form_token(token, f"{number}:{guest.browser}") else None


async def _drain(socket: web.WebSocketResponse) -> None:
    """Read until the other side is gone: nothing is expected from it."""
    async for message in socket:
        if message.type in (WSMsgType.ERROR, WSMsgType.CLOSE):
            return


def _place(snapshot: Snapshot, number: int) -> int:
    """The place in the queue of those who asked for help; 0 for none."""
    mine = snapshot.seat(number)
    if mine is None or mine.help_since is None:
        return 0
    since = mine.help_since
    return 1 + sum(seat.help_since is not None and seat.help_since < since for seat in snapshot.seats)


def _numbered(messages: tuple[str, ...]) -> list[dict[str, str]]:
    """Messages with a name each, by which a page remembers which of them were read."""
    seen: Counter[str] = Counter()
    found = []
    for text in messages:
        seen[text] += 1
        mark = hashlib.sha256(f"{seen[text]}:{text}".encode()).hexdigest()[:12]
        found.append({"id": mark, "text": text})
    return found
