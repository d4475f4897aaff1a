"""Submodules: where they are fetched from, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.git_repository import Commit, git
from tests.support.git_server import GitServer
from workshop.errors import SourceError, SourceUnreachable
from workshop.images.sources import GitSources
from workshop.images.submodules import address_of, read_submodules
from workshop.model.image import Source
from workshop.ports.build import ignore_events


@pytest.fixture
def sources(tmp_path: Path) -> GitSources:
    return GitSources(tmp_path / "cache")


async def resolve(sources: GitSources, repository: str) -> Source:
    return await sources.resolve(repository, report=ignore_events)


def add_submodule(repo: Path, url: str, place: str = "data") -> None:
    """With `url` in .gitmodules; what is fetched now comes from `part` beside the repository."""
    git(repo, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(repo.parent / "part"), place)
    git(repo, "config", "--file", ".gitmodules", f"submodule.{place}.url", url)
    git(repo, "add", "--all")
    git(repo, "commit", "--quiet", "--message", "a part")


@pytest.fixture
def part(commit: Commit, tmp_path: Path) -> str:
    return commit({"data.csv": "1"}, folder=tmp_path / "part")


@pytest.fixture
def repo(commit: Commit, part: str, tmp_path: Path) -> Path:
    commit({"a.txt": ""})
    return tmp_path / "repo"


def serve(folder: Path, tmp_path: Path) -> None:
    git(tmp_path, "clone", "--quiet", "--bare", str(folder), str(tmp_path / "served" / f"{folder.name}.git"))


async def test_submodules_come_along_without_their_git_folders(sources: GitSources, repo: Path) -> None:
    add_submodule(repo, "../part")
    source = await resolve(sources, f"file://{repo}")
    assert (Path(source.folder) / "data" / "data.csv").read_text() == "1"
    assert not list(Path(source.folder).rglob(".git"))


async def test_submodules_of_submodules_come_along(
    sources: GitSources, commit: Commit, repo: Path, tmp_path: Path
) -> None:
    add_submodule(repo, "../part", "inner")
    serve(tmp_path / "part", tmp_path)
    commit({"b.txt": ""}, folder=tmp_path / "outer")
    git(tmp_path / "outer", "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(repo), "repo")
    git(tmp_path / "outer", "commit", "--quiet", "--message", "a part")
    source = await resolve(sources, str(tmp_path / "outer"))
    assert (Path(source.folder) / "repo" / "inner" / "data.csv").read_text() == "1"


async def test_a_clone_on_this_machine_takes_submodules_from_where_it_came_from(
    sources: GitSources, repo: Path, tmp_path: Path
) -> None:
    add_submodule(repo, "../part.git")
    for folder in (repo, tmp_path / "part"):
        serve(folder, tmp_path)
    with GitServer(tmp_path / "served") as server:
        git(tmp_path, "clone", "--quiet", f"{server.url}/repo.git", "clone")
        source = await resolve(sources, str(tmp_path / "clone"))
    assert (Path(source.folder) / "data" / "data.csv").read_text() == "1"


async def test_a_clone_on_this_machine_gives_the_submodules_that_it_has_also_what_was_never_pushed(
    sources: GitSources, repo: Path, tmp_path: Path
) -> None:
    add_submodule(repo, "https://no-such-host.invalid/part.git")
    (repo / "data" / "new.csv").write_text("2")
    git(repo / "data", "add", "--all")
    git(repo / "data", "commit", "--quiet", "--message", "new")
    git(repo, "commit", "--quiet", "--all", "--message", "newer")
    source = await resolve(sources, str(repo))
    assert {path.name for path in (Path(source.folder) / "data").iterdir()} == {"data.csv", "new.csv"}


async def test_a_submodule_that_cannot_be_had_is_named_with_its_address(sources: GitSources, repo: Path) -> None:
    add_submodule(repo, "https://no-such-host.invalid/part.git")
    git(repo, "submodule", "--quiet", "deinit", "--force", "data")
    with pytest.raises(SourceUnreachable, match=r"The submodule data of .* no-such-host\.invalid cannot be reached"):
        await resolve(sources, str(repo))


async def test_a_submodule_without_an_address_is_left_empty_and_said(sources: GitSources, repo: Path) -> None:
    add_submodule(repo, "../part")
    git(repo, "rm", "--quiet", "--cached", ".gitmodules")
    (repo / ".gitmodules").unlink()
    git(repo, "commit", "--quiet", "--message", "lost")
    source = await resolve(sources, f"file://{repo}")
    assert source.notes == ("The submodule data is left empty: .gitmodules does not say where it is.",)


@pytest.mark.parametrize("url", ["file://{tmp}/part", "{tmp}/part", "ext::sh -c true", "-u"])
async def test_a_repository_of_another_machine_gets_no_files_of_this_one(
    sources: GitSources, repo: Path, tmp_path: Path, url: str
) -> None:
    add_submodule(repo, url.format(tmp=tmp_path))
    serve(repo, tmp_path)
    with (
        GitServer(tmp_path / "served") as server,
        pytest.raises(SourceError, match=r"The submodule data of .* is no web address"),
    ):
        await resolve(sources, f"{server.url}/repo.git")


@pytest.mark.parametrize(
    ("url", "parent", "address"),
    [
        ("../part.git", "https://example.org/a/b.git", "https://example.org/a/part.git"),
        ("../part.git", "https://u:p@example.org/a/b.git", "https://u:p@example.org/a/part.git"),
        ("../../x/part", "https://example.org/a/b/", "https://example.org/x/part"),
        ("./part", "https://example.org/a", "https://example.org/a/part"),
        ("../part.git", "git@example.org:a/b.git", "git@example.org:a/part.git"),
        ("../part.git", "git@example.org:b.git", "git@example.org:part.git"),
        ("../part", "/srv/git/b", "/srv/git/part"),
        ("https://example.org/part", "https://u:p@example.org/a", "https://u:p@example.org/part"),
        ("https://other.org/part", "https://u:p@example.org/a", "https://other.org/part"),
        ("http://example.org/part", "https://u:p@example.org/a", "http://example.org/part"),
        ("git@example.org:part", "https://u:p@example.org/a", "git@example.org:part"),
    ],
)
def test_an_address_is_read_as_git_does_and_credentials_stay_with_their_host(
    url: str, parent: str, address: str
) -> None:
    assert address_of(url, parent) == address


def test_what_a_commit_says_of_its_submodules() -> None:
    entries = ("100644 blob 1\ta", "160000 commit 2\tdata/x", "160000 commit 3\tskipped", "160000 commit 4\tlost", "")
    listing = "\0".join(entries)
    settings = (
        "submodule.a.b.path\ndata/x\0submodule.a.b.url\n../x\0"
        "submodule.s.path\nskipped\0submodule.s.url\n../s\0submodule.s.update\nnone\0"
    )
    found = read_submodules(listing, settings)
    assert [(one.path, one.commit, one.url) for one in found] == [("data/x", "2", "../x"), ("lost", "4", "")]
