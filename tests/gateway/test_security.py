"""What an attacker in the room can try at the door."""

# ruff: noqa: E501  (requests are easier to read whole)

from __future__ import annotations

import asyncio
import contextlib
import random
import re
import time
from collections.abc import AsyncIterator

import aiohttp
import pytest

from tests.gateway.conftest import House, NewStudent, OpenHouse, Student, until
from workshop.gateway.attempts import FREE_TRIES, WAITING_AT_MOST, Attempts, TooManyTries
from workshop.model.code import ALPHABET

OWN_PAGES = ("/join", "/join?why=seat", "/check", "/s/AAAAAAAA", "/nothing", "/seat/99/")


async def raw(house: House, data: bytes, *, seconds: float = 5) -> bytes:
    """Send bytes as they are; what came back until the connection was closed or nothing more came."""
    reader, writer = await asyncio.open_connection("127.0.0.1", house.room.classroom.door.port)
    answer = b""
    try:
        writer.write(data)
        await writer.drain()
        async with asyncio.timeout(seconds):
            while chunk := await reader.read(65536):
                answer += chunk
    except (TimeoutError, ConnectionError):
        pass
    finally:
        writer.close()
    return answer


async def assert_serves(house: House) -> None:
    async with aiohttp.ClientSession() as session, session.get(f"{house.url}/healthz") as answer:
        assert answer.status == 200


@pytest.fixture
async def cookie(house: House, student_of: NewStudent) -> str:
    """A seat's cookie as a header line."""
    student = student_of(house)
    await student.enter(1)
    return "; ".join(f"{cookie.key}={cookie.value}" for cookie in student.session.cookie_jar if "seat" in cookie.key)


# Own pages


@pytest.mark.parametrize("path", OWN_PAGES)
async def test_our_pages_let_nothing_foreign_onto_them(house: House, student_of: NewStudent, path: str) -> None:
    async with student_of(house).get(path) as answer:
        headers, text = answer.headers, await answer.text()
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "form-action 'self'" in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["Cache-Control"] == "no-store"
    assert "Python" not in headers["Server"]
    assert not re.search(r"(src|href|action)=[\"']?(https?:)?//", text), "our pages load nothing from elsewhere"
    assert not re.search(r"<(script|style)>|\son\w+=|style=", text), "no inline scripts or styles"


async def test_every_script_and_style_a_page_names_is_there_and_may_be_kept(
    house: House, student_of: NewStudent
) -> None:
    student = student_of(house)
    await student.enter(1)
    found = set()
    for path in ("/join?stay", "/check", "/seat/01/"):
        async with student.get(path) as answer:
            found |= set(re.findall(r'(?:src|href)="(/assets/[^"]+)"', await answer.text()))
    assert len(found) >= 7
    for address in found:
        async with student.get(address) as asset:
            assert asset.status == 200, address
            assert "immutable" in asset.headers["Cache-Control"]
        async with student.get(address.split("?")[0]) as asset:
            assert asset.headers["Cache-Control"] == "no-cache"
    for path in ("/assets/../server.py", "/assets/%2e%2e/server.py", "/assets/", "/assets/page.css/x"):
        async with student.get(path) as asset:
            assert asset.status == 404, path


@pytest.mark.parametrize(
    "target",
    [
        "//evil.example/", "/\\evil.example", "/join?next=//evil.example", "/s//evil.example", "/seat/1//evil.example/",
        "/seat/01?x=//evil.example", "/%2f%2fevil.example", "/s/%0d%0aLocation:%20http://evil.example",
    ],
)  # fmt: skip
async def test_no_address_redirects_to_another_site(house: House, target: str) -> None:
    answer = await raw(
        house, f"GET {target} HTTP/1.1\r\nHost: x\r\nAccept: text/html\r\nConnection: close\r\n\r\n".encode()
    )
    location = re.search(rb"\r\nLocation: ([^\r]*)", answer)
    assert location is None or re.match(rb"/(?![/\\])", location[1]), answer


