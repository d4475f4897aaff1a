"""Signed cookies: one that knows a browser again, one for each seat it may enter, and the instructor's for a visit.

The seat's cookies are sent to the seat's path alone, the browser's to the join pages alone. All carry the class's uid
in their names, because cookies do not tell ports apart and two classes may live on one address.
Keys derive from the classroom's secret: a gateway that is started anew knows its cookies again, and they die with
the class.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from http.cookies import Morsel, SimpleCookie

from aiohttp import web

from workshop.gateway.guest import Guest
from workshop.model.classroom import Classroom
from workshop.model.code import derive_secret
from workshop.model.parts import class_uid
from workshop.model.seat import parse_seat_name, seat_name
from workshop.model.visit import PATH as VISIT_PATH
from workshop.model.visit import is_visit_token

PREFIX = "workshop-"
"""Cookies of this name are ours; seats never see them and cannot set them."""
JOIN_PATHS = ("/join", "/s")
LIFETIME = 30 * 86400
_BROWSER = re.compile(r"[A-Za-z0-9_-]{22}")
_KNOWN_AT_MOST = 4096


class Cookies:
    """Makes and reads the cookies of one classroom."""

    def __init__(self, classroom: Classroom, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._classroom = classroom
        self._now = now
        self._key = bytes.fromhex(derive_secret(classroom.key, "cookies"))
        uid = class_uid(classroom)
        self.seat_name = f"{PREFIX}seat-{uid}"
        self.browser_name = f"{PREFIX}browser-{uid}"
        self.visit_name = f"{PREFIX}visit-{uid}"
        self.visited_name = f"{PREFIX}visited-{uid}"
        self._known: dict[tuple[int, str], str] = {}

    def new_browser(self) -> str:
        """A random id for a browser that has none: 128 bits."""
        return secrets.token_urlsafe(16)

    def browser_of(self, request: web.BaseRequest) -> str | None:
        """The id that the browser brought back, if it is one of ours."""
        value = ours(request).get(self.browser_name, "")
        browser, _, signature = value.partition(".")
        if _BROWSER.fullmatch(browser) and self._fits(signature, "browser", browser):
            return browser
        return None

    def guest_of(self, request: web.BaseRequest, number: int) -> Guest | None:
        """Who comes to seat `number` with this request; None if it is nobody who may."""
        mine = ours(request)
        token = mine.get(self.visit_name, "")
        if token and is_visit_token(token, self._classroom.key, number, self._now()):
            return Guest(token, instructor=True)
        browser = self._seat_browser(mine.get(self.seat_name, ""), number)
        return Guest(browser) if browser is not None else None

    def _seat_browser(self, value: str, number: int) -> str | None:
        """Whose cookie for seat `number` this is; None if it opens another seat or none."""
        known = self._known.get((number, value))
        if known is not None:
            return known
        browser, _, signature = value.partition(".")
        if not _BROWSER.fullmatch(browser) or not self._fits(signature, "seat", str(number), browser):
            return None
        if len(self._known) >= _KNOWN_AT_MOST:
            self._known.clear()
        self._known[number, value] = browser
        return browser

    def remember_browser(self, response: web.StreamResponse, browser: str, *, secure: bool) -> None:
        value = f"{browser}.{self.sign('browser', browser)}"
        for path in JOIN_PATHS:
            _set(response, self.browser_name, value, path, secure=secure)

    def admit(self, response: web.StreamResponse, number: int, browser: str, *, secure: bool) -> None:
        """Let this browser into the seat, as a participant's: a visit in it is over."""
        value, path = f"{browser}.{self.sign('seat', str(number), browser)}", self._classroom.seat_path(number)
        _set(response, self.seat_name, value, path, secure=secure)
        _set(response, self.visit_name, "", path, secure=secure, lasts=0)

    def admit_instructor(
        self, response: web.StreamResponse, number: int, token: str, *, before: int | None, secure: bool
    ) -> None:
        """Let the bearer of a visit's link into the seat, until the link runs out, the browser ends, or it visits
        another seat: what runs in a seat can reach whatever else the browser that shows it may open.

        Args:
            before: the seat that this browser visited last.
        """
        if before is not None and before != number:
            _set(response, self.visit_name, "", self._classroom.seat_path(before), secure=secure, lasts=0)
        _set(response, self.visit_name, token, self._classroom.seat_path(number), secure=secure, lasts=None)
        _set(response, self.visited_name, seat_name(number), VISIT_PATH, secure=secure, lasts=None)

    def visited(self, request: web.BaseRequest) -> int | None:
        """The seat that this instructor's browser visited last."""
        return parse_seat_name(ours(request).get(self.visited_name, ""))

    def sign(self, *parts: str) -> str:
        """A signature over what it is for and whom it belongs to: 256 bits."""
        digest = hmac.digest(self._key, "\0".join(parts).encode(), hashlib.sha256)
        return urlsafe_b64encode(digest).rstrip(b"=").decode()

    def _fits(self, signature: str, *parts: str) -> bool:
        return hmac.compare_digest(signature.encode(), self.sign(*parts).encode())

    def form_token(self, browser: str) -> str:
        """Proves that a form was made for this browser."""
        return self.sign("form", browser)

    def is_form_token(self, token: str, browser: str) -> bool:
        return self._fits(token, "form", browser)


def is_browser(text: str) -> bool:
    """Whether a text can be a browser's id."""
    return _BROWSER.fullmatch(text) is not None


def _set(
    response: web.StreamResponse, name: str, value: str, path: str, *, secure: bool, lasts: int | None = LIFETIME
) -> None:
    """Add a `Set-Cookie` line; unlike `set_cookie` it keeps two cookies of one name with different paths apart.

    Args:
        lasts: seconds; None for as long as the browser runs, 0 to take the cookie away.
    """
    cookie: SimpleCookie = SimpleCookie()
    cookie[name] = value
    morsel: Morsel[str] = cookie[name]
    morsel["path"], morsel["samesite"] = path, "Lax"
    morsel["httponly"] = True
    if lasts is not None:
        morsel["max-age"] = lasts
    if secure:
        morsel["secure"] = True
    response.headers.add("Set-Cookie", morsel.OutputString())


def ours(request: web.BaseRequest) -> dict[str, str]:
    """Our cookies of a request, read without the cost of a full parse."""
    return split(tuple(request.headers.getall("Cookie", ())))[0]


@lru_cache(maxsize=1024)  # a browser sends the same line with each of its requests
def split(lines: tuple[str, ...]) -> tuple[dict[str, str], str]:
    """Our cookies by name (of two with one name the first, which has the longer path), and the rest as one line."""
    mine: dict[str, str] = {}
    others = []
    for line in lines:
        for pair in line.split(";"):
            pair = pair.strip()
            if pair.startswith(PREFIX):
                name, _, value = pair.partition("=")
                mine.setdefault(name, value)
            elif pair:
                others.append(pair)
    return mine, "; ".join(others)
