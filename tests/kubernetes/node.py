"""A node for the API server in memory: pods of StatefulSets come up, as processes of this machine or in name only.

With processes, a pod is a folder: what the cluster would mount below `/run/workshop` and the home folder lie there,
and the seat's own launch script runs with the paths put right, on a loopback address of the pod's own. So `exec`,
files, logs and port-forward are the real thing, without walls.
"""

from __future__ import annotations

import asyncio
import base64
import copy
import os
from pathlib import Path
from typing import Any

from aiohttp import web

from tests.kubernetes.api_server import ApiServer, Json, Refusal
from tests.kubernetes.gateway_pod import Deployments
from tests.kubernetes.pod import Pod, status


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
        self._deployments = Deployments(server, folder, self._pods, self._spawn) if folder is not None else None
        self.programs = ""
        """A folder of programs that every seat's image has."""
        self.image_missing = False
        """Pods wait for an image that cannot be fetched."""
        self.unschedulable = ""
        """Pods find no node, for this reason."""
        self.volume_refused = ""
        """Seats claim volumes, and none is made, for this reason."""
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
        if self._deployments is not None:
            self._deployments.changed(kind, plural, item)
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
                    pod.changed(item)

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
                "involvedObject": {"kind": about["kind"], "name": metadata["name"], "uid": metadata.get("uid", "")},
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
        if self.volume_refused:
            claim = {"kind": "PersistentVolumeClaim", "metadata": {"name": f"seat-{name}", "namespace": namespace}}
            item["spec"]["volumes"].append({"name": "seat", "persistentVolumeClaim": {"claimName": f"seat-{name}"}})
            self._server.make("pods", item | {"status": {"phase": "Pending"}})
            self._event(claim, "ProvisioningFailed", self.volume_refused)
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
        pod = Pod(self._server, made, self._folder / made["metadata"]["uid"], files, self._home, self.programs)
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
        beside = request.query.get("container") in {entry["name"] for entry in pod.beside}
        if not pod.running and not beside:
            raise Refusal(500, "InternalError", "container not found")
        return await (pod.execute(request) if sub == "exec" else pod.forward(request))
