"""The way in: the join page, codes, the card for phones and the waiting room."""

from __future__ import annotations

import hmac
import re
from urllib.parse import unquote, urlsplit

from aiohttp import web

from workshop.gateway.attempts import Attempts
from workshop.gateway.cookies import Cookies
from workshop.gateway.forms import BadForm, read_form
from workshop.gateway.pages import Pages, answer_json, redirect, send_on
from workshop.gateway.peers import ON, Peers
from workshop.gateway.seating import Seating
from workshop.gateway.seatmap import SeatMap
from workshop.gateway.settings import GatewaySettings
from workshop.gateway.waiting import WaitingRoom
from workshop.model.code import normalise_code
from workshop.model.seat import seat_name

POLL_SECONDS = 3
"""How often a waiting page asks."""
CODE_LENGTH = 16
"""Of the field for codes: eight signs and whatever somebody puts between them."""
NOTICES = ("seat", "unknown", "code", "pin", "stale", "cookies", "slow", "gone")
_PREVIEW = re.compile(
    r"bot\b|crawl|spider|preview|whatsapp|facebookexternalhit|slack|telegram|discord|skype|teams|embedly|"
    r"curl/|wget/|python-|okhttp|google-read-aloud|mastodon|signal|viber|linkedin|pinterest|vkshare",
    re.IGNORECASE,
)
_PHONE = re.compile(r"Mobi|Android|iPhone|iPad", re.IGNORECASE)


