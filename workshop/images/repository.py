"""One Git repository: a bare copy of what was fetched of it, and check-outs of its commits."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from workshop.engines.file_lock import FileLock
from workshop.errors import SourceError, SourceUnreachable
from workshop.images.checkouts import check_size, file_name, short_hash
from workshop.images.git import (
    FETCH_TIMEOUT,
    SHA,
    SHORT_SHA,
    RemoteRefs,
    list_refs,
    run_git,
)
from workshop.images.git_failure import GitFailed, explained, no_space, unreachable
from workshop.images.links import redact
from workshop.model.events import LogLine
from workshop.ports.build import Report

FULL_BYTES = 1 << 20
"""A disk with less than this is full for a new repository."""
POINTER = b"version https://git-lfs.github.com/spec/"


@dataclass(frozen=True, slots=True)
class Found:
    """A ref, resolved."""

    commit: str
    ref: str = ""
    folder: str = ""
    newer: str = ""
    notes: tuple[str, ...] = ()


class Repository:
    """Args: url with the user's credentials if he gave any; cache is the folder of all bare copies."""

    def __init__(self, url: str, cache: Path) -> None:
        self.url = url
        shown = redact(url)
        self._bare = cache / f"{file_name(shown.rpartition('/')[2])}-{short_hash(shown)}.git"
        self._memory = self._bare.with_suffix(".json")

    async def resolve(self, ref: str, folder: str = "", *, pinned: str = "") -> Found:
        """The commit of a ref. Where the host does not answer, what it said last time.

        Args:
            folder: may begin with the rest of a branch's name, when both come from a web link.
            pinned: take this commit; `newer` then tells whether the ref has moved on.

        Raises:
            SourceError: no repository, no such ref.
        """
        try:
            refs = await list_refs(self.url, also=ref)
        except SourceUnreachable as error:
            return self._remembered(ref, folder, pinned, error)
        found = self._choose(refs, ref, folder)
        if found is None and SHORT_SHA.fullmatch(ref):
            found = Found(await self._any_commit(ref), ref, folder)
        if found is None:
            raise self._no_such(ref, refs)
        if pinned and pinned != found.commit:
            found = replace(found, commit=pinned, newer=found.commit)
        self._remember(ref, found)
        return found

    def _choose(self, refs: RemoteRefs, ref: str, folder: str) -> Found | None:
        if not refs.refs:
            raise SourceError(
                f"The repository {redact(self.url)} is empty: it has no commits yet.",
                hint="Commit (and push) the notebooks first.",
            )
        if SHA.fullmatch(ref):
            return Found(ref, ref, folder)
        words = folder.split("/") if folder else []
        for taken in range(len(words) + 1):
            name = "/".join([ref, *words[:taken]])
            commit = refs.commit(name)
            if commit and (ref or not taken):
                return Found(commit, name, "/".join(words[taken:]))
        return None

    def _no_such(self, ref: str, refs: RemoteRefs) -> SourceError:
        if not ref:
            near = ", ".join(refs.nearest(""))
            return SourceError(f"{redact(self.url)} has no default branch.", hint=f"Name one of its branches: {near}.")
        near = ", ".join(refs.nearest(ref))
        return SourceError(
            f"{redact(self.url)} has no branch, tag or commit {ref}.",
            hint=f"It has: {near}." if near else "",
        )

    def _remember(self, ref: str, found: Found) -> None:
        memory = self._read_memory()
        memory[ref] = {"commit": found.newer or found.commit, "ref": found.ref, "folder": found.folder}
        self._memory.parent.mkdir(parents=True, exist_ok=True)
        fresh = self._memory.with_suffix(".new")
        fresh.write_text(json.dumps(memory, indent=1), encoding="utf-8")
        fresh.replace(self._memory)

    def _read_memory(self) -> dict[str, dict[str, str]]:
        try:
            memory = json.loads(self._memory.read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):
            return {}
        return memory if isinstance(memory, dict) else {}

    def _remembered(self, ref: str, folder: str, pinned: str, error: SourceUnreachable) -> Found:
        if pinned or SHA.fullmatch(ref):
            return Found(pinned or ref, ref, folder)
        entry = self._read_memory().get(ref)
        if entry is None:
            raise error
        note = f"{error.message} The commit it had last time is used."
        return Found(entry["commit"], entry["ref"], folder if folder else entry["folder"], notes=(note,))

    async def _any_commit(self, ref: str) -> str:
        """The full form of an abbreviated commit that no branch or tag points at; empty if there is none."""
        async with self._lock():
            await self._prepare()
            await self._fetch_all()
            try:
                output = await run_git(f"--git-dir={self._bare}", "rev-parse", "--verify", f"{ref}^{{commit}}")
            except GitFailed as error:
                raise self._no_such(ref, await list_refs(self.url)) from error
        return output.strip()

    async def check_out(self, commit: str, target: Path, *, report: Report) -> list[str]:
        """Write the files of a commit into a folder, submodules and LFS files included, `.git` left out.

        Returns:
            Notes about what is not as it should be.

        Raises:
            SourceError: it cannot be fetched, or is empty, or too large.
        """
        async with self._lock():
            await self._prepare()
            if not await self._has(commit):
                await self._fetch(commit, report)
            notes = await self._check_content(commit)
            target.mkdir(parents=True, exist_ok=True)
            tree = target / ".git"
            await self._in_tree(target, "init", "--quiet", "--template=", ".")
            (tree / "objects" / "info").mkdir(exist_ok=True)
            (tree / "objects" / "info" / "alternates").write_text(f"{self._bare.resolve() / 'objects'}\n")
            if (self._bare / "shallow").exists():
                shutil.copy(self._bare / "shallow", tree / "shallow")
            await self._in_tree(target, "checkout", "--quiet", "--force", "--detach", commit, report=report)
            await self._in_tree(target, "config", "remote.origin.url", redact(self.url))
            notes += await self._large_files(target, report)
            notes += await self._submodules(target, report)
        await asyncio.to_thread(_drop_git_folders, target)
        return notes

    def _lock(self) -> FileLock:
        return FileLock(self._bare.with_suffix(".lock"))

    async def _prepare(self) -> None:
        """The copy is there, whole, and free: whatever a program or machine that died left half-made is not used."""
        if await self._is_repository():
            # Git itself removes these when it is ended, but not when it is killed. The lock of this copy is held,
            # and a git whose program is gone ends with the next line that it prints.
            for left in self._bare.rglob("*.lock"):
                left.unlink(missing_ok=True)
            return
        fresh = self._bare.with_suffix(".half")
        for path in (self._bare, fresh):
            if path.exists():
                await asyncio.to_thread(shutil.rmtree, path)
        try:
            await run_git("init", "--quiet", "--bare", "--template=", str(fresh))
        except GitFailed as error:
            # Not always said in words: git names the file that it could not write.
            if shutil.disk_usage(self._bare.parent).free < FULL_BYTES:
                raise no_space(str(self._bare.parent)) from error
            raise explained(error, self.url) from error
        fresh.rename(self._bare)

    async def _is_repository(self) -> bool:
        if not self._bare.exists():
            return False
        try:
            await run_git(f"--git-dir={self._bare}", "rev-parse", "--is-bare-repository")
        except GitFailed:
            return False
        return True

    async def _has(self, commit: str) -> bool:
        try:
            await run_git(f"--git-dir={self._bare}", "cat-file", "-e", f"{commit}^{{tree}}")
        except GitFailed:
            return False
        return True

    async def _fetch(self, commit: str, report: Report) -> None:
        """Fetch one commit alone; from servers that allow only tips to be asked for, everything."""
        wanted = f"+{commit}:refs/commits/{commit}"
        try:
            await self._fetch_from("--depth=1", refspecs=(wanted,), report=report)
            return
        except GitFailed as error:
            failure = explained(error, self.url)
            if isinstance(failure, SourceUnreachable) or "No space left" in error.output:
                raise failure from error
        await self._fetch_all(report)
        if not await self._has(commit):
            raise SourceUnreachable(
                f"{redact(self.url)} has no commit {commit[:12]}.",
                hint="It may have been pushed away: name a branch, or a commit that is still there.",
            )

    async def _fetch_all(self, report: Report | None = None) -> None:
        options = ("--unshallow",) if (self._bare / "shallow").exists() else ()
        refspecs = ("+refs/heads/*:refs/remotes/origin/*", "+refs/tags/*:refs/tags/*")
        try:
            await self._fetch_from(*options, refspecs=refspecs, report=report)
        except GitFailed as error:
            raise explained(error, self.url) from error

    async def _fetch_from(self, *options: str, refspecs: tuple[str, ...], report: Report | None) -> None:
        try:
            await run_git(
                f"--git-dir={self._bare}", "fetch", "--progress", "--no-tags", "--force", "--no-write-fetch-head",
                *options, "--", redact(self.url), *refspecs,
                url=self.url, timeout=FETCH_TIMEOUT, on_line=_progress(report),
            )  # fmt: skip
        except TimeoutError as error:
            raise unreachable(self.url, f"not fetched within {FETCH_TIMEOUT / 60:.0f} minutes") from error

    async def _check_content(self, commit: str) -> list[str]:
        listing = await run_git(f"--git-dir={self._bare}", "ls-tree", "-r", "-l", "-z", commit)
        sizes = [entry.split("\t")[0].split()[-1] for entry in listing.split("\0") if entry]
        if not sizes:
            raise SourceError(
                f"The repository {redact(self.url)} is empty at commit {commit[:12]}.",
                hint="Commit (and push) the notebooks, or name another branch.",
            )
        note = check_size(sum(int(size) for size in sizes if size.isdigit()), redact(self.url))
        return [note] if note else []

    async def _in_tree(self, tree: Path, *arguments: str, report: Report | None = None) -> str:
        try:
            return await run_git(
                *arguments, url=self.url, cwd=str(tree), timeout=FETCH_TIMEOUT, on_line=_progress(report)
            )
        except GitFailed as error:
            raise explained(error, self.url) from error
        except TimeoutError as error:
            raise unreachable(self.url, f"not fetched within {FETCH_TIMEOUT / 60:.0f} minutes") from error

    async def _large_files(self, tree: Path, report: Report) -> list[str]:
        pointers = await asyncio.to_thread(_lfs_pointers, tree)
        if not pointers:
            return []
        try:
            await run_git("lfs", "version")
        except GitFailed:
            return [f"{_counted(pointers)} only as Git LFS pointers, because git-lfs is not installed here."]
        # The filters have to be known to this tree, or `lfs checkout` does nothing and calls that success.
        await self._in_tree(tree, "lfs", "install", "--local", "--skip-smudge", "--skip-repo")
        await self._in_tree(tree, "lfs", "fetch", "origin", "HEAD", report=report)
        await self._in_tree(tree, "lfs", "checkout", report=report)
        left = await asyncio.to_thread(_lfs_pointers, tree)
        return [f"{_counted(left)} only as Git LFS pointers: the server did not have their content."] if left else []

    async def _submodules(self, tree: Path, report: Report) -> list[str]:
        if not (tree / ".gitmodules").is_file():
            return []
        update = ("submodule", "update", "--init", "--recursive", "--force")
        try:
            try:
                await self._in_tree(tree, *update, "--depth=1", report=report)
            except SourceUnreachable:
                raise
            except SourceError:
                await self._in_tree(tree, *update, report=report)
        except SourceError as error:
            raise SourceError(
                f"A submodule of {redact(self.url)} cannot be fetched.",
                hint="Submodules are read with your own git credentials; their addresses are in .gitmodules.",
                details=error.details or (error.message,),
            ) from error
        return []


