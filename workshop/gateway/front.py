"""Decides for each request what it is and whether it may: the only entrance to everything students reach."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime
from urllib.parse import parse_qs

from aiohttp import web

from workshop.gateway import splice
from workshop.gateway.attempts import TooManyTries
from workshop.gateway.cookies import Cookies
from workshop.gateway.guest import Guest
from workshop.gateway.join import Join
from workshop.gateway.pages import ASSETS_PATH, SERVER, Pages, answer_json, redirect, send_on, wants_page
from workshop.gateway.peers import PATH as PEERS_PATH
from workshop.gateway.peers import Peers
from workshop.gateway.proxy import SAFE, Proxy, SeatSilent
from workshop.gateway.room_check import RoomCheckPage
from workshop.gateway.seat_page import PATH as ROOM_PATH
from workshop.gateway.seat_page import SeatPage
from workshop.gateway.seating import Seating
from workshop.gateway.seatmap import SeatMap
from workshop.gateway.take_home import PATH as TAKE_HOME_PATH
from workshop.gateway.take_home import TakeHome
from workshop.gateway.visits import Visits
from workshop.model.events import FilesChanged
from workshop.model.seat import parse_seat_name, seat_name
from workshop.model.visit import PATH as VISIT_PATH
from workshop.ports.room import ReportFact

log = logging.getLogger(__name__)

SEAT = "/seat/"
WRITTEN = "/api/contents/"
WRITES = frozenset(("PUT", "POST", "PATCH", "DELETE"))
"""Saved, made, renamed, removed: a file of the seat changed. An editor saves only what was edited."""
METHODS = frozenset(
    (
        "GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS",
        "PROPFIND", "PROPPATCH", "MKCOL", "COPY", "MOVE", "LOCK", "UNLOCK", "REPORT", "SEARCH",
    )
)  # fmt: skip


class Front:
    """The handler of every request."""

    def __init__(
        self,
        seats: SeatMap,
        seating: Seating,
        cookies: Cookies,
        pages: Pages,
        join: Join,
        visits: Visits,
        seat_page: SeatPage,
        take_home: TakeHome,
        check: RoomCheckPage,
        proxy: Proxy,
        peers: Peers,
        *,
        seat_bar: bool,
        report: ReportFact,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._seats = seats
        self._seating = seating
        self._cookies = cookies
        self._pages = pages
        self._join = join
        self._visits = visits
        self._seat_page = seat_page
        self._take_home = take_home
        self._check = check
        self._proxy = proxy
        self._peers = peers
        self._seat_bar = seat_bar
        self._report = report
        self._now = now

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        try:
            return await self._answer(request)
        except TooManyTries:
            return self._problem(request, 429, "slow", headers={"Retry-After": "30"})
        except web.HTTPException as error:
            return self._problem(request, error.status, "refused")
        except (ConnectionError, TimeoutError):
            raise
        except Exception as error:
            # Neither the address nor the message is written down: both may hold a code or a name.
            log.error("a request failed: %s", type(error).__name__, exc_info=_bare(error))
            return self._problem(request, 500, "error")

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        target = request.raw_path
        if request.method not in METHODS:
            return self._problem(request, 405, "refused")
        if not target.startswith("/") or len(target) > 8000:
            return self._problem(request, 400, "refused")
        if self._seats.refuses(request.remote or ""):
            return self._problem(request, 403, "refused")
        if target.startswith(SEAT):
            return await self._seat(request, target)
        return await self._own(request, target.partition("?")[0])

    # Our own pages

    async def _own(self, request: web.BaseRequest, path: str) -> web.StreamResponse:
        method = "GET" if request.method == "HEAD" else request.method
        if path[:3].lower() == "/s/" and method == "GET":
            return await self._join.link(request, path[3:].rstrip("/"))
        if path.startswith(VISIT_PATH) and method == "GET":
            return await self._visits.link(request, path[len(VISIT_PATH) :])
        if path.startswith(ASSETS_PATH) and method == "GET":
            return self._pages.asset(request, path[len(ASSETS_PATH) :]) or self._problem(request, 404, "missing")
        if path == "/check" or path.startswith("/check/"):
            return await self._check.handle(request, path) or self._problem(request, 404, "missing")
        if path == PEERS_PATH and method == "POST":
            return await self._peers.answer(request)
        match (method, path.lower().rstrip("/")):
            case ("GET", ""):
                return redirect("/join", status=302)
            case ("GET", "/join"):
                return await self._join.page(request)
            case ("POST", "/join/take"):
                return await self._join.take(request)
            case ("POST", "/join/code"):
                return await self._join.code(request)
            case ("GET", "/join/take" | "/join/code"):  # a form's answer that is opened again, by a restored tab say
                return redirect("/join")
            case ("GET", "/join/wait"):
                return await self._join.wait(request)
            case ("POST", "/join/wait"):
                return await self._join.ask(request)
            case ("GET", "/healthz"):
                return web.Response(text="ok\n", headers=SERVER | {"Cache-Control": "no-store"})
            case ("GET", "/favicon.ico"):
                return self._pages.asset(request, "icon.svg") or self._problem(request, 404, "missing")
            case ("GET", "/robots.txt"):
                return web.Response(text="User-agent: *\nDisallow: /\n", headers=SERVER)
            case _:
                return self._problem(request, 404, "missing")

    def _problem(
        self, request: web.BaseRequest, status: int, what: str, *, headers: dict[str, str] | None = None
    ) -> web.Response:
        if wants_page(request):
            return self._pages.page(request, "problem", status=status, framed=True, headers=headers, what=what)
        return answer_json({"error": what}, status=status, headers=headers)

    # Seats

    async def _seat(self, request: web.BaseRequest, target: str) -> web.StreamResponse:
        path, _, query = target.partition("?")
        name, slash, rest = path[len(SEAT) :].partition("/")
        number = parse_seat_name(name)
        if number is None or not self._seats.knows(number):
            address = self._peers.page(number, target) if number is not None and wants_page(request) else None
            if address is not None:
                return send_on(address)
            return self._problem(request, 404, "missing")
        if (name != seat_name(number) or not slash) and request.method in SAFE:
            return redirect(f"{SEAT}{seat_name(number)}/{rest}", status=302)
        guest = self._cookies.guest_of(request, number)
        if guest is None:
            return redirect("/join?why=seat") if wants_page(request) else answer_json({"error": "no seat"}, status=403)
        upgrade = "websocket" in request.headers.get("Upgrade", "").lower()
        if (upgrade or request.method not in SAFE) and not self._seats.origin.allowed(request, required=upgrade):
            return self._problem(request, 403, "refused")
        if self._seats.closing:
            if wants_page(request):
                return self._join.over(request)
            return answer_json({"error": "the class is over"}, status=410)
        if rest == ROOM_PATH + TAKE_HOME_PATH and request.method == "GET":
            return await self._take_home.answer(request, number)
        if rest.startswith(ROOM_PATH):
            answer = await self._seat_page.handle(request, number, guest, rest[len(ROOM_PATH) :])
            return answer or self._problem(request, 404, "missing")
        return await self._to_server(request, number, guest, target, home=not rest and _is_home(query), upgrade=upgrade)

    async def _to_server(
        self, request: web.BaseRequest, number: int, guest: Guest, target: str, *, home: bool, upgrade: bool
    ) -> web.StreamResponse:
        page = wants_page(request)
        if home and page and not guest.instructor:
            self._seating.come(number, guest.browser)
        upstream = self._seats.upstream(number)
        if upstream is None:
            return self._not_ready(request, number)
        if home and page and self._seat_bar and "?" not in target:
            return self._seat_page.shell(request, number, guest)
        try:
            if upgrade:
                return await self._proxy.websocket(request, number, guest, upstream, target)
            answer = await self._proxy.http(request, number, upstream, target)
            written = WRITTEN in target and request.method in WRITES and answer.status < 400
            if written and not guest.instructor:
                self._report(FilesChanged(number, self._now()))
            return answer
        except splice.Refused as refused:
            return answer_json({"error": "the seat refused"}, status=refused.status)
        except SeatSilent:
            return self._not_ready(request, number)

    def _not_ready(self, request: web.BaseRequest, number: int) -> web.Response:
        if wants_page(request):
            return self._seat_page.starting(request, number)
        return answer_json({"error": "the seat is starting"}, status=503, headers={"Retry-After": "2"})


def _is_home(query: str) -> bool:
    return not query or "ui" in parse_qs(query, keep_blank_values=True)


def _bare(error: BaseException) -> BaseException:
    """The error's place in the code without its words."""
    bare = type(error)() if type(error) in (KeyError, ValueError, TypeError, RuntimeError) else RuntimeError()
    return bare.with_traceback(error.__traceback__)
