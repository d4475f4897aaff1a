"""From a path or Git URL to a checkout of one commit."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.support.git_repository import Commit, Write, git
from workshop.errors import SourceError
from workshop.images.repository import Found, Repository
from workshop.images.sources import GitSources
from workshop.model.events import WorkEvent
from workshop.ports.build import ignore_events


@pytest.fixture
def sources(tmp_path: Path) -> GitSources:
    return GitSources(tmp_path / "cache")


def names(folder: str) -> set[str]:
    root = Path(folder)
    return {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}


async def resolve(sources: GitSources, repository: str, ref: str = "", folder: str = "", pinned: str = ""):  # type: ignore[no-untyped-def]
    return await sources.resolve(repository, ref=ref, folder=folder, report=ignore_events, pinned=pinned)


async def test_a_file_url_is_checked_out_at_its_default_branch(
    sources: GitSources, commit: Commit, tmp_path: Path
) -> None:
    sha = commit({"a.ipynb": "{}", "d/b.txt": "x"})
    source = await resolve(sources, f"file://{tmp_path}/repo")
    assert (source.commit, source.repository, source.dirty) == (sha, f"file://{tmp_path}/repo", False)
    assert names(source.folder) == {"a.ipynb", "d/b.txt"}


@pytest.mark.parametrize("ref", ["dev", "v1", "annotated", "full", "short", "refs/heads/dev"])
async def test_a_branch_tag_or_commit_is_checked_out(
    sources: GitSources, commit: Commit, tmp_path: Path, ref: str
) -> None:
    wanted = commit({"a.txt": "old"}, branch="dev")
    repo = tmp_path / "repo"
    git(repo, "tag", "v1")
    git(repo, "tag", "--annotate", "--message=x", "annotated")
    git(repo, "checkout", "-q", "-b", "main")
    commit({"a.txt": "new"})
    given = {"full": wanted, "short": wanted[:9]}.get(ref, ref)
    source = await resolve(sources, f"file://{repo}", given)
    assert source.commit == wanted
    assert (Path(source.folder) / "a.txt").read_text() == "old"


async def test_a_short_commit_that_no_branch_points_at_is_found(
    sources: GitSources, commit: Commit, tmp_path: Path
) -> None:
    first = commit({"a.txt": "1"})
    commit({"a.txt": "2"})
    assert (await resolve(sources, f"file://{tmp_path}/repo", first[:8])).commit == first


async def test_a_local_folder_gives_its_last_commit_and_names_what_is_not_committed(
    sources: GitSources, commit: Commit, write: Write, tmp_path: Path
) -> None:
    sha = commit({"a.txt": "committed"})
    repo = write({"a.txt": "changed", "new.txt": "", "workshop.yaml": "title: x"})
    source = await resolve(sources, str(repo))
    assert source.commit == sha
    assert source.dirty
    assert (Path(source.folder) / "a.txt").read_text() == "committed"
    assert "a.txt" in source.notes[0]
    assert "new.txt" in source.notes[0]
    assert "workshop.yaml" not in source.notes[0]


async def test_a_clean_local_folder_is_not_dirty(sources: GitSources, commit: Commit, tmp_path: Path) -> None:
    commit({"a.txt": ""})
    assert not (await resolve(sources, str(tmp_path / "repo"))).dirty


async def test_a_folder_inside_a_repository_is_used_alone(sources: GitSources, commit: Commit, tmp_path: Path) -> None:
    commit({"day1/a.txt": "", "day2/b.txt": "", "README.md": ""})
    by_path = await resolve(sources, str(tmp_path / "repo" / "day1"))
    by_folder = await resolve(sources, f"file://{tmp_path}/repo", folder="day1")
    assert names(by_path.folder) == names(by_folder.folder) == {"a.txt"}
    assert by_path.subfolder == by_folder.subfolder == "day1"


async def test_a_web_links_branch_with_slashes_is_told_from_the_folder(
    sources: GitSources, commit: Commit, tmp_path: Path
) -> None:
    commit({"day1/a.txt": ""}, branch="feature/new")
    source = await resolve(sources, f"file://{tmp_path}/repo", "feature", "new/day1")
    assert (source.ref, source.subfolder) == ("feature/new", "day1")


async def test_a_plain_folder_is_copied_and_named_by_its_content(sources: GitSources, write: Write) -> None:
    folder = write({"a.txt": "1", "__pycache__/x.pyc": "", "venv/pyvenv.cfg": "", "venv/lib.py": ""})
    first = await resolve(sources, str(folder))
    again = await resolve(sources, str(folder))
    write({"a.txt": "2"})
    other = await resolve(sources, str(folder))
    assert first.commit.startswith("folder-")
    assert first.commit == again.commit != other.commit
    assert names(first.folder) == {"a.txt"}
    assert (Path(first.folder) / "a.txt").read_text() == "1"


@pytest.mark.parametrize("name", ["workshop.yaml", "workshop.yml"])
async def test_a_plain_folder_whose_definition_alone_has_changed_is_the_same_content(
    sources: GitSources, write: Write, name: str
) -> None:
    folder = write({"a.ipynb": "{}", name: "title: T\nseats: 3\n"})
    before = await resolve(sources, str(folder))
    (folder / name).write_text("title: T\nseats: 24\n")
    after = await resolve(sources, str(folder))
    assert (after.commit, names(after.folder)) == (before.commit, {"a.ipynb"})
    write({"a.ipynb": "{ }"})
    assert (await resolve(sources, str(folder))).commit != before.commit


async def test_a_plain_folder_may_hold_a_definition_alone(sources: GitSources, write: Write) -> None:
    source = await resolve(sources, str(write({"workshop.yaml": "title: T\nimage: {reference: lab:1}\n"})))
    assert sources.detect(source).notebooks == ()


async def test_a_checkout_that_another_program_publishes_meanwhile_is_in_nobodys_way(
    sources: GitSources, write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write({"a.ipynb": "{}"})
    await resolve(sources, str(folder))
    listed = Path.iterdir
    monkeypatch.setattr(Path, "iterdir", lambda path: [*listed(path), path / ".new-1-gone"])
    write({"a.ipynb": "{ }"})
    assert names((await resolve(sources, str(folder))).folder) == {"a.ipynb"}


def test_several_programs_remember_what_a_ref_is_at_once(tmp_path: Path) -> None:
    def remember(which: int) -> None:
        repository = Repository("https://example.org/course", tmp_path)
        for number in range(50):
            repository._remember("main", Found(f"{which}{number:039d}", "main"))

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(remember, range(4)))
    assert [path.suffix for path in tmp_path.iterdir()] == [".json"]


async def test_an_untracked_folder_of_a_repository_is_a_plain_folder(
    sources: GitSources, commit: Commit, write: Write, tmp_path: Path
) -> None:
    commit({"a.txt": ""})
    write({"scratch/b.txt": ""})
    source = await resolve(sources, str(tmp_path / "repo" / "scratch"))
    assert source.commit.startswith("folder-")


async def test_a_commit_is_checked_out_once(sources: GitSources, commit: Commit, tmp_path: Path) -> None:
    commit({"a.txt": ""})
    first, second = await asyncio.gather(*(resolve(sources, f"file://{tmp_path}/repo") for _ in range(2)))
    third = await resolve(sources, f"file://{tmp_path}/repo")
    assert first.folder == second.folder == third.folder
    assert not list((tmp_path / "cache" / "checkouts").glob(".new-*"))


async def test_a_pinned_commit_is_taken_and_the_newer_one_named(
    sources: GitSources, commit: Commit, tmp_path: Path
) -> None:
    old = commit({"a.txt": "1"})
    new = commit({"a.txt": "2"})
    url = f"file://{tmp_path}/repo"
    source = await resolve(sources, url, pinned=old)
    assert (source.commit, source.newer) == (old, new)
    assert (Path(source.folder) / "a.txt").read_text() == "1"
    assert await sources.newer(url, "", old) == new
    assert await sources.newer(url, "main", new) == ""


async def test_a_checkout_is_used_again_when_the_host_is_gone(
    commit: Commit, tmp_path: Path, git_server: tuple[str, Path, Callable[[], None]]
) -> None:
    url, root, stop = git_server
    sha = commit({"a.txt": ""}, folder=root / "course")
    git(root / "course", "update-server-info")
    sources = GitSources(tmp_path / "cache")
    await resolve(sources, f"{url}/course/.git", "main")
    stop()
    source = await resolve(sources, f"{url}/course/.git", "main")
    assert source.commit == sha
    assert "cannot be reached" in source.notes[0]
    with pytest.raises(SourceError, match="cannot be reached"):
        await resolve(sources, f"{url}/course/.git", "other")


@pytest.fixture
def git_server(tmp_path: Path) -> Iterator[tuple[str, Path, Callable[[], None]]]:
    """A plain web server over repositories (git's "dumb" protocol), its folder, and how to stop it."""
    import functools
    import threading
    from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

    root = tmp_path / "served"
    root.mkdir()

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_args: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(root)))
    threading.Thread(target=server.serve_forever, daemon=True).start()

    def stop() -> None:
        server.shutdown()
        server.server_close()

    yield f"http://127.0.0.1:{server.server_port}", root, stop
    server.server_close()


