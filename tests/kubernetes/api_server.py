"""An API server in memory, spoken to over real HTTP: what this project asks of one, and its ways to fail.

Lists, watches, server-side apply with field ownership, optimistic locking, garbage collection by owner, namespaces
that terminate. What happens to pods is the node's business (`node.py`).
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import copy
import json
import secrets
import socket
import threading
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

Json = dict[str, Any]

KINDS = {
    "namespaces": "Namespace",
    "nodes": "Node",
    "pods": "Pod",
    "secrets": "Secret",
    "services": "Service",
    "configmaps": "ConfigMap",
    "events": "Event",
    "serviceaccounts": "ServiceAccount",
    "resourcequotas": "ResourceQuota",
    "limitranges": "LimitRange",
    "persistentvolumeclaims": "PersistentVolumeClaim",
    "persistentvolumes": "PersistentVolume",
    "storageclasses": "StorageClass",
    "statefulsets": "StatefulSet",
    "deployments": "Deployment",
    "daemonsets": "DaemonSet",
    "jobs": "Job",
    "cronjobs": "CronJob",
    "networkpolicies": "NetworkPolicy",
    "ingresses": "Ingress",
    "ingressclasses": "IngressClass",
    "roles": "Role",
    "rolebindings": "RoleBinding",
}
CLUSTER_WIDE = {"namespaces", "nodes", "persistentvolumes", "storageclasses", "ingressclasses"}
KEPT_EVENTS = 20_000


class Refusal(Exception):
    """An answer that is an error, as the API machinery words it."""

    def __init__(self, status: int, reason: str, message: str) -> None:
        super().__init__(message)
        self.status, self.reason, self.message = status, reason, message


@dataclass
class Faults:
    """How the server is to misbehave; each may be set while it runs."""

    refuse: Callable[[str, str], Refusal | None] = lambda method, path: None
    """Asked with method and path before anything else."""
    hang: bool = False
    """Accepts and never answers."""
    away: bool = False
    """Closes every connection without an answer, watches too."""
    denied: set[tuple[str, str]] = field(default_factory=set)
    """Verb and resource that SelfSubjectAccessReview says no to."""
    stuck_namespaces: bool = False
    """Namespaces stay in Terminating."""


def _free_port(wished: int) -> int:
    """A port of the node that nobody has: other clusters in memory may be on this machine."""
    while True:
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", wished))
            except OSError:
                wished += 1
            else:
                return wished


class ApiServer:
    """The server and its objects; runs in a thread with a loop of its own."""

    def __init__(self) -> None:
        self.objects: dict[tuple[str, str, str], Json] = {}
        """By plural, namespace and name."""
        self.faults = Faults()
        self.requests: Counter[str] = Counter()
        """By method and resource: `GET pods`, `PATCH statefulsets`, `WATCH pods`."""
        self.changed: list[Callable[[str, str, Json], None]] = []
        """Told of every change: type, plural, object."""
        self.streams: Callable[[web.Request, str, str, str], Any] | None = None
        """Serves exec, port-forward and logs; None when there is no node."""
        self.metrics = True
        """Whether `metrics.k8s.io` is served: every pod uses a quarter of a core and 20 MiB."""
        self._version = 100
        self._events: deque[tuple[int, str, str, Json]] = deque(maxlen=KEPT_EVENTS)
        self._wake: set[asyncio.Event] = set()
        self._applied: dict[tuple[str, str, str], dict[str, Json]] = {}
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, daemon=True, name="api server")
        self._started = threading.Event()
        self.url, self.port = "", 0

    # Life

    def start(self) -> ApiServer:
        self._thread.start()
        assert self._started.wait(10)
        return self

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        self.loop.run_until_complete(self._listen())
        self._started.set()
        self.loop.run_forever()
        self.loop.run_until_complete(self._finish())
        self.loop.close()

    async def _finish(self) -> None:
        await self._runner.cleanup()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _listen(self) -> None:
        app = web.Application(client_max_size=64 * 1024**2)
        app.router.add_route("*", "/{path:.*}", self._handle)
        # a script that is run by `exec` stands in the request's first line, as API servers take it
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.2, max_line_size=1024**2)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.port = int(self._runner.addresses[0][1])
        self.url = f"http://127.0.0.1:{self.port}"

    def stop(self) -> None:
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(10)

    def kubeconfig(self) -> str:
        return json.dumps(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "current-context": "test",
                "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test", "namespace": "default"}}],
                "clusters": [{"name": "test", "cluster": {"server": self.url}}],
                "users": [{"name": "test", "user": {"token": "a-token"}}],
            }
        )

    def call(self, function: Callable[[], Any]) -> Any:
        """Run something in the server's loop, from a test."""

        async def work() -> Any:
            return function()

        return asyncio.run_coroutine_threadsafe(work(), self.loop).result(30)

    # Objects

    def put(self, plural: str, item: Json, kind: str = "MODIFIED") -> Json:
        """Store an object and tell the watches."""
        self._version += 1
        metadata = item["metadata"]
        metadata["resourceVersion"] = str(self._version)
        self.objects[(plural, metadata.get("namespace", ""), metadata["name"])] = item
        self._tell(kind, plural, item)
        return item

    def make(self, plural: str, item: Json) -> Json:
        """A new object with what the server gives every one."""
        item = copy.deepcopy(item)
        metadata = item["metadata"]
        metadata.setdefault("uid", secrets.token_hex(8))
        metadata.setdefault("creationTimestamp", datetime.now(UTC).isoformat().replace("+00:00", "Z"))
        if plural == "namespaces":
            item.setdefault("status", {})["phase"] = "Active"
        if plural == "services" and item["spec"].get("type") in ("NodePort", "LoadBalancer"):
            item["spec"]["ports"][0].setdefault("nodePort", _free_port(30000 + (self._version + 7 * self.port) % 2000))
        return self.put(plural, item, "ADDED")

    def remove(self, plural: str, namespace: str, name: str) -> None:
        """The object is gone, and what it owns goes after it."""
        item = self.objects.pop((plural, namespace, name), None)
        if item is None:
            return
        self._applied.pop((plural, namespace, name), None)
        self._version += 1
        item["metadata"]["resourceVersion"] = str(self._version)
        self._tell("DELETED", plural, item)
        uid = item["metadata"]["uid"]
        for key, other in list(self.objects.items()):
            if any(owner["uid"] == uid for owner in other["metadata"].get("ownerReferences") or ()):
                self.delete(*key)
        if namespace and self.objects.get(("namespaces", "", namespace), {}).get("status", {}).get("phase") != "Active":
            self._finish_namespace(namespace)

    def delete(self, plural: str, namespace: str, name: str, grace: int | None = None) -> None:
        """What DELETE does: at once, or by marking what somebody has to finish."""
        item = self.objects.get((plural, namespace, name))
        if item is None:
            return
        waits = plural == "pods" and self.streams is not None and grace != 0
        if plural == "namespaces" or waits or item["metadata"].get("finalizers"):
            if "deletionTimestamp" not in item["metadata"]:
                item["metadata"]["deletionTimestamp"] = datetime.now(UTC).isoformat().replace("+00:00", "Z")
                if plural == "namespaces":
                    item["status"] = {
                        "phase": "Terminating",
                        "conditions": [STUCK] if self.faults.stuck_namespaces else [],
                    }
                self.put(plural, item)
            if plural == "namespaces":
                for key in [key for key in self.objects if key[1] == name]:
                    self.delete(*key)
                self._finish_namespace(name)
            return
        self.remove(plural, namespace, name)

    def _finish_namespace(self, name: str) -> None:
        there = self.objects.get(("namespaces", "", name))
        left = [key for key in self.objects if key[1] == name and key[0] != "namespaces"]
        if not there or there["status"]["phase"] != "Terminating" or self.faults.stuck_namespaces:
            return
        if not left:
            self.remove("namespaces", "", name)
            return
        kinds = Counter(plural for plural, _, _ in left)
        words = ", ".join(f"{plural}. has {count} resource instances" for plural, count in sorted(kinds.items()))
        remaining = {"type": "NamespaceContentRemaining", "status": "True", "reason": "SomeResourcesRemain"}
        there["status"]["conditions"] = [remaining | {"message": f"Some resources are remaining: {words}"}]

    def _tell(self, kind: str, plural: str, item: Json) -> None:
        self._events.append((self._version, kind, plural, copy.deepcopy(item)))
        for listener in self.changed:
            listener(kind, plural, item)
        for event in self._wake:
            event.set()

    # HTTP

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        path = "/" + request.match_info["path"]
        if self.faults.hang:
            await asyncio.sleep(3600)
        if self.faults.away:
            assert request.transport is not None
            request.transport.abort()
            raise asyncio.CancelledError
        try:
            refusal = self.faults.refuse(request.method, path)
            if refusal is not None:
                raise refusal
            return await self._answer(request, path)
        except Refusal as error:
            return web.json_response(
                {"kind": "Status", "status": "Failure", "code": error.status, "reason": error.reason,
                 "message": error.message}, status=error.status
            )  # fmt: skip

    async def _answer(self, request: web.Request, path: str) -> web.StreamResponse:
        if path == "/version":
            return web.json_response({"gitVersion": "v1.36.0", "major": "1", "minor": "36"})
        parts = [part for part in path.split("/") if part]
        api = "/".join(parts[1:2] if parts[0] == "api" else parts[1:3])
        rest = parts[2:] if parts[0] == "api" else parts[3:]
        namespace = ""
        if rest and rest[0] == "namespaces" and len(rest) > 2:
            namespace, rest = rest[1], rest[2:]
        plural, name, sub = [*rest, "", "", ""][:3]
        if plural == "selfsubjectaccessreviews":
            return await self._review(request)
        if api.startswith("metrics.k8s.io") and self.metrics:
            return web.json_response(self._metrics(namespace, request))
        if plural not in KINDS or api.startswith("metrics"):
            raise Refusal(404, "NotFound", f"the server could not find the requested resource {path}")
        watching = request.query.get("watch") == "1"
        self.requests[f"{'WATCH' if watching else request.method} {plural}{'/' + sub if sub else ''}"] += 1
        if sub in ("exec", "portforward", "log", "proxy"):
            if self.streams is None or plural == "nodes":
                raise Refusal(404, "NotFound", f"{sub} is not served here")
            return await self.streams(request, namespace, name, sub)  # type: ignore[no-any-return]
        if watching:
            return await self._watch(request, plural, namespace)
        body = await request.json() if request.can_read_body else {}
        return web.json_response(self._do(request, api, plural, namespace, name, body))

    def _do(self, request: web.Request, api: str, plural: str, namespace: str, name: str, body: Json) -> Json:
        key = (plural, namespace, name)
        match request.method:
            case "GET" if not name:
                return self._list(api, plural, namespace, request)
            case "GET":
                return self._present(key)
            case "POST":
                return self._create(plural, namespace, body)
            case "PATCH":
                return self._patch(key, request, body)
            case "PUT":
                return self._replace(key, body)
            case "DELETE" if name:
                item = copy.deepcopy(self._present(key))
                self.delete(*key, grace=body.get("gracePeriodSeconds"))
                return item
            case "DELETE":
                for item in self._list(api, plural, namespace, request)["items"]:
                    self.delete(plural, item["metadata"].get("namespace", ""), item["metadata"]["name"])
                return {"kind": "Status", "status": "Success"}
        raise Refusal(405, "MethodNotAllowed", request.method)

    def _metrics(self, namespace: str, request: web.Request) -> Json:
        used = {"containers": [{"name": "seat", "usage": {"cpu": "250m", "memory": "20Mi"}}]}
        items = self._list("", "pods", namespace, request)["items"]
        return {"kind": "PodMetricsList", "items": [used | {"metadata": item["metadata"]} for item in items]}

    async def _review(self, request: web.Request) -> web.Response:
        body = await request.json()
        asked = body["spec"]["resourceAttributes"]
        resource = asked["resource"] + (f"/{asked['subresource']}" if asked.get("subresource") else "")
        return web.json_response(body | {"status": {"allowed": (asked["verb"], resource) not in self.faults.denied}})

    def _present(self, key: tuple[str, str, str]) -> Json:
        found = self.objects.get(key)
        if found is None:
            if key[0] == "serviceaccounts" and key[2] == "default" and ("namespaces", "", key[1]) in self.objects:
                return {"metadata": {"name": "default", "namespace": key[1]}}
            raise Refusal(404, "NotFound", f'{key[0]} "{key[2]}" not found')
        return found

    def _list(self, api: str, plural: str, namespace: str, request: web.Request) -> Json:
        wanted = selects(request.query.get("labelSelector", ""), request.query.get("fieldSelector", ""))
        items = [
            item
            for key, item in sorted(self.objects.items())
            if key[0] == plural and (not namespace or key[1] == namespace) and wanted(item)
        ]
        metadata = {"resourceVersion": str(self._version)}
        return {"apiVersion": api, "kind": f"{KINDS[plural]}List", "metadata": metadata, "items": items}

    def _create(self, plural: str, namespace: str, body: Json) -> Json:
        key = (plural, namespace, body["metadata"]["name"])
        if key in self.objects:
            raise Refusal(409, "AlreadyExists", f'{plural} "{key[2]}" already exists')
        self._refuse_in_terminating(namespace)
        return self.make(plural, _with_data(body))

    def _refuse_in_terminating(self, namespace: str) -> None:
        if not namespace:
            return
        there = self.objects.get(("namespaces", "", namespace))
        if there is None:
            raise Refusal(404, "NotFound", f'namespaces "{namespace}" not found')
        if there["status"]["phase"] == "Terminating":
            raise Refusal(403, "Forbidden", f"unable to create new content in namespace {namespace}")

    def _replace(self, key: tuple[str, str, str], body: Json) -> Json:
        found = self._present(key)
        _check_version(found, body)
        new = _with_data(body)
        new["metadata"] = {**found["metadata"], **new["metadata"]}
        return self.put(key[0], new)

    def _patch(self, key: tuple[str, str, str], request: web.Request, body: Json) -> Json:
        kind = request.content_type
        if kind == "application/apply-patch+yaml":
            return self._apply(key, request.query["fieldManager"], body)
        found = self._present(key)
        _check_version(found, body)
        body = _with_data(body)
        body.get("metadata", {}).pop("resourceVersion", None)
        new = copy.deepcopy(found)
        if kind == "application/strategic-merge-patch+json":
            for field_name, changes in body["spec"].items():
                boxes = new["spec"].setdefault(field_name, [])
                for change in changes:
                    box = next((box for box in boxes if box["name"] == change["name"]), None)
                    if box is None:
                        boxes.append(box := {})
                    merge(box, change)
        else:
            merge(new, body)
        return self.put(key[0], new) if new != found else found

    def _apply(self, key: tuple[str, str, str], manager: str, body: Json) -> Json:
        """Fields that this manager said before and does not say now go; what it says now wins."""
        body = _with_data(body)
        found = self.objects.get(key)
        if found is None:
            self._refuse_in_terminating(key[1])
            self._applied[key] = {manager: copy.deepcopy(body)}
            return self.make(key[0], body)
        _check_version(found, body)
        body["metadata"].pop("resourceVersion", None)
        new = copy.deepcopy(found)
        owners = self._applied.setdefault(key, {})
        forget(new, owners.get(manager, {}), body)
        merge(new, body)
        if key[0] == "services":  # ports are merged by number: one of the node that was given out stays
            for before, now in zip(found["spec"]["ports"], new["spec"]["ports"], strict=False):
                if "nodePort" in before:
                    now.setdefault("nodePort", before["nodePort"])
        owners[manager] = copy.deepcopy(body)
        return self.put(key[0], new) if new != found else found

    async def _watch(self, request: web.Request, plural: str, namespace: str) -> web.StreamResponse:
        wanted = selects(request.query.get("labelSelector", ""), request.query.get("fieldSelector", ""))
        version = int(request.query["resourceVersion"])
        if self._events and version < self._events[0][0] - 1 and len(self._events) == KEPT_EVENTS:
            raise Refusal(410, "Expired", "too old resource version")
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        wake = asyncio.Event()
        self._wake.add(wake)
        try:
            while not self.faults.away:
                wake.clear()
                for at, kind, which, item in list(self._events):
                    if (
                        at <= version
                        or which != plural
                        or (namespace and item["metadata"].get("namespace") != namespace)
                    ):
                        continue
                    if wanted(item):
                        await response.write(json.dumps({"type": kind, "object": item}).encode() + b"\n")
                version = self._version
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(wake.wait(), 0.2)
            if request.transport is not None:
                request.transport.abort()
        except ConnectionError:
            pass  # who watched has gone
        finally:
            self._wake.discard(wake)
        return response


