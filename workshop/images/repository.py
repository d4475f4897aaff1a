"""One Git repository: a bare copy of what was fetched of it, and check-outs of its commits."""

from __future__ import annotations

import asyncio
import json
import re
import secrets
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

from workshop.engines.file_lock import FileLock
from workshop.errors import SourceError, SourceUnreachable
from workshop.images.checkouts import check_size, file_name, short_hash
from workshop.images.git import (
    FETCH_TIMEOUT,
    SHA,
    SHORT_SHA,
    RemoteRefs,
    is_local,
    list_refs,
    run_git,
)
from workshop.images.git_failure import GitFailed, explained, is_offline, no_space, unreachable
from workshop.images.large_files import lfs_pointers, lfs_reason, missing_content
from workshop.images.links import is_scp, redact
from workshop.images.submodules import GITLINK, Submodule, address_of, read_submodules
from workshop.model.events import LogLine
from workshop.ports.build import Report

FULL_BYTES = 1 << 20
"""A disk with less than this is full for a new repository."""
MOST_DEPTH = 10
"""Of submodules in submodules: a repository may name itself."""


@dataclass(frozen=True, slots=True)
class Found:
    """A ref, resolved."""

    commit: str
    ref: str = ""
    folder: str = ""
    newer: str = ""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CheckedOut:
    """What became of a commit's files."""

    notes: tuple[str, ...] = ()
    """What is not as it should be."""
    missing: tuple[str, ...] = ()
    """Files whose content Git LFS did not give: they may be there the next time."""


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
        fresh = self._memory.with_suffix(f".{secrets.token_hex(4)}.new")  # several programs may look at once
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

    async def check_out(self, commit: str, target: Path, *, report: Report, depth: int = 0) -> CheckedOut:
        """Write the files of a commit into a folder, submodules and LFS files included, `.git` left out.

        Args:
            depth: how many repositories are around this one, as their submodule.

        Raises:
            SourceError: it cannot be fetched, or is empty, or too large.
        """
        async with self._lock():
            await self._prepare()
            if not await self._has(commit):
                await self._fetch(commit, report)
            listing = await run_git(f"--git-dir={self._bare}", "ls-tree", "-r", "-l", "-z", commit)
            notes = self._check_content(commit, listing)
            target.mkdir(parents=True, exist_ok=True)
            tree = target / ".git"
            await self._in_tree(target, "init", "--quiet", "--template=", ".")
            (tree / "objects" / "info").mkdir(exist_ok=True)
            (tree / "objects" / "info" / "alternates").write_text(f"{self._bare.resolve() / 'objects'}\n")
            if (self._bare / "shallow").exists():
                shutil.copy(self._bare / "shallow", tree / "shallow")
            await self._in_tree(target, "checkout", "--quiet", "--force", "--detach", commit, report=report)
            await self._in_tree(target, "config", "remote.origin.url", redact(self.url))
            found = await self._large_files(target, report)
            submodules = await self._submodules(commit, listing)
        await asyncio.to_thread(_drop_git_folders, target)
        found = replace(found, notes=(*notes, *found.notes))
        for submodule in submodules:
            inside = await self._check_out_submodule(submodule, target, report, depth)
            missing = (f"{submodule.path}/{name}" for name in inside.missing)
            found = CheckedOut((*found.notes, *inside.notes), (*found.missing, *missing))
        return found

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
        await self._reaching(
            f"--git-dir={self._bare}", "fetch", "--progress", "--no-tags", "--force", "--no-write-fetch-head",
            *options, "--", redact(self.url), *refspecs,
            report=report,
        )  # fmt: skip

    async def _reaching(self, *arguments: str, tree: Path | None = None, report: Report | None) -> str:
        """A call that may ask the host, for as long as a fetch may take; in a checkout, where one is given.

        Raises:
            GitFailed: it ended with an error.
            SourceUnreachable: it did not end.
        """
        place = str(tree) if tree is not None else None
        try:
            return await run_git(*arguments, url=self.url, cwd=place, timeout=FETCH_TIMEOUT, on_line=_progress(report))
        except TimeoutError as error:
            raise unreachable(self.url, f"not fetched within {FETCH_TIMEOUT / 60:.0f} minutes") from error

    def _check_content(self, commit: str, listing: str) -> list[str]:
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
            return await self._reaching(*arguments, tree=tree, report=report)
        except GitFailed as error:
            raise explained(error, self.url) from error

    async def _large_files(self, tree: Path, report: Report) -> CheckedOut:
        """Fetch what Git LFS keeps. Without it a class may go on: a server's quota may be used up for the month."""
        pointers = await asyncio.to_thread(lfs_pointers, tree)
        if not pointers:
            return CheckedOut()
        try:
            await run_git("lfs", "version")
        except GitFailed:
            return _lacking(pointers, "git-lfs is not installed here")
        # The filters have to be known to this tree, or `lfs checkout` does nothing and calls that success.
        await self._in_tree(tree, "lfs", "install", "--local", "--skip-smudge", "--skip-repo")
        why = "the server did not have their content"
        try:
            await self._reaching("lfs", "fetch", "origin", "HEAD", tree=tree, report=report)
        except GitFailed as error:
            if is_offline(error) or "no space left" in error.output:
                raise explained(error, self.url) from error
            why = lfs_reason(error.output)
        await self._in_tree(tree, "lfs", "checkout", report=report)
        left = await asyncio.to_thread(lfs_pointers, tree)
        return _lacking(left, why) if left else CheckedOut()

    async def _submodules(self, commit: str, listing: str) -> tuple[Submodule, ...]:
        if f"{GITLINK} " not in listing:
            return ()
        wanted = r"^submodule\..*\.(path|url|update)$"
        try:
            settings = await run_git(
                f"--git-dir={self._bare}", "config", "--blob", f"{commit}:.gitmodules", "--null", "--get-regexp", wanted
            )
        except GitFailed:  # there is none, or it says nothing
            settings = ""
        return read_submodules(listing, settings)

    async def _check_out_submodule(self, submodule: Submodule, tree: Path, report: Report, depth: int) -> CheckedOut:
        """
        Raises:
            SourceError: it cannot be fetched, or from a place that a repository of another machine may not name.
        """
        place = tree / submodule.path
        if not submodule.url:
            return CheckedOut((f"The submodule {submodule.path} is left empty: .gitmodules does not say where it is.",))
        url = await self._address_of(submodule)
        if not is_local(self.url) and not _is_elsewhere(url):
            raise SourceError(
                f"The submodule {submodule.path} of {redact(self.url)} is at {redact(url)}, which is no web address.",
                hint="Mend .gitmodules: files of this machine are not fetched for a repository of another one.",
            )
        if depth == MOST_DEPTH or not place.resolve().is_relative_to(tree.resolve()):
            raise SourceError(f"The submodule {submodule.path} of {redact(self.url)} cannot be put into its place.")
        try:
            return await Repository(url, self._bare.parent).check_out(
                submodule.commit, place, report=report, depth=depth + 1
            )
        except SourceError as error:
            message = f"The submodule {submodule.path} of {redact(self.url)} cannot be fetched. {error.message}"
            raise type(error)(message, hint=error.hint, details=error.details) from error

    async def _address_of(self, submodule: Submodule) -> str:
        """Where its commit is: of a local repository, beside it if it was fetched there before."""
        if not is_local(self.url):
            return address_of(submodule.url, self.url)
        here = self.url.removeprefix("file://")
        beside = Path(here) / submodule.path
        if (beside / ".git").exists():
            try:
                await run_git("cat-file", "-e", f"{submodule.commit}^{{tree}}", cwd=str(beside))
                return str(beside)
            except GitFailed:
                pass  # an older one is there
        if not submodule.url.startswith("."):
            return submodule.url
        try:
            origin = (await run_git("config", "--get", "remote.origin.url", cwd=here)).strip()
        except GitFailed:
            origin = ""
        return address_of(submodule.url, origin or here)


def _is_elsewhere(url: str) -> bool:
    """An address of a host, by a protocol that only fetches."""
    return urlsplit(url).scheme in ("http", "https", "ssh", "git") or is_scp(url)


def _lacking(names: list[str], why: str) -> CheckedOut:
    return CheckedOut((missing_content(names, why),), tuple(names))


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
