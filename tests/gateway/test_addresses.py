"""This machine's addresses, ports, certificates and tunnels."""

from __future__ import annotations

import asyncio
import shlex
import socket
import ssl
import subprocess
import sys
from pathlib import Path

import aiohttp
import psutil
import pytest

from tests.gateway.conftest import OpenHouse, until
from tests.support.ports import free_port
from workshop.errors import GatewayFailed, PortTaken, SettingError, UsageError
from workshop.gateway.addresses import Address, AddressKind, addresses, choose_door, refuse_public, watch_address
from workshop.gateway.certificate import Certificate
from workshop.gateway.tunnel import Tunnel, find_address
from workshop.model.classroom import Door
from workshop.model.events import Warned

INTERFACES = [
    ("lo", "127.0.0.1"), ("lo", "::1"), ("docker0", "172.17.0.1"), ("br-0a1b2c", "172.30.0.1"),
    ("ws-python-7qajs", "172.31.0.1"),
    ("wlan0", "192.168.1.20"), ("eth1", "10.9.8.7"),
    ("tailscale0", "100.101.102.103"), ("tun0", "10.8.0.6"), ("eth0", "203.0.114.9"),
    ("wlan0", "fe80::1"), ("en7", "169.254.3.4"), ("wlan0", "fd00::20"),
]  # fmt: skip


def _known(outward: str = "192.168.1.20") -> tuple[Address, ...]:
    return addresses(lambda: INTERFACES, lambda: outward)


def test_every_address_is_told_with_what_it_is_good_for() -> None:
    kinds = {one.ip: one.kind for one in _known()}
    assert kinds == {
        "192.168.1.20": AddressKind.LAN, "10.9.8.7": AddressKind.LAN, "fd00::20": AddressKind.LAN,
        "100.101.102.103": AddressKind.VPN, "10.8.0.6": AddressKind.VPN, "203.0.114.9": AddressKind.PUBLIC,
        "172.17.0.1": AddressKind.VIRTUAL, "172.30.0.1": AddressKind.VIRTUAL,
        "172.31.0.1": AddressKind.VIRTUAL, "127.0.0.1": AddressKind.LOOPBACK,
        "::1": AddressKind.LOOPBACK,
    }  # fmt: skip


@pytest.mark.parametrize("outward", ["192.168.1.20", "10.9.8.7"])
def test_the_best_address_is_the_local_networks_that_leads_out(outward: str) -> None:
    best = _known(outward)[0]
    assert best.ip == outward
    assert best.default_route


def test_the_local_network_is_better_than_the_vpn_that_leads_out() -> None:
    assert _known("10.8.0.6")[0].kind is AddressKind.LAN


def test_this_machine_has_addresses() -> None:
    assert "127.0.0.1" in {one.ip for one in addresses()}


def test_a_door_is_the_best_address_and_the_first_free_port() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        door = choose_door(address="127.0.0.1", taken=[Door("127.0.0.1", 8080)])
        assert door.port > 8080
        assert door.host == "127.0.0.1"
        taken.listen()
        with pytest.raises(PortTaken) as raised:
            choose_door(address="127.0.0.1", port=port)
        assert raised.value.hint


def test_a_port_of_another_classroom_is_not_taken_though_its_gateway_does_not_run() -> None:
    port = free_port()
    with pytest.raises(PortTaken, match="belongs to another classroom"):
        choose_door(address="127.0.0.1", port=port, taken=[Door("127.0.0.1", port)])


def test_an_address_of_another_machine_is_an_error_that_names_ours() -> None:
    with pytest.raises(UsageError) as raised:
        choose_door(address="192.168.77.77", known=_known())
    assert "192.168.1.20 (LAN, wlan0" in raised.value.hint


