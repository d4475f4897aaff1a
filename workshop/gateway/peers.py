"""The other gateways of a class on several targets: asked for seats, and where browsers are sent on to.

Each gateway alone gives out its own seats. What one asks another is signed with the class's key, and so is the answer,
so that it does not matter over which network they talk. One that does not answer is left out for a while.
"""

from __future__ import annotations

import asyncio
import hmac
import json
import logging
from collections.abc import Callable, Mapping
from time import monotonic, time
from typing import Any
from urllib.parse import urlencode, urlsplit

import aiohttp
from aiohttp import web

from workshop.gateway.cookies import Cookies, is_browser
from workshop.gateway.forms import BadForm, read_body
from workshop.gateway.pages import SERVER, answer_json
from workshop.gateway.seating import Seating
from workshop.gateway.seatmap import SeatMap
from workshop.model.parts import Part, parts_of

log = logging.getLogger(__name__)

PATH = "/peers"
PROOF = "X-Workshop-Proof"
ANSWER_WITHIN = 1.5
"""Seconds for another gateway's answer: a student waits for it."""
LEFT_OUT = 10.0
"""Seconds in which one that did not answer is not asked again."""
COUNTED = 2.0
"""Seconds that a count of free seats holds: waiting pages ask all the time."""
FRESH = 300.0
"""Seconds between a question's (or a handed-over browser's) time and ours, at most; clocks differ."""
ON = "on"
"""The parameter of a link that a gateway made for a browser it sends on."""


