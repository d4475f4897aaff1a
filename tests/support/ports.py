"""Ports that a test may listen on a moment later, and nobody else takes meanwhile."""

from __future__ import annotations

import contextlib
import itertools
import os
import random
import socket

FIRST, LAST = 20000, 30000
"""Below the ports that the system gives to connections (32768 and up), and below a cluster's NodePorts."""
SHARE = 1000
"""Ports of one pytest-xdist worker: what one of them chose, the others do not choose."""


def _share() -> tuple[int, ...]:
    worker = os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")
    first = FIRST + int(worker) * SHARE % (LAST - FIRST)
    ports = list(range(first, first + SHARE))
    random.shuffle(ports)  # another run of the tests may be on this machine
    return tuple(ports)


_ports = itertools.cycle(_share())


def free_port() -> int:
    """A port of 127.0.0.1 that nobody has, and that this process did not get for a long time."""
    for port in itertools.islice(_ports, SHARE):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise AssertionError(f"all {SHARE} ports of this worker are in use")