async def test_credentials_of_a_url_are_seen_nowhere(
    commit: Commit, tmp_path: Path, git_server: tuple[str, Path, Callable[[], None]]
) -> None:
    url, root, _ = git_server
    commit({"a.txt": ""}, folder=root / "course")
    git(root / "course", "update-server-info")
    secret = url.replace("://", "://user:s3cr3t@")
    events: list[WorkEvent] = []
    sources = GitSources(tmp_path / "cache")
    source = await sources.resolve(f"{secret}/course/.git", report=events.append)
    assert source.repository == f"{url}/course/.git"
    assert "s3cr3t" not in repr(source) + repr(events)
    kept = [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]
    assert kept
    assert not [path for path in kept if b"s3cr3t" in path.read_bytes()]
    with pytest.raises(SourceError) as caught:
        await sources.resolve(f"{secret}/nothing.git", report=events.append)
    error = caught.value
    assert "s3cr3t" not in f"{error.message}{error.hint}{error.details}{events}"


@pytest.mark.parametrize(
    ("repository", "ref", "folder", "message", "hint"),
    [
        ("file://{tmp}/none", "", "", "no Git repository at file://", "Check the address"),
        ("{tmp}/none", "", "", "There is no folder", "Name a folder"),
        ("{tmp}/repo/a.txt", "", "", "is a file", "{tmp}/repo"),
        ("file://{tmp}/repo", "mian", "", "no branch, tag or commit mian", "main"),
        ("file://{tmp}/repo", "deadbeef00", "", "no branch, tag or commit deadbeef00", "main"),
        ("file://{tmp}/repo", "0" * 40, "", "has no commit 000000000000", "name a branch"),
        ("file://{tmp}/repo", "", "dya1", "has no folder dya1", "day1"),
        ("file://{tmp}/repo", "", "a.txt", "a.txt is a file", "open: a.txt"),
        ("file://{tmp}/repo", "", "../..", "leads out", "folder of the repository"),
        ("http://127.0.0.1:9/x.git", "", "", "127.0.0.1 cannot be reached", "network"),
        ("ssh://git@127.0.0.1:9/x.git", "", "", "127.0.0.1 cannot be reached", "network"),
        ("https://no-such-host.invalid/x.git", "", "", "no-such-host.invalid cannot be reached", "network"),
    ],
)
async def test_what_cannot_be_had_is_one_sentence_and_a_hint(
    sources: GitSources, commit: Commit, tmp_path: Path, repository: str, ref: str, folder: str, message: str, hint: str
) -> None:
    commit({"a.txt": "", "day1/b.txt": ""})
    with pytest.raises(SourceError) as caught:
        await resolve(sources, repository.format(tmp=tmp_path), ref, folder)
    assert message in caught.value.message
    assert hint.format(tmp=tmp_path) in caught.value.hint
    assert not list((tmp_path / "cache").glob("checkouts/.new-*"))


