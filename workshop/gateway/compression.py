"""Compresses what does not change once, for all seats, and never gives one seat's content to another.

Jupyter sends its 5 MB of scripts uncompressed. Here the seat's own answer is read, its digest taken, and the
compressed form kept under that digest: seats of one image share it because their own servers gave the very same bytes,
not because an address or a validator says so. A seat whose files were changed changes its own page alone.
"""

from __future__ import annotations

import asyncio
import hashlib
import zlib
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import aiohttp
from aiohttp import web
from multidict import CIMultiDict

from workshop.gateway.headers import content_length
from workshop.ports.room import Upstream

SMALLEST = 1024
LARGEST = 8 * 1024**2
"""Larger answers pass as they are."""
ON_THE_FLY = 1024**2
"""Answers that change (listings, settings) are compressed quickly up to this size."""
CACHE_BYTES = 48 * 1024**2
PATHS_KEPT = 20_000
READING_AT_ONCE = 24 * 1024**2
"""Bytes of uncompressed answers held at one time; who comes later waits a moment or goes without."""
WAIT_FOR_ROOM = 5.0
READ_TIMEOUT = 20.0
_ONCE_LEVEL, _QUICK_LEVEL = 9, 4
_TEXTUAL = ("text/", "application/javascript", "application/json", "application/x-javascript", "image/svg+xml",
            "application/wasm", "application/xml", "application/manifest+json", "application/vnd.jupyter",
            "application/x-ipynb+json", "font/ttf", "font/otf", "application/vnd.ms-fontobject")  # fmt: skip


Address = tuple[str, str]
"""A seat's endpoint, path and query."""


@dataclass(frozen=True, slots=True)
class _Kept:
    """What a seat's server said about one address, valid as long as that address is."""

    digest: bytes
    headers: tuple[tuple[str, str], ...]
    etag: str


