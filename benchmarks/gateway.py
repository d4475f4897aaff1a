"""The gateway beside configurable-http-proxy, with the same server behind both. Prints a table.

    python benchmarks/gateway.py [--seconds 3] [--rounds 3] [--chp PATH] [--jupyter PATH]

configurable-http-proxy is fetched with npm into a temporary folder, unless `--chp` names it. `--jupyter` names a
`jupyter-lab` program: with it, the round trip of a cell is measured too. Each round measures the direct connection,
the one proxy and the other, one right after another; the table has the medians. The last two columns are the
gateway's figures divided by the other proxy's.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parent.parent)  # `benchmarks` is a package of its own from there

import aiohttp  # noqa: E402
import psutil  # noqa: E402

from benchmarks.load import Figures, Server, echo_load, http_load, open_sockets  # noqa: E402
from workshop.core.launch import seat_command  # noqa: E402
from workshop.model.classroom import Classroom, Door  # noqa: E402
from workshop.ports.room import Upstream  # noqa: E402

BIG = 2_570_000
KEY, UID = "11" * 32, "benchmark000"
WAYS = ("direct", "chp", "gateway")
MB = 1024**2


@dataclass(slots=True)
class Way:
    """One way to the server."""

    name: str
    port: int
    headers: dict[str, str]
    pid: int = 0

    @property
    def memory(self) -> float:
        return psutil.Process(self.pid).memory_info().rss / MB

    @property
    def own_memory(self) -> float:
        """Without libraries that other processes use too."""
        return psutil.Process(self.pid).memory_full_info().uss / MB


@dataclass(slots=True)
class Table:
    """Figures by row and way, one for each round."""

    rows: dict[str, dict[str, list[float]]] = field(default_factory=dict)

    def add(self, row: str, way: str, value: float) -> None:
        self.rows.setdefault(row, {}).setdefault(way, []).append(value)

    def print(self) -> None:
        print(f"\n{'':46}" + "".join(f"{way:>12}" for way in WAYS) + f"{'gateway/chp':>14}")
        for row, ways in self.rows.items():
            medians = {way: statistics.median(values) for way, values in ways.items()}
            cells = "".join(f"{medians[way]:12.2f}" if way in medians else f"{'–':>12}" for way in WAYS)
            ratio = f"{medians['gateway'] / medians['chp']:14.2f}" if {"gateway", "chp"} <= set(medians) else ""
            print(f"{row:46}{cells}{ratio}")


def classroom(door_port: int) -> Classroom:
    return Classroom(
        name="benchmark", uid=UID, key=KEY, workshop="Benchmark", runtime="fake", image="", commit="", seats=1,
        door=Door("127.0.0.1", door_port), created=datetime.now(UTC), definition='{"title": "Benchmark"}',
    )  # fmt: skip


def free_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def javascript() -> bytes:
    """As large and as compressible as a bundle of JupyterLab."""
    dice = random.Random(1)
    words = ["".join(dice.choices("abcdefghijklmnopqrstuvwxyz", k=dice.randrange(2, 9))) for _ in range(4000)]
    text = " ".join(f"{dice.choice(words)}.{dice.choice(words)}({dice.choice(words)});" for _ in range(200_000))
    return text.encode()[:BIG]


# The processes


async def serve_upstream(port: int) -> None:
    big = javascript()
    server = await asyncio.get_running_loop().create_server(lambda: Server(big), "127.0.0.1", port, backlog=512)
    await server.serve_forever()


async def serve_gateway(port: int, endpoint: str, token: str) -> None:
    """A gateway as `workshop gateway` runs it, on a room that stands still."""
    from benchmarks.still_room import StillRoom
    from workshop.gateway.server import Gateway
    from workshop.state.store import SqliteStore

    folder = Path(tempfile.mkdtemp(prefix="gw"))
    room = StillRoom(classroom(port), Upstream(endpoint, token, ready=True))
    gateway = Gateway(
        room, SqliteStore(folder / "state.db"), lambda _fact: None, control_socket=folder / "s", pulse_interval=0
    )
    await gateway.start()
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    try:
        await ended.wait()
    finally:
        await gateway.stop()
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def process(argv: list[str], port: int, **options: object) -> Iterator[subprocess.Popen[bytes]]:
    """A server that answers on a port."""
    import socket

    running = subprocess.Popen(argv, stdout=subprocess.DEVNULL, **options)  # type: ignore[call-overload]
    try:
        deadline = time.monotonic() + 30
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                if running.poll() is not None or time.monotonic() > deadline:
                    raise SystemExit(f"{argv[0]} does not answer") from None
                time.sleep(0.05)
        yield running
    finally:
        running.terminate()
        running.wait(20)


@contextmanager
def own(*arguments: object, port: int) -> Iterator[subprocess.Popen[bytes]]:
    with process([sys.executable, __file__, "--serve", *map(str, arguments)], port) as running:
        yield running


@contextmanager
def chp(command: str, endpoint: str) -> Iterator[Way]:
    port, api = free_port(), free_port()
    argv = [
        "node", command, "--ip=127.0.0.1", f"--port={port}", "--api-ip=127.0.0.1", f"--api-port={api}",
        f"--default-target={endpoint}", "--log-level=error",
    ]  # fmt: skip
    with process(argv, port, env=os.environ | {"CONFIGPROXY_AUTH_TOKEN": "x" * 32}) as running:
        yield Way("chp", port, {}, running.pid)


def fetched_chp(folder: str) -> str:
    npm = shutil.which("npm")
    if npm is None:
        raise SystemExit("npm is needed to fetch configurable-http-proxy; or name it with --chp")
    subprocess.run(
        [npm, "install", "--prefix", folder, "--no-audit", "--no-fund", "configurable-http-proxy@5"],
        check=True, capture_output=True,
    )  # fmt: skip
    return f"{folder}/node_modules/configurable-http-proxy/bin/configurable-http-proxy"


async def admitted(way: Way) -> None:
    """Get the seat's cookie, as a student does; every way sends the same headers then."""
    room = classroom(way.port)
    jar = aiohttp.CookieJar(unsafe=True)
    async with (
        aiohttp.ClientSession(cookie_jar=jar, headers={"User-Agent": "Mozilla/5.0"}) as session,
        session.get(room.link(1), allow_redirects=False) as answer,
    ):
        assert answer.status == 303, answer.status
    cookies = [f"{cookie.key}={cookie.value}" for cookie in jar if "seat" in cookie.key]
    way.headers = {"Cookie": "; ".join(cookies), "Origin": f"http://127.0.0.1:{way.port}"}


