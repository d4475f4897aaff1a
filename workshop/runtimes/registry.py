"""The runtimes by name. Importing this imports none of them."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from workshop.errors import SettingError

if TYPE_CHECKING:
    from workshop.ports.runtime import Runtime

MODULES = {
    "docker": "workshop.runtimes.docker.runtime",
    "kubernetes": "workshop.runtimes.kubernetes",
    "process": "workshop.runtimes.process.runtime",
    "fake": "workshop.runtimes.fake",
}
RUNTIMES = tuple(MODULES)
SEVERAL = ("kubernetes",)
"""Those of which this machine may know several; settings `NAME_context` and `NAME_namespace` say which."""


def prepare(name: str) -> None:
    """Import what `load` imports. An engine's SDK takes up to a second: in a thread, where something else goes on."""
    if name in MODULES:
        importlib.import_module(MODULES[name])


def load(name: str, *, state_dir: Path, settings: Mapping[str, str]) -> Runtime:
    """Import and make one runtime; nothing is contacted yet.

    Args:
        state_dir: where the runtimes that keep something on this machine keep it.
        settings: this runtime's own settings (`docker_host` and `host_wall` for docker, `kubernetes_context`
            and `kubernetes_namespace` for kubernetes); unknown ones are passed over.

    Raises:
        SettingError: no runtime of that name.
    """
    match name:
        case "docker":
            from workshop.runtimes.docker.runtime import DockerRuntime

            return DockerRuntime.from_settings(settings)
        case "kubernetes":
            from workshop.runtimes.kubernetes import KubernetesRuntime

            return KubernetesRuntime.from_settings(settings, state_dir=state_dir)
        case "process":
            from workshop.runtimes.process.runtime import ProcessRuntime

            return ProcessRuntime(state_dir)
        case "fake":
            from workshop.runtimes.fake import FakeRuntime, engine_of

            return FakeRuntime(engine_of(state_dir))
    raise SettingError(f"There is no runtime called {name!r}.", hint=f"One of: {', '.join(RUNTIMES)}.")