def test_a_public_address_is_refused_without_https_unless_allowed() -> None:
    with pytest.raises(UsageError, match="public address"):
        choose_door(address="203.0.114.9", known=_known())
    refuse_public("203.0.114.9", tls=True, allow_public=False)
    refuse_public("203.0.114.9", tls=False, allow_public=True)
    refuse_public("192.168.1.20", tls=False, allow_public=False)
    only_public = tuple(one for one in _known() if one.kind in (AddressKind.PUBLIC, AddressKind.LOOPBACK))
    assert choose_door(known=only_public).host == "127.0.0.1"


async def test_the_instructor_hears_when_the_address_goes_and_comes_back() -> None:
    there = [("wlan0", "192.168.1.20")]
    watched = watch_address("192.168.1.20", read=lambda: there, interval=0.01)
    assert await anext(watched) is True
    there.clear()
    assert await asyncio.wait_for(anext(watched), 5) is False
    there.append(("wlan0", "192.168.1.20"))
    assert await asyncio.wait_for(anext(watched), 5) is True
    await watched.aclose()  # type: ignore[attr-defined]


async def test_loopback_is_not_watched() -> None:
    assert [there async for there in watch_address("127.0.0.1")] == [True]


async def test_a_taken_port_and_a_foreign_address_are_told_as_such(open_house: OpenHouse) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(PortTaken, match="in use by another program"):
            await open_house(settings={"bind_port": taken.getsockname()[1]})
    with pytest.raises(GatewayFailed, match="no address 192\\.168\\.254\\.253"):
        await open_house(settings={"bind_host": "192.168.254.253"})


async def test_a_gateway_on_a_public_address_without_https_does_not_start(open_house: OpenHouse) -> None:
    with pytest.raises(UsageError, match="public address"):
        await open_house(settings={"bind_host": "8.8.8.8"})


# https


def make_certificate(folder: Path, name: str) -> tuple[Path, Path]:
    """A certificate of its own for 127.0.0.1, by openssl."""
    certificate, key = folder / "cert.pem", folder / "key.pem"
    subprocess.run(
        [
            "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days",
            "2", "-subj", f"/CN={name}", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out",
            str(certificate),
        ],
        check=True, capture_output=True,
    )  # fmt: skip
    return certificate, key


def _subject(port: int) -> str:
    pem = ssl.get_server_certificate(("127.0.0.1", port), timeout=5)
    told = subprocess.run(
        ["openssl", "x509", "-noout", "-subject"], input=pem, check=True, capture_output=True, text=True
    )
    return told.stdout.strip()


async def test_https_with_the_own_certificate_and_secure_cookies(open_house: OpenHouse, tmp_path: Path) -> None:
    certificate, key = make_certificate(tmp_path, "first")
    house = await open_house(tls=True, settings={"certificate": certificate, "key": key})
    trust = ssl.create_default_context(cafile=str(certificate))
    async with (
        aiohttp.ClientSession(house.url, connector=aiohttp.TCPConnector(ssl=trust)) as session,
        session.get(f"/s/{house.code(1)}", headers={"User-Agent": "Mozilla/5.0"}, allow_redirects=False) as answer,
    ):
        assert answer.status == 303
        assert all("Secure" in line for line in answer.headers.getall("Set-Cookie"))


async def test_a_websocket_passes_over_https(open_house: OpenHouse, tmp_path: Path) -> None:
    certificate, key = make_certificate(tmp_path, "first")
    house = await open_house(tls=True, settings={"certificate": certificate, "key": key})
    trust = ssl.create_default_context(cafile=str(certificate))
    async with aiohttp.ClientSession(
        house.url, connector=aiohttp.TCPConnector(ssl=trust), cookie_jar=aiohttp.CookieJar(unsafe=True),
        headers={"User-Agent": "Mozilla/5.0"},
    ) as session:  # fmt: skip
        await session.get(f"/s/{house.code(1)}")
        socket_ = await session.ws_connect("/seat/01/socket", headers={"Origin": house.url}, max_msg_size=0)
        assert await socket_.receive_str() == "hello"
        await socket_.send_bytes(bytes(5_000_000))
        assert len(await socket_.receive_bytes()) == 5_000_000
        await socket_.close()


