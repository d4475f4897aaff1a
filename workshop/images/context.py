"""The folder that a builder reads: the repository's files by hard link, our tools, the Dockerfile."""

from __future__ import annotations

import asyncio
import contextlib
import os
import platform
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workshop.engines.dead_programs import own_prefix, remove_what_the_dead_left
from workshop.errors import BuildFailed
from workshop.images.dockerfile import Recipe
from workshop.model.names import DEFINITION_FILES
from workshop.ports.build import BuildRequest

PREFIX = "workshop-build-"
IGNORE_FILES = (".dockerignore", ".containerignore")
ALWAYS_IGNORED = (*DEFINITION_FILES, ".git")
"""The definition holds what participants should not read (a PIN); Git's folder may hold credentials."""


@dataclass(frozen=True, slots=True)
class Context:
    """What a builder is given."""

    folder: Path
    dockerfile: Path


@contextlib.asynccontextmanager
async def build_context(
    request: BuildRequest, recipe: Recipe, *, uv: Path | None, work_dir: Path | None
) -> AsyncIterator[Context]:
    """Make the context's folder, and remove it whatever happens.

    Args:
        uv: the program to be put beside the tools.
        work_dir: where to make it; best on the file system of the checkouts, whose files are then not copied.
    """
    if work_dir is not None:
        work_dir.mkdir(parents=True, exist_ok=True)
        await asyncio.to_thread(remove_what_the_dead_left, work_dir, PREFIX)
    root = Path(tempfile.mkdtemp(prefix=own_prefix(PREFIX, os.getpid()), dir=work_dir))
    try:
        yield await asyncio.to_thread(_fill, root, request, recipe, uv)
    finally:
        # Not in a thread: a cancelled build waits for it too.
        shutil.rmtree(root, ignore_errors=True)


def _fill(root: Path, request: BuildRequest, recipe: Recipe, uv: Path | None) -> Context:
    source = Path(request.source.folder)
    context = root / "context"
    if recipe.repo2docker:
        dockerfile = context / "Dockerfile"
        link_tree(source, context)
        for name in DEFINITION_FILES:
            (context / name).unlink(missing_ok=True)
        return Context(context, dockerfile)
    if recipe.own_dockerfile:
        # Beside the context, not in it: the repository's own files stay as they are.
        dockerfile = root / "Dockerfile"
        link_tree(source, context)
        _ignore(source, "", context / ".dockerignore", prefix="")
    else:
        dockerfile = context / "Dockerfile"
        context.mkdir()
        link_tree(source, context / "repo")
        _ignore(source, request.detected.binder_dir, context / ".dockerignore", prefix="repo/")
        for name, content in recipe.files.items():
            path = context / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
            path.chmod(0o644)
        if uv is not None and recipe.uses_uv:
            link_file(uv, context / "tool" / "uv")
    dockerfile.write_text(recipe.dockerfile, encoding="utf-8")
    return Context(context, dockerfile)


def link_tree(source: Path, target: Path) -> None:
    """The same tree under another name, without copying where the file system can link."""
    shutil.copytree(source, target, symlinks=True, copy_function=lambda a, b: link_file(Path(a), Path(b)))


def link_file(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:
        # Another file system, or one that has no hard links.
        shutil.copy2(source, target)


def _ignore(source: Path, binder_dir: str, target: Path, *, prefix: str) -> None:
    """The repository's ignore file with its patterns moved to where its files are in the context."""
    lines = _patterns(source, binder_dir, prefix)
    lines += [f"{prefix}{name}" for name in ALWAYS_IGNORED] if prefix else []
    if lines:
        # A new file: the old one is the same inode as the checkout's.
        target.unlink(missing_ok=True)
        target.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _patterns(source: Path, binder_dir: str, prefix: str) -> list[str]:
    """The patterns of the repository's ignore file, each with `prefix` before its path."""
    names = [Path(binder_dir) / name for name in IGNORE_FILES]
    found = next((source / name for name in names if (source / name).is_file()), None)
    if found is None:
        return []
    return [moved for line in found.read_text("utf-8", "replace").splitlines() if (moved := _moved(line, prefix))]


def kept_out(source: Path, binder_dir: str) -> Callable[[str], bool]:
    """Tells by its path whether a file of a repository is in no image that our recipe makes of it."""
    from docker.utils.build import PatternMatcher  # the engine's own rules

    matcher: Any = PatternMatcher([*_patterns(source, binder_dir, ""), *ALWAYS_IGNORED])
    return lambda path: bool(matcher.matches(path))


def _moved(line: str, prefix: str) -> str:
    pattern = line.strip()
    if not pattern or pattern.startswith("#"):
        return ""
    sign = "!" if pattern.startswith("!") else ""
    return f"{sign}{prefix}{pattern.removeprefix('!').strip().lstrip('/')}"


def uv_program(architecture: str) -> Path | None:
    """The uv of this machine, if it runs on an engine of this architecture; else the image fetches its own.

    Raises:
        BuildFailed: there is no uv here.
    """
    if platform.system() != "Linux" or _machine(platform.machine()) != _machine(architecture):
        return None
    return local_uv()


def local_uv() -> Path:
    """
    Raises:
        BuildFailed: there is no uv here.
    """
    import uv

    try:
        return Path(uv.find_uv_bin())
    except FileNotFoundError:
        found = shutil.which("uv")
        if found is None:
            raise BuildFailed(
                "uv, which installs the packages, is not on this machine.", hint="Install it: `pip install uv`."
            ) from None
        return Path(found)


def _machine(name: str) -> str:
    return {"amd64": "x86_64", "arm64": "aarch64"}.get(name.lower(), name.lower())
