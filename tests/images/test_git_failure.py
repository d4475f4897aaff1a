"""What git and ssh say when they fail, recorded from git 2.39 and OpenSSH 9.2, in our words."""

from __future__ import annotations

import pytest

from workshop.errors import SourceError, SourceUnreachable
from workshop.images.git_failure import GitFailed, explained
from workshop.images.links import redact

NOT_READ = (
    "fatal: Could not read from remote repository.\n\n"
    "Please make sure you have the correct access rights\nand the repository exists."
)
CHANGED = (
    "@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@\n"
    "@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @\n"
    "Offending ED25519 key in /home/t/.ssh/known_hosts:1\nHost key verification failed.\n"
)


@pytest.mark.parametrize(
    ("url", "said", "message", "hint"),
    [
        ("git@example.org:a/b.git", f"Host key verification failed.\n{NOT_READ}",
         "ssh does not know the key of example.org yet", "git ls-remote git@example.org:a/b.git"),
        ("git@example.org:a/b.git", CHANGED + NOT_READ, "example.org has another ssh key", "forget the old one"),
        ("git@example.org:a/b.git", f"git@example.org: Permission denied (publickey).\n{NOT_READ}",
         "git@example.org:a/b.git may not be read by you", "ssh-add"),
        ("ssh://git@example.org/a", f"Connection timed out during banner exchange\n"
         f"Connection to 192.0.2.1 port 22 timed out\n{NOT_READ}", "Connection timed out during banner exchange", ""),
        ("ssh://git@example.org/a", f"kex_exchange_identification: read: Connection reset by peer\n"
         f"Connection reset by 192.0.2.1 port 22\n{NOT_READ}", "Connection reset by peer", ""),
        ("https://example.org/a", "fatal: unable to access 'https://example.org/a/': GnuTLS recv error (-110): "
         "The TLS connection was non-properly terminated.", "example.org cannot be reached: unable to access", ""),
        ("https://example.org/a", "fatal: unable to access 'https://example.org/a/': "
         "The requested URL returned error: 503", "example.org cannot answer now: it says HTTP 503", "Try again"),
    ],
)  # fmt: skip
def test_each_cause_has_its_own_sentence(url: str, said: str, message: str, hint: str) -> None:
    error = explained(GitFailed(said, 128), url)
    assert isinstance(error, SourceUnreachable)
    assert message in error.message
    assert hint in error.hint


def test_what_is_not_known_is_told_in_gits_words() -> None:
    error = explained(GitFailed("warning: odd\nfatal: bad config line 3 in file .gitmodules", 128), "https://e.org/a")
    assert type(error) is SourceError
    assert error.message == "git could not read https://e.org/a: bad config line 3 in file .gitmodules."


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://user:p@ss@host/x", "https://host/x"),
        ("clone 'https://user:it's@host/x' failed", "clone 'https://host/x' failed"),
        ("https://token@host:8443/x.git@v1", "https://host:8443/x.git@v1"),
        ("https://host/x and a@b.org", "https://host/x and a@b.org"),
        ("https://host?mail=a@b.org", "https://host?mail=a@b.org"),
        ("ssh://git:word@host/x", "ssh://git@host/x"),
        ("--index-url https://__token__:glpat-1@host/simple/", "--index-url https://host/simple/"),
    ],
)
def test_credentials_are_taken_out_of_every_url(text: str, shown: str) -> None:
    assert redact(text) == shown