class Peers:
    """Asks the class's other gateways, answers their questions, and makes the links on which browsers are sent on."""

    def __init__(
        self,
        seats: SeatMap,
        seating: Seating,
        cookies: Cookies,
        *,
        joining: bool,
        clock: Callable[[], float] = monotonic,
        wall: Callable[[], float] = time,
    ) -> None:
        self._seats = seats
        self._seating = seating
        self._cookies = cookies
        self._joining = joining
        self._clock = clock
        self._wall = wall
        self._session: aiohttp.ClientSession | None = None
        self._silent: dict[str, float] = {}
        self._free = (float("-inf"), 0)

    async def start(self) -> None:
        # certificates are not looked at: both sides prove that they know the class's key
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=False, limit_per_host=20),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=ANSWER_WITHIN),
        )

    async def stop(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    @property
    def others(self) -> tuple[Part, ...]:
        """The parts of the class whose gateways can be asked."""
        classroom = self._seats.classroom
        return tuple(part for part in parts_of(classroom) if part.uid != classroom.uid and part.door)

    @property
    def origins(self) -> tuple[str, ...]:
        """Where browsers may be sent on to after a form."""
        found = (urlsplit(part.door) for part in self.others)
        return tuple(dict.fromkeys(f"{url.scheme}://{url.netloc}" for url in found))

    # Links

    def link(self, number: int) -> str | None:
        """The link of a seat that is elsewhere; None for one of our own, or when no gateway of it is known."""
        part = self._part_of(number)
        return f"{part.door}/s/{self._seats.classroom.code(number)}" if part is not None else None

    def _handing(self, part: Part, number: int, browser: str) -> str:
        """The link of a browser's seat elsewhere, which has the other gateway know the browser again."""
        at = f"{self._wall():.0f}"
        on = urlencode({ON: f"{browser}.{at}.{self._handed(browser, number, at)}"})
        return f"{part.door}/s/{self._seats.classroom.code(number)}?{on}"

    def page(self, number: int, target: str) -> str | None:
        """The same page of ours (`target`: path and query) at the gateway of a seat that is elsewhere."""
        part = self._part_of(number)
        return f"{part.door}{target}" if part is not None else None

    def handed(self, text: str, number: int) -> str | None:
        """The browser that another gateway has sent here for this seat; None when no gateway of the class did, now."""
        browser, _, rest = text.partition(".")
        at, _, proof = rest.partition(".")
        if not is_browser(browser) or not at.isascii() or not at.isdigit() or abs(self._wall() - int(at)) > FRESH:
            return None
        return browser if hmac.compare_digest(proof.encode(), self._handed(browser, number, at).encode()) else None

    def _handed(self, browser: str, number: int, at: str) -> str:
        return self._cookies.sign("sent on", browser, str(number), at)

    def _part_of(self, number: int) -> Part | None:
        if self._seats.knows(number):
            return None
        return next((part for part in self.others if number in part.numbers), None)

    # Questions

    async def take(self, browser: str) -> str | None:
        """A seat elsewhere for the browser, the first free one in the order of the parts: the address that leads there.

        None when there is none.
        """
        for part in self.others:
            number = await self._ask(part, "take", browser)
            if number:
                self._free = (float("-inf"), 0)
                return self._handing(part, number, browser)
        return None

    async def own(self, browser: str) -> str | None:
        """The address that leads to the seat that the browser has elsewhere; None when it has none."""
        others = self.others
        found = await asyncio.gather(*(self._ask(part, "own", browser) for part in others))
        there = zip(others, found, strict=True)
        return next((self._handing(part, number, browser) for part, number in there if number), None)

    async def free(self) -> int:
        """How many seats the others could give out now."""
        counted, count = self._free
        if self._clock() - counted > COUNTED:
            count = sum(await asyncio.gather(*(self._ask(part, "free", "") for part in self.others)))
            self._free = (self._clock(), count)
        return count

    async def _ask(self, part: Part, verb: str, browser: str) -> int:
        """The number that the part's gateway answers; 0 when it has none to give, or does not answer."""
        if self._session is None or self._clock() - self._silent.get(part.uid, float("-inf")) < LEFT_OUT:
            return 0
        at = f"{self._wall():.3f}"
        body = json.dumps({"verb": verb, "browser": browser, "at": at, "to": part.uid})
        headers = {"Content-Type": "application/json", PROOF: self._cookies.sign("peer asks", body)}
        try:
            async with self._session.post(
                f"{part.door}{PATH}", data=body, headers=headers, allow_redirects=False
            ) as answer:
                text = (await answer.content.read(1000)).decode()
                proof = answer.headers.get(PROOF, "")
            if not hmac.compare_digest(proof.encode(), self._cookies.sign("peer answers", body, text).encode()):
                raise ValueError("the answer is not from a gateway of this class")
            return int(json.loads(text)["number"])
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError, KeyError, TypeError) as error:
            log.warning("the gateway on %s does not answer: %s", part.target, type(error).__name__)
            self._silent[part.uid] = self._clock()
            return 0

    async def answer(self, request: web.BaseRequest) -> web.Response:
        """`POST /peers`: another gateway's question."""
        try:
            body = (await read_body(request)).decode()
            proof = request.headers.get(PROOF, "")
            if not hmac.compare_digest(proof.encode(), self._cookies.sign("peer asks", body).encode()):
                return answer_json({"error": "not one of this class"}, status=403)
            asked: Mapping[str, Any] = json.loads(body)
            verb, browser, at = str(asked["verb"]), str(asked["browser"]), float(asked["at"])
        except (BadForm, ValueError, KeyError, TypeError, UnicodeError):
            return answer_json({"error": "malformed"}, status=400)
        if asked.get("to") != self._seats.classroom.uid or abs(self._wall() - at) > FRESH:
            return answer_json({"error": "not now"}, status=403)
        text = json.dumps({"number": self._number(verb, browser)})
        headers = SERVER | {PROOF: self._cookies.sign("peer answers", body, text), "Cache-Control": "no-store"}
        return web.Response(text=text, content_type="application/json", headers=headers)

    def _number(self, verb: str, browser: str) -> int:
        if self._seats.closing:
            return 0
        if verb == "free":
            return self._seating.free() if self._joining else 0
        if not is_browser(browser):
            return 0
        match verb:
            case "own":
                return self._seating.own(browser) or 0
            case "take" if self._joining:
                return self._seating.take(browser) or 0
            case _:
                return 0
