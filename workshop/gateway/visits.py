"""`/visit/NN/TOKEN`: the instructor comes to a seat. Nothing is claimed, and the participant sees it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from aiohttp import web

from workshop.gateway.cookies import Cookies
from workshop.gateway.join import Join
from workshop.gateway.pages import Pages, answer_json, redirect, send_on, wants_page
from workshop.gateway.peers import Peers
from workshop.gateway.seatmap import SeatMap
from workshop.model.events import SeatVisited
from workshop.model.seat import parse_seat_name
from workshop.model.visit import is_visit_token
from workshop.ports.room import ReportFact


class Visits:
    """Answers the links that `model.visit` makes."""

    def __init__(
        self,
        seats: SeatMap,
        cookies: Cookies,
        pages: Pages,
        join: Join,
        peers: Peers,
        report: ReportFact,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._seats = seats
        self._cookies = cookies
        self._pages = pages
        self._join = join
        self._peers = peers
        self._report = report
        self._now = now

    async def link(self, request: web.BaseRequest, rest: str) -> web.Response:
        """
        Args:
            rest: `NN/TOKEN`.
        """
        name, _, token = rest.partition("/")
        number, now = parse_seat_name(name), self._now()
        if number is None or not is_visit_token(token, self._seats.classroom.key, number, now):
            if wants_page(request):
                return self._pages.page(request, "problem", status=403, what="visit")
            return answer_json({"error": "no visit"}, status=403)
        if not self._seats.knows(number):
            address = self._peers.page(number, request.path)
            return send_on(address) if address else self._pages.page(request, "problem", status=404, what="missing")
        if self._seats.closing:
            return self._join.over(request)
        response = redirect(self._seats.classroom.seat_path(number))
        secure = self._seats.origin.scheme(request) == "https"
        self._cookies.admit_instructor(response, number, token, before=self._cookies.visited(request), secure=secure)
        self._report(SeatVisited(number, now))
        return response
