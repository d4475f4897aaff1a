"""A tunnel of the user's: their command is started, the address it prints is read, and it ends with the class."""

from __future__ import annotations

import asyncio
import logging
import re
import shlex
import shutil
from collections import deque
from urllib.parse import urlsplit

from workshop.engines.command import end_group
from workshop.errors import GatewayFailed, SettingError

log = logging.getLogger(__name__)

START_SECONDS = 45.0
LINES_KEPT = 12
LONGEST_LINE = 64 * 1024
TETHER = (
    'exec 3<&0; (exec 3<&-; exec "$@") </dev/null & program=$!; '
    '(read -r _ <&3; kill -KILL 0) & exec 3<&-; wait "$program"; kill -KILL 0'
)
"""Runs the program in a process group that ends with it, or when the pipe on standard input is closed: the kernel
closes it however the gateway ends."""
_URL = re.compile(r"(https?://[A-Za-z0-9.-]+(?::\d{1,5})?)(?=$|[\s\"'<>|)\]},/\\])([^\s\"'<>|)\]},\\]*)")
_TUNNEL_HOSTS = (
    ".trycloudflare.com", ".ngrok-free.app", ".ngrok-free.dev", ".ngrok.app", ".ngrok.io", ".ngrok.dev", ".ts.net",
    ".loca.lt", ".lhr.life", ".localhost.run", ".serveo.net", ".pinggy.link", ".pinggy.online", ".devtunnels.ms",
    ".zrok.io", ".bore.pub", ".tunnelmole.net",
)  # fmt: skip
_TALK = (
    "cloudflare.com", "ngrok.com", "github.com", "tailscale.com", "localhost", "localtunnel.me", "localhost.run",
    "pinggy.io", "microsoft.com", "google.com", "letsencrypt.org", "gnu.org", "apache.org",
)  # fmt: skip
"""Hosts that such programs mention in passing: manuals, terms, dashboards."""


class Tunnel:
    """One tunnel program.

    Args:
        command: as the user wrote it; `{port}` and `{address}` are filled in.
        port: where the gateway listens.
        address: the address it listens on.
    """

    def __init__(self, command: str, port: int, address: str = "127.0.0.1") -> None:
        """
        Raises:
            SettingError: the command is empty or its quotes do not match.
        """
        filled = (("{port}", str(port)), ("{address}", f"[{address}]" if ":" in address else address))
        self._argv = program_of(command)
        for placeholder, value in filled:
            self._argv = [part.replace(placeholder, value) for part in self._argv]
        self._process: asyncio.subprocess.Process | None = None
        self._reader: asyncio.Task[None] | None = None
        self._said: deque[str] = deque(maxlen=LINES_KEPT)
        self._url: asyncio.Future[str] | None = None

    @property
    def program(self) -> str:
        return self._argv[0]

    async def start(self, *, timeout: float = START_SECONDS) -> str:
        """Start the program and wait for its address (without a slash at the end).

        Raises:
            GatewayFailed: it cannot be started, ended, or named no address in time; its last lines are the details.
        """
        self._url = asyncio.get_running_loop().create_future()
        if shutil.which(self.program) is None:
            raise GatewayFailed(
                f"The tunnel program {self.program} is not there.",
                hint="Install it, or name it with its whole path in access.tunnel.",
            )
        self._process = await asyncio.create_subprocess_exec(
            "/bin/sh",
            "-c",
            TETHER,
            "tunnel",
            *self._argv,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
            limit=LONGEST_LINE,
        )
        self._reader = asyncio.create_task(self._read(self._process))
        ended = asyncio.create_task(self._process.wait())
        try:
            await asyncio.wait((self._url, ended), timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
            if ended.done() and not self._url.done():
                await asyncio.wait((self._reader,), timeout=1)
            if self._url.done():
                return self._url.result()
            why = "ended" if ended.done() else f"named no address within {timeout:.0f} s"
        finally:
            ended.cancel()
            if not self._url.done():
                await self.stop()
        raise GatewayFailed(
            f"The tunnel program {self.program} {why}.",
            hint=f"Run it by hand to see why: {shlex.join(self._argv)}",
            details=tuple(self._said),
        )

    async def _read(self, process: asyncio.subprocess.Process) -> None:
        """Read to the end, so that the program never waits for us; pick the address out."""
        assert process.stdout is not None
        assert self._url is not None
        while True:
            try:
                line = await process.stdout.readline()
            except ValueError:  # longer than a line can be: what was read of it is dropped
                continue
            if not line:
                return
            text = line.decode("utf-8", "replace").rstrip()
            self._said.append(text[:500])
            if not self._url.done() and (url := find_address(text)):
                self._url.set_result(url)

    async def wait(self) -> tuple[str, ...]:
        """Wait until the program ends by itself; its last lines."""
        assert self._process is not None
        await self._process.wait()
        if self._reader is not None:
            await asyncio.wait((self._reader,), timeout=1)
        return tuple(self._said)

    async def stop(self) -> None:
        """End the program and everything it started; already ended is fine."""
        process = self._process
        if process is None:
            return
        await end_group(process)
        if self._reader is not None:
            self._reader.cancel()
            await asyncio.gather(self._reader, return_exceptions=True)


def program_of(command: str) -> list[str]:
    """The words of a tunnel command, its program first.

    Raises:
        SettingError: the command is empty or its quotes do not match.
    """
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise SettingError(f"The tunnel command cannot be read: {error}.", hint=f"It is: {command}") from error
    if not words:
        raise SettingError(
            "The tunnel command is empty.", hint="For example: cloudflared tunnel --url http://127.0.0.1:{port}"
        )
    return words


def find_address(line: str) -> str:
    """The address that a line of a tunnel program names; empty if it names none, or only a manual's.

    The hosts of known tunnels are believed wherever they stand. Of others, an address counts that is whole (no path
    behind it, as a manual's page has), public, and nobody's whom such programs mention in passing; https before http.
    """
    found = []
    for url, path in _URL.findall(line):
        host = (urlsplit(url).hostname or "").lower()
        if host.endswith(_TUNNEL_HOSTS):
            return str(url)
        talk = any(host == name or host.endswith(f".{name}") for name in _TALK)
        if not talk and path in ("", "/") and "." in host and not re.fullmatch(r"[\d.]+", host):
            found.append(str(url))
    return min(found, key=lambda url: not url.startswith("https:"), default="")
