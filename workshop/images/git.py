"""Runs git: never asking a question, with the user's own credentials, its failures in our words.

Credentials in a URL never reach a command line, a configuration file, a label or a log: git gets them through
its environment (`GIT_CONFIG_KEY_n`), as a rewriting of the URL without them.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from urllib.parse import urlsplit

from workshop.engines.command import CommandMissing, CommandResult, run_command
from workshop.errors import SourceError, SourceUnreachable
from workshop.images.links import redact

LIST_TIMEOUT = 60.0
FETCH_TIMEOUT = 1800.0
SHA = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
SHORT_SHA = re.compile(r"[0-9a-f]{7,40}")

_LOCAL_VARIABLES = (
    "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_CONFIG", "GIT_OBJECT_DIRECTORY", "GIT_DIR", "GIT_WORK_TREE",
    "GIT_IMPLICIT_WORK_TREE", "GIT_GRAFT_FILE", "GIT_INDEX_FILE", "GIT_NO_REPLACE_OBJECTS", "GIT_REPLACE_REF_BASE",
    "GIT_PREFIX", "GIT_SHALLOW_FILE", "GIT_COMMON_DIR", "GIT_NAMESPACE",
)  # fmt: skip
"""What a hook's environment says of another repository (`git rev-parse --local-env-vars`)."""


class GitFailed(Exception):
    """git ended with an error; `output` is what it said, without credentials."""

    def __init__(self, output: str, exit_code: int) -> None:
        super().__init__(output)
        self.output = output
        self.exit_code = exit_code


async def run_git(
    *arguments: str,
    url: str = "",
    cwd: str | None = None,
    env: Mapping[str, str] | None = None,
    timeout: float = LIST_TIMEOUT,
    on_line: Callable[[str], None] | None = None,
) -> str:
    """Run git and return what it printed.

    Args:
        url: the repository this call may talk to, credentials included; write `redact(url)` into `arguments`.

    Raises:
        GitFailed: it ended with an error.
        SourceError: git is not installed.
        TimeoutError: it took longer than `timeout`.
    """
    options = ("-c", "core.hooksPath=/dev/null", "-c", "gc.auto=0", "-c", "advice.detachedHead=false")
    try:
        result: CommandResult = await run_command(
            ("git", *options, *arguments),
            env=await git_environment(url) | dict(env or {}),
            cwd=cwd,
            timeout=timeout,
            on_line=None if on_line is None else lambda line: on_line(redact(line)),
        )
    except CommandMissing as error:
        raise SourceError(
            "git is not installed, and without it no repository can be read.",
            hint="Install git (Debian: `apt install git`), or name a plain folder.",
        ) from error
    if result.exit_code:
        raise GitFailed(redact(result.output), result.exit_code)
    return result.output


async def git_environment(url: str = "") -> dict[str, str]:
    """The caller's environment, so that credential helpers and ssh agents work, but without any question asked."""
    env = {name: value for name, value in os.environ.items() if name not in _LOCAL_VARIABLES}
    if url:  # a local one too: its submodules may be elsewhere
        ssh = env.get("GIT_SSH_COMMAND") or await _configured_ssh(env)
        env["GIT_SSH_COMMAND"] = f"{ssh} -o BatchMode=yes -o ConnectTimeout=15"
    env |= {
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ASKPASS": "true",
        "SSH_ASKPASS": "true",
        "SSH_ASKPASS_REQUIRE": "never",
        "GCM_INTERACTIVE": "never",
        "GIT_LFS_SKIP_SMUDGE": "1",
        "LC_ALL": "C",
    }
    settings = [("http.lowSpeedLimit", "1000"), ("http.lowSpeedTime", "60")]
    if is_local(url):
        settings.append(("protocol.file.allow", "always"))
    if url and redact(url) != url:
        settings += _credential_settings(url)
    count = int(env.get("GIT_CONFIG_COUNT", "0") or 0)
    for number, (key, value) in enumerate(settings, start=count):
        env[f"GIT_CONFIG_KEY_{number}"] = key
        env[f"GIT_CONFIG_VALUE_{number}"] = value
    env["GIT_CONFIG_COUNT"] = str(count + len(settings))
    return env


