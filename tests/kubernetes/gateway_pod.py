"""Deployments and DaemonSets of the node in memory: the gateway is a process, with a port of the node."""

from __future__ import annotations

import asyncio
import contextlib
import copy
import os
import sys
from pathlib import Path
from typing import Any

from tests.kubernetes.api_server import ApiServer, Json
from tests.kubernetes.pod import Pod, status

STATE = "/var/lib/workshop"
PORT = 8080


class GatewayPod(Pod):
    """The program that the Deployment names, run by this Python, with a kubeconfig for an account."""

    NAME, PORT = "gateway", PORT

    def __init__(self, server: ApiServer, item: Json, folder: Path) -> None:
        super().__init__(server, item, folder, {}, STATE)
        self._container = item["spec"]["containers"][0]

    def local(self, text: str) -> str:
        return sys.executable if text == "python3" else text.replace(STATE, str(self.folder / "state"))

    def environment(self) -> dict[str, str]:
        given = {entry["name"]: self.local(entry["value"]) for entry in self._container["env"]}
        foreign = {name: value for name, value in os.environ.items() if not name.startswith(("WORKSHOP_", "XDG_"))}
        return foreign | given | {"KUBECONFIG": str(self.folder / "kubeconfig")}

    def prepare(self) -> list[str]:
        (self.folder / "state").mkdir(parents=True)
        (self.folder / "home").mkdir()
        (self.folder / "kubeconfig").write_text(self._server.kubeconfig())
        control = str(self.folder / "state" / "control.sock")
        words = [self.local(word) for word in self._container["command"]]
        return [*words, "--host", self.address, "--control-socket", control]


class Deployments:
    """Keeps one pod for each Deployment, and a port of this machine for each Service that asks for one of the node."""

    def __init__(self, server: ApiServer, folder: Path, pods: dict[str, Pod], spawn: Any) -> None:
        self._server = server
        self._folder = folder
        self._pods = pods
        self._spawn = spawn
        self._ports: dict[tuple[str, str], asyncio.Server] = {}

    def changed(self, kind: str, plural: str, item: Json) -> None:
        metadata = item["metadata"]
        if plural == "deployments" and kind != "DELETED":
            self._have(item)
        elif plural == "pods" and kind == "DELETED":
            owner = next(iter(metadata.get("ownerReferences") or ()), {})
            key = ("deployments", metadata["namespace"], owner.get("name", ""))
            if owner.get("kind") == "Deployment" and key in self._server.objects:
                self._server.loop.call_soon(self._have, self._server.objects[key])
        elif plural == "daemonsets" and kind == "ADDED":
            self._everywhere(item)
        elif plural == "services" and item["spec"].get("type") == "NodePort":
            key = (metadata["namespace"], metadata["name"])
            if kind == "DELETED":
                self._spawn(self._close(key))
            elif key not in self._ports:
                self._spawn(self._open(key, item))

    def _have(self, deployment: Json) -> None:
        metadata = deployment["metadata"]
        if "deletionTimestamp" in metadata:
            return
        mine = [
            item
            for key, item in self._server.objects.items()
            if key[0] == "pods"
            and any(owner["uid"] == metadata["uid"] for owner in item["metadata"].get("ownerReferences") or ())
        ]
        if mine:
            return
        template = copy.deepcopy(deployment["spec"]["template"])
        name = f"{metadata['name']}-{os.urandom(3).hex()}"
        template["metadata"] |= {
            "name": name,
            "namespace": metadata["namespace"],
            "ownerReferences": [_owner(deployment)],
        }
        pod = {"apiVersion": "v1", "kind": "Pod", "status": {"phase": "Pending"}} | template
        pod["spec"]["nodeName"] = "node1"
        made = self._server.make("pods", pod)
        running = GatewayPod(self._server, made, self._folder / made["metadata"]["uid"])
        self._pods[f"{metadata['namespace']}/{name}"] = running
        self._spawn(running.run())

    def _everywhere(self, daemon_set: Json) -> None:
        """The image is there at once."""
        metadata = daemon_set["metadata"]
        template = copy.deepcopy(daemon_set["spec"]["template"])
        template["metadata"] |= {
            "name": f"{metadata['name']}-{os.urandom(3).hex()}",
            "namespace": metadata["namespace"],
            "ownerReferences": [_owner(daemon_set)],
        }
        pod = {"apiVersion": "v1", "kind": "Pod", "status": status("10.0.0.9", running=True, ready=True)} | template
        pod["spec"]["nodeName"] = "node1"
        self._server.make("pods", pod)
        daemon_set["status"] = {"desiredNumberScheduled": 1, "observedGeneration": 1}
        self._server.put("daemonsets", daemon_set)

    # The node's ports

    async def _open(self, key: tuple[str, str], service: Json) -> None:
        selector, port = service["spec"]["selector"], service["spec"]["ports"][0]["nodePort"]

        async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            address = next(
                (
                    self._pods[f"{key[0]}/{name[2]}"].address
                    for name, item in self._server.objects.items()
                    if name[:2] == ("pods", key[0]) and selector.items() <= item["metadata"]["labels"].items()
                ),
                "",
            )
            try:
                inward, outward = await asyncio.open_connection(address, PORT)
            except OSError:
                writer.close()
                return
            await asyncio.gather(_copy(reader, outward), _copy(inward, writer))

        self._ports[key] = await asyncio.start_server(accept, "127.0.0.1", port)

    async def _close(self, key: tuple[str, str]) -> None:
        server = self._ports.pop(key, None)
        if server is not None:
            server.close()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()


def _owner(item: Json) -> Json:
    metadata = item["metadata"]
    return {"apiVersion": "apps/v1", "kind": item["kind"], "name": metadata["name"], "uid": metadata["uid"]}
