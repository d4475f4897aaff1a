"""What passes between a browser and its seat, and what does not."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
from pathlib import Path
from typing import Any

import aiohttp
import psutil
import pytest

from tests.gateway.conftest import House, NewStudent, OpenHouse, Student, until
from workshop.gateway.headers import scoped_cookie, scoped_location
from workshop.model.classroom import Ui
from workshop.ports.room import Upstream

MB = 1024**2


@pytest.fixture
async def student(house: House, student_of: NewStudent) -> Student:
    """Somebody at seat 1."""
    student = student_of(house)
    await student.enter(1)
    return student


async def _echo(student: Student, path: str = "/seat/01/echo", **options: Any) -> dict[str, Any]:
    async with student.session.request(options.pop("method", "GET"), path, **options) as answer:
        assert answer.status == 200, await answer.text()
        return dict(await answer.json())


async def test_the_seat_gets_its_own_token_and_none_of_our_cookies(house: House, student: Student) -> None:
    seen = await _echo(student, headers={"Authorization": "Bearer mine", "Cookie": "a=1; workshop-seat-x=2"})
    headers = {name.lower(): value for name, value in seen["headers"]}
    assert headers["authorization"] == f"token {house.room.classroom.token(1)}"
    assert "workshop-" not in headers.get("cookie", "")
    assert "a=1" in headers["cookie"]


async def test_the_seats_token_never_reaches_the_browser(house: House, student: Student) -> None:
    async with student.get("/seat/01/page") as answer:
        everything = str(answer.headers) + await answer.text()
    async with student.get("/seat/01/") as answer:
        everything += str(answer.headers) + await answer.text()
    assert house.room.classroom.token(1) not in everything


async def test_forwarded_headers_tell_the_truth_whatever_the_browser_says(house: House, student: Student) -> None:
    lies = {
        "X-Forwarded-For": "1.2.3.4", "X-Forwarded-Proto": "https", "X-Forwarded-Host": "evil.example",
        "Forwarded": "for=1.2.3.4", "X-Real-IP": "1.2.3.4", "X-Scheme": "https", "Via": "1.1 x",
    }  # fmt: skip
    seen = {name.lower(): value for name, value in (await _echo(student, headers=lies))["headers"]}
    assert seen["x-forwarded-for"] == seen["x-real-ip"] == "127.0.0.1"
    assert seen["x-forwarded-proto"] == seen["x-scheme"] == "http"
    assert seen["x-forwarded-host"] == seen["host"] == f"127.0.0.1:{house.room.classroom.door.port}"
    assert "forwarded" not in seen
    assert "via" not in seen


async def test_hop_by_hop_headers_stay_on_their_hop(student: Student) -> None:
    headers = {
        "Connection": "keep-alive, X-Secret",
        "X-Secret": "1",
        "TE": "trailers",
        "Keep-Alive": "5",
        "X-Kept": "1",
    }
    seen = {name.lower() for name, _ in (await _echo(student, headers=headers))["headers"]}
    assert "x-kept" in seen
    assert seen.isdisjoint({"x-secret", "te", "keep-alive", "transfer-encoding", "upgrade"})


async def test_a_connection_header_cannot_remove_the_token(house: House, student: Student) -> None:
    seen = {name.lower(): value for name, value in (
        await _echo(student, headers={"Connection": "close, Authorization, X-Forwarded-For"})
    )["headers"]}  # fmt: skip
    assert seen["authorization"] == f"token {house.room.classroom.token(1)}"
    assert seen["x-forwarded-for"] == "127.0.0.1"


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
async def test_every_method_and_its_body_pass(student: Student, method: str) -> None:
    body = b"" if method in ("GET", "OPTIONS") else b"some body \xff"
    seen = await _echo(student, method=method, data=body or None)
    assert (seen["method"], seen["body"].encode("latin-1")) == (method, body)


@pytest.mark.parametrize(
    "target",
    ["/seat/01/echo?a=1&b=%2F%20%26", "/seat/01/echo?x=a+b&empty", "/seat/01/echo?q=%E4%BD%A0%25", "/seat/01/echo?;=1"],
)
async def test_addresses_pass_exactly_as_they_came(house: House, student: Student, target: str) -> None:
    from yarl import URL

    seen = await _echo(student, path=URL(house.url + target, encoded=True))  # type: ignore[arg-type]
    assert seen["path"] == target


async def test_a_chunked_upload_passes_as_a_stream(student: Student) -> None:
    async def pieces() -> Any:
        for number in range(50):
            yield f"piece {number};".encode() * 100

    async with student.session.post("/seat/01/upload", data=pieces()) as answer:
        told = await answer.json()
    whole = b"".join([f"piece {number};".encode() * 100 for number in range(50)])
    assert told == {"received": len(whole), "sha256": hashlib.sha256(whole).hexdigest()}


async def test_curl_style_uploads_are_told_to_continue(house: House, student: Student) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", house.room.classroom.door.port)
    cookie = "; ".join(f"{cookie.key}={cookie.value}" for cookie in student.session.cookie_jar if "seat" in cookie.key)
    writer.write(
        f"PUT /seat/01/upload HTTP/1.1\r\nHost: x\r\nCookie: {cookie}\r\nContent-Length: 5\r\n"
        "Expect: 100-continue\r\n\r\n".encode()
    )
    assert b"100 Continue" in await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
    writer.write(b"12345")
    assert b"200 OK" in await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
    writer.close()


async def test_a_gigabyte_goes_up_and_down_in_constant_memory(house: House, student: Student) -> None:
    process, size, piece = psutil.Process(), 1024 * MB, bytes(MB)
    before, peak = process.memory_info().rss, 0

    async def pieces() -> Any:
        nonlocal peak
        for _ in range(size // MB):
            yield piece
            peak = max(peak, process.memory_info().rss)

    headers = {"Content-Length": str(size)}
    async with student.session.put("/seat/01/upload", data=pieces(), headers=headers) as answer:
        assert (await answer.json())["received"] == size
    got = 0
    async with student.get(f"/seat/01/big?size={size}") as answer:
        async for chunk in answer.content.iter_any():
            got += len(chunk)
            if got % (16 * MB) < len(chunk):
                peak = max(peak, process.memory_info().rss)
    assert got == size
    assert peak - before < 64 * MB, f"grew by {(peak - before) // MB} MB"


async def test_a_slow_reader_holds_the_seat_back_instead_of_filling_memory(house: House, student: Student) -> None:
    process = psutil.Process()
    before = process.memory_info().rss
    async with student.get(f"/seat/01/big?size={512 * MB}") as answer:
        await answer.content.readexactly(1000)
        steady = 0
        last = house.servers[1]
        for _ in range(20):
            await asyncio.sleep(0.02)
            steady = max(steady, process.memory_info().rss)
        assert last is house.servers[1]
        assert steady - before < 48 * MB
        answer.close()


async def test_too_large_a_body_is_refused_with_and_without_a_length(
    open_house: OpenHouse, student_of: NewStudent
) -> None:
    house = await open_house(settings={"max_body": MB})
    student = student_of(house)
    await student.enter(1)

    async def pieces() -> Any:
        for _ in range(4):
            yield bytes(MB)

    for body in (bytes(2 * MB), pieces()):
        with contextlib.suppress(aiohttp.ClientOSError):  # it may be told before all is sent
            async with student.session.post("/seat/01/upload", data=body) as answer:
                assert answer.status == 413
    async with student.get("/seat/01/page") as answer:
        assert answer.status == 200


async def test_ranges_are_the_seats_business(house: House, student: Student) -> None:
    house.servers[1].script = b"0123456789" * 1000
    async with student.get("/seat/01/static/app.js", headers={"Range": "bytes=5-9"}) as answer:
        assert "Content-Encoding" not in answer.headers
    assert house.servers[1].requests[-1][2]["Range"] == "bytes=5-9"


async def test_streams_arrive_piece_by_piece_and_end_when_the_browser_leaves(house: House, student: Student) -> None:
    async with student.get("/seat/01/stream") as answer:
        assert await asyncio.wait_for(answer.content.readuntil(b"\n\n"), 5) == b"data: first\n\n"
        assert await asyncio.wait_for(answer.content.readuntil(b"\n\n"), 5) == b"data: more\n\n"
        answer.close()
    runner = house.servers[1].runner
    assert runner is not None
    await until(lambda: all(not handler._request_in_progress for handler in runner.server.connections))  # type: ignore[union-attr]


async def test_an_answer_that_breaks_off_is_not_made_to_look_whole(student: Student) -> None:
    with pytest.raises(aiohttp.ClientPayloadError):
        async with student.get("/seat/01/broken") as answer:
            await answer.read()


async def test_what_a_seat_says_reaches_no_further_than_its_path(student: Student) -> None:
    async with student.get("/seat/01/cookies") as answer:
        cookies = answer.headers.getall("Set-Cookie")
        assert cookies == [
            "plain=1; Path=/seat/01/", "wide=2; Path=/seat/01/", "deep=3; HttpOnly; Path=/seat/01/api",
            "outside=4; Path=/seat/01/",
        ]  # fmt: skip
        for gone in ("Clear-Site-Data", "Strict-Transport-Security"):
            assert gone not in answer.headers
        assert answer.headers["Service-Worker-Allowed"] == "/seat/01/"
        assert answer.headers["X-Frame-Options"] == "SAMEORIGIN"
        assert answer.headers["Content-Security-Policy"] == "default-src 'self'; frame-ancestors 'self'"


@pytest.mark.parametrize(
    ("line", "kept"),
    [
        ("a=1; Path=/seat/07", "a=1; Path=/seat/07"),
        ("a=1; path=/seat/077/; SECURE", "a=1; SECURE; Path=/seat/07/"),
        ("__Host-a=1; Path=/", ""),
        ("WORKSHOP-seat-1=1", ""),
        ("=nothing", ""),
    ],
)
def test_a_seats_cookie_is_kept_to_its_seat(line: str, kept: str) -> None:
    assert scoped_cookie(line, "/seat/07/") == kept


@pytest.mark.parametrize(
    ("target", "strips", "expected"),
    [
        ("http://10.0.0.5:8888/seat/07/lab", False, "/seat/07/lab"),
        ("http://class.local:8080/seat/07/lab", False, "/seat/07/lab"),
        ("./?folder=/home", True, "./?folder=/home"),
        ("/login?to=/", True, "/seat/07/login?to=/"),
        ("/seat/07/x", True, "/seat/07/x"),
        ("https://docs.example.org/", True, "https://docs.example.org/"),
        ("http://10.0.0.5:88889/x", False, "http://10.0.0.5:88889/x"),
    ],
)
def test_redirects_lead_through_the_door(target: str, strips: bool, expected: str) -> None:
    upstream = Upstream("http://10.0.0.5:8888", strips_prefix=strips, ready=True)
    assert scoped_location(target, upstream, ("http://class.local:8080",), "/seat/07/") == expected


async def test_a_ui_without_a_base_path_is_served_below_the_seats(
    open_house: OpenHouse, student_of: NewStudent
) -> None:
    house = await open_house(ui=Ui.VSCODE)
    student = student_of(house)
    await student.enter(2)
    seen = await _echo(student, path="/seat/02/echo?x=1")
    assert seen["path"] == "/echo?x=1"
    assert ["X-Forwarded-Prefix", "/seat/02"] in seen["headers"]
    async with student.session.ws_connect("/seat/02/socket", headers={"Origin": house.url}) as socket:
        assert await socket.receive_str() == "hello"


# Who may


async def test_one_seats_cookie_opens_no_other_seat(house: House, student: Student) -> None:
    value = next(cookie.value for cookie in student.session.cookie_jar if "seat" in cookie.key)
    name = next(cookie.key for cookie in student.session.cookie_jar if "seat" in cookie.key)
    async with aiohttp.ClientSession(house.url, headers={"Cookie": f"{name}={value}"}) as thief:
        for path, status in (("/seat/01/page", 200), ("/seat/02/page", 403), ("/seat/02/_room/state", 403)):
            async with thief.get(path) as answer:
                assert answer.status == status, path


async def test_cookies_of_another_classroom_or_that_were_tampered_with_open_nothing(
    open_house: OpenHouse, student_of: NewStudent
) -> None:
    house, other = await open_house(), await open_house()
    student = student_of(other)
    await student.enter(1)
    foreign = next(cookie.value for cookie in student.session.cookie_jar if "seat" in cookie.key)
    for value in (foreign, foreign[:-2] + "AA", "", ".", "x" * 5000, foreign.split(".")[0] + "."):
        cookie = {"Cookie": f"workshop-seat-{house.uid}={value}"}
        async with aiohttp.ClientSession(house.url, headers=cookie) as thief, thief.get("/seat/01/page") as answer:
            assert answer.status == 403, value


async def test_seat_cookies_are_scoped_and_hidden_from_scripts(house: House, student_of: NewStudent) -> None:
    async with student_of(house).get(f"/s/{house.code(1)}", allow_redirects=False) as answer:
        lines = answer.headers.getall("Set-Cookie")
    seat = next(line for line in lines if line.startswith("workshop-seat"))
    assert "Path=/seat/01/" in seat
    for line in lines:
        assert "HttpOnly" in line
        assert "SameSite=Lax" in line
        assert "Path=/;" not in line + ";"
    assert len(seat.split("=")[1].split(";")[0]) > 60


async def test_requests_that_change_something_come_from_our_own_pages_only(house: House, student: Student) -> None:
    port = house.room.classroom.door.port
    for origin, status in (
        (house.url, 200), ("http://evil.example", 403), ("null", 403), (f"http://127.0.0.1:{port + 1}", 403),
        (f"https://127.0.0.1:{port}", 200),
    ):  # fmt: skip
        async with student.session.post("/seat/01/echo", headers={"Origin": origin}) as answer:
            assert answer.status == status, origin


async def test_websockets_of_other_pages_are_refused(house: House, student: Student) -> None:
    for headers in ({"Origin": "http://evil.example"}, {}, {"Origin": "null"}):
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await student.session.ws_connect("/seat/01/socket", headers=headers)
        assert refused.value.status == 403


async def test_an_unknown_seat_is_nowhere_and_other_spellings_lead_to_the_right_one(
    house: House, student: Student
) -> None:
    for path in ("/seat/99/", "/seat/0/", "/seat/-1/", "/seat/x/", "/seat//", "/seat/1e1/"):
        async with student.get(path, allow_redirects=False) as answer:
            assert answer.status == 404, path
    for path in ("/seat/1/page", "/seat/001/page"):
        async with student.get(path, allow_redirects=False) as answer:
            assert (answer.status, answer.headers["Location"]) == (302, "/seat/01/page")


async def test_who_has_no_seat_is_sent_to_the_join_page_and_scripts_are_told(
    house: House, student_of: NewStudent
) -> None:
    async with student_of(house).get("/seat/01/lab/tree/x.ipynb") as answer:
        assert answer.url.path == "/join"
        assert "does not know that seat" in await answer.text()
    async with student_of(house).get("/seat/01/api/status", headers={"Accept": "application/json"}) as answer:
        assert answer.status == 403


async def test_a_seat_cannot_use_the_students_door(open_house: OpenHouse) -> None:
    house = await open_house(settings={"refused_networks": ("127.0.0.0/24",)})
    async with aiohttp.ClientSession() as seat:
        for path in ("/", "/join", "/check", f"/s/{house.code(1)}", "/healthz"):
            async with seat.get(house.url + path) as answer:
                assert answer.status == 403


# WebSockets


async def _socket(student: Student, house: House, path: str = "/seat/01/socket", **options: Any) -> Any:
    socket = await student.session.ws_connect(path, headers={"Origin": house.url}, max_msg_size=0, **options)
    assert await socket.receive_str() == "hello"
    return socket


async def test_websockets_pass_with_their_subprotocol_and_close_code(house: House, student: Student) -> None:
    socket = await _socket(student, house, protocols=("other",))
    assert socket.protocol == "other"
    await socket.send_str("zwölf")
    assert await socket.receive_str() == "zwölf"
    await socket.send_bytes(b"\x00\xff")
    assert await socket.receive_bytes() == b"\x00\xff"
    await socket.send_str("end")
    closing = await socket.receive()
    assert (closing.data, closing.extra) == (4001, "as asked")


@pytest.mark.parametrize("value", ["né".encode(), "日本".encode(), b"\xff\xfe"])
async def test_a_cookie_of_any_bytes_keeps_no_websocket_out(house: House, student: Student, value: bytes) -> None:
    cookie = next(entry for entry in student.session.cookie_jar if "seat" in entry.key)
    reader, writer = await asyncio.open_connection("127.0.0.1", house.room.classroom.door.port)
    writer.write(
        f"GET /seat/01/socket HTTP/1.1\r\nHost: x\r\nOrigin: http://x\r\nUpgrade: websocket\r\n"
        f"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        f"Cookie: {cookie.key}={cookie.value}; mine=".encode()
        + value
        + b"\r\n\r\n"
    )
    assert b" 101 " in await reader.readline()
    writer.close()
    assert house.servers[1].requests[-1][2]["Cookie"].encode("utf-8", "surrogateescape") == b"mine=" + value


async def test_large_frames_pass_whole(house: House, student: Student) -> None:
    socket = await _socket(student, house)
    body = bytes(range(256)) * (64 * MB // 256)
    await socket.send_bytes(body)
    assert hashlib.sha256(await socket.receive_bytes()).digest() == hashlib.sha256(body).digest()
    await socket.close()


async def test_a_websocket_that_the_seat_refuses_is_refused(house: House, student: Student) -> None:
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await student.session.ws_connect("/seat/01/nothing", headers={"Origin": house.url})
    assert refused.value.status == 404


async def test_presence_counts_browsers_not_connections(house: House, student: Student, student_of: NewStudent) -> None:
    presence = house.gateway.presence
    sockets = [await _socket(student, house) for _ in range(3)]
    assert presence.browsers(1) == 1
    other = student_of(house)
    await other.enter(1)
    sockets.append(await _socket(other, house))
    assert presence.browsers(1) == 2
    for socket in sockets:
        await socket.close()
    await until(lambda: presence.browsers(1) == 0)


async def test_a_browser_that_vanishes_frees_the_seats_connection(house: House, student: Student) -> None:
    socket = await _socket(student, house)
    socket._response.connection.transport.abort()
    await until(lambda: house.gateway.presence.browsers(1) == 0)
    runner = house.servers[1].runner
    assert runner is not None
    await until(lambda: not runner.server.connections)  # type: ignore[union-attr]


async def test_a_seat_that_ends_closes_the_browsers_websocket(house: House, student: Student) -> None:
    socket = await _socket(student, house)
    await house.servers[1].stop()
    message = await asyncio.wait_for(socket.receive(), 10)
    assert message.type in (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSING, aiohttp.WSMsgType.CLOSED)


# Seats that come and go


async def test_a_seat_that_starts_shows_a_page_that_goes_on_by_itself(house: House, student: Student) -> None:
    house.room.down(1)
    await until(lambda: house.gateway._seats.upstream(1) is None)
    async with student.get("/seat/01/lab") as answer:
        assert (answer.status, answer.headers["Retry-After"]) == (503, "2")
        assert "is getting ready" in await answer.text()
    async with student.get("/seat/01/api/x", headers={"Accept": "application/json"}) as answer:
        assert (answer.status, answer.headers["Retry-After"]) == (503, "2")
    async with student.get("/seat/01/_room/state") as answer:
        assert (await answer.json())["ready"] is False
    house.room.ready(1, house.servers[1].endpoint)
    async with student.get("/seat/01/_room/state") as answer:
        assert (await answer.json())["ready"] is True


async def test_a_server_that_does_not_answer_is_a_seat_that_restarts(house: House, student: Student) -> None:
    await house.servers[1].stop()
    async with student.get("/seat/01/page") as answer:
        assert answer.status == 503
        assert "is getting ready" in await answer.text()
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await student.session.ws_connect("/seat/01/socket", headers={"Origin": house.url})
    assert refused.value.status == 503


async def test_cookies_and_claims_outlive_the_gateway(house: House, student: Student) -> None:
    await house.restart()
    async with student.get("/seat/01/page") as answer:
        assert answer.status == 200
    async with student.get("/join", allow_redirects=False) as answer:
        assert answer.headers["Location"] == "/seat/01/"


async def test_a_lost_state_database_heals_from_the_browsers_own_cookies(house: House, student: Student) -> None:
    house.store.forget(house.uid)
    assert house.store.claims(house.uid) == ()
    async with student.get("/seat/01/") as answer:
        assert answer.status == 200
    assert [claim.number for claim in house.store.claims(house.uid)] == [1]


# Compression


async def test_what_never_changes_is_compressed_once_and_fetched_once_from_each_seat(
    house: House, student: Student, student_of: NewStudent
) -> None:
    script = b"export const value = 'the same in every seat';\n" * 3000
    for server in house.servers.values():
        server.script = script
    other = student_of(house)
    await other.enter(2)
    for browser, seat in ((student, "01"), (student, "01"), (other, "02"), (other, "02")):
        async with browser.get(f"/seat/{seat}/static/app.js?v=1") as answer:
            assert answer.headers["Content-Encoding"] == "gzip"
            assert int(answer.headers["Content-Length"]) < len(script) / 20
            assert "immutable" in answer.headers["Cache-Control"]
            assert "Accept-Encoding" in answer.headers["Vary"]
            assert await answer.read() == script
    asked = [sum("app.js" in path for _, path, _ in server.requests) for server in house.servers.values()]
    assert asked == [1, 1, 0]
    assert len(house.gateway._compression._packed) == 1


async def test_a_seats_own_version_of_a_file_reaches_nobody_else(
    house: House, student: Student, student_of: NewStudent
) -> None:
    house.servers[1].script = b"alert('changed by the participant of seat 1');" * 100
    house.servers[2].script = b"console.log('as in the image');" * 100
    other = student_of(house)
    await other.enter(2)
    for browser, number in ((student, 1), (other, 2), (student, 1), (other, 2)):
        async with browser.get(f"/seat/{number:02d}/static/app.js?v=same") as answer:
            assert await answer.read() == house.servers[number].script


async def test_what_may_change_is_asked_for_each_time_and_compressed_on_the_way(house: House, student: Student) -> None:
    for content in (b"first version;" * 500, b"second version;" * 500):
        house.servers[1].script = content
        async with student.get("/seat/01/static/app.js") as answer:
            assert answer.headers["Content-Encoding"] == "gzip"
            assert answer.headers["ETag"].startswith('W/"')
            assert await answer.read() == content
    async with student.get("/seat/01/listing.json") as answer:
        assert answer.headers["Content-Encoding"] == "gzip"
        assert len((await answer.json())["rows"]) == 500


async def test_who_takes_no_gzip_gets_none_and_validators_work(house: House, student: Student) -> None:
    house.servers[1].script = b"a long enough script;" * 400
    for refusal in ("identity", "br", "gzip;q=0"):
        async with student.get("/seat/01/static/app.js?v=1", headers={"Accept-Encoding": refusal}) as answer:
            assert "Content-Encoding" not in answer.headers
            assert await answer.read() == house.servers[1].script
    async with student.get("/seat/01/static/app.js?v=1") as answer:
        etag = answer.headers["ETag"]
    async with student.get("/seat/01/static/app.js?v=1", headers={"If-None-Match": etag}) as answer:
        assert answer.status == 304


async def test_files_of_participants_stay_out_of_the_cache(house: House, student: Student) -> None:
    async with student.get("/seat/01/listing.json") as answer:
        await answer.read()
    async with student.get(f"/seat/01/big?size={MB}") as answer:
        assert "Content-Encoding" not in answer.headers
        await answer.read()
    assert house.gateway._compression.size == 0


async def test_our_logs_hold_no_codes_tokens_or_names(
    house: House, student_of: NewStudent, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    caplog.set_level("DEBUG")
    student = student_of(house)
    await student.enter(1)
    await student.form_token()
    async with student.get("/s/BADBADBA?name=Ana") as answer:
        await answer.read()
    reader, writer = await asyncio.open_connection("127.0.0.1", house.room.classroom.door.port)
    writer.write(f"GET /s/{house.code(2)} HTP/1.1\r\nbroken {house.code(2)}\r\n\r\n".encode())
    await asyncio.wait_for(reader.read(), 10)
    writer.close()
    said = json.dumps([record.getMessage() + str(record.exc_text) for record in caplog.records])
    for secret in (house.code(1), house.code(2), "BADBADBA", house.room.classroom.token(1), "Ana"):
        assert secret not in said
