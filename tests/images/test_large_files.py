"""Files that Git LFS keeps: fetched, or said to be missing and asked for again the next time."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.support.git_repository import Commit, Write, git
from tests.support.git_server import PASSWORD, USER, GitServer
from workshop.images.large_files import lfs_reason
from workshop.images.sources import GitSources
from workshop.model.image import Source
from workshop.ports.build import ignore_events

CONTENT = "large"
OID = hashlib.sha256(CONTENT.encode()).hexdigest()
POINTER = f"version https://git-lfs.github.com/spec/v1\noid sha256:{OID}\nsize {len(CONTENT)}\n"

needs_lfs = pytest.mark.skipif(shutil.which("git-lfs") is None, reason="git-lfs is not installed")


@pytest.fixture
def sources(tmp_path: Path) -> GitSources:
    return GitSources(tmp_path / "cache")


@pytest.fixture
def repo(commit: Commit, tmp_path: Path) -> Path:
    """A repository with a pointer, and its bare copy that a server can serve."""
    commit({"big.bin": POINTER, "a.ipynb": "{}"})
    git(tmp_path, "clone", "--quiet", "--bare", "repo", str(tmp_path / "served" / "repo.git"))
    return tmp_path / "repo"


async def resolve(sources: GitSources, repository: str) -> Source:
    return await sources.resolve(repository, report=ignore_events)


async def test_without_git_lfs_a_pointer_is_named_and_fetched_once_git_lfs_is_there(
    sources: GitSources, repo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with GitServer(tmp_path / "served", large_files={OID: CONTENT.encode()}) as server:
        with monkeypatch.context() as patched:
            (tmp_path / "bin").mkdir()
            (tmp_path / "bin" / "git").symlink_to(shutil.which("git") or "git")
            patched.setenv("PATH", str(tmp_path / "bin"))
            poor = await resolve(sources, f"{server.url}/repo.git")
            again = await resolve(sources, f"{server.url}/repo.git")
        assert "big.bin" in poor.notes[0]
        assert "git-lfs is not installed here" in poor.notes[0]
        assert (again.notes, again.folder, again.content) == (poor.notes, poor.folder, poor.content)
        if shutil.which("git-lfs") is None:
            return
        whole = await resolve(sources, f"{server.url}/repo.git")
    assert (Path(whole.folder) / "big.bin").read_text() == CONTENT
    assert not whole.notes
    assert poor.content != whole.content, "another image has to be made of it"


@needs_lfs
async def test_git_lfs_files_of_a_folder_hold_their_content(sources: GitSources, tmp_path: Path, write: Write) -> None:
    repo = write({"big.bin": CONTENT, ".gitattributes": "*.bin filter=lfs diff=lfs merge=lfs -text\n"})
    git(repo, "init", "-q", "-b", "main")
    git(repo, "lfs", "install", "--local")
    git(repo, "add", "-A")
    git(repo, "commit", "-qm", "x")
    source = await resolve(sources, f"file://{repo}")
    assert (Path(source.folder) / "big.bin").read_text() == CONTENT


@needs_lfs
async def test_a_private_host_gives_large_files_for_the_same_credentials(
    sources: GitSources, repo: Path, tmp_path: Path
) -> None:
    with GitServer(tmp_path / "served", private=True, large_files={OID: CONTENT.encode()}) as server:
        address = f"http://{USER}:{quote(PASSWORD, safe='')}@{server.host}/repo.git"
        source = await resolve(sources, address)
        assert (Path(source.folder) / "big.bin").read_text() == CONTENT
        assert server.seen_in_arguments == set()


@needs_lfs
async def test_a_host_that_has_not_the_content_leaves_a_pointer_and_a_note(
    sources: GitSources, repo: Path, tmp_path: Path
) -> None:
    with GitServer(tmp_path / "served") as server:
        source = await resolve(sources, f"{server.url}/repo.git")
        assert "1 file is there (big.bin) only as Git LFS pointers" in source.notes[0]
        assert (Path(source.folder) / "big.bin").read_text() == POINTER
        server.large_files[OID] = CONTENT.encode()
        later = await resolve(sources, f"{server.url}/repo.git")
        assert (Path(later.folder) / "big.bin").read_text() == CONTENT


def test_a_servers_own_words_are_the_reason() -> None:
    said = (
        "fetch: Fetching reference HEAD\n"
        "batch response: This repository is over its data quota. Account responsible for LFS bandwidth should "
        "purchase more data packs to restore access.\n"
        "error: failed to fetch some objects from 'https://example.org/a/b.git/info/lfs'"
    )
    assert lfs_reason(said).startswith("This repository is over its data quota")
