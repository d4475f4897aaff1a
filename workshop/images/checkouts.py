"""Folders of ours that hold one commit (or one content) each: complete or not there at all."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import hashlib
import json
import os
import re
import secrets
import shutil
import time
from collections.abc import AsyncIterator, Iterable
from difflib import get_close_matches
from pathlib import Path

from workshop.engines.dead_programs import is_gone
from workshop.errors import SourceError
from workshop.images.git_failure import no_space
from workshop.model.amounts import format_size
from workshop.model.names import DEFINITION_FILES

KEEP_SECONDS = 30 * 86400
"""A checkout nobody used for so long is removed; it can be made again."""
MAX_BYTES = 8 * 1024**3
"""Larger repositories are refused: every seat would carry them."""
LARGE_BYTES = 1024**3
SKIPPED_NAMES = frozenset({".git", "__pycache__", ".ipynb_checkpoints", ".DS_Store", ".mypy_cache", ".pytest_cache"})


def file_name(text: str, *, length: int = 40) -> str:
    """Letters, digits and hyphens of a text, for the name of a file."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:length].strip("-") or "workshop"


def short_hash(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:8]


def check_size(size: int, what: str) -> str:
    """A note for a large repository, nothing for an ordinary one.

    Raises:
        SourceError: it is larger than seats should carry.
    """
    if size > MAX_BYTES:
        raise SourceError(
            f"{what} holds {format_size(size)} of files; more than {format_size(MAX_BYTES)} is not put into an image.",
            hint="Name the folder that is needed (`folder:`), and give large files under `data:`: "
            "they are fetched once and shared by all seats.",
        )
    if size > LARGE_BYTES:
        return f"The repository holds {format_size(size)} of files; `data:` shares large files between seats."
    return ""


class Checkouts:
    """The folder of checkouts: each a folder with `tree/` and `notes.json`, that appears by one rename."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def existing(self, key: str) -> tuple[Path, list[str]] | None:
        """The files of a checkout, and what was noted when it was made."""
        path = self._root / key
        if not (path / "tree").is_dir():
            return None
        os.utime(path)
        return path / "tree", json.loads((path / "notes.json").read_text(encoding="utf-8"))

    @contextlib.asynccontextmanager
    async def scratch(self) -> AsyncIterator[Path]:
        """A new `tree/` to be filled and published; if it is not published, it goes when the block ends.

        Raises:
            SourceError: the disk is full.
        """
        self._root.mkdir(parents=True, exist_ok=True)
        await asyncio.to_thread(self._clear)
        work = self._root / f".new-{os.getpid()}-{secrets.token_hex(4)}"
        tree = work / "tree"
        tree.mkdir(parents=True)
        try:
            yield tree
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise no_space(str(self._root)) from error
            raise
        finally:
            if work.exists():
                # Also where the block was cancelled: nothing half-made may stay.
                shutil.rmtree(work, ignore_errors=True)

    def publish(self, tree: Path, key: str, notes: Iterable[str] = ()) -> Path:
        """Give a filled `tree/` its name in one step; if another program was faster, its copy is as good."""
        (tree.parent / "notes.json").write_text(json.dumps(list(notes)), encoding="utf-8")
        path = self._root / key
        try:
            tree.parent.rename(path)
        except OSError as error:
            if error.errno not in (errno.EEXIST, errno.ENOTEMPTY):
                raise
            os.utime(path)
        return path / "tree"

    def _clear(self) -> None:
        """Remove what a killed program left half-made, and what was not used for long."""
        oldest = time.time() - KEEP_SECONDS
        for path in self._root.iterdir():
            try:
                stale = path.stat().st_mtime < oldest
            except FileNotFoundError:
                continue  # another program has just published or removed it
            if path.name.startswith(".new-"):
                stale = stale or is_gone(path.name.split("-")[1])
            if stale:
                shutil.rmtree(path, ignore_errors=True)


def copy_folder(source: Path, target: Path) -> str:
    """Copy a plain folder and return the digest of what was copied.

    Caches, virtual environments, `.git` and the workshop's definition stay out.

    Raises:
        SourceError: it is empty or too large.
    """
    digest = hashlib.sha256()
    total = files = 0
    definitions = []
    for folder, names, entries in os.walk(source):
        here = Path(folder)
        names[:] = sorted(
            name for name in names if name not in SKIPPED_NAMES and not (here / name / "pyvenv.cfg").exists()
        )
        place = target / here.relative_to(source)
        place.mkdir(exist_ok=True)
        for name in sorted(entries) + [name for name in names if (here / name).is_symlink()]:
            path = here / name
            if name in SKIPPED_NAMES or not (path.is_symlink() or path.is_file()):
                continue
            total += path.lstat().st_size
            check_size(total, str(source))
            if here == source and name in DEFINITION_FILES:
                definitions.append(path)
                continue  # no part of an image: another number of seats is no other content
            files += 1
            digest.update(f"{path.relative_to(source)}\0".encode())
            digest.update(_copy_one(path, place / name))
        names[:] = [name for name in names if not (here / name).is_symlink()]
    if not files:
        for path in definitions:  # all there is: of a workshop with a finished image, say
            _copy_one(path, target / path.name)
    if not files and not definitions:
        raise SourceError(f"The folder {source} is empty.", hint="Put a notebook into it, or name another folder.")
    return digest.hexdigest()[:40]


def _copy_one(source: Path, target: Path) -> bytes:
    if source.is_symlink():
        link = os.readlink(source)
        os.symlink(link, target)
        return b"link" + link.encode()
    shutil.copy2(source, target)
    executable = os.access(source, os.X_OK)
    target.chmod(0o755 if executable else 0o644)
    with open(target, "rb") as file:
        return (b"x" if executable else b"-") + hashlib.file_digest(file, "sha256").digest()


def folder_inside(tree: Path, folder: str, shown: str) -> Path:
    """A folder of a checkout.

    Raises:
        SourceError: it is not there, or leads out of the repository.
    """
    path = tree / folder
    inside = path.resolve().is_relative_to(tree.resolve())
    if inside and path.is_dir():
        return path
    if not inside:
        raise SourceError(f"The folder {folder} leads out of {shown}.", hint="Name a folder of the repository.")
    if path.is_file():
        raise SourceError(f"{folder} is a file of {shown}, not a folder.", hint=f"Write `open: {folder}` for a file.")
    near = _nearest_folders(tree, folder)
    raise SourceError(f"{shown} has no folder {folder}.", hint=f"It has: {', '.join(near)}." if near else "")


def _nearest_folders(tree: Path, folder: str) -> list[str]:
    names = []
    for here, below, _ in os.walk(tree):
        below[:] = [name for name in below if not name.startswith(".")]
        names += [str((Path(here) / name).relative_to(tree)) for name in below]
        if len(names) > 2000:
            break
    return get_close_matches(folder, names, n=3, cutoff=0.5) or sorted(name for name in names if "/" not in name)[:5]
