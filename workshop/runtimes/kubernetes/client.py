"""The API server over HTTP: JSON in and out, server-side apply, watches, and errors told by status.

One connection pool and no threads: a cancelled call ends at once. A request that can be repeated is repeated while
the server is away for a moment, so that a short outage in the middle of `up` or `down` is only a pause.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from typing import Any

import aiohttp

from workshop.errors import RuntimeRefused, RuntimeUnreachable
from workshop.runtimes.kubernetes.access import Access, find_access
from workshop.runtimes.kubernetes.names import ASKED, MANAGER

Json = dict[str, Any]

CONNECT = 10.0
"""Seconds until a server that does not answer is given up at the first contact."""
READ = 60.0
PATIENCE = 45.0
"""Seconds that a request is repeated while a server that did answer before is away."""
RECOVERY = 15.0
"""Seconds that a request is repeated which the server fails at: one that has just come back does for a while."""
CONNECTIONS = 16
WATCH_SECONDS = 240
"""How long one watch lasts; the server closes it, and the next goes on from there."""

APPLY = "application/apply-patch+yaml"
MERGE = "application/merge-patch+json"


class ApiRefused(RuntimeRefused):
    """The API server answered with an error; `status` and `reason` as it gave them."""

    def __init__(self, message: str, *, status: int, reason: str = "", hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.status = status
        self.reason = reason


class WatchExpired(Exception):
    """The resource version is too old to go on from: list again."""


class ClusterClient:
    """One API server, opened on first use.

    Args:
        access: how to reach it; None reads the kubeconfig at the first request.
    """

    def __init__(self, *, context: str = "", kubeconfig: str = "", access: Access | None = None) -> None:
        self._context = context
        self._kubeconfig = kubeconfig
        self._access = access
        self._session: aiohttp.ClientSession | None = None
        self._met = False
        self._meeting = asyncio.Lock()
        self._silent: tuple[float, RuntimeUnreachable] | None = None
        """When the first contact failed last, and how."""
        self.back_at = float("-inf")
        """When (monotonic seconds) the server last answered after an outage."""
        self.counts: Counter[str] = Counter()
        """Requests made, by `read`, `write`, `watch` and `stream`."""
        self.version: Json = {}

    async def access(self) -> Access:
        """
        Raises:
            RuntimeUnreachable: there is no kubeconfig, or no such context in it.
        """
        if self._access is None:
            self._access = await asyncio.to_thread(find_access, self._context, self._kubeconfig)
        return self._access

    async def meet(self) -> Json:
        """The server's version: the first contact, with 10 s to answer.

        Raises:
            RuntimeUnreachable: it does not answer, or is not who its certificate should say.
            RuntimeRefused: it does not accept the credentials.
        """
        asked = time.monotonic()
        async with self._meeting:
            if self._silent is not None and self._silent[0] > asked:
                raise self._silent[1]  # found out while this call waited for it
            if not self._met:
                access = await self.access()
                try:
                    async with asyncio.timeout(CONNECT):
                        self.version = await self._once("GET", "/version")
                except TimeoutError as error:
                    raise self._is_silent(access, f"no answer within {CONNECT:.0f} s") from error
                except _LOST as error:
                    raise self._is_silent(access, _why(error)) from error
                self._met = True
        return self.version

    def _is_silent(self, access: Access, why: str) -> RuntimeUnreachable:
        error = _away(access, why)
        self._silent = (time.monotonic(), error)
        return error

    async def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        body: Any = None,
        content_type: str = "application/json",
        repeat: bool = True,
    ) -> Json:
        """One request and its JSON.

        Args:
            repeat: whether doing it twice is the same as once; such a request is repeated through an outage.

        Raises:
            RuntimeUnreachable: the server does not answer, or stayed away.
            ApiRefused: it answered with an error.
        """
        await self.meet()
        deadline = time.monotonic() + PATIENCE
        pause, failing_since, lost = 0.25, 0.0, False
        while True:
            try:
                answer = await self._once(method, path, params=params, body=body, content_type=content_type)
                if lost:
                    self.back_at = time.monotonic()
                return answer
            except _LOST as error:
                lost = True
                if not repeat or time.monotonic() + pause > deadline:
                    raise _away(await self.access(), _why(error), stopped=True) from error
            except ApiRefused as error:
                if error.status not in (429, 500, 502, 503, 504) or time.monotonic() + pause > deadline:
                    raise
                failing_since = failing_since or time.monotonic()
                lasting = time.monotonic() - failing_since + pause > RECOVERY
                if error.status == 500 and (not repeat or (lasting and error.reason != "ServerTimeout")):
                    raise
            await asyncio.sleep(pause)
            pause = min(pause * 2, 5.0)

    async def _once(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        body: Any = None,
        content_type: str = "application/json",
    ) -> Json:
        access = await self.access()
        data = None if body is None else json.dumps(body)
        self.counts["read" if method == "GET" else "write"] += 1
        for attempt in (1, 2):
            headers = {**await access.headers(), "Accept": "application/json"}
            if data is not None:
                headers["Content-Type"] = content_type
            async with self._open(access).request(
                method, access.server + path, params=params, data=data, headers=headers, **_transport(access)
            ) as response:
                if response.status == 401 and attempt == 1:
                    access.forget_token()
                    continue
                text = await response.text()
                if response.status >= 400:
                    raise _refused(access, method, path, response.status, text)
                if "json" not in response.content_type:
                    return {"text": text}
                answer: Json = json.loads(text)
                return answer
        raise AssertionError("unreachable")

    def _open(self, access: Access) -> aiohttp.ClientSession:
        if self._session is None or self._session.closed:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0 if access.inside else CONNECTIONS * 4),
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT, sock_read=READ),
            )
        return self._session

    async def get(self, path: str) -> Json | None:
        """The object, or None when there is none."""
        try:
            return await self.request("GET", path)
        except ApiRefused as error:
            if error.status == 404:
                return None
            raise

    async def listed(self, path: str, selector: str = "", *, fields: str = "") -> list[Json]:
        """All objects under a path that a label selector (and a field selector) picks."""
        return (await self.list_page(path, selector, fields=fields))["items"]  # type: ignore[no-any-return]

    async def listed_if_allowed(self, path: str, selector: str = "", *, fields: str = "") -> list[Json] | None:
        """The same; None where this user may not read them, or the cluster has no such kind."""
        try:
            return await self.listed(path, selector, fields=fields)
        except ApiRefused as error:
            if error.status not in (403, 404):
                raise
            return None

    async def list_page(self, path: str, selector: str = "", *, fields: str = "") -> Json:
        """The same with the list's metadata: a watch goes on from its `resourceVersion`."""
        params = {"labelSelector": selector} if selector else {}
        if fields:
            params["fieldSelector"] = fields
        found = await self.request("GET", path, params=params)
        for item in found.get("items") or ():
            item.setdefault("kind", str(found.get("kind", "")).removesuffix("List"))
            item.setdefault("apiVersion", found.get("apiVersion", ""))
        found["items"] = found.get("items") or []
        return found

    async def apply(self, manifest: Json, *, manager: str = MANAGER, dry_run: bool = False) -> Json:
        """Server-side apply: what we say wins, what others say beside it stays. Twice is the same as once."""
        params = {"fieldManager": manager, "force": "true"} | ({"dryRun": "All"} if dry_run else {})
        return await self.request("PATCH", object_path(manifest), params=params, body=manifest, content_type=APPLY)

    async def create(self, manifest: Json) -> Json | None:
        """Make the object if there is none of its name; None when there was one."""
        try:
            path = object_path(manifest).rsplit("/", 1)[0]
            return await self.request("POST", path, params={"fieldManager": MANAGER}, body=manifest)
        except ApiRefused as error:
            if error.status == 409:
                return None
            raise

    async def merge(self, path: str, patch: Json, *, manager: str = MANAGER) -> Json:
        """A JSON merge patch: named fields change, `None` removes one."""
        return await self.request("PATCH", path, params={"fieldManager": manager}, body=patch, content_type=MERGE)

    async def ask_again(self, path: str) -> None:
        """Have a StatefulSet or Deployment try at once to make the pods that it was refused."""
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        await self.merge(path, {"metadata": {"annotations": {ASKED: now}}})

    async def delete(self, path: str, *, propagation: str = "Background", grace: int | None = None) -> bool:
        """Delete the object; False when it was gone already."""
        body: Json = {"kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": propagation}
        if grace is not None:
            body["gracePeriodSeconds"] = grace
        try:
            await self.request("DELETE", path, body=body)
        except ApiRefused as error:
            if error.status == 404:
                return False
            if error.status == 409 and error.reason == "Conflict":
                return True  # it is on its way out already (a namespace that terminates)
            raise
        return True

    async def delete_all(self, path: str, selector: str, *, propagation: str = "Background") -> None:
        """Delete everything under a path that the selector picks, in one request."""
        assert selector, "deleting without a selector would take what is not ours"
        body = {"kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": propagation}
        await self.request("DELETE", path, params={"labelSelector": selector}, body=body)

    async def watch(self, path: str, selector: str, version: str, *, fields: str = "") -> AsyncIterator[Json]:
        """Events after a resource version, until the server closes the watch.

        Raises:
            WatchExpired: the version is too old.
            RuntimeUnreachable: the connection was lost.
        """
        access = await self.access()
        params = {
            "watch": "1",
            "resourceVersion": version,
            "allowWatchBookmarks": "true",
            "timeoutSeconds": str(WATCH_SECONDS),
        }
        if selector:
            params["labelSelector"] = selector
        if fields:
            params["fieldSelector"] = fields
        self.counts["watch"] += 1
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT, sock_read=WATCH_SECONDS + 30)
        try:
            async with self._open(access).get(
                access.server + path,
                params=params,
                headers=await access.headers(),
                timeout=timeout,
                **_transport(access),
            ) as response:
                if response.status == 410:
                    raise WatchExpired
                if response.status >= 400:
                    raise _refused(access, "WATCH", path, response.status, await response.text())
                async for event in _lines(response):
                    if event.get("type") == "ERROR":
                        if event.get("object", {}).get("code") in (410, 504):
                            raise WatchExpired
                        raise ApiRefused(
                            f"The watch of {path} ended: {event.get('object', {}).get('message', '')}",
                            status=int(event.get("object", {}).get("code") or 500),
                        )
                    yield event
        except _LOST as error:
            raise _away(access, _why(error), stopped=True) from error

    @contextlib.asynccontextmanager
    async def socket(
        self, path: str, params: list[tuple[str, str]], protocols: tuple[str, ...]
    ) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
        """A websocket to the API server: exec, attach, port-forward.

        Raises:
            ApiRefused: it was answered with an error instead.
            RuntimeUnreachable: the server does not answer.
        """
        await self.meet()
        access = await self.access()
        self.counts["stream"] += 1
        timeout = aiohttp.ClientWSTimeout(ws_close=5.0)
        try:
            async with self._open(access).ws_connect(
                access.server + path,
                params=params,
                protocols=protocols,
                headers=await access.headers(),
                max_msg_size=16 * 1024 * 1024,
                timeout=timeout,
                heartbeat=30.0,
                **_transport(access),
            ) as socket:
                yield socket
        except aiohttp.WSServerHandshakeError as error:
            raise ApiRefused(
                f"The cluster refused {path.rsplit('/', 1)[-1]}: {error.message} (HTTP {error.status})",
                status=error.status,
            ) from error
        except _LOST as error:
            raise _away(access, _why(error), stopped=True) from error

    async def aclose(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            await session.close()


async def _lines(response: aiohttp.ClientResponse) -> AsyncIterator[Json]:
    """The JSON documents of a stream that has one on each line, however long the lines are."""
    rest = bytearray()
    async for chunk in response.content.iter_any():
        rest += chunk
        if b"\n" not in chunk:
            continue
        *lines, tail = bytes(rest).split(b"\n")
        rest = bytearray(tail)
        for line in lines:
            if line.strip():
                yield json.loads(line)


_LOST = (aiohttp.ClientConnectionError, aiohttp.ClientPayloadError, TimeoutError, ConnectionError, OSError)

PLURALS = {
    "Ingress": "ingresses",
    "NetworkPolicy": "networkpolicies",
    "IngressClass": "ingressclasses",
    "StorageClass": "storageclasses",
    "SelfSubjectAccessReview": "selfsubjectaccessreviews",
}
CLUSTER_WIDE = {"Namespace", "Node", "IngressClass", "StorageClass", "SelfSubjectAccessReview", "PersistentVolume"}


def collection_path(api_version: str, kind: str, namespace: str = "") -> str:
    """`/apis/apps/v1/namespaces/NS/statefulsets`; without a namespace, of all namespaces."""
    root = f"/api/{api_version}" if "/" not in api_version else f"/apis/{api_version}"
    plural = PLURALS.get(kind, kind.lower() + "s")
    scope = f"/namespaces/{namespace}" if namespace and kind not in CLUSTER_WIDE else ""
    return f"{root}{scope}/{plural}"


def object_path(manifest: Mapping[str, Any]) -> str:
    """Where the object of a manifest is."""
    metadata = manifest["metadata"]
    collection = collection_path(manifest["apiVersion"], manifest["kind"], metadata.get("namespace", ""))
    return f"{collection}/{metadata['name']}"


_QUOTA_HINT = "The namespace's quota is too small: ask for more, or open fewer seats."
_RIGHTS_HINT = (
    "`workshop doctor --rbac` prints the smallest Role that would do: ask the cluster's administrator for it."
)


def _transport(access: Access) -> dict[str, Any]:
    options: dict[str, Any] = {}
    if access.tls is not None:
        options["ssl"] = access.tls
    if access.tls_server_name:
        options["server_hostname"] = access.tls_server_name
    if access.proxy:
        options["proxy"] = access.proxy
    return options


def _why(error: BaseException) -> str:
    """What happened to a connection, in the system's words."""
    if isinstance(error, aiohttp.ClientConnectorError):
        return f"{error.host}:{error.port}: {error.os_error.strerror or error.os_error}"
    return str(error) or type(error).__name__


def _away(access: Access, why: str, *, stopped: bool = False) -> RuntimeUnreachable:
    if stopped:
        return RuntimeUnreachable(
            f"The cluster of context {access.context} stopped answering ({access.server}).",
            hint="Nothing is lost: run the same command again when it is back, and it goes on from there.",
            details=(why,),
        )
    return RuntimeUnreachable(
        f"The cluster of context {access.context} does not answer at {access.server}.",
        hint="Check the network or VPN, and that `kubectl get namespaces` works. "
        "Another context: `--set kubernetes_context=NAME`.",
        details=(why,),
    )


def _refused(access: Access, method: str, path: str, status: int, text: str) -> ApiRefused:
    reason, message = "", text.strip()[:500]
    with contextlib.suppress(ValueError, AttributeError):
        answer = json.loads(text)
        reason, message = answer.get("reason") or "", answer.get("message") or message
    message = " ".join(message.split())
    if status == 401:
        return ApiRefused(
            f"The cluster of context {access.context} does not accept the credentials in {access.source}.",
            status=status,
            reason=reason,
            hint="They may have expired: log in to the cluster again.",
        )
    if status == 403:
        quota = "exceeded quota" in message
        return ApiRefused(
            f"The cluster refused {method} {path}: {message}",
            status=status,
            reason=reason,
            hint=_QUOTA_HINT if quota else _RIGHTS_HINT,
        )
    return ApiRefused(f"The cluster refused {method} {path}: {message} (HTTP {status})", status=status, reason=reason)
