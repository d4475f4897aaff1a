"""BuildKit through `docker buildx`."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from workshop.engines.command import CommandMissing, run_command
from workshop.images.build_progress import BuildProgress
from workshop.images.context import Context

RAWJSON_SINCE = (0, 13)


@dataclass(frozen=True, slots=True)
class BuildOrder:
    """What one build is told beside its context."""

    tag: str
    labels: Mapping[str, str]
    arguments: Mapping[str, str]
    secrets: Mapping[str, Path]
    """Files by the name under which a step may read them."""
    no_cache: bool = False


@dataclass(frozen=True, slots=True)
class Buildx:
    """The plugin that was found. Args: address of the engine; version of the plugin."""

    address: str
    version: tuple[int, ...]

    @classmethod
    async def find(cls, address: str) -> Buildx | None:
        """The plugin, or None where it is missing or the engine has no BuildKit."""
        try:
            result = await run_command(("docker", "buildx", "version"), env=_environment(address), timeout=30)
        except (CommandMissing, TimeoutError):
            return None
        found = re.search(r"buildx v?(\d+)\.(\d+)", result.output)
        if result.exit_code or found is None:
            return None
        return cls(address, (int(found[1]), int(found[2])))

    async def build(self, context: Context, order: BuildOrder, progress: BuildProgress) -> bool:
        """Build and tag; False when it failed, which `progress` then explains. Cancelling ends the running step."""
        raw = self.version >= RAWJSON_SINCE
        words = [
            "docker", "buildx", "build", "--builder", "default", "--load",
            f"--progress={'rawjson' if raw else 'plain'}",
            "--tag", order.tag, "--file", str(context.dockerfile),
        ]  # fmt: skip
        for name, value in order.labels.items():
            words += ["--label", f"{name}={value}"]
        for name in order.arguments:
            # Without `=value` the value comes from the environment and is on no command line.
            words += ["--build-arg", name]
        for name, path in order.secrets.items():
            words += ["--secret", f"id={name},src={path}"]
        if order.no_cache:
            words.append("--no-cache")
        result = await run_command(
            [*words, str(context.folder)],
            env=_environment(self.address) | dict(order.arguments),
            on_line=progress.take_raw if raw else progress.take_plain,
            keep_lines=100,
        )
        return result.exit_code == 0


def _environment(address: str) -> dict[str, str]:
    environment = {
        name: value for name, value in os.environ.items() if name not in ("DOCKER_CONTEXT", "BUILDX_BUILDER")
    }
    # Attestations would turn the image into an index that older engines cannot load.
    return environment | {"DOCKER_HOST": address, "BUILDX_NO_DEFAULT_ATTESTATIONS": "1", "BUILDX_EXPERIMENTAL": "0"}
