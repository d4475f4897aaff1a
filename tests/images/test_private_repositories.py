"""Repositories that ask who is there: with the user's own credentials, or those in the address, seen nowhere."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.support.git_repository import Commit, git
from tests.support.git_server import PASSWORD, USER, GitServer
from workshop.errors import SourceError, SourceUnreachable
from workshop.images.sources import GitSources
from workshop.model.events import WorkEvent
from workshop.ports.build import ignore_events


@pytest.fixture
def sources(tmp_path: Path) -> GitSources:
    return GitSources(tmp_path / "cache")


@pytest.fixture
def course(commit: Commit, tmp_path: Path) -> str:
    """The commit of a bare repository `course.git` that a server can serve."""
    sha = commit({"a.ipynb": "{}"})
    git(tmp_path, "clone", "--quiet", "--bare", "repo", str(tmp_path / "served" / "course.git"))
    return sha


@pytest.fixture
def server(tmp_path: Path) -> Iterator[GitServer]:
    with GitServer(tmp_path / "served", private=True) as server:
        yield server


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A key and a certificate that nobody vouches for; the certificate alone is beside it in `public.pem`."""
    both, public = tmp_path / "certificate.pem", tmp_path / "public.pem"
    subprocess.run(
        ("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=localhost",
         "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(both), "-out", str(public)),
        check=True, capture_output=True,
    )  # fmt: skip
    both.write_text(both.read_text() + public.read_text())
    return both


def with_credentials(server: GitServer, password: str = PASSWORD, user: str = USER) -> str:
    return f"http://{user}:{quote(password, safe='')}@{server.host}/course.git"


async def test_credentials_in_an_address_open_it_and_are_seen_nowhere(
    sources: GitSources, course: str, server: GitServer, tmp_path: Path
) -> None:
    events: list[WorkEvent] = []
    source = await sources.resolve(with_credentials(server), report=events.append)
    assert source.commit == course
    assert source.repository == f"{server.url}/course.git"
    assert server.authorized
    assert server.seen_in_arguments == set()
    for secret in (PASSWORD, quote(PASSWORD, safe="")):
        assert secret not in repr(source) + repr(events)
        assert not [p for p in tmp_path.rglob("*") if p.is_file() and secret.encode() in p.read_bytes()]


async def test_a_users_helper_is_not_given_what_is_in_an_address(
    sources: GitSources, course: str, server: GitServer, tmp_path: Path
) -> None:
    kept = tmp_path / "kept"
    git(tmp_path, "config", "--global", "credential.helper", f"store --file={kept}")
    await sources.resolve(with_credentials(server), report=ignore_events)
    assert not kept.exists()


async def test_a_users_helper_opens_an_address_without_credentials(
    sources: GitSources, course: str, server: GitServer, tmp_path: Path
) -> None:
    kept = tmp_path / "kept"
    kept.write_text(f"http://{USER}:{quote(PASSWORD, safe='')}@{server.host}\n")
    git(tmp_path, "config", "--global", "credential.helper", f"store --file={kept}")
    for address in (f"{server.url}/course.git", f"http://{USER}@{server.host}/course.git"):
        assert (await sources.resolve(address, report=ignore_events)).commit == course


async def test_a_program_that_answers_gits_questions_is_asked(
    sources: GitSources, course: str, server: GitServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "answer"
    program.write_text(f'#!/bin/sh\ncase "$1" in Username*) echo {USER} ;; *) echo "{PASSWORD}" ;; esac\n')
    program.chmod(0o755)
    monkeypatch.setenv("GIT_ASKPASS", str(program))
    assert (await sources.resolve(f"{server.url}/course.git", report=ignore_events)).commit == course


async def test_a_window_of_ssh_is_not_opened_for_a_password(
    sources: GitSources, course: str, server: GitServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    called = tmp_path / "called"
    program = tmp_path / "window"
    program.write_text(f"#!/bin/sh\ntouch {called}\n")
    program.chmod(0o755)
    monkeypatch.setenv("SSH_ASKPASS", str(program))
    with pytest.raises(SourceUnreachable, match="may not be read by you"):
        await sources.resolve(f"{server.url}/course.git", report=ignore_events)
    assert not called.exists()


@pytest.mark.parametrize(
    ("address", "hint"),
    [
        ("{url}/course.git", "git ls-remote {url}/course.git"),
        ("http://teacher:wrong@{host}/course.git", "password or token in the address is refused"),
        ("http://teacher@{host}/course.git", "password or token in the address is refused"),
    ],
)
async def test_who_may_not_read_a_repository_is_told_what_to_look_at(
    sources: GitSources, course: str, server: GitServer, address: str, hint: str
) -> None:
    with pytest.raises(SourceUnreachable, match="may not be read by you") as caught:
        await sources.resolve(address.format(url=server.url, host=server.host), report=ignore_events)
    assert hint.format(url=server.url) in caught.value.hint


async def test_a_token_that_has_run_out_leaves_what_was_fetched_with_it(
    sources: GitSources, course: str, server: GitServer
) -> None:
    await sources.resolve(with_credentials(server), report=ignore_events)
    source = await sources.resolve(with_credentials(server, "expired"), report=ignore_events)
    assert source.commit == course
    assert "may not be read by you" in source.notes[0]


async def test_credentials_go_with_a_redirection_on_the_same_host_and_to_no_other(
    sources: GitSources, course: str, server: GitServer, tmp_path: Path
) -> None:
    server.answers["/old/"] = (301, "/")
    address = with_credentials(server).replace("/course", "/old/course")
    assert (await sources.resolve(address, report=ignore_events)).commit == course
    with GitServer(tmp_path / "served") as first:
        first.answers["/"] = (301, f"{server.url}/")
        before = server.authorized
        with pytest.raises(SourceError):
            await sources.resolve(with_credentials(first), report=ignore_events)
        assert server.authorized == before


async def test_submodules_of_a_private_host_are_read_with_the_same_credentials(
    sources: GitSources, commit: Commit, server: GitServer, tmp_path: Path
) -> None:
    commit({"data.csv": "1"}, folder=tmp_path / "part")
    git(tmp_path, "clone", "--quiet", "--bare", "part", str(tmp_path / "served" / "part.git"))
    commit({"a.ipynb": "{}"})
    repo = tmp_path / "repo"
    git(repo, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", "../part", "data")
    git(repo, "config", "--file", ".gitmodules", "submodule.data.url", "../part.git")
    git(repo, "commit", "-qam", "part")
    git(tmp_path, "clone", "--quiet", "--bare", "repo", str(tmp_path / "served" / "course.git"))
    source = await sources.resolve(with_credentials(server), report=ignore_events)
    assert (Path(source.folder) / "data" / "data.csv").read_text() == "1"
    assert server.seen_in_arguments == set()


@pytest.mark.parametrize(
    ("status", "body", "message"),
    [
        (500, "", "cannot answer now: it says HTTP 500"),
        (429, "", "cannot answer now: it says HTTP 429"),
        (404, "", "There is no Git repository at"),
        (403, "", "may not be read by you"),
        (200, "<html>\n<body>Please log in.</body>\n</html>\n", "A web page answers at"),
        (302, "/login/", "A web page answers at"),
    ],
)
async def test_what_a_host_answers_instead_of_a_repository_is_said(
    sources: GitSources, server: GitServer, status: int, body: str, message: str
) -> None:
    server.answers["/login"] = (200, "<html>\n<body>Please log in.</body>\n</html>\n")
    server.answers["/course.git"] = (status, body)
    with pytest.raises(SourceUnreachable, match=message) as caught:
        await sources.resolve(f"{server.url}/course.git", report=ignore_events)
    assert caught.value.hint


async def test_a_certificate_that_nobody_vouches_for_is_refused_and_can_be_given_to_git(
    sources: GitSources, course: str, certificate: Path, tmp_path: Path
) -> None:
    with GitServer(tmp_path / "served", certificate=certificate) as server:
        with pytest.raises(SourceUnreachable, match=r"certificate of 127\.0\.0\.1 is not trusted"):
            await sources.resolve(f"{server.url}/course.git", report=ignore_events)
        git(tmp_path, "config", "--global", "http.sslCAInfo", str(certificate.with_name("public.pem")))
        assert (await sources.resolve(f"{server.url}/course.git", report=ignore_events)).commit == course