def _credential_settings(url: str) -> list[tuple[str, str]]:
    """The whole host is rewritten, so that submodules and LFS of the same host are reached as well."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return [(f"url.{parts.scheme}://{parts.netloc}/.insteadOf", f"{parts.scheme}://{host}/")]


async def _configured_ssh(env: Mapping[str, str]) -> str:
    try:
        result = await run_command(("git", "config", "--get", "core.sshCommand"), env=env, timeout=LIST_TIMEOUT)
    except CommandMissing:
        return "ssh"
    return result.output.strip() if result.exit_code == 0 and result.output.strip() else "ssh"


def is_local(url: str) -> bool:
    """A repository of this machine: a path or `file://`."""
    return url.startswith(("/", "file://"))


@dataclass(frozen=True, slots=True)
class RemoteRefs:
    """What a repository offers: full names of refs with their commits."""

    refs: Mapping[str, str]

    def commit(self, ref: str) -> str:
        """The commit of a branch, tag, full ref or the beginning of a commit; empty when there is none.

        An empty `ref` is the default branch.
        """
        if not ref:
            return self.refs.get("HEAD", "")
        for name in (ref, f"refs/tags/{ref}^{{}}", f"refs/tags/{ref}", f"refs/heads/{ref}"):
            if name in self.refs and name != "HEAD":
                return self.refs[name]
        if SHORT_SHA.fullmatch(ref):
            found = {commit for commit in self.refs.values() if commit.startswith(ref)}
            if len(found) == 1:
                return found.pop()
        return ""

    def nearest(self, ref: str) -> list[str]:
        """Names of branches and tags that `ref` may have meant; a few names if nothing is near."""
        names = [
            name.removeprefix("refs/heads/").removeprefix("refs/tags/")
            for name in self.refs
            if name.startswith(("refs/heads/", "refs/tags/")) and not name.endswith("^{}")
        ]
        return get_close_matches(ref, names, n=3, cutoff=0.5) or names[:5]


async def list_refs(url: str, *, also: str = "") -> RemoteRefs:
    """Ask the repository for its branches and tags (and the full ref `also`).

    Raises:
        SourceError: nothing there, or not to be read by this user.
    """
    patterns = ["HEAD", "refs/heads/*", "refs/tags/*"]
    if also.startswith("refs/"):
        patterns.append(also)
    try:
        output = await run_git("ls-remote", "--quiet", "--", redact(url), *patterns, url=url)
    except GitFailed as error:
        raise explained(error, url) from error
    except TimeoutError as error:
        raise unreachable(url, f"no answer within {LIST_TIMEOUT:.0f} s") from error
    refs = {}
    for line in output.splitlines():
        commit, tab, name = line.partition("\t")
        if tab and SHA.fullmatch(commit):
            refs[name] = commit
    return RemoteRefs(refs)


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
    "connection timed out", "operation timed out", "network is unreachable", "no route to host",
    "couldn't connect to server", "connection reset", "temporary failure in name resolution",
    "operation too slow", "early eof", "the remote end hung up",
)  # fmt: skip
_CERTIFICATE = ("certificate", "ssl_connect", "gnutls_handshake")
_REFUSED = (
    "authentication failed", "could not read username", "could not read password", "permission denied",
    "terminal prompts disabled", "access denied", "error: 401", "error: 403", "host key verification failed",
    "http basic: access denied", "invalid username or token",
)  # fmt: skip
_NOT_THERE = (
    "repository not found", "not found", "does not exist", "does not appear to be a git repository", "error: 404",
    "not a git repository", "couldn't find remote", "unable to open", "no such file or directory",
)  # fmt: skip


def explained(error: GitFailed, url: str) -> SourceError:
    """git's failure to reach or read `url`, in one sentence and a hint."""
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
    if any(words in said for words in _UNREACHABLE) and "permission denied (" not in said:
        return unreachable(url, _reason(details))
    if any(words in said for words in _CERTIFICATE):
        return SourceError(
            f"The certificate of {host_of(url)} is not trusted here.",
            hint="A company's certificate is given to git with `git config --global http.sslCAInfo FILE`.",
            details=details,
        )
    if any(words in said for words in _REFUSED):
        return SourceError(
            f"{shown} may not be read by you, or does not exist.",
            hint="Private repositories are read with your own git credentials: "
            f"see that `git ls-remote {shown}` works in this terminal without a question.",
            details=details,
        )
    if any(words in said for words in _NOT_THERE):
        return SourceError(
            f"There is no Git repository at {shown}.",
            hint="Check the address; a private repository also looks like this without your git credentials.",
            details=details,
        )
    return SourceError(f"git could not read {shown}.", hint="What git said is below.", details=details)


def _reason(details: tuple[str, ...]) -> str:
    last = next((line for line in details if "fatal:" in line or "error:" in line or "ssh:" in line), "")
    return last.rpartition("fatal:")[2].strip().rstrip(".") or "no connection"


def no_space(where: str = "") -> SourceError:
    return SourceError(
        f"The disk is full{f' at {where}' if where else ''}: the repository could not be written.",
        hint="Free some space (`workshop images prune` removes our old images), then run it again.",
    )
