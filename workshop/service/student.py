"""A participant without a browser: follows a link, keeps cookies, runs a cell in a kernel through the gateway."""

from __future__ import annotations

import asyncio
import json
import secrets
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import aiohttp
from yarl import URL

from workshop.errors import SeatFailed

ANSWER_TIMEOUT = 60.0


@dataclass(frozen=True, slots=True)
class CellResult:
    """What a cell printed, and how it ended."""

    output: str
    error: str = ""


class Student:
    """One browser's worth of cookies. Use as an async context manager."""

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None
        self._seat = URL()

    async def __aenter__(self) -> Student:
        jar = aiohttp.CookieJar(unsafe=True)  # links name addresses, and "safe" jars keep no cookies of addresses
        self._session = aiohttp.ClientSession(
            cookie_jar=jar,
            timeout=aiohttp.ClientTimeout(total=ANSWER_TIMEOUT),
            headers={"User-Agent": "workshop-student", "Accept": "text/html,application/json"},
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()

    async def enter(self, link: str) -> str:
        """Follow a seat's link through its redirects; the address of the page that came.

        Raises:
            SeatFailed: there is no such seat, or what came is not the seat's page.
        """
        async with self._http().get(link, allow_redirects=True) as answer:
            page = await answer.text()
            parts = answer.url.parts
            if answer.status != 200 or len(parts) < 3 or parts[1] != "seat":
                raise SeatFailed(
                    f"The link led to {answer.url.with_query(None)} with HTTP {answer.status}, not to a seat.",
                    details=tuple(page.splitlines()[:5]),
                )
            self._seat = answer.url.origin().joinpath("seat", parts[2], "")
            return str(answer.url)

    async def run_cell(self, code: str, *, timeout: float = ANSWER_TIMEOUT) -> CellResult:
        """Start a kernel in the seat, run the cell, end the kernel.

        Raises:
            SeatFailed: the kernel did not start, or gave no answer in time.
        """
        kernel = await self._start_kernel()
        try:
            async with asyncio.timeout(timeout):
                return await self._execute(kernel, code)
        except TimeoutError as error:
            raise SeatFailed(f"The kernel gave no answer within {timeout:.0f} s.") from error
        finally:
            async with self._http().delete(self._seat / "api/kernels" / kernel, headers=self._xsrf()):
                pass

    async def _start_kernel(self) -> str:
        url = self._seat / "api/kernels"
        async with self._http().post(url, json={"name": "python3"}, headers=self._xsrf()) as answer:
            text = await answer.text()
            if answer.status != 201:
                raise SeatFailed(f"The seat started no kernel: HTTP {answer.status}.", details=(text[:300],))
            kernel: str = json.loads(text)["id"]
            return kernel

    async def _execute(self, kernel: str, code: str) -> CellResult:
        conversation, message = secrets.token_hex(8), secrets.token_hex(8)
        url = (self._seat / "api/kernels" / kernel / "channels").with_query(session_id=conversation)
        async with self._http().ws_connect(url, max_msg_size=0, origin=str(self._seat.origin())) as channel:
            await channel.send_json(_execute_request(code, conversation, message))
            printed: list[str] = []
            error = ""
            async for frame in channel:
                if frame.type is not aiohttp.WSMsgType.TEXT:
                    continue
                answer = json.loads(frame.data)
                if answer.get("parent_header", {}).get("msg_id") != message:
                    continue
                content = answer["content"]
                match answer["msg_type"]:
                    case "stream":
                        printed.append(content["text"])
                    case "execute_result" | "display_data":
                        printed.append(content["data"].get("text/plain", ""))
                    case "error":
                        error = f"{content['ename']}: {content['evalue']}"
                    case "status" if content["execution_state"] == "idle":
                        return CellResult("".join(printed).strip(), error)
        raise SeatFailed("The connection to the kernel was closed before the cell had ended.")

    def _xsrf(self) -> dict[str, str]:
        """The header that Jupyter wants beside the cookie it has set."""
        cookie = self._http().cookie_jar.filter_cookies(self._seat).get("_xsrf")
        return {"X-XSRFToken": cookie.value} if cookie else {}

    def _http(self) -> aiohttp.ClientSession:
        assert self._session is not None, "use `async with Student() as student`"
        return self._session


def _execute_request(code: str, conversation: str, message: str) -> dict[str, Any]:
    """Jupyter's message protocol, version 5.3."""
    return {
        "header": {
            "msg_id": message, "msg_type": "execute_request", "username": "", "session": conversation,
            "version": "5.3", "date": "",
        },
        "parent_header": {},
        "metadata": {},
        "content": {
            "code": code, "silent": False, "store_history": False, "user_expressions": {}, "allow_stdin": False,
            "stop_on_error": True,
        },
        "channel": "shell",
        "buffers": [],
    }  # fmt: skip
