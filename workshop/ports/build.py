"""From a repository to something seats can start from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from workshop.model.events import WorkEvent
from workshop.model.image import Detected, Image, ImageSettings, Source
from workshop.ports.runtime import ImageStore

Report = Callable[[WorkEvent], None]
"""Takes each event of a longer piece of work, as it happens; must not block."""


def ignore_events(_event: WorkEvent) -> None:
    """A `Report` for callers that want only the result."""


@dataclass(frozen=True, slots=True)
class BuildRequest:
    """Everything an image depends on, but the engine that builds it."""

    title: str
    slug: str
    """Names the image: `workshop/<slug>:<commit>-<recipe>`."""
    source: Source
    detected: Detected
    settings: ImageSettings
    ui: str = "lab"


class Sources(Protocol):
    """Finds repositories and brings one commit of them to this machine."""

    async def resolve(self, repository: str, *, ref: str = "", folder: str = "", report: Report) -> Source:
        """Resolve branch, tag or commit, and check that commit out into a folder of ours.

        Raises:
            SourceError: no repository there, no such branch, no such folder, no right to read it.
        """
        ...

    def detect(self, source: Source) -> Detected:
        """What the repository's files ask for.

        Raises:
            SourceError: the files contradict each other (both `binder/` and `.binder/`, say).
        """
        ...


class Builder(ImageStore, Protocol):
    """Builds for one runtime."""

    async def build(self, request: BuildRequest, *, report: Report) -> Image:
        """Build, or find, the image of this commit and recipe. The last good one is untouched when it fails.

        Raises:
            BuildFailed: with the log's relevant lines in `details`.
            RuntimeUnreachable: the engine does not answer.
        """
        ...

    async def find(self, request: BuildRequest) -> Image | None:
        """The image of this commit and recipe, if it was built before."""
        ...
