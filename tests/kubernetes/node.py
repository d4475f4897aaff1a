"""A node for the API server in memory: pods of StatefulSets come up, as processes of this machine or in name only.

With processes, a pod is a folder: what the cluster would mount below `/run/workshop` and the home folder lie there,
and the seat's own launch script runs with the paths put right, on a loopback address of the pod's own. So `exec`,
files, logs and port-forward are the real thing, without walls.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import copy
import itertools
import os
import shutil
import signal
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from aiohttp import WSMsgType, web

from tests.kubernetes.api_server import ApiServer, Json, Refusal

_addresses = itertools.count(2)


def now() -> str:
    return datetime.now(UTC).isoformat().replace("+00:00", "Z")


class Node:
    """Runs what the StatefulSets of an API server ask for.

    Args:
        folder: where pods live; None for pods that are ready in name only.
    """

    def __init__(self, server: ApiServer, folder: Path | None, *, home: str = "/home/jovyan") -> None:
        self._server = server
        self._folder = folder
        self._home = home
        self._pods: dict[str, Pod] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self.image_missing = False
        """Pods wait for an image that cannot be fetched."""
        self.unschedulable = ""
        """Pods find no node, for this reason."""
        self.quota_full = False
        """The set cannot make its pods."""
        server.call(self._join)

    def _join(self) -> None:
        self._server.changed.append(self._changed)
        if self._folder is not None:
            self._server.streams = self._stream
        self._server.make(
            "nodes",
            {
                "apiVersion": "v1",
                "kind": "Node",
                "metadata": {"name": "node1"},
                "spec": {},
                "status": {
                    "conditions": [{"type": "Ready", "status": "True"}],
                    "addresses": [{"type": "InternalIP", "address": "127.0.0.1"}],
                    "allocatable": {"cpu": "8", "memory": "16Gi", "pods": "110"},
                    "images": [{"names": ["docker.io/workshop-test/seat:1"]}],
                },
            },
        )

    def stop(self) -> None:
        self._server.call(lambda: [pod.kill() for pod in self._pods.values()])

    def _changed(self, kind: str, plural: str, item: Json) -> None:
        if plural == "statefulsets":
            self._reconcile(item, gone=kind == "DELETED")
        elif plural == "pods":
            name = item["metadata"]["name"]
            if kind == "DELETED":
                pod = self._pods.pop(f"{item['metadata']['namespace']}/{name}", None)
                if pod is not None:
                    pod.kill()
                    self._spawn(pod.forget())
                for other in list(self._server.objects.values()):
                    if other.get("kind") == "StatefulSet" and name.startswith(other["metadata"]["name"] + "-"):
                        self._server.loop.call_soon(self._reconcile_again, other)
            elif kind == "ADDED" and self._folder is not None and "ownerReferences" in item["metadata"]:
                if item["metadata"]["ownerReferences"][0]["kind"] == "Secret":
                    self._helper(item)
            elif "deletionTimestamp" in item["metadata"]:
                pod = self._pods.get(f"{item['metadata']['namespace']}/{name}")
                if pod is not None and not pod.ending:
                    pod.ending = True
                    self._spawn(pod.end())
            else:
                pod = self._pods.get(f"{item['metadata']['namespace']}/{name}")
                if pod is not None:
                    pod.resized(item)

    def _helper(self, item: Json) -> None:
        """A pod that belongs to no set: it only waits to be asked things."""
        assert self._folder is not None
        metadata = item["metadata"]
        files = {"launch": "exec sleep 900\n", metadata["name"]: ""}
        pod = Pod(self._server, item, self._folder / metadata["uid"], files, self._home)
        self._pods[f"{metadata['namespace']}/{metadata['name']}"] = pod
        self._spawn(pod.run())

    def _spawn(self, work: Any) -> None:
        task = self._server.loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _reconcile_again(self, stateful_set: Json) -> None:
        key = ("statefulsets", stateful_set["metadata"]["namespace"], stateful_set["metadata"]["name"])
        if key in self._server.objects:
            self._reconcile(self._server.objects[key])

    def _reconcile(self, stateful_set: Json, *, gone: bool = False) -> None:
        namespace, base = stateful_set["metadata"]["namespace"], stateful_set["metadata"]["name"]
        start = stateful_set["spec"].get("ordinals", {}).get("start", 0)
        replicas = 0 if gone else stateful_set["spec"].get("replicas", 1)
        wanted = {f"{base}-{number}" for number in range(start, start + replicas)}
        there = {
            key[2]: item
            for key, item in self._server.objects.items()
            if key[0] == "pods" and key[1] == namespace and key[2].rpartition("-")[0] == base
        }
        for name in set(there) - wanted:
            self._server.delete("pods", namespace, name)
        for name in sorted(wanted - set(there)):
            if self.quota_full:
                self._event(stateful_set, "FailedCreate", f"create Pod {name} failed: exceeded quota: q, used: pods=1")
            else:
                self._make_pod(stateful_set, name)

    def _event(self, about: Json, reason: str, message: str) -> None:
        metadata = about["metadata"]
        self._server.make(
            "events",
            {
                "apiVersion": "v1",
                "kind": "Event",
                "metadata": {"name": f"e{os.urandom(6).hex()}", "namespace": metadata["namespace"]},
                "type": "Warning",
                "reason": reason,
                "message": message,
                "involvedObject": {"kind": about["kind"], "name": metadata["name"], "uid": metadata["uid"]},
            },
        )

    def _make_pod(self, stateful_set: Json, name: str) -> None:
        template = copy.deepcopy(stateful_set["spec"]["template"])
        namespace = stateful_set["metadata"]["namespace"]
        number = name.rpartition("-")[2]
        owner = {"apiVersion": "apps/v1", "kind": "StatefulSet", "name": stateful_set["metadata"]["name"]}
        metadata = template["metadata"] | {
            "name": name,
            "namespace": namespace,
            "ownerReferences": [owner | {"uid": stateful_set["metadata"]["uid"]}],
        }
        metadata["labels"] = metadata["labels"] | {"apps.kubernetes.io/pod-index": number}
        item = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template["spec"]}
        if self.unschedulable:
            scheduled = {
                "type": "PodScheduled",
                "status": "False",
                "reason": "Unschedulable",
                "message": self.unschedulable,
            }
            self._server.make("pods", item | {"status": {"phase": "Pending", "conditions": [scheduled]}})
            return
        item["spec"]["nodeName"] = "node1"
        if self.image_missing:
            waiting = {"waiting": {"reason": "ImagePullBackOff", "message": 'Back-off pulling image "nowhere/x"'}}
            statuses = [
                {"name": "seat", "image": "x", "imageID": "", "ready": False, "state": waiting, "restartCount": 0}
            ]
            self._server.make("pods", item | {"status": {"phase": "Pending", "containerStatuses": statuses}})
            return
        made = self._server.make("pods", item | {"status": {"phase": "Pending"}})
        if self._folder is None:
            self._server.loop.call_later(0.05, self._in_name_only, namespace, name)
            return
        secret = self._server.objects[("secrets", namespace, f"{stateful_set['metadata']['name']}-seats")]
        files = {key: base64.b64decode(value).decode() for key, value in secret["data"].items()}
        pod = Pod(self._server, made, self._folder / made["metadata"]["uid"], files, self._home)
        self._pods[f"{namespace}/{name}"] = pod
        self._spawn(pod.run())

    def _in_name_only(self, namespace: str, name: str) -> None:
        item = self._server.objects.get(("pods", namespace, name))
        if item is not None:
            item["status"] = status(f"10.0.0.{int(name.rpartition('-')[2]) % 250 + 1}", running=True, ready=True)
            self._server.put("pods", item)

    # What the kubelet streams

    async def _stream(self, request: web.Request, namespace: str, name: str, sub: str) -> web.StreamResponse:
        pod = self._pods.get(f"{namespace}/{name}")
        if pod is None:
            raise Refusal(404, "NotFound", f'pods "{name}" not found')
        if sub == "log":
            lines = pod.log.read_text(errors="replace").splitlines(True) if pod.log.exists() else []
            return web.Response(text="".join(lines[-int(request.query.get("tailLines", 1000)) :]))
        if not pod.running:
            raise Refusal(500, "InternalError", "container not found")
        return await (pod.execute(request) if sub == "exec" else pod.forward(request))


class Pod:
    """One pod as a folder and a process."""

    def __init__(self, server: ApiServer, item: Json, folder: Path, files: dict[str, str], home: str) -> None:
        self._server = server
        self._namespace, self._name = item["metadata"]["namespace"], item["metadata"]["name"]
        self._folder = folder
        self._home = home
        self._files = files
        self.address = f"127.9.{next(_addresses) // 250}.{next(_addresses) % 250 + 1}"
        self.log = folder / "log"
        self.running = False
        self.ending = False
        self._restarts = 0
        self._last: Json = {}
        self._memory = item["spec"]["containers"][0]["resources"]["limits"]["memory"]
        self._process: asyncio.subprocess.Process | None = None

    def _local(self, text: str) -> str:
        text = text.replace("/run/workshop", str(self._folder / "run")).replace(self._home, str(self._folder / "home"))
        # "Every process" would be every one of this machine: the pod's process group stands for it, or nothing.
        everyone = '[ -n "$KUBERNETES_SERVICE_HOST" ] || exit 71\n  kill -"$1" -1'
        text = text.replace(everyone, 'kill -"$1" "-$(cat "$state/group")"')
        return text.replace("0.0.0.0", self.address)

    def _environment(self) -> dict[str, str]:
        assert "KUBERNETES_SERVICE_HOST" not in os.environ
        return os.environ | {"HOME": str(self._folder / "home"), "POD_NAME": self._name}

    async def run(self) -> None:
        run, home = self._folder / "run", self._folder / "home"
        (run / "state").mkdir(parents=True)
        home.mkdir()
        (home / "README.md").write_text("hello\n")
        for name, key in (("launch", "launch"), ("seat", self._name)):
            (run / name).write_text(self._local(self._files[key]))
        while not self.ending:
            with self.log.open("ab") as log:
                self._process = await asyncio.create_subprocess_exec(
                    "sh", str(run / "launch"), stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log,
                    env=self._environment(), start_new_session=True,
                )  # fmt: skip
            (run / "state" / "group").write_text(str(self._process.pid))
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
                _, writer = await asyncio.open_connection(self.address, 8888)
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
        item["status"]["containerStatuses"] = [
            {
                "name": "seat",
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

    def resized(self, item: Json) -> None:
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
        await asyncio.to_thread(shutil.rmtree, self._folder, True)

    async def execute(self, request: web.Request) -> web.WebSocketResponse:
        argv = [self._local(word) for word in request.query.getall("command")]
        socket = web.WebSocketResponse(protocols=("v5.channel.k8s.io",), max_msg_size=64 * 1024**2)
        await socket.prepare(request)
        try:
            process = await asyncio.create_subprocess_exec(
                *argv, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
                env=self._environment(), cwd=self._folder / "home", start_new_session=True,
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
    import json

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
