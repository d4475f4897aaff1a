"""Which headers pass between a browser and a seat, and how they are changed on the way (RFC 9110, section 7.6)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import urlsplit

from aiohttp import web
from multidict import CIMultiDict, CIMultiDictProxy

from workshop.gateway.cookies import PREFIX, split
from workshop.gateway.origin import Origin
from workshop.ports.room import Upstream

HOP_BY_HOP = frozenset(
    (
        "connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection", "te", "trailer",
        "transfer-encoding", "upgrade",
    )
)  # fmt: skip
_REPLACED = HOP_BY_HOP | frozenset(
    (
        "authorization", "cookie", "expect", "forwarded", "host", "via", "x-forwarded-for", "x-forwarded-host",
        "x-forwarded-port", "x-forwarded-prefix", "x-forwarded-proto", "x-forwarded-scheme", "x-real-ip", "x-scheme",
        "x-scheme-prefix", "x-rstudio-root-path", "x-rstudio-request",
    )
)  # fmt: skip
_NOT_FOR_BROWSERS = HOP_BY_HOP | frozenset(
    (
        # These speak for the whole address, which is shared by all seats and our own pages.
        "alt-svc", "clear-site-data", "nel", "report-to", "reporting-endpoints", "public-key-pins", "refresh",
        "strict-transport-security", "origin-agent-cluster", "set-login", "critical-ch", "accept-ch",
        # And these are rewritten.
        "set-cookie", "location", "content-location", "service-worker-allowed", "x-frame-options",
    )
)  # fmt: skip
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_FRAME_ANCESTORS = re.compile(r"frame-ancestors[^;]*", re.IGNORECASE)


def forwarded(
    request: web.BaseRequest, upstream: Upstream, origin: Origin, seat_path: str, *, upgrade: bool = False
) -> CIMultiDict[str]:
    """The headers of a request as the seat gets them: without our cookies, with the seat's own token."""
    given = request.headers
    dropped = _REPLACED
    if named := given.getall("Connection", None):
        dropped = _REPLACED | {name.strip().lower() for line in named for name in line.split(",")}
    headers: CIMultiDict[str] = CIMultiDict(
        [(name, value) for name, value in given.items() if name.lower() not in dropped]
    )
    cookie = split(tuple(given.getall("Cookie", ())))[1]
    if cookie:
        headers["Cookie"] = cookie
    if upstream.token:
        headers["Authorization"] = f"token {upstream.token}"
    host, scheme = origin.host(request), origin.scheme(request)
    headers["Host"] = host
    headers["X-Forwarded-For"] = headers["X-Real-IP"] = request.remote or ""
    headers["X-Forwarded-Host"] = host
    headers["X-Forwarded-Proto"] = headers["X-Scheme"] = scheme
    if upstream.strips_prefix:
        headers["X-Forwarded-Prefix"] = seat_path.rstrip("/")
    if upgrade:
        headers["Connection"], headers["Upgrade"] = "Upgrade", "websocket"
    return headers


def returned(
    given: CIMultiDictProxy[str], upstream: Upstream, origins: Iterable[str], seat_path: str
) -> CIMultiDict[str]:
    """The headers of a seat's answer as the browser gets them: nothing in them reaches beyond the seat's path.

    Args:
        origins: addresses (`http://host:port`) by which the seat may mean itself in a redirect.
    """
    dropped = _NOT_FOR_BROWSERS
    if named := given.getall("Connection", None):
        dropped = dropped | {name.strip().lower() for line in named for name in line.split(",")}
    headers: CIMultiDict[str] = CIMultiDict(
        [(name, value) for name, value in given.items() if name.lower() not in dropped and not _CONTROL.search(value)]
    )
    for line in given.getall("Set-Cookie", ()):
        if kept := scoped_cookie(line, seat_path):
            headers.add("Set-Cookie", kept)
    for name in ("Location", "Content-Location"):
        if (target := given.get(name)) and not _CONTROL.search(target):
            headers[name] = scoped_location(target, upstream, origins, seat_path)
    if allowed := given.get("Service-Worker-Allowed"):
        headers["Service-Worker-Allowed"] = allowed if allowed.startswith(seat_path) else seat_path
    if given.get("X-Frame-Options"):
        headers["X-Frame-Options"] = "SAMEORIGIN"  # our own seat page frames it
    for name in ("Content-Security-Policy",):
        if (policies := headers.getall(name, None)) and any("frame-ancestors" in policy for policy in policies):
            headers.popall(name)
            for policy in policies:
                headers.add(name, _FRAME_ANCESTORS.sub("frame-ancestors 'self'", policy))
    return headers


def scoped_cookie(line: str, seat_path: str) -> str:
    """A seat's `Set-Cookie` kept to the seat's path and host; empty if it takes one of our names."""
    pair, *attributes = [part.strip() for part in line.split(";")]
    name = pair.partition("=")[0].strip()
    if not name or _CONTROL.search(line) or name.lower().startswith((PREFIX, "__host-")):
        return ""
    path = seat_path
    kept = [pair]
    for attribute in attributes:
        key, _, value = attribute.partition("=")
        match key.strip().lower():
            case "path":
                value = value.strip()
                if value.startswith(seat_path) or value == seat_path.rstrip("/"):
                    path = value
            case "domain":
                pass
            case _:
                kept.append(attribute)
    return "; ".join((*kept, f"Path={path}"))


def scoped_location(target: str, upstream: Upstream, origins: Iterable[str], seat_path: str) -> str:
    """A redirect of a seat, with its own address taken off and the seat's path put in front where that was stripped."""
    for origin in (upstream.endpoint, *origins):
        if origin and (target == origin or target.startswith(f"{origin}/")):
            target = target[len(origin) :] or "/"
            break
    if upstream.strips_prefix and target.startswith("/") and not target.startswith(("//", seat_path)):
        return seat_path + target[1:]
    return target


def content_length(headers: CIMultiDictProxy[str]) -> int | None:
    text = headers.get("Content-Length", "")
    return int(text) if text.isascii() and text.isdigit() else None


def endpoint_address(endpoint: str) -> tuple[str, int]:
    """Host and port of a seat's server.

    Raises:
        ValueError: it is no `http://host:port`.
    """
    parts = urlsplit(endpoint)
    if parts.scheme != "http" or not parts.hostname:
        raise ValueError(f"a seat's endpoint is http://host:port, not {endpoint!r}")
    return parts.hostname, parts.port or 80
