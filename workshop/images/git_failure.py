"""What git said when it failed, as one sentence with a hint. Pure."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from workshop.errors import SourceError, SourceUnreachable
from workshop.images.links import redact


class GitFailed(Exception):
    """git ended with an error; `output` is what it said, without credentials."""

    def __init__(self, output: str, exit_code: int) -> None:
        super().__init__(output)
        self.output = output
        self.exit_code = exit_code


def unreachable(url: str, reason: str) -> SourceUnreachable:
    host = host_of(url)
    return SourceUnreachable(
        f"{host} cannot be reached: {reason}.",
        hint="Check the network (and HTTPS_PROXY, if this network needs a proxy), then run it again.",
    )


def host_of(url: str) -> str:
    """The host a URL names, or the URL."""
    if "://" in url:
        return urlsplit(url).hostname or redact(url)
    before, colon, _ = url.partition(":")
    return before.rpartition("@")[2] if colon else url


# git says what went wrong in words only (its exit code is 128 for all of it); LC_ALL=C keeps them stable.
_UNREACHABLE = (
    "could not resolve host", "could not resolve hostname", "failed to connect", "connection refused",
    "timed out", "network is unreachable", "no route to host",
    "couldn't connect to server", "connection reset", "temporary failure in name resolution",
    "operation too slow", "early eof", "the remote end hung up", "connection closed by", "empty reply from server",
    "timeout, server", "gnutls recv error", "ssl_read",
    "dial tcp", "no such host", "i/o timeout",  # of git-lfs
)  # fmt: skip
_CERTIFICATE = ("certificate", "ssl_connect", "gnutls_handshake")
_REFUSED = (
    "authentication failed", "could not read username", "could not read password", "permission denied",
    "terminal prompts disabled", "access denied", "error: 401", "error: 403",
    "http basic: access denied", "invalid username or token",
)  # fmt: skip
_NOT_THERE = (
    "repository not found", "not found", "does not exist", "does not appear to be a git repository", "error: 404",
    "not a git repository", "unable to open", "no such file or directory",
)  # fmt: skip
_NO_GIT = ("not valid: is this a git repository", "unable to update url base from redirection", "invalid content-type")
"""A page answered where a repository was asked for: a network's login page, or a web site."""
_BUSY = re.compile(r"error: (429|5\d\d)\b")


def explained(error: GitFailed, url: str) -> SourceError:
    """git's failure to reach or read `url`, in one sentence and a hint.

    Whatever keeps this user from the repository now is a `SourceUnreachable`: what was fetched of it before counts.
    """
    said = error.output.lower()
    details = tuple(line for line in error.output.splitlines() if line.strip())[-5:]
    shown = redact(url)
    if "dubious ownership" in said:
        return SourceError(
            f"git does not trust {shown}: it belongs to another user.",
            hint=f"If you trust it: `git config --global --add safe.directory {shown}`.",
            details=details,
        )
    if "no space left" in said:
        return no_space()
    if (found := _BUSY.search(said)) is not None:
        return SourceUnreachable(
            f"{host_of(url)} cannot answer now: it says HTTP {found[1]}.",
            hint="Try again in a while; its status page may know more.",
            details=details,
        )
    if "host key verification failed" in said:
        return _unknown_host_key(said, url, details)
    if any(words in said for words in _REFUSED):
        return SourceUnreachable(
            f"{shown} may not be read by you, or does not exist.", hint=_rights_hint(url), details=details
        )
    if any(words in said for words in _UNREACHABLE):
        return unreachable(url, _reason(details))
    if any(words in said for words in _CERTIFICATE):
        return SourceUnreachable(
            f"The certificate of {host_of(url)} is not trusted here.",
            hint="A company's certificate is given to git with `git config --global http.sslCAInfo FILE`. "
            "In a hotel's or a guest network a login page may be in the way.",
            details=details,
        )
    if any(words in said for words in _NO_GIT):
        return SourceUnreachable(
            f"A web page answers at {shown}, and no Git repository.",
            hint="Open it in a browser: this network's login page may be in the way. Else check the address.",
            details=details,
        )
    if any(words in said for words in _NOT_THERE):
        return SourceUnreachable(
            f"There is no Git repository at {shown}.",
            hint="Check the address; a private repository also looks like this without your git credentials.",
            details=details,
        )
    return SourceError(f"git could not read {shown}: {_reason(details)}.", details=details)


def is_offline(error: GitFailed) -> bool:
    """Whether the host did not answer at all."""
    said = error.output.lower()
    return any(words in said for words in _UNREACHABLE)


def _rights_hint(url: str) -> str:
    """What to do about credentials, by the way that they are given."""
    shown = redact(url)
    if "://" in url and url.startswith("http") and shown != url:
        return "The user name, password or token in the address is refused: it may have run out or lack the right."
    if url.startswith("http"):
        return (
            "Private repositories are read with your own git credentials: "
            f"see that `git ls-remote {shown}` works in this terminal without a question."
        )
    return (
        f"Repositories by ssh are read with your own key: see that `git ls-remote {shown}` works in this terminal "
        "without a question. A key with a passphrase is first given to the agent: `ssh-add`."
    )


def _unknown_host_key(said: str, url: str, details: tuple[str, ...]) -> SourceUnreachable:
    host = host_of(url)
    if "identification has changed" in said:
        return SourceUnreachable(
            f"{host} has another ssh key than it had before.",
            hint="If its owner has announced that, forget the old one as ssh says (`git ls-remote "
            f"{redact(url)}` shows it). Else somebody may be in between.",
            details=details,
        )
    return SourceUnreachable(
        f"ssh does not know the key of {host} yet.",
        hint=f"Call `git ls-remote {redact(url)}` once in a terminal: ssh asks there whether the key is right.",
        details=details,
    )


def _reason(details: tuple[str, ...]) -> str:
    """The line that says most: one with a cause, else what git or ssh called an error."""
    told = [line for line in details if "could not read from remote repository" not in line.lower()]
    caused = [line for line in told if any(words in line.lower() for words in _UNREACHABLE)]
    marked = [line for line in told if any(mark in line for mark in ("fatal:", "error:", "ssh:"))]
    best = next(iter((*caused, *marked, *details)), "")
    return best.rpartition("fatal:")[2].strip().rstrip(".") or "no connection"


def no_space(where: str = "") -> SourceError:
    return SourceError(
        f"The disk is full{f' at {where}' if where else ''}: the repository could not be written.",
        hint="Free some space (`workshop images prune` removes our old images), then run it again.",
    )