class Join:
    """Handlers of `/join…` and `/s/CODE`."""

    def __init__(
        self,
        seats: SeatMap,
        seating: Seating,
        cookies: Cookies,
        pages: Pages,
        codes: Attempts,
        pins: Attempts,
        waiting: WaitingRoom,
        peers: Peers,
        settings: GatewaySettings,
    ) -> None:
        self._seats = seats
        self._seating = seating
        self._cookies = cookies
        self._pages = pages
        self._codes = codes
        self._pins = pins
        self._waiting = waiting
        self._peers = peers
        self._settings = settings

    # Pages

    async def page(self, request: web.BaseRequest) -> web.Response:
        """`GET /join`: on to the own seat, or the ways to get one."""
        if self._seats.closing:
            return self.over(request)
        browser = self._cookies.browser_of(request)
        if browser is not None and "stay" not in request.query:
            number = self._seating.own(browser)
            if number is not None:
                return self._to_seat(request, number, browser)
            if self._waiting.place(browser) is not None:
                return redirect("/join/wait")
            if address := await self._peers.own(browser):
                return send_on(address)
        why = request.query.get("why", "")
        if why == "seat" and browser is None:
            why = "unknown"  # from elsewhere, or a browser that keeps no cookies and was just let in
        return self._form(request, browser, why if why in NOTICES else "")

    def _form(
        self, request: web.BaseRequest, browser: str | None, notice: str, *, status: int = 200, typed: str = ""
    ) -> web.Response:
        """The join page.

        Args:
            typed: the code that did not fit, to be looked at again and mended.
        """
        browser = browser or self._cookies.new_browser()
        response = self._pages.page(
            request,
            "join",
            status=status,
            forms=self._peers.origins,
            notice=notice,
            token=self._cookies.form_token(browser),
            joining=self._settings.join,
            pin=bool(self._seating.pin()),
            own=self._seating.own(browser),
            typed="".join(sign for sign in typed if sign.isalnum() or sign in " -")[:CODE_LENGTH],
            code_length=CODE_LENGTH,
        )
        self._remember(response, request, browser)
        return response

    def over(self, request: web.BaseRequest) -> web.Response:
        """The class has ended."""
        return self._pages.page(request, "over", status=410, framed=True)

    def _to_seat(self, request: web.BaseRequest, number: int, browser: str) -> web.Response:
        """On a laptop straight to the seat; on a phone the card with the code, to be typed elsewhere."""
        if is_phone(request):
            if not request.raw_path.lower().startswith("/join") or request.method == "POST":
                response = redirect("/join")
            else:
                response = self._card(request, number)
        else:
            response = redirect(self._seats.classroom.seat_path(number))
        self._admit(response, request, number, browser)
        return response

    def _card(self, request: web.BaseRequest, number: int) -> web.Response:
        classroom = self._seats.classroom
        code = classroom.code(number)
        return self._pages.page(
            request,
            "card",
            seat=seat_name(number),
            code=f"{code[:4]} {code[4:]}",
            address=urlsplit(classroom.door.url).netloc,
            target=classroom.seat_path(number),
        )

    # Forms

    async def take(self, request: web.BaseRequest) -> web.Response:
        """`POST /join/take`: the next free seat, or a place in the waiting room."""
        if self._seats.closing:
            return self.over(request)
        browser, fields = await self._read(request)
        if browser is None:
            return self._form(request, None, "stale", status=403)
        if not self._settings.join:
            return self._form(request, browser, "", status=403)
        own = self._seating.own(browser)
        if own is not None:
            return self._to_seat(request, own, browser)
        if not await self._pin_fits(request, fields.get("pin", "")):
            return self._form(request, browser, "pin", status=403)
        number = self._seating.take(browser) if not self._waiting.count else None
        if number is None and not self._waiting.count and (address := await self._peers.take(browser)):
            return send_on(address)
        if number is None:
            self._waiting.arrive(browser)
            response = redirect("/join/wait")
            self._remember(response, request, browser)
            return response
        return self._to_seat(request, number, browser)

    async def code(self, request: web.BaseRequest) -> web.Response:
        """`POST /join/code`: a code that was typed."""
        if self._seats.closing:
            return self.over(request)
        browser, fields = await self._read(request)
        if browser is None:
            return self._form(request, None, "stale", status=403)
        typed = fields.get("code", "")
        number = await self._number(request, typed)
        if number is None:
            return self._form(request, browser, "code", status=403, typed=typed)
        self._waiting.leave(browser)
        if address := self._peers.link(number):
            return send_on(address)
        self._seating.come(number, browser)
        return self._to_seat(request, number, browser)

    async def _read(self, request: web.BaseRequest) -> tuple[str | None, dict[str, str]]:
        """Browser and fields of a form of ours; no browser when it is not, or not for this browser."""
        browser = self._cookies.browser_of(request)
        if browser is None or not self._seats.origin.allowed(request):
            return None, {}
        try:
            fields = await read_form(request)
        except BadForm:
            return None, {}
        return (browser if self._cookies.is_form_token(fields.get("token", ""), browser) else None), fields

    async def _pin_fits(self, request: web.BaseRequest, typed: str) -> bool:
        pin = self._seating.pin()
        if not pin:
            return True
        client = self._seats.origin.client(request)
        await self._pins.admit(client)
        if hmac.compare_digest(typed.strip().encode(), pin.encode()):
            return True
        self._pins.wrong(client)
        return False

    # Codes

    async def link(self, request: web.BaseRequest, text: str) -> web.Response:
        """`GET /s/CODE`: into the seat, without the code in any later address.

        Chat programs and browsers fetch links before anybody has clicked them; such a look claims nothing.
        """
        if self._seats.closing:
            return self.over(request)
        if request.headers.get("Sec-Purpose", request.headers.get("Purpose", "")).startswith("prefetch"):
            return answer_json({"error": "not ahead of time"}, status=503)
        if request.method == "HEAD" or _PREVIEW.search(request.headers.get("User-Agent", "")):
            return self._pages.page(request, "preview")
        known = self._cookies.browser_of(request)
        browser = known or self._cookies.new_browser()
        typed = unquote(text)
        number = await self._number(request, typed)
        if number is None:
            return self._form(request, browser, "code", status=404, typed=typed)
        handed = self._peers.handed(request.query.get(ON, ""), number)
        if known and not handed and (own := self._seating.own(known)) not in (None, number):
            return self._asked(request, known, own, number)
        self._waiting.leave(browser)
        if address := self._peers.link(number):
            return send_on(address)
        browser = handed or browser
        self._seating.come(number, browser)
        return self._to_seat(request, number, browser)

    def _asked(self, request: web.BaseRequest, browser: str, own: int, number: int) -> web.Response:
        """Whether somebody who has a seat means to go to this one. What runs in a seat can reach, from the browser
        that shows it, whatever that browser may open: nobody gets into another's by a click on any link."""
        return self._pages.page(
            request,
            "switch",
            forms=self._peers.origins,
            token=self._cookies.form_token(browser),
            code=self._seats.classroom.code(number),
            own=seat_name(own),
            seat=seat_name(number),
        )

    async def _number(self, request: web.BaseRequest, typed: str) -> int | None:
        """The seat of a code, at once if it is right; a wrong one may have to wait for its answer.

        Raises:
            TooManyTries: too many tries of this address wait already.
        """
        client = self._seats.origin.client(request)
        flood = self._codes.is_flood(client)
        if flood:
            await self._codes.admit(client)
        code = normalise_code(typed)
        number = self._seats.number_of(code) if code else None
        if number is None:
            try:
                if not flood:
                    await self._codes.admit(client)
            finally:
                self._codes.wrong(client)
        return number

    # Waiting room

    async def wait(self, request: web.BaseRequest) -> web.Response:
        """`GET /join/wait`: the place in line, kept up to date by its script."""
        browser = self._cookies.browser_of(request)
        if self._seats.closing or browser is None or self._waiting.place(browser) is None:
            return redirect("/join")
        since = self._waiting.arrive(browser)
        return self._pages.page(
            request,
            "wait",
            place=self._waiting.place(browser),
            token=self._cookies.form_token(browser),
            since=f"{since:.3f}",
            proof=self._cookies.sign("waiting", browser, f"{since:.3f}"),
            every=POLL_SECONDS,
        )

    async def ask(self, request: web.BaseRequest) -> web.Response:
        """`POST /join/wait`: still here; the answer is the place, or that a seat is there."""
        browser, fields = await self._read(request)
        if browser is None:
            return answer_json({"error": "stale"}, status=403)
        if self._seats.closing or self._seating.own(browser) is not None:
            self._waiting.leave(browser)
            return answer_json({"go": "/join"})
        since = fields.get("since", "")
        proven = hmac.compare_digest(
            fields.get("proof", "").encode(), self._cookies.sign("waiting", browser, since).encode()
        )
        if self._waiting.place(browser) is None and not proven:
            return answer_json({"go": "/join"})
        self._waiting.arrive(browser, float(since) if proven else None)
        place = self._waiting.place(browser) or 1
        here = self._seating.free()
        if place <= here and self._seating.take(browser) is not None:
            self._waiting.leave(browser)
            return answer_json({"go": "/join"})
        if place <= here + await self._peers.free() and await self._peers.take(browser) is not None:
            self._waiting.leave(browser)
            return answer_json({"go": "/join"})
        return answer_json({"place": place})

    def _remember(self, response: web.StreamResponse, request: web.BaseRequest, browser: str) -> None:
        secure = self._seats.origin.scheme(request) == "https"
        self._cookies.remember_browser(response, browser, secure=secure)

    def _admit(self, response: web.StreamResponse, request: web.BaseRequest, number: int, browser: str) -> None:
        secure = self._seats.origin.scheme(request) == "https"
        self._cookies.remember_browser(response, browser, secure=secure)
        self._cookies.admit(response, number, browser, secure=secure)


def is_phone(request: web.BaseRequest) -> bool:
    """Whether the browser says that it runs on a small device."""
    hint = request.headers.get("Sec-CH-UA-Mobile", "")
    return hint == "?1" or bool(_PHONE.search(request.headers.get("User-Agent", "")))