class Compression:
    """Compressed forms by digest, and which of them each seat's immutable addresses lead to."""

    def __init__(self) -> None:
        self._packed: OrderedDict[bytes, bytes] = OrderedDict()
        self._bytes = 0
        self._paths: OrderedDict[Address, _Kept] = OrderedDict()
        self._under_way: dict[bytes, asyncio.Future[bytes]] = {}
        self.allowance = _Allowance(READING_AT_ONCE)
        self._threads = ThreadPoolExecutor(1, thread_name_prefix="compress")

    def stop(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    @property
    def size(self) -> int:
        """Bytes of compressed forms that are kept."""
        return self._bytes

    def plan(self, request: web.BaseRequest, upstream: Upstream, target: str) -> Plan | None:
        """What could be saved on this request; None for nothing."""
        wanted = request.headers
        if request.method != "GET" or "Range" in wanted or not accepts_gzip(wanted.get("Accept-Encoding", "")):
            return None
        return Plan(self, request, (upstream.endpoint, target))

    def find(self, seat: Address) -> tuple[_Kept, bytes] | None:
        kept = self._paths.get(seat)
        if kept is None:
            return None
        packed = self._packed.get(kept.digest)
        if packed is None:
            del self._paths[seat]
            return None
        self._paths.move_to_end(seat)
        self._packed.move_to_end(kept.digest)
        return kept, packed

    def keep(self, seat: Address, kept: _Kept) -> None:
        self._paths[seat] = kept
        while len(self._paths) > PATHS_KEPT:
            self._paths.popitem(last=False)

    async def once(self, digest: bytes, body: bytes) -> bytes:
        """The compressed form of `body`, made by whoever comes first."""
        packed = self._packed.get(digest)
        if packed is not None:
            return packed
        work = self._under_way.get(digest)
        if work is None:
            loop = asyncio.get_running_loop()
            work = self._under_way[digest] = loop.run_in_executor(self._threads, pack, body, _ONCE_LEVEL)
            work.add_done_callback(lambda done: self._finish(digest, done))
        return await asyncio.shield(work)

    def _finish(self, digest: bytes, done: asyncio.Future[bytes]) -> None:
        self._under_way.pop(digest, None)
        if done.cancelled() or done.exception() is not None:
            return
        packed = done.result()
        self._packed[digest] = packed
        self._bytes += len(packed)
        while self._bytes > CACHE_BYTES:
            _, old = self._packed.popitem(last=False)
            self._bytes -= len(old)

    async def quickly(self, body: bytes) -> bytes:
        """A compressed form that is not kept."""
        if len(body) <= 32768:
            return pack(body, _QUICK_LEVEL)
        return await asyncio.get_running_loop().run_in_executor(self._threads, pack, body, _QUICK_LEVEL)


class Plan:
    """One request's way through the compression."""

    def __init__(self, compression: Compression, request: web.BaseRequest, address: Address) -> None:
        self._compression = compression
        self._request = request
        self._seat = address

    def kept(self) -> web.Response | None:
        """The answer, when this seat's server has given it before and said that it never changes."""
        found = self._compression.find(self._seat)
        if found is None or "no-cache" in self._request.headers.get("Cache-Control", ""):
            return None
        kept, packed = found
        if kept.etag and _same(self._request.headers.get("If-None-Match", ""), kept.etag):
            return web.Response(status=304, headers=_compressed_headers(kept))
        return web.Response(body=packed, headers={**_compressed_headers(kept), "Content-Encoding": "gzip"})

    async def pack(self, answer: aiohttp.ClientResponse, headers: CIMultiDict[str]) -> web.Response | None:
        """The answer compressed; None when it has to pass as it is (nothing of it was read then)."""
        length = content_length(answer.headers)
        if length is None or answer.status != 200 or not _worth_it(answer, length):
            return None
        immutable = "immutable" in answer.headers.get("Cache-Control", "") and "Set-Cookie" not in answer.headers
        if length > (LARGEST if immutable else ON_THE_FLY):
            return None
        if not await self._compression.allowance.enter(length):
            return None
        try:
            async with asyncio.timeout(READ_TIMEOUT):
                body = await answer.read()
            etag = _weak(headers.get("ETag", ""))
            if immutable:
                digest = hashlib.sha256(body).digest()
                packed = await self._compression.once(digest, body)
                kept = _Kept(digest, tuple(_plain(headers)), etag)
                self._compression.keep(self._seat, kept)
            else:
                packed = await self._compression.quickly(body)
        finally:
            self._compression.allowance.leave(length)
        headers.popall("Content-Length", None)
        if etag:
            headers["ETag"] = etag
        headers["Content-Encoding"] = "gzip"
        _vary(headers)
        return web.Response(status=200, reason=answer.reason, headers=headers, body=packed)


class _Allowance:
    """Lets in as many bytes as there is memory set aside for; the rest waits a moment, or does without."""

    def __init__(self, total: int) -> None:
        self._free = total
        self._waiting: set[asyncio.Future[None]] = set()

    async def enter(self, size: int) -> bool:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + WAIT_FOR_ROOM
        while self._free < size:
            turn: asyncio.Future[None] = loop.create_future()
            self._waiting.add(turn)
            try:
                async with asyncio.timeout_at(deadline):
                    await turn
            except TimeoutError:
                return False
            finally:
                self._waiting.discard(turn)
        self._free -= size
        return True

    def leave(self, size: int) -> None:
        self._free += size
        for turn in self._waiting:
            if not turn.done():
                turn.set_result(None)


def pack(body: bytes, level: int) -> bytes:
    """gzip without a time stamp: equal content gives equal bytes."""
    packer = zlib.compressobj(level, zlib.DEFLATED, 31)
    return packer.compress(body) + packer.flush()


def accepts_gzip(header: str) -> bool:
    """Whether an `Accept-Encoding` names gzip, and not with `q=0`."""
    for part in header.lower().split(","):
        name, _, parameters = part.partition(";")
        if name.strip() in ("gzip", "x-gzip"):
            quality = parameters.strip().removeprefix("q=").strip()
            return quality not in ("0", "0.0", "0.00", "0.000")
    return False


def _worth_it(answer: aiohttp.ClientResponse, length: int) -> bool:
    headers = answer.headers
    kind = headers.get("Content-Type", "").lower()
    return (
        length >= SMALLEST
        and "Content-Encoding" not in headers
        and "no-transform" not in headers.get("Cache-Control", "")
        and kind.startswith(_TEXTUAL)
        and not kind.startswith("text/event-stream")
    )


def _plain(headers: CIMultiDict[str]) -> list[tuple[str, str]]:
    skipped = ("content-length", "date", "etag", "vary", "content-encoding")
    return [(name, value) for name, value in headers.items() if name.lower() not in skipped]


def _compressed_headers(kept: _Kept) -> dict[str, str]:
    headers = dict(kept.headers)
    if kept.etag:
        headers["ETag"] = kept.etag
    headers["Vary"] = "Accept-Encoding"
    return headers


def _vary(headers: CIMultiDict[str]) -> None:
    said = headers.get("Vary", "")
    if "accept-encoding" not in said.lower() and said != "*":
        headers["Vary"] = f"{said}, Accept-Encoding" if said else "Accept-Encoding"


def _weak(etag: str) -> str:
    """The validator of a form that differs in bytes and not in meaning."""
    return etag if not etag or etag.startswith("W/") else f"W/{etag}"


def _same(if_none_match: str, etag: str) -> bool:
    wanted = etag.removeprefix("W/")
    return any(part.strip().removeprefix("W/") == wanted for part in if_none_match.split(","))