def _counted(names: list[str]) -> str:
    shown = ", ".join(names[:3]) + (", …" if len(names) > 3 else "")
    return f"{len(names)} file{'s are' if len(names) > 1 else ' is'} there ({shown})"


def _lfs_pointers(tree: Path) -> list[str]:
    found = []
    for folder, names, files in os.walk(tree):
        names[:] = [name for name in names if name != ".git"]
        for name in files:
            path = Path(folder) / name
            if path.is_symlink() or not path.is_file() or path.stat().st_size > 1024:
                continue
            with open(path, "rb") as file:
                if file.read(len(POINTER)) == POINTER:
                    found.append(str(path.relative_to(tree)))
    return sorted(found)


def _drop_git_folders(tree: Path) -> None:
    for path in sorted(tree.rglob(".git")):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


_OF_GIT_ALONE = re.compile(r"From |remote: (?:Enumerating|Total) | \* \[new ref\]")
"""Lines that say nothing to somebody who fetches one commit."""


def _progress(report: Report | None) -> Callable[[str], None] | None:
    """Passes git's progress on, but of its thousand percentages only each tenth."""
    if report is None:
        return None
    seen: set[str] = set()

    def take(line: str) -> None:
        words, percent, _ = line.partition("%")
        key = words[:-1] if percent else line
        if line.strip() and key not in seen and not _OF_GIT_ALONE.match(line):
            seen.add(key)
            report(LogLine(line.rstrip(), "fetch"))

    return take