@asynccontextmanager
async def ways(command: str, endpoint: str, token: str = "") -> AsyncIterator[dict[str, Way]]:
    port = free_port()
    with own("gateway", port, endpoint, token or "-", port=port) as running, chp(command, endpoint) as other:
        gateway = Way("gateway", port, {}, running.pid)
        await admitted(gateway)
        other.headers = gateway.headers
        direct = Way("direct", int(endpoint.rpartition(":")[2]), gateway.headers)
        if token:
            direct.headers = other.headers = {"Authorization": f"token {token}"}
        yield {"direct": direct, "chp": other, "gateway": gateway}


# The figures


async def compare(command: str, seconds: float, rounds: int, table: Table) -> None:
    port = free_port()
    with own("upstream", port, port=port):
        async with ways(command, f"http://127.0.0.1:{port}") as found:
            for _ in range(rounds):
                for way in found.values():
                    await measure(way, seconds, table)
            for way in list(found.values())[1:]:
                await fill(way, table)


async def measure(way: Way, seconds: float, table: Table) -> None:
    def add(what: str, unit: str, figures: Figures) -> None:
        table.add(f"{what}, {unit}", way.name, figures.per_second)
        table.add(f"{what}, p50 ms", way.name, figures.quantile(0.5))
        table.add(f"{what}, p99 ms", way.name, figures.quantile(0.99))

    for connections in (1, 16):
        figures = await http_load("/seat/01/small", way.port, way.headers, connections=connections, seconds=seconds)
        add(f"small answer, {connections} at once", "per second", figures)
    figures = await http_load("/seat/01/big?v=1", way.port, way.headers, connections=4, seconds=seconds)
    add("2.57 MB file, 4 at once", "per second", figures)
    packed = way.headers | {"Accept-Encoding": "gzip"}
    figures = await http_load("/seat/01/big?v=1", way.port, packed, connections=4, seconds=seconds)
    add("the same for a browser (gzip)", "per second", figures)
    for connections in (1, 20):
        figures = await echo_load("/seat/01/socket", way.port, way.headers, connections=connections, seconds=seconds)
        add(f"WebSocket echo, {connections} at once", "per second", figures)


