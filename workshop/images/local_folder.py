"""A folder of this machine as a source: which repository it belongs to and what of it is not committed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from workshop.errors import SourceError
from workshop.images.git import run_git
from workshop.images.git_failure import GitFailed, explained
from workshop.model.names import DEFINITION_FILES


@dataclass(frozen=True, slots=True)
class LocalFolder:
    """A folder, and the repository around it if there is one that tracks it."""

    path: Path
    top: Path | None = None
    inside: str = ""
    """The folder's path inside the repository."""
    changed: tuple[str, ...] = ()
    """Files with changes that are not committed, relative to the folder."""


async def look_at_folder(text: str) -> LocalFolder:
    """Find out what a path is.

    Raises:
        SourceError: there is no such folder, or it may not be read.
    """
    path = Path(text).expanduser()
    try:
        path = path.resolve(strict=True)
        is_folder = path.is_dir()
    except OSError as error:
        raise SourceError(
            f"There is no folder {text}." if isinstance(error, FileNotFoundError) else f"{text} may not be read.",
            hint="Name a folder, a Git URL or a mybinder.org link.",
        ) from error
    if not is_folder:
        raise SourceError(f"{text} is a file.", hint=f"Name its folder: {path.parent}")
    try:
        output = await run_git("rev-parse", "--is-bare-repository", "--show-prefix", "--show-cdup", cwd=str(path))
    except GitFailed as error:
        if "dubious ownership" in error.output:
            raise explained(error, str(path)) from error
        return LocalFolder(path)
    except SourceError:
        return LocalFolder(path)
    bare, *rest = output.split("\n")
    if bare == "true":
        return LocalFolder(path, top=path)
    prefix = rest[0].rstrip("/") if rest else ""
    top = path
    for _ in Path(prefix).parts:
        top = top.parent
    if not await _is_tracked(top, prefix):
        return LocalFolder(path)
    return LocalFolder(path, top, prefix, await _changes(path, prefix))


async def _is_tracked(top: Path, prefix: str) -> bool:
    """Whether the repository has the folder at HEAD, or is just too young to have anything."""
    if not prefix:
        return True
    try:
        return bool((await run_git("ls-tree", "HEAD", "--", prefix, cwd=str(top))).strip())
    except GitFailed:
        return False


async def _changes(path: Path, prefix: str) -> tuple[str, ...]:
    output = await run_git("status", "--porcelain=v1", "-z", "--untracked-files=normal", "--", ".", cwd=str(path))
    entries = iter(output.split("\0"))
    names = []
    for entry in entries:
        if len(entry) < 4:
            continue
        if entry[0] in "RC":
            next(entries, None)
        name = entry[3:].removeprefix(f"{prefix}/" if prefix else "")
        if name not in DEFINITION_FILES:  # no part of the image: one just written does not make its folder dirty
            names.append(name)
    return tuple(names)


def not_committed(names: tuple[str, ...]) -> str:
    """The sentence for a dirty folder."""
    first = ", ".join(names[:5])
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return f"Changes that are not committed are not in the image: {first}{more}."