async def test_a_repository_without_commits_is_empty(sources: GitSources, tmp_path: Path) -> None:
    (tmp_path / "repo").mkdir()
    git(tmp_path / "repo", "init", "-q")
    for name in (f"file://{tmp_path}/repo", str(tmp_path / "repo")):
        with pytest.raises(SourceError, match="empty"):
            await resolve(sources, name)


async def test_a_commit_without_files_is_empty(sources: GitSources, tmp_path: Path) -> None:
    (tmp_path / "repo").mkdir()
    git(tmp_path / "repo", "init", "-q")
    git(tmp_path / "repo", "commit", "--allow-empty", "-qm", "x")
    with pytest.raises(SourceError, match="empty"):
        await resolve(sources, f"file://{tmp_path}/repo")


async def test_an_empty_plain_folder_is_refused(sources: GitSources, tmp_path: Path) -> None:
    (tmp_path / "nothing").mkdir()
    with pytest.raises(SourceError, match="is empty"):
        await resolve(sources, str(tmp_path / "nothing"))


async def test_a_huge_repository_is_refused(
    sources: GitSources, commit: Commit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workshop.images.checkouts.MAX_BYTES", 1000)
    commit({"a.bin": "x" * 2000})
    for name in (f"file://{tmp_path}/repo", str(tmp_path / "repo")):
        with pytest.raises(SourceError, match="is not put into an image") as caught:
            await resolve(sources, name)
        assert "data:" in caught.value.hint


async def test_without_git_a_plain_folder_still_works(
    sources: GitSources, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write({"a.txt": ""})
    monkeypatch.setenv("PATH", "/nonexistent")
    assert (await resolve(sources, str(folder))).commit.startswith("folder-")
    with pytest.raises(SourceError, match="git is not installed"):
        await resolve(sources, "https://example.org/x.git")


async def test_nbgitpullers_repository_is_put_into_the_environments(
    sources: GitSources, commit: Commit, tmp_path: Path
) -> None:
    from urllib.parse import quote

    commit({"requirements.txt": ""}, folder=tmp_path / "env")
    inner = commit({"a.ipynb": "{}"}, folder=tmp_path / "course")
    pull = f"git-pull?repo={quote(f'file://{tmp_path}/course', safe='')}&branch=main&urlpath=lab/tree/course/a.ipynb"
    link = f"https://mybinder.org/v2/git/{quote(f'file://{tmp_path}/env', safe='')}/main?urlpath={quote(pull, safe='')}"
    source = await resolve(sources, link)
    assert names(source.folder) == {"requirements.txt", "course/a.ipynb"}
    assert source.content == (f"file://{tmp_path}/course@{inner}",)


async def test_a_hooks_environment_does_not_mislead(
    sources: GitSources, commit: Commit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sha = commit({"a.txt": ""})
    monkeypatch.setenv("GIT_DIR", "/nonexistent")
    monkeypatch.setenv("GIT_INDEX_FILE", "/nonexistent/index")
    assert (await resolve(sources, str(tmp_path / "repo"))).commit == sha


@pytest.mark.parametrize("damage", ["init killed", "fetch killed", "file system lost"])
async def test_what_a_killed_git_left_behind_is_not_in_the_way(
    sources: GitSources, commit: Commit, tmp_path: Path, damage: str
) -> None:
    commit({"a.txt": "old"})
    await resolve(sources, f"file://{tmp_path}/repo")
    (bare,) = (tmp_path / "cache" / "git").glob("*.git")
    if damage == "init killed":
        shutil.rmtree(bare / "objects")
        (bare / "config.lock").touch()
    elif damage == "fetch killed":
        (bare / "shallow.lock").touch()
    else:
        (bare / "HEAD").write_bytes(b"")
    wanted = commit({"a.txt": "new"})
    source = await resolve(sources, f"file://{tmp_path}/repo")
    assert source.commit == wanted
    assert (Path(source.folder) / "a.txt").read_text() == "new"


async def test_a_cancelled_fetch_leaves_no_half_made_folder(
    sources: GitSources, commit: Commit, tmp_path: Path
) -> None:
    commit({f"{number}.txt": "x" * 1000 for number in range(200)})
    seen = asyncio.Event()

    def report(event: WorkEvent) -> None:
        if getattr(event, "step", "") == "fetch":
            seen.set()

    task = asyncio.create_task(sources.resolve(f"file://{tmp_path}/repo", report=report))
    await asyncio.wait_for(seen.wait(), 30)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not list((tmp_path / "cache" / "checkouts").glob(".new-*"))
    assert (await resolve(sources, f"file://{tmp_path}/repo")).commit
