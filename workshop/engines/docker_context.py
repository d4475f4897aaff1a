"""Which engine the `docker` command would use: Docker Desktop, Colima and rootless engines are reached by a context."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

DEFAULT_HOST = "unix:///var/run/docker.sock"


def current_host(environment: Mapping[str, str]) -> str:
    """The engine's address from `DOCKER_HOST`, else from the context that is in use, else the usual socket.

    The order is the command's own: `DOCKER_HOST`, `DOCKER_CONTEXT`, then `currentContext` of its configuration.
    """
    if environment.get("DOCKER_HOST"):
        return environment["DOCKER_HOST"]
    folder = Path(
        environment.get("DOCKER_CONFIG") or Path(environment.get("HOME") or os.path.expanduser("~"), ".docker")
    )
    name = environment.get("DOCKER_CONTEXT") or _read(folder / "config.json").get("currentContext") or "default"
    if name == "default":
        return DEFAULT_HOST
    meta = folder / "contexts" / "meta" / hashlib.sha256(str(name).encode()).hexdigest() / "meta.json"
    endpoint = (_read(meta).get("Endpoints") or {}).get("docker") or {}
    return str(endpoint.get("Host") or DEFAULT_HOST)


def _read(file: Path) -> dict[str, Any]:
    """A JSON object; an empty one where there is none, or none that can be read."""
    try:
        data = json.loads(file.read_text())
    except (OSError, ValueError):
        return {}
    return data if isinstance(data, dict) else {}
