"""This machine's addresses, what is known of each, and which one students should use."""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import re
import socket
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

import psutil

from workshop.errors import PortTaken, UsageError
from workshop.model.classroom import Door

FIRST_PORT, FIRST_TLS_PORT = 8080, 8443
PORTS_TRIED = 200
WATCH_SECONDS = 5.0

_VPN = re.compile(r"(tun|tap|wg|tailscale|utun|ppp|zt|nordlynx|vpn|ipsec|gpd)", re.IGNORECASE)
_VIRTUAL = re.compile(
    r"(docker|br-|ws-|veth|cni|podman|lxc|lxd|virbr|vnet|vboxnet|vmnet|bridge|flannel|cali|kube|k8s|vEthernet)",
    re.IGNORECASE,
)
_SHARED = ipaddress.ip_network("100.64.0.0/10")
"""RFC 6598; in practice Tailscale, or a provider's translation."""


class AddressKind(StrEnum):
    """What an address is good for."""

    LAN = "LAN"
    """The local network: what a class in a room uses."""
    VPN = "VPN"
    PUBLIC = "public"
    """Reached from everywhere: only with https."""
    VIRTUAL = "Docker"
    """A network of containers or virtual machines: nobody outside this machine reaches it."""
    LOOPBACK = "this machine"


_PREFERENCE = (AddressKind.LAN, AddressKind.VPN, AddressKind.PUBLIC, AddressKind.VIRTUAL, AddressKind.LOOPBACK)


@dataclass(frozen=True, slots=True)
class Address:
    """One address of one interface."""

    ip: str
    interface: str
    kind: AddressKind
    default_route: bool = False
    """Whether this machine uses it to reach the rest of the world."""

    def sentence(self) -> str:
        """`192.168.1.20 (LAN, eth0, the way out of this machine)`."""
        route = ", the way out of this machine" if self.default_route else ""
        return f"{self.ip} ({self.kind}, {self.interface}{route})"


Read = Callable[[], Sequence[tuple[str, str]]]
"""Gives pairs of interface and address."""


def read_interfaces() -> list[tuple[str, str]]:
    """Interfaces that are up, with their IPv4 and IPv6 addresses; link-local ones left out."""
    running = {name for name, state in psutil.net_if_stats().items() if state.isup}
    return [
        (name, entry.address)
        for name, entries in psutil.net_if_addrs().items()
        if name in running
        for entry in entries
        if entry.family in (socket.AF_INET, socket.AF_INET6) and "%" not in entry.address
    ]


def addresses(read: Read = read_interfaces, outward: Callable[[], str] | None = None) -> tuple[Address, ...]:
    """This machine's addresses, the best one for a class first."""
    way_out = (outward or _outward)()
    found = []
    for interface, text in read():
        ip = ipaddress.ip_address(text)
        if ip.is_link_local or ip.is_multicast or ip.is_unspecified:
            continue
        found.append(Address(text, interface, _kind(ip, interface), default_route=text == way_out))
    return tuple(
        sorted(found, key=lambda one: (_PREFERENCE.index(one.kind), not one.default_route, ":" in one.ip, one.ip))
    )


def _kind(ip: ipaddress.IPv4Address | ipaddress.IPv6Address, interface: str) -> AddressKind:
    if ip.is_loopback:
        return AddressKind.LOOPBACK
    if _VIRTUAL.match(interface):
        return AddressKind.VIRTUAL
    if _VPN.match(interface) or (ip.version == 4 and ip in _SHARED):
        return AddressKind.VPN
    return AddressKind.PUBLIC if ip.is_global else AddressKind.LAN


