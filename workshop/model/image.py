"""What a workshop's repository is built into, and the way there."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Source:
    """A repository at one commit, checked out in a folder of ours."""

    repository: str
    """Where it came from, as shown to people and put in labels: never with credentials."""
    commit: str
    """The 40-digit commit, or `dirty-…` / `folder-…` with a digest of the content where there is no commit."""
    folder: str
    """The checkout on this machine (the sub-folder is applied already)."""
    ref: str = ""
    dirty: bool = False
    """A local folder with changes that are not committed: they are not built."""
    newer: str = ""
    """A commit that the ref has moved to since; shown, never taken."""
    subfolder: str = ""
    """The folder of the repository that is used as if it were the whole."""
    content: tuple[str, ...] = ()
    """`repository@commit` of what was put into the checkout from other repositories."""
    notes: tuple[str, ...] = ()

    @property
    def place(self) -> str:
        """Which of the repository's branches and folders this is: `main#lessons`."""
        return f"{self.ref}#{self.subfolder}"


@dataclass(frozen=True, slots=True)
class Detected:
    """What a repository's files ask for, by Binder's conventions."""

    kind: str
    """`python`, `dockerfile`, `conda`, `r`, `julia`, `nix` or `plain` (nothing found)."""
    binder_dir: str = ""
    """`binder`, `.binder` or empty for the root."""
    python: str = ""
    """The wanted `x.y`; empty for any."""
    python_range: str = ""
    """The versions that a package allows (`>=3.9`), where no single one is wanted."""
    files: tuple[str, ...] = ()
    """The files that take part, relative to the repository."""
    ignored: tuple[str, ...] = ()
    """Files that another one silences."""
    apt: tuple[str, ...] = ()
    post_build: str = ""
    start: str = ""
    installer: str = ""
    """What installs the dependencies: `requirements`, `project`, `project-dependencies`, `pipfile`, `pipfile-lock`,
    `uv-lock`, `pylock`, `conda`, `none`."""
    after_code: bool = False
    """The dependencies name files of the repository, so they are installed after its code is there."""
    several_indexes: bool = False
    """The requirements name a package index beside the first."""
    tools: tuple[str, ...] = ()
    """Debian packages that installing needs and the base may lack (`git` for `git+https://…`)."""
    notebooks: tuple[str, ...] = ()
    unpinned: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def sentence(self) -> str:
        """`requirements.txt and apt.txt in binder/; Python 3.12; postBuild runs`."""
        where = f" in {self.binder_dir}/" if self.binder_dir else ""
        names = [name.removeprefix(f"{self.binder_dir}/") if self.binder_dir else name for name in self.files]
        if not names:
            first = "no environment file: plain Jupyter"
        elif len(names) == 1:
            first = names[0] + where
        else:
            first = ", ".join(names[:-1]) + " and " + names[-1] + where
        parts = [first]
        if self.python:
            parts.append(f"Python {self.python}")
        if self.post_build:
            parts.append("postBuild runs")
        if self.start:
            parts.append("start runs")
        return "; ".join(parts)


@dataclass(frozen=True, slots=True)
class ImageSettings:
    """What this machine gives a build: from flags, environment, definition or configuration."""

    base: str = "python:3.12-slim"
    index_url: str = ""
    extra_index_url: str = ""
    ca_bundle: str = ""
    """A file of certificates to be trusted during the build and in the seats."""
    apt_mirror: str = ""
    no_cache: bool = False


@dataclass(frozen=True, slots=True)
class Image:
    """Something seats can start from."""

    reference: str
    """A name people can read: `workshop/python-basics:3f2a1b9-9c8d7e6f`."""
    digest: str
    """What seats are started from: `sha256:…`, or an environment's folder for the process runtime."""
    commit: str
    recipe: str
    """A hash of everything but the commit that the image depends on."""
    runtime: str
    cached: bool = False
    seconds: float = 0.0
    size_bytes: int = 0
    shared_bytes: int = 0
    """How much of `size_bytes` is in layers that other images of ours have as well."""
    created: datetime | None = None
    workshop: str = ""
    repository: str = ""
    ui: str = ""
    """What students see in seats of it; empty where an older build did not write it down."""
    place: str = ""
    """`Source.place`; empty where it was not written down."""
    kind: str = ""
    """`Detected.kind` of its repository; empty where it was not written down."""
    imported: bool = False
    """It came to this machine in a file."""
    last_used: datetime | None = None
    """When a classroom was last opened with it."""
    packages: tuple[str, ...] = ()
    """`name==version` of what is installed: known after a build; one that is only found again is not looked into."""
    notes: tuple[str, ...] = ()