async def test_the_host_header_changes_no_link_of_ours(house: House) -> None:
    for host in ("evil.example", "evil.example:80", "[::1", "a b", ""):
        answer = await raw(house, f"GET /join HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
        assert b"evil" not in answer
        answer = await raw(
            house,
            f"GET /s/{house.code(1)} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: iPhone Mobile\r\nConnection: close\r\n\r\n".encode(),
        )
        assert b"evil" not in answer


# Guessing


def test_sixty_wrong_tries_a_minute_are_free_and_then_one_goes_at_a_time() -> None:
    clock = [0.0]
    attempts = Attempts(clock=lambda: clock[0], slow_seconds=0)

    async def play() -> None:
        for _ in range(FREE_TRIES):
            await attempts.admit("10.0.0.1")
            attempts.wrong("10.0.0.1")
        slow = [asyncio.ensure_future(attempts.admit("10.0.0.1")) for _ in range(WAITING_AT_MOST)]
        await asyncio.sleep(0)
        with pytest.raises(TooManyTries):
            await attempts.admit("10.0.0.1")
        await attempts.admit("10.0.0.2")
        await asyncio.gather(*slow)
        clock[0] = 61.0
        fast = [attempts.admit("10.0.0.1") for _ in range(WAITING_AT_MOST + 10)]
        await asyncio.gather(*fast)

    asyncio.run(play())


async def test_who_guesses_codes_is_slowed_and_others_are_not(
    house: House, student_of: NewStudent, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workshop.gateway.attempts.WAITING_AT_MOST", 2)
    guesser = student_of(house)
    sign = random.Random(1)
    codes = ["".join(sign.choices(ALPHABET, k=8)) for _ in range(FREE_TRIES)]
    statuses = [(await guesser.session.get(f"/s/{code}")).status for code in codes]
    assert set(statuses) == {404}
    began = time.monotonic()
    await asyncio.gather(*(guesser.session.get(f"/s/{code}") for code in codes[:2]))
    assert time.monotonic() - began > 1.8
    flood = await asyncio.gather(*(guesser.session.get(f"/s/{code}") for code in codes[:20]))
    assert sum(answer.status == 429 for answer in flood) == 18
    async with guesser.get("/join?stay") as page:
        assert page.status == 200


async def test_a_room_behind_one_address_gets_in_while_somebody_in_it_guesses(
    open_house: OpenHouse, student_of: NewStudent
) -> None:
    house = await open_house(pin="4711")
    guesser, neighbour = student_of(house), student_of(house)
    for _ in range(FREE_TRIES):
        await guesser.session.get("/s/22222222")
    line = [asyncio.ensure_future(guesser.session.get("/s/22222222")) for _ in range(WAITING_AT_MOST + 5)]
    await asyncio.wait(line, timeout=2, return_when=asyncio.FIRST_COMPLETED)
    async with asyncio.timeout(2):
        await neighbour.enter(2)
        wrong_pin = await student_of(house).take(pin="1234")
        right_pin = await student_of(house).take(pin="4711")
    assert (wrong_pin.status, right_pin.status) == (403, 303), "who guesses codes is no reason to slow down PINs"
    for waiting in line:
        waiting.cancel()
    await asyncio.gather(*line, return_exceptions=True)


async def test_a_flood_of_guesses_lets_nobody_of_its_address_find_out_at_once(
    house: House, student_of: NewStudent, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workshop.gateway.attempts.FLOOD", FREE_TRIES + 1)
    guesser = student_of(house)
    for _ in range(FREE_TRIES + 1):
        await guesser.session.get("/s/22222222")
    began = time.monotonic()
    await guesser.enter(1)
    assert time.monotonic() - began > 0.9


def test_the_memory_of_wrong_tries_is_bounded() -> None:
    attempts = Attempts()
    for number in range(10_000):
        attempts.wrong(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}")
    assert len(attempts._addresses) <= 4096


# Smuggling and nonsense


@contextlib.asynccontextmanager
async def _asked(open_house: OpenHouse, student_of: NewStudent, answer: bytes) -> AsyncIterator[bytes]:
    """What a browser gets from a seat whose server answers every request with these bytes."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(answer)
            await writer.drain()
        writer.close()

    house = await open_house(servers=0)
    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        house.room.ready(1, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        student = student_of(house)
        await student.enter(1)
        cookie = next(f"{cookie.key}={cookie.value}" for cookie in student.session.cookie_jar if "seat" in cookie.key)
        head = f"GET /seat/01/x HTTP/1.1\r\nHost: x\r\nCookie: {cookie}\r\nConnection: close\r\n\r\n"
        yield await raw(house, head.encode(), seconds=3)
        await assert_serves(house)


def _smuggled(cookie: str) -> list[bytes]:
    inner = "GET /seat/01/smuggled HTTP/1.1\r\nHost: x\r\n\r\n"
    start = f"POST /seat/01/echo HTTP/1.1\r\nHost: x\r\nCookie: {cookie}\r\n"
    length = len(inner)
    return [
        f"{start}Content-Length: {length}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{inner}".encode(),
        f"{start}Content-Length: 6\r\nContent-Length: 5\r\n\r\n0\r\n\r\n{inner}".encode(),
        f"{start}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n{inner}".encode(),
        f"{start}Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n{inner}".encode(),
        f"{start}Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n{inner}".encode(),
        f"{start}Transfer-Encoding:\x0bchunked\r\n\r\n0\r\n\r\n{inner}".encode(),
        f"{start}X: y\r\n Content-Length: {length}\r\n\r\n{inner}".encode(),
        f"{start}Content-Length: +{length}\r\n\r\n{inner}".encode(),
        f"{start}Content-Length: {length}, {length}\r\n\r\n{inner}".encode(),
        f"{start}Content-Length: 0x10\r\n\r\n{inner}".encode(),
        f"{start}Transfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFFF\r\n{inner}".encode(),
        f"{start}Transfer-Encoding: chunked\r\n\r\n-5\r\n{inner}".encode(),
        f"{start}Transfer-Encoding: chunked\r\n\r\n1;\nx\r\nA\r\n0\r\n\r\n{inner}".encode(),
    ]


async def test_no_second_request_is_smuggled_to_a_seat(house: House, cookie: str) -> None:
    for data in _smuggled(cookie):
        await raw(house, data, seconds=0.6)
    asked = [path for server in house.servers.values() for _, path, _ in server.requests]
    assert not [path for path in asked if "smuggled" in path]
    await assert_serves(house)


async def test_a_smuggled_request_through_an_upgrade_that_failed_gets_no_further(house: House, cookie: str) -> None:
    head = (
        f"GET /seat/01/page HTTP/1.1\r\nHost: x\r\nCookie: {cookie}\r\nOrigin: {house.url}\r\nConnection: Upgrade\r\n"
        "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    answer = await raw(house, (head + "GET /seat/02/smuggled HTTP/1.1\r\nHost: x\r\n\r\n").encode(), seconds=1)
    assert b" 101 " not in answer
    assert not [path for _, path, _ in house.servers[2].requests]


async def test_nonsense_huge_and_slow_requests_leave_the_gateway_serving(house: House, cookie: str) -> None:
    noise = random.Random(7)
    heads = [
        b"", b"\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + noise.randbytes(200), b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET\r\n\r\n", b"GET /join\r\n\r\n", b"GET /join HTTP/9.9\r\n\r\n", b"GET /join HTTP/1.1\nHost: x\n\n",
        b"GET http://evil.example/seat/01/ HTTP/1.1\r\nHost: x\r\n\r\n", b"CONNECT evil.example:80 HTTP/1.1\r\n\r\n",
        b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", b"TRACE / HTTP/1.1\r\nHost: x\r\n\r\n", b"G\x00T / HTTP/1.1\r\n\r\n",
        b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", b"GET / HTTP/1.1\r\nX: " + b"a" * 200_000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"".join(b"X-%d: y\r\n" % number for number in range(5000)) + b"\r\n",
        b"GET /seat/" + b"9" * 5000 + b"/ HTTP/1.1\r\nHost: x\r\n\r\n", b"GET /seat/01/%00%ff%zz HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /s/" + b"%" * 3000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", b"GET /join HTTP/1.1\r\nCookie: " + b"workshop-=;" * 500 + b"\r\n\r\n",
        b"GET /join HTTP/1.1\r\nAccept-Language: " + b"de;q=,," * 900 + b"\r\n\r\n",
        b"POST /join/take HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 99999999\r\n\r\na=b",
        f"GET /seat/01/\x80\xfe HTTP/1.1\r\nHost: x\r\nCookie: {cookie}\r\n\r\n".encode("latin-1"),
        f"GET /seat/01/x HTTP/1.1\r\nHost: x\r\nCookie: {cookie}\r\nUpgrade: websocket\r\n\r\n".encode(),
        f"GET /seat/01/socket HTTP/1.1\r\nCookie: {cookie}\r\nOrigin: {house.url}\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n".encode(),
        f"PROPFIND /seat/01/echo HTTP/1.1\r\nHost: x\r\nCookie: {cookie}\r\n\r\n".encode(),
    ]  # fmt: skip
    heads += [noise.randbytes(noise.randrange(1, 3000)) for _ in range(60)]
    whole = f"POST /seat/01/echo HTTP/1.1\r\nHost: x\r\nCookie: {cookie}\r\nContent-Length: 4\r\n\r\nabcd".encode()
    for _ in range(120):
        broken = bytearray(whole)
        for _ in range(noise.randrange(1, 6)):
            broken[noise.randrange(len(broken))] = noise.randrange(256)
        heads.append(bytes(broken))
    for start in range(0, len(heads), 40):
        await asyncio.gather(*(raw(house, head, seconds=0.4) for head in heads[start : start + 40]))
        await assert_serves(house)


async def test_many_slow_connections_leave_the_gateway_serving(house: House) -> None:
    connections = [await asyncio.open_connection("127.0.0.1", house.room.classroom.door.port) for _ in range(300)]
    for _, writer in connections:
        writer.write(b"GET /join HTTP/1.1\r\nX-Slow: ")
    for _ in range(3):
        for _, writer in connections:
            writer.write(b"a")
        await assert_serves(house)
    for _, writer in connections:
        writer.close()


async def test_a_connection_that_never_finishes_its_request_is_closed(
    open_house: OpenHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workshop.gateway.http_server.IDLE_SECONDS", 0.5)
    house = await open_house()
    began = time.monotonic()
    assert await raw(house, b"GET /join HTTP/1.1\r\nX-Slow: ", seconds=10) == b""
    assert time.monotonic() - began < 5


async def test_one_address_cannot_take_every_connection(open_house: OpenHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workshop.gateway.server.raise_file_limit", lambda: 60)
    house = await open_house()
    port = house.room.classroom.door.port
    held = [await asyncio.open_connection("127.0.0.1", port) for _ in range(20)]
    assert await raw(house, b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n", seconds=2) == b""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=("127.0.0.2", 0))
    writer.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
    assert b"200 OK" in await reader.readline(), "another address is let in"
    for _, open_ in (*held, (reader, writer)):
        open_.close()
    await until(lambda: not house.gateway.connections)
    await assert_serves(house)


@pytest.mark.parametrize(
    "data", [b"GET /" + b"a" * 20_000, b"GET / HTTP/1.1\r\nCookie: a=" + b"b" * 20_000, b"\x16\x03"]
)
async def test_what_is_no_request_is_answered_without_repeating_it(house: House, data: bytes) -> None:
    answer = await raw(house, data + b"\r\n\r\n", seconds=2)
    assert b"aiohttp" not in answer
    assert b"Python" not in answer
    assert data[-20:] not in answer
    assert (b"cookies" in answer) == (len(data) > 10_000), "a browser with too many cookies is told what to do"


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\nGET /join HTTP/1.1\r\n\r\n",
        b"HTTP/1.1 000 What\r\nContent-Length: 2\r\n\r\nok", b"HTTP/1.1 999 What\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nX: a\rSet-Cookie: workshop-x=1\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 5\r\n\r\nokokok",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        b"HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\nhello", b"\0" * 100, b"",
    ],
)  # fmt: skip
async def test_what_a_seat_must_not_answer_is_a_seat_that_does_not_answer(
    open_house: OpenHouse, student_of: NewStudent, answer: bytes
) -> None:
    async with _asked(open_house, student_of, answer) as got:
        assert got.startswith(b"HTTP/1.1 503 ")
        assert got.count(b"HTTP/1.1") == 1
        assert b"workshop-x" not in got


async def test_a_seats_header_with_control_signs_is_left_out(open_house: OpenHouse, student_of: NewStudent) -> None:
    answer = b"HTTP/1.1 200 OK\r\nX-Mine: \x1b[31m\r\nX-Fine: a\tb\r\nContent-Length: 2\r\n\r\nok"
    async with _asked(open_house, student_of, answer) as got:
        assert got.startswith(b"HTTP/1.1 200 OK")
        assert b"X-Mine" not in got
        assert b"X-Fine: a\tb" in got


async def test_compressed_bodies_are_not_unpacked_here(house: House, student_of: NewStudent) -> None:
    import gzip

    student: Student = student_of(house)
    await student.enter(1)
    packed = gzip.compress(b"a" * 100)
    headers = {"Content-Encoding": "gzip", "Content-Length": str(len(packed))}
    async with student.session.post("/seat/01/upload", data=packed, headers=headers) as answer:
        assert (await answer.json())["received"] == len(packed)