async def test_a_renewed_certificate_is_taken_up_and_a_broken_one_is_not(tmp_path: Path) -> None:
    certificate, key = make_certificate(tmp_path, "first")
    loaded = Certificate(certificate, key)
    server = await asyncio.start_server(lambda _reader, writer: writer.close(), "127.0.0.1", 0, ssl=loaded.context)
    port = server.sockets[0].getsockname()[1]
    warnings: list[str] = []
    following = asyncio.create_task(loaded.follow(warnings.append, interval=0.02))
    try:
        assert "first" in await asyncio.to_thread(_subject, port)
        certificate.write_text("nonsense")
        await until(lambda: warnings)
        assert "cannot be used" in warnings[0]
        assert "first" in await asyncio.to_thread(_subject, port)
        make_certificate(tmp_path, "second")
        await until(lambda: warnings[-1] == "")
        assert "second" in await asyncio.to_thread(_subject, port)
    finally:
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
        server.close()
        await server.wait_closed()


@pytest.mark.parametrize("damage", ["missing", "swapped", "text"])
def test_a_certificate_that_cannot_be_used_is_an_error_with_a_hint(tmp_path: Path, damage: str) -> None:
    certificate, key = make_certificate(tmp_path, "x")
    match damage:
        case "missing":
            key.unlink()
        case "swapped":
            certificate, key = key, certificate
        case _:
            certificate.write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    with pytest.raises(SettingError) as raised:
        Certificate(certificate, key)
    assert "PEM" in raised.value.hint


async def test_behind_a_proxy_with_https_cookies_are_secure_and_clients_are_told_apart(open_house: OpenHouse) -> None:
    house = await open_house(public_url="https://class.example.org")
    headers = {
        "Host": "class.example.org", "X-Forwarded-Proto": "https", "X-Forwarded-For": "9.9.9.9, 198.51.100.7",
        "User-Agent": "Mozilla/5.0", "Origin": "https://class.example.org",
    }  # fmt: skip
    local = f"http://127.0.0.1:{house.room.classroom.door.port}"
    async with aiohttp.ClientSession(local, cookie_jar=aiohttp.DummyCookieJar()) as session:
        async with session.get(f"/s/{house.code(1)}", headers=headers, allow_redirects=False) as answer:
            lines = answer.headers.getall("Set-Cookie")
        assert all("Secure" in line for line in lines)
        cookie = "; ".join(line.split(";")[0] for line in lines)
        async with session.post("/seat/01/echo", headers={**headers, "Cookie": cookie}) as answer:
            seen = {name.lower(): value for name, value in (await answer.json())["headers"]}
    assert seen["host"] == seen["x-forwarded-host"] == "class.example.org"
    assert seen["x-forwarded-proto"] == "https"


# Tunnels


@pytest.mark.parametrize(
    ("line", "address"),
    [
        ("2026 INF |  https://blue-cat-1.trycloudflare.com                    |", "https://blue-cat-1.trycloudflare.com"),
        ("Thank you ... https://developers.cloudflare.com/cloudflare-one/x and https://www.cloudflare.com/terms/", ""),
        ('t=2026 lvl=info msg="started tunnel" addr=http://localhost:80 url=https://a1.ngrok-free.app', "https://a1.ngrok-free.app"),
        ("https://machine.tail1234.ts.net/", "https://machine.tail1234.ts.net"),
        ("|-- proxy http://127.0.0.1:8080", ""),
        ("listening: https://class.example.org", "https://class.example.org"),
        ("forwarding http://class.example.org:9000 -> 127.0.0.1:8080", "http://class.example.org:9000"),
        ("http://class.example.org and https://class.example.org/", "https://class.example.org"),
        ("read more at https://tunnels.example.org/docs/start", ""),
        ("nothing here", ""),
    ],
)  # fmt: skip
def test_a_tunnels_address_is_told_from_its_talk(line: str, address: str) -> None:
    assert find_address(line) == address