def _outward() -> str:
    """The address packets to the world would leave from. Nothing is sent: a datagram socket only picks a route."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("198.51.100.1", 9))  # reserved for documentation, RFC 5737
        except OSError:
            return ""
        name: str = probe.getsockname()[0]
        return name


def choose_door(
    *,
    address: str = "",
    port: int = 0,
    wished: int = 0,
    public_url: str = "",
    tls: bool = False,
    allow_public: bool = False,
    taken: Iterable[Door] = (),
    known: Sequence[Address] | None = None,
) -> Door:
    """The address and port where students come in.

    Args:
        address: an address of this machine, or a name for one; empty for the best there is.
        port: 0 for the first free one from 8080 (with https from 8443).
        wished: where to begin looking for a free one instead.
        taken: doors of other classrooms, whose gateways may just not be running.

    Raises:
        UsageError: this machine has no such address, or it is public and neither protected nor allowed.
        PortTaken: the port that was asked for is in use.
    """
    known = addresses() if known is None else known
    host = _resolved(address, known) if address else _best(known, public_ok=tls or allow_public)
    refuse_public(host, tls=tls, allow_public=allow_public)
    others = {door.port for door in taken if door.host == host}
    if port:
        if port in others:
            raise PortTaken(
                f"Port {port} on {host} belongs to another classroom.",
                hint="Choose another with --port, or leave it out.",
            )
        check_port(host, port)
        return Door(host, port, public_url=public_url, tls=tls)
    first = wished or (FIRST_TLS_PORT if tls else FIRST_PORT)
    for candidate in range(first, first + PORTS_TRIED):
        if candidate not in others and not _bind_error(host, candidate):
            return Door(host, candidate, public_url=public_url, tls=tls)
    raise PortTaken(
        f"No port from {first} to {first + PORTS_TRIED - 1} is free on {host}.", hint="Choose one with --port."
    )


def refuse_public(host: str, *, tls: bool, allow_public: bool) -> None:
    """
    Raises:
        UsageError: the address is public, and what passes over it would be readable on the way.
    """
    try:
        public = ipaddress.ip_address(host).is_global
    except ValueError:
        return
    if public and not (tls or allow_public):
        raise UsageError(
            f"{host} is a public address, and without https everybody on the way reads along.",
            hint="Give a certificate and key (access.certificate, access.key), choose another address, "
            "or allow it with access.allow_public.",
        )


def _resolved(address: str, known: Sequence[Address]) -> str:
    """The machine's own address that was meant.

    Raises:
        UsageError: it is none of this machine's.
    """
    own = {one.ip for one in known}
    try:
        candidates = [str(ipaddress.ip_address(address.strip("[]")))]
    except ValueError:
        try:
            candidates = [str(entry[4][0]) for entry in socket.getaddrinfo(address, None, type=socket.SOCK_STREAM)]
        except OSError:
            candidates = []
    for candidate in candidates:
        if candidate in own or ipaddress.ip_address(candidate).is_loopback:
            return candidate
    there = "; ".join(one.sentence() for one in known)
    raise UsageError(f"This machine has no address {address}.", hint=f"It has {there}.")


def _best(known: Sequence[Address], *, public_ok: bool) -> str:
    fitting = (one for one in known if public_ok or one.kind is not AddressKind.PUBLIC)
    return next((one.ip for one in fitting), "127.0.0.1")


def check_port(host: str, port: int) -> None:
    """
    Raises:
        PortTaken: another program listens there.
        UsageError: this user may not listen there.
    """
    error = _bind_error(host, port)
    if error == errno.EACCES:
        raise UsageError(f"Port {port} needs special rights.", hint="Choose one from 1024 on, 8080 for example.")
    if error:
        raise PortTaken(
            f"Port {port} on {host} is in use by another program.", hint="Choose another with --port, or leave it out."
        )


def _bind_error(host: str, port: int) -> int:
    """Why one cannot listen there, as an error number; 0 when one can."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            probe.listen(1)
        except OSError as error:
            return error.errno or errno.EADDRINUSE
    return 0


async def watch_address(
    host: str, *, read: Read = read_interfaces, interval: float = WATCH_SECONDS
) -> AsyncIterator[bool]:
    """Whether this machine has the address: now, and each time that changes. Endless; ends at once for loopback."""
    if _always_there(host):
        yield True
        return
    told: bool | None = None
    while True:
        there = any(address == host for _, address in await asyncio.to_thread(read))
        if there is not told:
            told = there
            yield there
        await asyncio.sleep(interval)


def _always_there(host: str) -> bool:
    try:
        ip = ipaddress.ip_address(host)
    except ValueError:
        return True
    return ip.is_loopback or ip.is_unspecified
