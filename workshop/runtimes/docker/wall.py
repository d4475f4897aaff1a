"""Carries out `host_wall`'s scripts: as root directly, else through a short-lived container on the engine's machine."""

from __future__ import annotations

import os
import socket
import sys
from contextlib import suppress
from pathlib import Path
from time import monotonic
from typing import Any

import docker
import psutil
from docker.errors import APIError, NotFound

from workshop.engines.command import CommandMissing, run_command
from workshop.engines.docker_engine import DockerEngine, explanation
from workshop.errors import WorkshopError
from workshop.model.classroom import Classroom
from workshop.runtimes.docker.host_wall import (
    NO_IPTABLES,
    NO_NSENTER,
    helper_script,
    local_resolvers,
    lower_script,
    raise_script,
)
from workshop.runtimes.docker.objects import bridge_name, helper_request

MODES = ("auto", "direct", "helper", "off")
RESOLV_CONF = Path("/etc/resolv.conf")
SECONDS = 30
HELPER_APART = 300.0
"""Seconds between two containers that look whether the rules are there."""
UNABLE = (NO_IPTABLES, NO_NSENTER)
"""Where no rule can be set, none was."""

OPEN_SENTENCE = (
    "Seats can connect to whatever the engine's machine listens on at all addresses (not to each other, "
    "not to what listens on 127.0.0.1 only)"
)


def bridge_is_here(bridge: str) -> bool:
    """Whether the classroom's bridge is an interface of this machine: then its seats' addresses are reached directly.

    False with an engine in a virtual machine (Docker Desktop, Colima), without root (rootless mode) or elsewhere.
    """
    return any(name == bridge for _, name in socket.if_nameindex())


def is_root_here() -> bool:
    """Whether this program may set firewall rules of this machine itself."""
    return sys.platform == "linux" and os.geteuid() == 0


class HostWall:
    """Keeps seats from the services of the host.

    Args:
        mode: `direct` and `helper` force one way, `off` leaves the host open, `auto` chooses.
    """

    def __init__(self, engine: DockerEngine, mode: str = "auto") -> None:
        self._engine = engine
        self._mode = mode
        self._helped: dict[str, float] = {}
        """When a container last looked after a classroom's rules, by uid."""

    async def raise_for(self, classroom: Classroom) -> str:
        """Put the rules in place; what stays open, as a sentence, or nothing."""
        if self._mode == "off":
            return f"{OPEN_SENTENCE}: the setting `host_wall` is off."
        if not self._directly(classroom):
            self._helped[classroom.uid] = monotonic()
        script = raise_script(bridge_name(classroom.name), classroom.uid, self._resolvers())
        code, said = await self._run(classroom, script)
        if code == 0:
            return _desktop_note()
        return f"{OPEN_SENTENCE}: the rule against it could not be set ({said})."

    def seen_lately(self, classroom: Classroom) -> bool:
        """Whether another look costs more than it is worth: where it takes a container, and one has just looked."""
        helped = self._helped.get(classroom.uid)
        return helped is not None and not self._directly(classroom) and monotonic() - helped < HELPER_APART

    def _directly(self, classroom: Classroom, *, network_there: bool = True) -> bool:
        """Whether this program sets the rules itself."""
        here = is_root_here() and (bridge_is_here(bridge_name(classroom.name)) or not network_there)
        return self._mode == "direct" or (self._mode == "auto" and here)

    async def lower_for(self, classroom: Classroom, *, network_there: bool) -> tuple[int, str]:
        """Remove the rules: how many there were, and why some may be left (nothing when none are)."""
        if self._mode == "off":
            return 0, ""
        if not is_root_here() and not network_there:
            return 0, ""  # the rules go before the network does
        code, said = await self._run(classroom, lower_script(classroom.uid), network_there=network_there)
        if code not in (0, *UNABLE):
            return 0, said
        return said.count("removed "), ""

    def _resolvers(self) -> tuple[str, ...]:
        if not RESOLV_CONF.exists():
            return ()
        own = [
            address.address
            for addresses in psutil.net_if_addrs().values()
            for address in addresses
            if address.family == socket.AF_INET
        ]
        return local_resolvers(RESOLV_CONF.read_text(errors="replace"), own)

    async def _run(self, classroom: Classroom, script: str, *, network_there: bool = True) -> tuple[int, str]:
        if self._directly(classroom, network_there=network_there):
            try:
                result = await run_command(("sh", "-c", script), timeout=SECONDS)
            except (CommandMissing, TimeoutError) as error:
                return 1, str(error) or f"no answer within {SECONDS} s"
            return result.exit_code, result.output.strip()
        try:
            return await self._engine.call(lambda client: _run_helper(client, classroom, script))
        except WorkshopError as error:
            return 1, error.message


def _run_helper(client: docker.DockerClient, classroom: Classroom, script: str) -> tuple[int, str]:
    """The script in a container of the seats' image; the container is gone when this returns."""
    api: Any = client.api
    try:
        helper = api.create_container_from_config(helper_request(classroom, classroom.image, helper_script(script)))[
            "Id"
        ]
    except APIError as error:
        return 1, explanation(error)
    try:
        api.start(helper)
        code = int(api.wait(helper, timeout=SECONDS)["StatusCode"])
        return code, api.logs(helper).decode("utf-8", "replace").strip()
    except APIError as error:
        return (NO_NSENTER if error.status_code == 400 else 1), explanation(error)
    finally:
        with suppress(NotFound):
            api.remove_container(helper, force=True, v=True)


def _desktop_note() -> str:
    if sys.platform == "linux":
        return ""
    return "The engine runs in a virtual machine: seats may still reach this computer as `host.docker.internal`."