def _program(text: str) -> str:
    return shlex.join([sys.executable, "-u", "-c", text])


def _runs(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


async def test_a_tunnel_is_started_read_and_ended_with_everything_it_started(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    program = (
        "import subprocess,sys,time\n"
        "child=subprocess.Popen([sys.executable,'-c','import time;time.sleep(600)'])\n"
        f"open({str(pid)!r},'w').write(str(child.pid))\n"
        "print('see https://developers.cloudflare.com/x')\nprint('INF https://cat-7.trycloudflare.com')\n"
        "print('x'*200000)\ntime.sleep(600)"
    )
    tunnel = Tunnel(_program(program) + " {port}", 8080)
    assert await tunnel.start() == "https://cat-7.trycloudflare.com"
    assert _runs(int(pid.read_text()))
    await tunnel.stop()
    await tunnel.stop()
    await until(lambda: not _runs(int(pid.read_text())))


async def test_a_tunnel_that_ends_or_is_silent_is_an_error_with_its_last_lines() -> None:
    tunnel = Tunnel(_program("print('no account'); raise SystemExit(1)"), 1)
    with pytest.raises(GatewayFailed, match="ended") as raised:
        await tunnel.start()
    assert raised.value.details == ("no account",)
    silent = Tunnel(_program("import time; time.sleep(600)"), 1)
    with pytest.raises(GatewayFailed, match="named no address"):
        await silent.start(timeout=0.5)
    with pytest.raises(GatewayFailed, match="is not there"):
        await Tunnel("/nowhere/cloudflared", 1).start()
    with pytest.raises(SettingError):
        Tunnel("cloudflared 'unfinished", 1)


async def test_a_tunnel_that_breaks_later_is_noticed() -> None:
    tunnel = Tunnel(_program("import sys; print('https://a.ts.net'); sys.stdin.read(); print('lost')"), 1)
    await tunnel.start()
    assert (await asyncio.wait_for(tunnel.wait(), 10))[-1] == "lost"
    await tunnel.stop()


async def test_a_lost_address_reaches_the_instructor(open_house: OpenHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    import workshop.gateway.server as server

    async def gone(_host: str) -> object:
        yield True
        yield False

    monkeypatch.setattr(server, "watch_address", gone)
    house = await open_house()
    warned = await until(lambda: [fact for fact in house.room.told(Warned) if fact.text])
    assert warned[0].key == "address"
    assert "127.0.0.1" in warned[0].text


async def test_a_gateway_that_moves_lets_in_there_only_and_cuts_nobody_off(open_house: OpenHouse) -> None:
    house = await open_house()
    port, other = house.room.classroom.door.port, free_port()
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=1)) as session:
        kept = f"http://127.0.0.1:{port}/check/time"
        assert (await session.get(kept)).status == 200
        await house.gateway.move("127.0.0.2", other)
        assert (await session.get(kept)).status == 200, "what is connected stays connected"
        async with aiohttp.ClientSession() as fresh:
            assert (await fresh.get(f"http://127.0.0.2:{other}/check/time")).status == 200
            with pytest.raises(aiohttp.ClientConnectorError):
                await fresh.get(kept)


@pytest.mark.parametrize(("host", "error"), [("192.0.2.7", GatewayFailed), ("203.0.114.9", UsageError)])
async def test_a_gateway_that_cannot_move_stays_where_it_is(
    open_house: OpenHouse, host: str, error: type[Exception]
) -> None:
    house = await open_house()
    with pytest.raises(error):
        await house.gateway.move(host, free_port())
    async with aiohttp.ClientSession() as session:
        assert (await session.get(f"{house.url}/check/time")).status == 200
