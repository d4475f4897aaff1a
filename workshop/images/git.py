"""Runs git: never asking a question, with the user's own credentials, its failures in our words.

Credentials in a URL never reach a command line, a configuration file, a label or a log: see `git_credentials`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches

from workshop.engines.command import CommandMissing, CommandResult, run_command
from workshop.errors import SourceError
from workshop.images.git_credentials import credentials_of
from workshop.images.git_failure import GitFailed, explained, unreachable
from workshop.images.links import redact

LIST_TIMEOUT = 60.0
FETCH_TIMEOUT = 1800.0
SSH_OPTIONS = "-o BatchMode=yes -o ConnectTimeout=15 -o ServerAliveInterval=15 -o ServerAliveCountMax=4"
"""A host that falls silent is given up after a minute, as with `http.lowSpeedTime`."""
SHA = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
SHORT_SHA = re.compile(r"[0-9a-f]{7,40}")

_LOCAL_VARIABLES = (
    "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_CONFIG", "GIT_OBJECT_DIRECTORY", "GIT_DIR", "GIT_WORK_TREE",
    "GIT_IMPLICIT_WORK_TREE", "GIT_GRAFT_FILE", "GIT_INDEX_FILE", "GIT_NO_REPLACE_OBJECTS", "GIT_REPLACE_REF_BASE",
    "GIT_PREFIX", "GIT_SHALLOW_FILE", "GIT_COMMON_DIR", "GIT_NAMESPACE",
)  # fmt: skip
"""What a hook's environment says of another repository (`git rev-parse --local-env-vars`)."""


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
    """The caller's environment, so that credential helpers and ssh agents work, but without any question asked.

    A program that the user named for git's questions (`GIT_ASKPASS`, `core.askPass`) is a way to give credentials
    without being there; ssh's, which git would call in its place, mostly opens a window.
    """
    env = {name: value for name, value in os.environ.items() if name not in _LOCAL_VARIABLES}
    if url and ("GIT_SSH_COMMAND" in env or "GIT_SSH" not in env):  # a local one too: its submodules may be elsewhere
        ssh = env.get("GIT_SSH_COMMAND") or await _configured_ssh(env)
        env["GIT_SSH_COMMAND"] = f"{ssh} {SSH_OPTIONS}"
    env |= {
        "GIT_TERMINAL_PROMPT": "0",
        "SSH_ASKPASS": "false",
        "SSH_ASKPASS_REQUIRE": "never",
        "GCM_INTERACTIVE": "never",
        "GIT_LFS_SKIP_SMUDGE": "1",
        "LC_ALL": "C",
    }
    settings = [("http.lowSpeedLimit", "1000"), ("http.lowSpeedTime", "60")]
    if is_local(url):
        settings.append(("protocol.file.allow", "always"))
    given = await credentials_of(url, env)
    settings += given.settings
    env |= given.variables
    count = int(env.get("GIT_CONFIG_COUNT", "0") or 0)
    for number, (key, value) in enumerate(settings, start=count):
        env[f"GIT_CONFIG_KEY_{number}"] = key
        env[f"GIT_CONFIG_VALUE_{number}"] = value
    env["GIT_CONFIG_COUNT"] = str(count + len(settings))
    return env


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
