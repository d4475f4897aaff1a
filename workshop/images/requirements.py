"""Reads requirement files as repo2docker and pip do: local references, unpinned names, what Debian must add. Pure.

Rules of local references: repo2docker's `utils.is_local_pip_requirement`, and three that it misses
(absolute paths, `name @ ./path`, bare paths of archives), because those fail before the code is there.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

_COMMENT = re.compile(r"(^|\s)#.*$")
_INCLUDE = re.compile(r"(?:-r|-c|--requirement|--constraint)(?:[\s=]|$)|-[rc]\S")
_INCLUDED = re.compile(r"(?:-r|--requirement)[\s=]*(\S+)")
_OPTION_VALUE = re.compile(r"^--[a-z-]+[=\s]")
_ARCHIVE = re.compile(r"^[^:\s]*[^:\s/]\.(?:whl|tar\.gz|tgz|zip)$")
_CONDA_PIN = re.compile(r"(?<![<>!~=])={1,2}\s*\d|^\S+\s+\d")
_BARE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_EXACT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*\s*==\s*[0-9][A-Za-z0-9.+!]*")
_EDITABLE_GIT = re.compile(r"(?m)^(?P<indent>\s*)(?:-e\s*|--editable[=\s]\s*)(?=git\+)")
_COMMIT_AT_END = re.compile(r"@[0-9a-f]{7,40}(?:#.*)?$")


def logical_lines(text: str) -> list[str]:
    """Lines without comments, continued lines joined."""
    joined = text.replace("\r\n", "\n").replace("\\\n", " ")
    lines = (_COMMENT.sub("", line).strip() for line in joined.split("\n"))
    return [line for line in lines if line]


def is_local_reference(line: str) -> bool:
    """Whether a requirement needs a file of the repository."""
    line = _COMMENT.sub("", line).strip()
    if not line:
        return False
    if _INCLUDE.match(line):
        return True
    if line.startswith("--editable"):
        line = "-e " + line.removeprefix("--editable").lstrip("= ")
    if line.startswith("-e"):
        line = line[2:].strip()
    elif line.startswith("-"):
        found = _OPTION_VALUE.match(line)
        if not found:
            return False
        line = line[found.end() :].strip()
    _, at, target = line.partition(" @ ")
    if at:
        line = target.strip()
    if line.startswith("file:"):
        return True
    if "://" in line:
        return line.split("://", 1)[1].startswith(".")
    return line.startswith((".", "/")) or bool(_ARCHIVE.match(line))


def included_files(text: str) -> list[str]:
    """Files named with `-r`."""
    return [found[1] for line in logical_lines(text) if (found := _INCLUDED.match(line))]


def has_local_references(text: str) -> bool:
    return any(is_local_reference(line) for line in logical_lines(text))


def unpinned(lines: Iterable[str]) -> list[str]:
    """Requirements whose version may differ at the next build."""
    found = []
    for line in lines:
        text = _COMMENT.sub("", line).strip().split(" --hash")[0]
        editable = text.startswith(("-e ", "--editable"))
        if not text or (text.startswith("-") and not editable):
            continue
        text = text.removeprefix("-e ").removeprefix("--editable").strip("= ")
        if "git+" in text:
            if not _COMMIT_AT_END.search(text):
                found.append(text)
            continue
        if editable or is_local_reference(text) or "://" in text.split(";")[0]:
            continue
        if not _is_pinned(text):
            found.append(text.split(";")[0].strip())
    return found


def _is_pinned(text: str) -> bool:
    if _BARE_NAME.fullmatch(text) or _EXACT.fullmatch(text):  # most lines; the library takes long to load
        return "==" in text
    from packaging.requirements import InvalidRequirement, Requirement

    try:
        specifier = Requirement(text).specifier
    except InvalidRequirement:
        return "==" in text
    return any(part.operator in ("==", "===") and not part.version.endswith("*") for part in specifier)


def several_indexes(texts: Iterable[str]) -> bool:
    """Whether a list of requirements names an index beside the first: the best version of any is wanted, as by pip."""
    return any(re.search(r"(?m)^\s*--extra-index-url\b", text) for text in texts)


def for_uv(text: str) -> str:
    """The same list without what uv refuses and pip takes: an editable repository, as `pip freeze` writes it."""
    return _EDITABLE_GIT.sub(r"\g<indent>", text)


def needs_git(texts: Iterable[str]) -> bool:
    """Whether installing or building calls git."""
    return any("git+" in text or re.search(r"(?m)^\s*(?:sudo\s+)?git\s", text) for text in texts)


def unpinned_conda(dependencies: Iterable[object]) -> list[str]:
    """Entries of `dependencies:` in an environment.yml without a version; its `pip:` list included."""
    found = []
    for entry in dependencies:
        if isinstance(entry, str):
            name = entry.rpartition("::")[2].strip()
            if name not in ("pip", "") and not _CONDA_PIN.search(name):
                found.append(name)
        elif isinstance(entry, dict) and isinstance(entry.get("pip"), list):
            found += unpinned(str(line) for line in entry["pip"])
    return found
