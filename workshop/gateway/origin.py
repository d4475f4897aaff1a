"""Where a request comes from: which page made it, which machine sent it, and whether it came over https."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from functools import lru_cache
from urllib.parse import urlsplit

from aiohttp import web

from workshop.model.classroom import Door

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_HOST = re.compile(r"(?:[A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?")


def networks(texts: Iterable[str]) -> tuple[Network, ...]:
    """Addresses and networks as networks.

    Raises:
        ValueError: one of them is neither.
    """
    return tuple(ipaddress.ip_network(text, strict=False) for text in texts)


@lru_cache(maxsize=4096)
def inside(address: str, among: tuple[Network, ...]) -> bool:
    """Whether an address lies in one of the networks; an IPv4 address may be written as a mapped IPv6 one."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv6Address) and ip.ipv4_mapped:
        ip = ip.ipv4_mapped
    return any(ip in network for network in among if network.version == ip.version)


class Origin:
    """Reads what is true of a request's sender, believing headers only from proxies that are trusted."""

    def __init__(self, door: Door, trusted: tuple[Network, ...]) -> None:
        own_machine = networks(("127.0.0.0/8", "::1")) if door.public_url else ()
        self._trusted = trusted + own_machine
        self._door = door
        self._public = urlsplit(door.public_url) if door.public_url else None
        local = Door(door.host, door.port, tls=door.tls).url
        self._ours = frozenset(url.lower() for url in (door.url, local) if url)
        self._local_netloc = urlsplit(local).netloc.lower()

    def client(self, request: web.BaseRequest) -> str:
        """The address that the request came from, for counting tries; of IPv6 the first 64 bits."""
        address = request.remote or ""
        if self._trusted and inside(address, self._trusted):
            forwarded = request.headers.get("X-Forwarded-For", "").rpartition(",")[2].strip()
            address = forwarded or address
        try:
            ip = ipaddress.ip_address(address)
        except ValueError:
            return "unknown"
        if isinstance(ip, ipaddress.IPv6Address):
            if ip.ipv4_mapped:
                return str(ip.ipv4_mapped)
            return str(ipaddress.ip_network((ip, 64), strict=False))
        return str(ip)

    def scheme(self, request: web.BaseRequest) -> str:
        """`https` if the browser speaks it, to us or to a proxy in front of us."""
        if request.secure:
            return "https"
        if self._trusted and inside(request.remote or "", self._trusted):
            said = request.headers.get("X-Forwarded-Proto", "").split(",")[0].strip().lower()
            if said in ("http", "https"):
                return said
        if self._public and self._public.scheme == "https" and self._host(request) != self._local_netloc:
            return "https"
        return "http"

    def host(self, request: web.BaseRequest) -> str:
        """The host a seat is told that it was asked for. Never used for our own links and redirects."""
        if self._public and self._host(request) != self._local_netloc:
            return self._public.netloc
        return self._host(request) or self._local_netloc

    def _host(self, request: web.BaseRequest) -> str:
        host = request.headers.get("Host", "")
        return host.lower() if _HOST.fullmatch(host) else ""

    def allowed(self, request: web.BaseRequest, *, required: bool = False) -> bool:
        """Whether the page that made the request is ours (or no page is named).

        A page of another origin carries no cookie of ours for the name it was loaded under, so an origin that equals
        the `Host` it asked for is as good as ours; one that differs is somebody else's, another port included.
        """
        origin = request.headers.get("Origin", "")
        if not origin:
            return not required
        origin = origin.lower()
        if origin in self._ours:
            return True
        parts = urlsplit(origin)
        return parts.scheme in ("http", "https") and bool(parts.netloc) and parts.netloc == self._host(request)
