"""From a repository to something seats can start from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

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

    async def resolve(
        self, repository: str, *, ref: str = "", folder: str = "", report: Report, pinned: str = ""
    ) -> Source:
        """Resolve branch, tag or commit, and check that commit out into a folder of ours.

        Args:
            pinned: take this commit although the ref may have moved; if it has, `newer` names its commit.

        Raises:
            SourceUnreachable: the host does not answer, or has not got the commit.
            SourceError: no repository there, no such branch, no such folder, no right to read it.
        """
        ...

    async def newer(self, repository: str, ref: str, commit: str) -> str:
        """The commit that the ref names now, if it is not `commit`; empty for no change.

        Raises:
            SourceError: the repository cannot be asked.
        """
        ...

    def detect(self, source: Source) -> Detected:
        """What the repository's files ask for.

        Raises:
            SourceError: the files contradict each other (both `binder/` and `.binder/`, say).
        """
        ...


@runtime_checkable
class ImageCarrier(Protocol):
    """A builder whose images can be carried to another machine as files."""

    async def export(self, image: Image, path: Path, *, report: Report) -> int:
        """Write an image into a file, compressed if its name ends in `.gz`; the file's size.

        The file appears when it is whole; what stood there before is replaced then.

        Raises:
            BuildFailed: the image is gone, or the file cannot be written.
        """
        ...

    async def import_file(self, path: Path, *, report: Report) -> tuple[Image, ...]:
        """Load the images of such a file, `cached` where they were there already.

        Raises:
            UsageError: the file cannot be read, is not whole, or holds no image of ours; nothing was loaded.
            BuildFailed: the engine has no room for it.
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

    async def of_workshop(self, workshop: str) -> tuple[Image, ...]:
        """The images of a workshop (its slug), newest first, whatever their commit."""
        ...
