"""Brings one commit of a repository to this machine, and says what its files ask for."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from workshop.errors import SourceError
from workshop.images.checkouts import Checkouts, copy_folder, file_name, folder_inside, short_hash
from workshop.images.detect import detect
from workshop.images.git import SHA, list_refs
from workshop.images.links import Content, Link, parse_link, redact
from workshop.images.local_folder import LocalFolder, look_at_folder, not_committed
from workshop.images.repository import CheckedOut, Found, Repository
from workshop.model.events import StepFinished, StepStarted
from workshop.model.image import Detected, Source
from workshop.ports.build import Report

if TYPE_CHECKING:
    from workshop.images.doi import DoiClient


class GitSources:
    """Git repositories, DOIs and plain folders, kept below one cache folder.

    Args:
        cache_dir: ours alone; may be deleted at any time.
        dois: how DOIs are resolved; another one for tests.
    """

    def __init__(self, cache_dir: Path, *, dois: DoiClient | None = None) -> None:
        self._cache = cache_dir
        self._checkouts = Checkouts(cache_dir / "checkouts")
        self._dois = dois

    async def resolve(
        self, repository: str, *, ref: str = "", folder: str = "", report: Report, pinned: str = ""
    ) -> Source:
        """Resolve branch, tag or commit, and check that commit out into a folder of ours.

        Args:
            repository: anything `links.parse_link` reads; what it says of ref and folder gives way to `ref`, `folder`.
            pinned: a commit to be taken although the ref may have moved; if it has, `newer` names its commit.

        Raises:
            SourceError: no repository there, no such branch, no such folder, no right to read it.
        """
        link = parse_link(repository)
        link = replace(link, ref=ref or link.ref, folder=(folder or link.folder).strip("/"))
        if link.is_doi:
            source = await self._from_doi(link, report)
        elif link.is_local:
            source = await self._from_folder(link, await look_at_folder(link.repository), report, pinned=pinned)
        else:
            source = await self._from_git(link, report, pinned=pinned)
        return source

    def detect(self, source: Source) -> Detected:
        """What the repository's files ask for.

        Raises:
            SourceError: the files contradict each other (both `binder/` and `.binder/`, say).
        """
        return detect(Path(source.folder))

    async def newer(self, repository: str, ref: str, commit: str) -> str:
        """The commit that the ref names now, if it is not `commit`; empty for no change.

        Raises:
            SourceError: the repository cannot be asked.
        """
        link = parse_link(repository)
        if link.is_doi or SHA.fullmatch(ref or link.ref):
            return ""
        url = link.repository
        if link.is_local:
            local = await look_at_folder(link.repository)
            if local.top is None:
                return ""
            url = str(local.top)
        now = (await list_refs(url)).commit(ref or link.ref)
        return now if now != commit else ""

    async def _from_folder(self, link: Link, local: LocalFolder, report: Report, *, pinned: str = "") -> Source:
        if local.top is None:
            return await self._from_plain_folder(link, local.path)
        inside = "/".join(part for part in (local.inside, link.folder) if part)
        source = await self._from_git(replace(link, repository=str(local.top), folder=inside), report, pinned=pinned)
        if local.changed and source.commit == (await list_refs(str(local.top))).commit(""):
            source = replace(source, dirty=True, notes=(not_committed(local.changed), *source.notes))
        return source

    async def _from_plain_folder(self, link: Link, path: Path) -> Source:
        if link.ref:
            raise SourceError(
                f"{path} is no Git repository: it has no branch {link.ref}.", hint="Leave the branch out."
            )
        folder = folder_inside(path, link.folder, str(path))
        async with self._checkouts.scratch() as tree:
            digest = await asyncio.to_thread(copy_folder, folder, tree)
            checkout = self._checkouts.publish(tree, f"{file_name(path.name)}-{digest[:16]}")
        return Source(
            repository=str(path),
            commit=f"folder-{digest}",
            folder=str(checkout),
            subfolder=link.folder,
            notes=("The folder is no Git repository: its files are used as they are now.",),
        )

    async def _from_doi(self, link: Link, report: Report) -> Source:
        from workshop.images.doi import DoiClient  # httpx: a Git repository does without

        dois = self._dois or DoiClient()
        record = await dois.find(link.repository)
        key = f"{file_name(link.repository)}-{record.digest[:16]}"
        if (kept := self._checkouts.existing(key)) is not None:
            checkout = kept[0]
        else:
            started = time.monotonic()
            report(StepStarted("fetch", f"downloading {record.title or link.repository}"))
            async with self._checkouts.scratch() as tree:
                await dois.download(record, tree, report=report)
                checkout = self._checkouts.publish(tree, key)
            report(StepFinished("fetch", "downloaded", time.monotonic() - started))
        return Source(
            repository=link.repository,
            commit=f"folder-{record.digest}",
            folder=str(folder_inside(checkout, link.folder, link.repository)),
            subfolder=link.folder,
            notes=record.notes,
        )

    async def _from_git(self, link: Link, report: Report, *, pinned: str = "") -> Source:
        repository = Repository(link.repository, self._cache / "git")
        found = await repository.resolve(link.ref, link.folder, pinned=pinned)
        content = await self._resolve_content(link.content) if link.content else None
        key = f"{file_name(link.name)}-{found.commit[:12]}-{short_hash(link.shown, content.name if content else '')}"
        contents = (content.name,) if content else ()
        if (kept := self._checkouts.existing(key)) is not None:
            checkout, notes = kept
        else:
            started = time.monotonic()
            report(StepStarted("fetch", f"fetching commit {found.commit[:12]}"))
            async with self._checkouts.scratch() as tree:
                written = await repository.check_out(found.commit, tree, report=report)
                missing, notes = written.missing, list(written.notes)
                if content:
                    more = await content.check_out(tree, report)
                    missing, notes = (*missing, *more.missing), [*notes, *more.notes]
                if missing:
                    # Another checkout, and another image: with the whole one, the files are asked for again.
                    lack = f"without {short_hash(*missing)}"
                    key, contents = f"{key}-{file_name(lack)}", (*contents, lack)
                checkout = self._checkouts.publish(tree, key, notes)
            report(StepFinished("fetch", "fetched", time.monotonic() - started))
        return Source(
            repository=link.shown,
            commit=found.commit,
            folder=str(folder_inside(checkout, found.folder, link.shown)),
            ref=found.ref,
            newer=found.newer,
            subfolder=found.folder,
            content=contents,
            notes=tuple(dict.fromkeys([*found.notes, *notes])),
        )

    async def _resolve_content(self, content: Content) -> _SecondRepository:
        link = parse_link(content.repository)
        repository = Repository(link.repository, self._cache / "git")
        found = await repository.resolve(content.ref or link.ref)
        return _SecondRepository(repository, found, content.target)


@dataclass(frozen=True, slots=True)
class _SecondRepository:
    """nbgitpuller's repository, put into the first one's checkout so that seats need not fetch it."""

    repository: Repository
    found: Found
    target: str

    @property
    def name(self) -> str:
        return f"{redact(self.repository.url)}@{self.found.commit}"

    async def check_out(self, tree: Path, report: Report) -> CheckedOut:
        place = tree / self.target
        if not place.resolve().is_relative_to(tree.resolve()):
            raise SourceError(f"The link's target folder {self.target} leads out of the home folder.")
        return await self.repository.check_out(self.found.commit, place, report=report)
