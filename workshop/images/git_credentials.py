"""Credentials of a URL, given to git so that they are on no command line and in no file.

A URL with credentials, or a rewriting of one (`url.….insteadOf`), stands in the arguments of the program that git
starts for its scheme, where every user of the machine reads it, and git offers what is in it to the user's credential
helpers, which may keep it. A helper of our own, in git's environment, does neither: it answers with variables that
only this user's processes see, and keeps nothing. Git's documentation: gitcredentials(7), git-config(1).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from workshop.engines.command import run_command

_ANSWER = r'printf "username=%s\npassword=%s\n" "$WORKSHOP_GIT_USER" "$WORKSHOP_GIT_PASSWORD"'
_HELPER = f'!f() {{ test "$1" = get && {_ANSWER}; }}; f'
FILL_TIMEOUT = 30.0


@dataclass(frozen=True, slots=True)
class GivenCredentials:
    """What git is told of them."""

    settings: tuple[tuple[str, str], ...] = ()
    """Configuration: keys and values."""
    variables: Mapping[str, str] = field(default_factory=dict)


async def credentials_of(url: str, environment: Mapping[str, str]) -> GivenCredentials:
    """The credentials in a URL; nothing for one without.

    Args:
        environment: of the calls of git.
    """
    parts = urlsplit(url) if url.startswith(("http://", "https://")) else None
    if parts is None or "@" not in parts.netloc:
        return GivenCredentials()
    userinfo, _, host = parts.netloc.rpartition("@")
    user, colon, password = userinfo.partition(":")
    places = [f"{parts.scheme}://{host}"]
    if parts.scheme == "http":
        places.append(f"https://{parts.hostname}")  # hosts send those who come without encryption there
    if not colon and await _is_known(parts.scheme, host, unquote(user), environment):
        return GivenCredentials(tuple((f"credential.{place}.username", unquote(user)) for place in places))
    settings = [(f"credential.{place}.helper", helper) for place in places for helper in ("", _HELPER)]
    variables = {"WORKSHOP_GIT_USER": unquote(user), "WORKSHOP_GIT_PASSWORD": unquote(password)}
    return GivenCredentials(tuple(settings), variables)


async def _is_known(scheme: str, host: str, user: str, environment: Mapping[str, str]) -> bool:
    """Whether the user's own helpers have the password of a name; else the name is all there is: a token, say."""
    asked = f"protocol={scheme}\nhost={host}\nusername={user}\n\n"
    try:
        answer = await run_command(
            ("git", "credential", "fill"), env=environment, input_bytes=asked.encode(), timeout=FILL_TIMEOUT
        )
    except TimeoutError:
        return False
    return answer.exit_code == 0 and any(
        line.startswith("password=") and line != "password=" for line in answer.output.splitlines()
    )