async def fill(way: Way, table: Table) -> None:
    await http_load("/seat/01/small", way.port, way.headers, connections=16, seconds=600, most=10_000)
    table.add("memory after 10,000 requests more, MB", way.name, way.memory)
    sockets = await open_sockets("/seat/01/socket", way.port, way.headers, 200)
    table.add("memory with 200 WebSockets open, MB", way.name, way.memory)
    table.add("of it not shared with other programs, MB", way.name, way.own_memory)
    for writer in sockets:
        writer.close()


async def cells(command: str, jupyter: str, rounds: int, table: Table) -> None:
    """The round trip of `1+1` in a real kernel."""
    room = classroom(1)
    seat, port, token = seat_command(room, 1), free_port(), room.token(1)
    folder = tempfile.mkdtemp(prefix="cells")
    environment = os.environ | dict(seat.env) | {"HOME": folder}
    argv = [jupyter, *seat.arguments("127.0.0.1", port)[1:], "--allow-root"]
    try:
        with process(argv, port, env=environment, cwd=folder, stderr=subprocess.DEVNULL):
            endpoint = f"http://127.0.0.1:{port}"
            await _ready(f"{endpoint}{seat.ready_path}", token)
            async with ways(command, endpoint, token) as found:
                kernel = await _start_kernel(endpoint, token)
                for _ in range(rounds):
                    for way in found.values():
                        figures = await _run_cells(way, kernel)
                        table.add("cell in a kernel, p50 ms", way.name, figures.quantile(0.5))
                        table.add("cell in a kernel, p99 ms", way.name, figures.quantile(0.99))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


async def _ready(url: str, token: str) -> None:
    async with aiohttp.ClientSession(headers={"Authorization": f"token {token}"}) as session, asyncio.timeout(60):
        while True:
            try:
                async with session.get(url) as answer:
                    if answer.status == 200:
                        return
            except aiohttp.ClientError:
                await asyncio.sleep(0.1)


async def _start_kernel(endpoint: str, token: str) -> str:
    headers = {"Authorization": f"token {token}"}
    async with (
        aiohttp.ClientSession(headers=headers) as session,
        session.post(f"{endpoint}/seat/01/api/kernels") as answer,
    ):
        return str((await answer.json())["id"])


async def _run_cells(way: Way, kernel: str, count: int = 60) -> Figures:
    url = f"http://127.0.0.1:{way.port}/seat/01/api/kernels/{kernel}/channels"
    times: list[float] = []
    async with (
        aiohttp.ClientSession(headers=way.headers, cookie_jar=aiohttp.DummyCookieJar()) as session,
        session.ws_connect(url) as socket,
    ):
        for _ in range(count):
            name = uuid.uuid4().hex
            header = {"msg_id": name, "msg_type": "execute_request", "username": "", "session": "b", "version": "5.3"}
            content = {"code": "1+1", "silent": False, "store_history": False, "user_expressions": {}}
            message = {"header": header, "parent_header": {}, "metadata": {}, "content": content, "channel": "shell"}
            began = time.perf_counter()
            await socket.send_str(json.dumps(message))
            while True:
                told = await socket.receive_json(timeout=30)
                if told["msg_type"] == "execute_reply" and told["parent_header"].get("msg_id") == name:
                    break
            times.append((time.perf_counter() - began) * 1000)
            await asyncio.sleep(0.03)
    return Figures(0, times[10:])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--chp", default="")
    parser.add_argument("--jupyter", default="")
    parser.add_argument("--serve", nargs="+", help=argparse.SUPPRESS)
    options = parser.parse_args()
    run = _runner()
    if options.serve:
        what, port, *rest = options.serve
        token = rest[1] if what == "gateway" and rest[1] != "-" else ""
        run(serve_upstream(int(port)) if what == "upstream" else serve_gateway(int(port), rest[0], token))
        return
    jupyter = shutil.which(options.jupyter) if options.jupyter else None
    if options.jupyter and not jupyter:
        parser.error(f"there is no program {options.jupyter!r}")
    table = Table()
    with tempfile.TemporaryDirectory(prefix="chp") as folder:
        command = options.chp or fetched_chp(folder)
        run(compare(command, options.seconds, options.rounds, table))
        if jupyter:
            run(cells(command, str(Path(jupyter).absolute()), options.rounds, table))
    table.print()


def _runner() -> Callable[..., object]:
    try:
        import uvloop
    except ImportError:
        return asyncio.run
    return uvloop.run


if __name__ == "__main__":
    main()
