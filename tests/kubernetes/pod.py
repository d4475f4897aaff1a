"""A pod of the node in memory: a folder and a process of this machine, spoken to as the kubelet speaks to one."""

from __future__ import annotations

import asyncio
import contextlib
import copy
import itertools
import json
import os
import shutil
import signal
from datetime import UTC, datetime
from pathlib import Path

from aiohttp import WSMsgType, web

from tests.kubernetes.api_server import ApiServer, Json

_addresses = itertools.count(2)


def now() -> str:
    return datetime.now(UTC).isoformat().replace("+00:00", "Z")


class Pod:
    """One pod as a folder and a process."""

    NAME, PORT = "seat", 8888

    def __init__(
        self, server: ApiServer, item: Json, folder: Path, files: dict[str, str], home: str, programs: str = ""
    ) -> None:
        self._server = server
        self._namespace, self._name = item["metadata"]["namespace"], item["metadata"]["name"]
        self.folder = folder
        self._home = home
        self._programs = programs
        self._files = files
        # of this process alone: others run pods on this machine too, all on the same ports
        self.address = f"127.{10 + os.getpid() % 240}.{next(_addresses) // 250}.{next(_addresses) % 250 + 1}"
        self.log = folder / "log"
        self.running = False
        self.ending = False
        self.beside: list[Json] = []
        """Containers that were put beside the first; all see its files."""
        self._restarts = 0
        self._last: Json = {}
        self._memory = item["spec"]["containers"][0]["resources"]["limits"]["memory"]
        self._process: asyncio.subprocess.Process | None = None

    def local(self, text: str) -> str:
        text = text.replace("/run/workshop", str(self.folder / "run")).replace(self._home, str(self.folder / "home"))
        # "Every process" would be every one of this machine: the pod's process group stands for it, or nothing.
        everyone = '[ -n "$KUBERNETES_SERVICE_HOST" ] || exit 71\n  kill -"$1" -1'
        text = text.replace(everyone, 'kill -"$1" "-$(cat "$state/group")"')
        return text.replace("0.0.0.0", self.address)

    def environment(self) -> dict[str, str]:
        assert "KUBERNETES_SERVICE_HOST" not in os.environ
        path = os.pathsep.join(filter(None, (self._programs, os.environ["PATH"])))
        return os.environ | {"HOME": str(self.folder / "home"), "POD_NAME": self._name, "PATH": path}

    def prepare(self) -> list[str]:
        """Lay out what the cluster would mount; the command that the container runs."""
        run, home = self.folder / "run", self.folder / "home"
        (run / "state").mkdir(parents=True)
        home.mkdir()
        (run / "volume").mkdir()
        (run / "volume" / "home").symlink_to(home)
        (home / "README.md").write_text("hello\n")
        for name, key in (("launch", "launch"), ("seat", self._name)):
            (run / name).write_text(self.local(self._files[key]))
        return ["sh", str(run / "launch")]

    async def run(self) -> None:
        argv = self.prepare()
        while not self.ending:
            with self.log.open("ab") as log:
                self._process = await asyncio.create_subprocess_exec(
                    *argv, stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log,
                    env=self.environment(), start_new_session=True,
                )  # fmt: skip
            (self.folder / "run" / "state").mkdir(parents=True, exist_ok=True)
            (self.folder / "run" / "state" / "group").write_text(str(self._process.pid))
            self.running, started = True, now()
            watching = asyncio.create_task(self._watch_port(started))
            code = await self._process.wait()
            watching.cancel()
            self.kill()
            self.running = False
            if self.ending:
                return
            self._restarts += 1
            self._last = {
                "terminated": {"exitCode": code, "finishedAt": now(), "startedAt": started, "reason": "Error"}
            }
            waiting = {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off"}}
            self._tell(waiting if self._restarts > 1 else copy.deepcopy(self._last), ready=False)
            await asyncio.sleep(0.3 * 2 ** min(self._restarts, 4))

    async def _watch_port(self, started: str) -> None:
        """The kubelet's probe: is the port open?"""
        self._tell({"running": {"startedAt": started}}, ready=False)
        ready = False
        while True:
            try:
                _, writer = await asyncio.open_connection(self.address, self.PORT)
                writer.close()
                answer = True
            except OSError:
                answer = False
            if answer != ready:
                ready = answer
                self._tell({"running": {"startedAt": started}}, ready=ready)
            await asyncio.sleep(0.05)

    def _tell(self, state: Json, *, ready: bool) -> None:
        item = self._server.objects.get(("pods", self._namespace, self._name))
        if item is None:
            return
        item["status"] = status(self.address, running="running" in state, ready=ready)
        item["status"]["ephemeralContainerStatuses"] = self.beside
        item["status"]["containerStatuses"] = [
            {
                "name": self.NAME,
                "image": "seat",
                "imageID": "",
                "ready": ready,
                "state": state,
                "lastState": self._last,
                "restartCount": self._restarts,
                "resources": {"limits": {"memory": self._memory}},
            }
        ]
        self._server.put("pods", item)

    def changed(self, item: Json) -> None:
        """What its specification asks for now: another limit, a container beside the first."""
        there = {entry["name"] for entry in self.beside}
        for entry in item["spec"].get("ephemeralContainers") or ():
            if entry["name"] not in there:
                self.beside.append({"name": entry["name"], "state": {"running": {"startedAt": now()}}})
                item["status"]["ephemeralContainerStatuses"] = self.beside
        wanted = item["spec"]["containers"][0]["resources"]["limits"]["memory"]
        if wanted == self._memory:
            return
        self._memory = wanted
        for entry in item["status"].get("containerStatuses") or ():
            entry["resources"] = {"limits": {"memory": wanted}}

    def kill(self) -> None:
        """End everything of the pod that still runs."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)

    async def end(self) -> None:
        """What a deletion does: a signal, some patience, the end."""
        if self._process is not None and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.terminate()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._process.wait(), 1)
        self.kill()
        self.running = False
        self._server.remove("pods", self._namespace, self._name)

    async def forget(self) -> None:
        self.ending = True
        await asyncio.to_thread(shutil.rmtree, self.folder, True)

    async def execute(self, request: web.Request) -> web.WebSocketResponse:
        argv = [self.local(word) for word in request.query.getall("command")]
        socket = web.WebSocketResponse(protocols=("v5.channel.k8s.io",), max_msg_size=64 * 1024**2)
        await socket.prepare(request)
        try:
            process = await asyncio.create_subprocess_exec(
                *argv, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
                env=self.environment(), cwd=self.folder / "home", start_new_session=True,
            )  # fmt: skip
        except OSError as error:
            await socket.send_bytes(b"\x03" + failure(126, str(error)))
            await socket.close()
            return socket
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None

        async def pump(channel: int, stream: asyncio.StreamReader) -> None:
            while data := await stream.read(65536):
                await socket.send_bytes(bytes([channel]) + data)

        async def feed() -> None:
            async for message in socket:
                if message.type is not WSMsgType.BINARY:
                    continue
                if message.data[0] == 255:
                    process.stdin.close()  # type: ignore[union-attr]
                elif message.data[0] == 0:
                    with contextlib.suppress(ConnectionError):
                        process.stdin.write(message.data[1:])  # type: ignore[union-attr]
                        await process.stdin.drain()  # type: ignore[union-attr]

            # who asked has gone: a command that nobody listens to ends here
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)

        feeding = asyncio.create_task(feed())
        if "stdin" not in request.query:
            process.stdin.close()
        with contextlib.suppress(ConnectionError):
            await asyncio.gather(pump(1, process.stdout), pump(2, process.stderr))
            code = await process.wait()
            await socket.send_bytes(b"\x03" + (b'{"status":"Success"}' if code == 0 else failure(code, "")))
        feeding.cancel()
        await socket.close()
        return socket

    async def forward(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(protocols=("v4.channel.k8s.io",))
        await socket.prepare(request)
        port = int(request.query["ports"])
        await socket.send_bytes(b"\x00" + port.to_bytes(2, "little"))
        await socket.send_bytes(b"\x01" + port.to_bytes(2, "little"))
        try:
            reader, writer = await asyncio.open_connection(self.address, port)
        except OSError as error:
            await socket.send_bytes(b"\x01" + str(error).encode())
            await socket.close()
            return socket

        async def up() -> None:
            async for message in socket:
                writer.write(message.data[1:])
                await writer.drain()

        upwards = asyncio.create_task(up())
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(65536):
                await socket.send_bytes(b"\x00" + data)
        upwards.cancel()
        writer.close()
        await socket.close()
        return socket


def failure(code: int, message: str) -> bytes:
    causes = [{"reason": "ExitCode", "message": str(code)}]
    return json.dumps({"status": "Failure", "message": message, "details": {"causes": causes}}).encode()


def status(address: str, *, running: bool, ready: bool) -> Json:
    """A pod's status as a node writes it."""
    word = "True" if ready else "False"
    return {
        "phase": "Running" if running else "Pending",
        "podIP": address,
        "conditions": [
            {"type": "PodScheduled", "status": "True"},
            {"type": "ContainersReady", "status": word},
            {"type": "Ready", "status": word},
        ],
        "containerStatuses": [
            {
                "name": "seat",
                "image": "seat",
                "imageID": "",
                "ready": ready,
                "restartCount": 0,
                "state": {"running": {"startedAt": now()}} if running else {},
            }
        ],
    }