STUCK = {
    "type": "NamespaceFinalizersRemaining",
    "status": "True",
    "message": "Some content in the namespace has finalizers remaining: example.org/holds in 1 resource instances",
}


def selects(labels: str, fields: str) -> Callable[[Json], bool]:
    """Equality selectors, and the few fields that are asked for."""
    wanted = [part.split("=", 1) for part in labels.split(",") if part]
    by_field = [part for part in fields.split(",") if part]

    def check(item: Json) -> bool:
        marks = item["metadata"].get("labels") or {}
        if any(marks.get(name) != value for name, value in wanted):
            return False
        for part in by_field:
            name, _, value = part.replace("!=", "=").partition("=")
            found: Any = item
            for step in name.split("."):
                found = (found or {}).get(step)
            if (found == value) == ("!=" in part):
                return False
        return True

    return check


def merge(target: Json, patch: Json) -> None:
    """RFC 7386, in place."""
    for name, value in patch.items():
        if value is None:
            target.pop(name, None)
        elif isinstance(value, dict) and isinstance(target.get(name), dict):
            merge(target[name], value)
        elif isinstance(value, dict):
            target[name] = {}
            merge(target[name], value)
        else:
            target[name] = copy.deepcopy(value)


def forget(target: Json, before: Json, now: Json) -> None:
    """Drop the fields that were said before and are not said now."""
    for name, value in before.items():
        if name not in now:
            target.pop(name, None)
        elif isinstance(value, dict) and isinstance(now[name], dict) and isinstance(target.get(name), dict):
            forget(target[name], value, now[name])


def _with_data(body: Json) -> Json:
    """Secrets are written as text and kept as base64."""
    body = copy.deepcopy(body)
    for name, text in body.pop("stringData", {}).items():
        value = None if text is None else base64.b64encode(text.encode()).decode()
        body.setdefault("data", {})[name] = value
    return body


def _check_version(found: Json, body: Json) -> None:
    wanted = body.get("metadata", {}).get("resourceVersion")
    if wanted and wanted != found["metadata"]["resourceVersion"]:
        raise Refusal(409, "Conflict", "the object has been modified")


@contextlib.asynccontextmanager
async def served() -> AsyncIterator[ApiServer]:
    server = ApiServer().start()
    try:
        yield server
    finally:
        server.stop()
