"""A Dockerfile being written: its instructions, and what each means to a person who watches the build. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

UV_CACHE = "/var/cache/workshop"
"""Where cache mounts are; never below the home folder, whose owner they would change."""
TOOL = "/opt/workshop/tool"
PACKAGE_CACHE = "workshop-uv"
"""The name of the engine's cache of downloaded and compiled packages."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """Everything an image is made of, but the repository's files and the uv program."""

    dockerfile: str
    """Its text; for a repository with its own Dockerfile, that one without its `# syntax=` line."""
    files: Mapping[str, bytes] = field(default_factory=dict)
    """Files of the build context beside the repository's (`tool/…`, `deps/…`)."""
    titles: Mapping[str, str] = field(default_factory=dict)
    """What an instruction does, by its text as builders repeat it."""
    hash: str = ""
    """Names the recipe: all but the commit that the image depends on."""
    own_dockerfile: str = ""
    """The path of the repository's Dockerfile, if that is what is built: its context is the repository."""
    arguments: Mapping[str, str] = field(default_factory=dict)
    """Build arguments."""
    uses_uv: bool = True
    repo2docker: bool = False
    """There is no Dockerfile of ours: repo2docker makes its own."""


class Dockerfile:
    """Collects instructions.

    Args:
        buildkit: write cache, bind and secret mounts; without, what they would hold is copied into the image.
    """

    def __init__(self, *, buildkit: bool) -> None:
        self.buildkit = buildkit
        self._lines: list[str] = []
        self._titles: dict[str, str] = {}
        self._user = "root"

    def add(self, instruction: str, title: str = "") -> None:
        self._lines.append(instruction)
        if instruction.startswith("FROM "):
            self._user = "root"
        if title:
            self._titles[one_line(instruction)] = title

    def environment(self, variables: Mapping[str, str]) -> None:
        if variables:
            self.add("ENV " + " ".join(f"{name}={json.dumps(value)}" for name, value in variables.items()))

    def user(self, name: str) -> None:
        """Change to `root` or the seats' user."""
        if name != self._user:
            self._user = name
            self.add("USER root" if name == "root" else "USER 1000:1000")

    def run(self, command: str, title: str, *, apt: bool = False, uv: bool = False, mounts: Sequence[str] = ()) -> None:
        """A command of ours, with the tool folder at hand.

        Args:
            apt: it installs Debian packages.
            uv: it installs Python packages.
            mounts: further mounts, where there are any.
        """
        mounted: list[str] = []
        if self.buildkit:
            mounted += mounts
            mounted.append(f"type=bind,source=tool,target={TOOL}")
            if apt:
                mounted.append("type=cache,id=workshop-apt,target=/var/cache/apt,sharing=locked")
                mounted.append("type=cache,id=workshop-lists,target=/var/lib/apt/lists,sharing=locked")
            if uv:
                mounted.append(f"type=cache,id={PACKAGE_CACHE},target={UV_CACHE},uid=1000,gid=1000")
                mounted.append("type=secret,id=index,uid=1000,mode=0400")
        elif apt:
            command += " && rm -rf /var/lib/apt/lists/* /var/cache/apt/archives/*.deb"
        elif uv:
            # Without cache mounts the cache would stay in the layer.
            command = f"export UV_NO_CACHE=1; {command}"
        self.add("RUN " + " ".join([*(f"--mount={mount}" for mount in mounted), command]), title)

    def tools(self) -> None:
        """Bring the tool folder into a stage whose steps cannot mount it."""
        if not self.buildkit:
            self.add(f'COPY ["tool/", "{TOOL}/"]', "copying the builder's tools")

    def copy(self, source: str, target: str, title: str) -> None:
        """Copy from the context, for the seats' user."""
        self.add(f"COPY --chown=1000:1000 {json.dumps([source, target])}", title)

    def text(self) -> str:
        return "\n".join(self._lines) + "\n"

    @property
    def titles(self) -> dict[str, str]:
        return dict(self._titles)


def one_line(text: str) -> str:
    """An instruction as builders repeat it in their logs."""
    return " ".join(text.replace("\\\n", " ").split())


def recipe_hash(*parts: object) -> str:
    """Twelve hex digits of anything that JSON can hold."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()[:12]
