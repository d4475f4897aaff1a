"""What a commit says of its submodules: where each is, which commit it has, and whether it may be fetched from there.

Rules of `.gitmodules`: gitmodules(5), git-submodule(1) for addresses that begin with `./` or `../`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit

GITLINK = "160000"
"""The mode of a tree's entry that stands for another repository's commit."""


@dataclass(frozen=True, slots=True)
class Submodule:
    """One of them."""

    path: str
    commit: str
    url: str = ""
    """As `.gitmodules` has it; empty where it says nothing of this path."""


def read_submodules(listing: str, settings: str) -> tuple[Submodule, ...]:
    """The submodules of a commit that are wanted.

    Args:
        listing: of `git ls-tree -r -z`, with or without `-l`.
        settings: of `git config --null --get-regexp` on `.gitmodules`; empty without one.
    """
    found = []
    by_path = {values.get("path", "").rstrip("/"): values for values in _sections(settings).values()}
    for entry in listing.split("\0"):
        facts, tab, path = entry.partition("\t")
        if not tab or not facts.startswith(GITLINK):
            continue
        values = by_path.get(path, {})
        if values.get("update") != "none":
            found.append(Submodule(path, facts.split()[2], values.get("url", "")))
    return tuple(found)


def _sections(settings: str) -> Mapping[str, dict[str, str]]:
    sections: dict[str, dict[str, str]] = {}
    for entry in settings.split("\0"):
        key, newline, value = entry.partition("\n")
        name, _, variable = key.removeprefix("submodule.").rpartition(".")
        if newline and name:
            sections.setdefault(name, {})[variable] = value
    return sections


def address_of(url: str, parent: str) -> str:
    """Where a submodule is.

    Args:
        url: as `.gitmodules` has it.
        parent: where the repository around it is, credentials included; they go along to the same host.
    """
    if url.startswith(("./", "../")):
        return _relative(url, parent)
    mine, its = urlsplit(parent), urlsplit(url)
    same_place = (mine.scheme, mine.hostname, mine.port) == (its.scheme, its.hostname, its.port)
    if "@" in mine.netloc and "@" not in its.netloc and its.scheme in ("http", "https") and same_place:
        return urlunsplit((its.scheme, mine.netloc, its.path, its.query, its.fragment))
    return url


def _relative(url: str, parent: str) -> str:
    scheme, mark, rest = parent.rstrip("/").partition("://")
    if not mark:
        scheme, rest = "", parent.rstrip("/")
    words: Sequence[str] = url.split("/")
    while words and words[0] in (".", ".."):
        if words[0] == "..":
            before, slash, _ = rest.rpartition("/")
            if not slash:  # of `host:folder`, the host stays
                before, colon, _ = rest.rpartition(":")
                rest = before + colon
            else:
                rest = before
        words = words[1:]
    joined = rest + ("" if rest.endswith(":") else "/") + "/".join(words)
    return scheme + mark + joined
