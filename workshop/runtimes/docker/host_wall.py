"""The rule that lets no seat connect to a service of the machine the seats run on.

Replies pass (the gateway connects to seats, never the other way round), new connections do not. The rules carry the
classroom's uid as a comment: by it they are found and removed, by any process.
"""

from __future__ import annotations

import ipaddress
import shlex
from collections.abc import Sequence

METADATA = "169.254.169.254/32"
"""Where cloud machines hand out their own credentials; some also answer DNS there, which stays open."""
NO_IPTABLES = 42
NO_NSENTER = 43


def comment(uid: str) -> str:
    return f"workshop-{uid}"


def raise_script(bridge: str, uid: str, resolvers: Sequence[str]) -> str:
    """A POSIX shell script that puts the rules in place; run again, it changes nothing.

    The rule that closes the host is added last: as long as it is missing, everything of ours is made anew.

    Args:
        resolvers: name servers of the engine that are addresses of the host itself; seats may ask them.
    """
    tag = f"-m comment --comment {comment(uid)}"
    new = "-m conntrack --ctstate NEW"
    interface = shlex.quote(bridge)
    close = f"-i {interface} {new} {tag} -j DROP"
    lines = [
        *_prologue(),
        f"ipt -C INPUT {close} 2>/dev/null && exit 0",
        _removal(uid, say=False),
        "if ipt -n -L DOCKER-USER >/dev/null 2>&1; then",
        f"  ipt -I DOCKER-USER -i {interface} -d {METADATA} -p tcp ! --dport 53 {tag} -j DROP || exit 1",
        "fi",
    ]
    position = 1
    for resolver in resolvers:
        for protocol in ("udp", "tcp"):
            lines.append(
                f"ipt -I INPUT {position} -i {interface} -d {ipaddress.IPv4Address(resolver)} -p {protocol}"
                f" --dport 53 {tag} -j ACCEPT || exit 1"
            )
            position += 1
    lines.append(f"ipt -I INPUT {position} {close}")
    return "\n".join(lines)


def lower_script(uid: str) -> str:
    """A script that removes every rule of a classroom and prints a line for each."""
    return "\n".join([*_prologue(), _removal(uid, say=True), "exit 0"])


def helper_script(script: str) -> str:
    """The same for a container that shares processes and network with the machine: run with the engine's programs.

    The engine's own process is entered first: it has the `iptables` that the engine itself uses.
    """
    return "\n".join(
        (
            f"command -v nsenter >/dev/null || {{ echo 'the image has no nsenter'; exit {NO_NSENTER}; }}",
            'engine=""',
            "for process in /proc/[0-9]*; do",
            '  name=""; read -r name 2>/dev/null <"$process/comm"',
            '  [ "$name" = dockerd ] && engine="${process#/proc/}"',
            "done",
            f'exec nsenter --target "${{engine:-1}}" --mount -- sh -c {shlex.quote(script)}',
        )
    )


def _prologue() -> tuple[str, ...]:
    return (
        'PATH="$PATH:/usr/sbin:/sbin:/usr/local/sbin"',
        f"command -v iptables >/dev/null || {{ echo 'iptables is not installed'; exit {NO_IPTABLES}; }}",
        'ipt() { iptables -w 10 "$@"; }',
    )


def _removal(uid: str, *, say: bool) -> str:
    done = 'echo "removed $rule"' if say else ":"
    return (
        f"ipt -S | grep -- '--comment {comment(uid)} ' | sed 's/^-A/-D/' | "
        f"while read -r rule; do ipt $rule && {done}; done"
    )


def local_resolvers(resolv_conf: str, own_addresses: Sequence[str]) -> tuple[str, ...]:
    """Name servers in a `resolv.conf` that are this machine's own addresses, but not its loopback.

    The engine itself asks loopback resolvers on behalf of seats; all others are asked from the seat's side.
    """
    found = []
    for line in resolv_conf.splitlines():
        words = line.split()
        if len(words) >= 2 and words[0] == "nameserver" and words[1] in own_addresses:
            found.append(words[1])
    return tuple(address for address in found if not ipaddress.ip_address(address).is_loopback)
