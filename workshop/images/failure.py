"""Why a build failed, in one sentence with a hint, from the last lines of the step that failed. Pure.

Builders end with an exit code and words; the rules below know the words of uv, apt, BuildKit and the engine.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from workshop.errors import BuildFailed
from workshop.images.links import redact

SHOWN_LINES = 15
_NOISE = re.compile(r"^(?:-+|>+.*|\s*\d+ \|.*|Dockerfile:\d+|.*(?:NOTICE|npm notice).*)$")
_TRIM = re.compile(r"^#\d+ (?:\d+\.\d+ )?")


@dataclass(frozen=True, slots=True)
class FailedBuild:
    """What is known of a build that failed."""

    lines: Sequence[str]
    """The log of the failed step, the builder's own error last."""
    step: str = ""
    """What the step did."""
    base: str = ""
    python: str = ""
    """The wanted Python and where it stands: `3.10 (runtime.txt)`."""
    apt_file: str = "apt.txt"
    on_engine: bool = True
    """Built by the Docker engine; False for an environment of this machine."""


@dataclass(frozen=True, slots=True)
class _Rule:
    pattern: re.Pattern[str]
    message: Callable[[re.Match[str], FailedBuild], str]
    hint: Callable[[re.Match[str], FailedBuild], str]


def _rule(
    pattern: str,
    message: str | Callable[[re.Match[str], FailedBuild], str],
    hint: str | Callable[[re.Match[str], FailedBuild], str],
) -> _Rule:
    return _Rule(
        re.compile(pattern, re.IGNORECASE),
        message if callable(message) else lambda _match, _build: message,
        hint if callable(hint) else lambda _match, _build: hint,
    )


def _host(url: str) -> str:
    return urlsplit(url).hostname or redact(url)


def _not_reached(host: str) -> str:
    return f"{host} could not be reached during the build."


_NETWORK_HINT = (
    "Check this machine's network. Behind a company's proxy, index or certificate, set HTTPS_PROXY, "
    "WORKSHOP_IMAGE_INDEX_URL or WORKSHOP_IMAGE_CA_BUNDLE."
)
_BASE_HINT = (
    "Fetch it while there is a network (`docker pull IMAGE`), or name one that is here with WORKSHOP_IMAGE_BASE."
)

_RULES = (
    _rule(
        r"no space left on device|disk quota exceeded|ENOSPC",
        "The disk is full: the image could not be written.",
        lambda _m, build: (
            "Free some space: `workshop images prune` removes our old images"
            + (", `docker system df` shows what else there is." if build.on_engine else ".")
        ),
    ),
    _rule(
        r"dockerfile parse error (?:on )?line (?P<line>\d+): (?P<why>.+)",
        lambda match, _b: f"Line {match['line']} of the Dockerfile cannot be read: {match['why'].strip().rstrip('.')}.",
        "Mend it in the repository; text in `<<EOF` is for engines from Docker 23 on.",
    ),
    _rule(
        r"\"/?(?P<file>[^\"\n]+)\"[:,]? not found(?:: not found)?|COPY failed: file not found in build context.*?"
        r"stat (?P<classic>\S+?): ",
        lambda match, _b: f"The Dockerfile copies {match['file'] or match['classic']}, which is not in the repository.",
        "Paths are those of the repository's root, also for a Dockerfile in binder/; .dockerignore may leave it out.",
    ),
    _rule(
        r"workshop: base: (?P<why>.+)",
        lambda match, build: f"The base image {build.base} cannot be used: {match['why']}.",
        "Name a Debian or Ubuntu image with Python, such as python:3.12-slim, with WORKSHOP_IMAGE_BASE.",
    ),
    _rule(
        r"(?m)(?:No interpreter found for (?P<what>Python [^\n]*?)(?: in (?:virtual|search|system|managed|\[).*)?$|"
        r"Invalid version request: (?P<other>.*)|Failed to inspect Python interpreter)",
        lambda match, build: (
            f"{build.python or match['what'] or 'Another Python'} is wanted, and "
            + (
                f"the base image {build.base} does not have it."
                if build.on_engine
                else "this machine does not have it."
            )
        ),
        lambda _m, build: (
            "Name an image that has it with WORKSHOP_IMAGE_BASE, or change what the repository wants."
            if build.on_engine
            else "Install that Python, or change what the repository wants."
        ),
    ),
    _rule(
        r"(?:failed to resolve source metadata for|failed to do request|pull access denied for|manifest for|"
        r"failed to solve: )\s*\"?(?P<image>[\w./:@-]+)?.*(?:no such host|i/o timeout|connection refused|dial tcp|"
        r"network is unreachable|TLS handshake|x509|failed to do request)",
        lambda match, build: (
            f"The base image {build.base} is not here, and its registry could not be reached"
            + (f" ({host})." if (host := _registry(match.string)) else ".")
        ),
        _BASE_HINT,
    ),
    _rule(
        r"(?:pull access denied for|manifest for|manifest unknown|failed to resolve source metadata for|"
        r"repository does not exist|not found: manifest).*",
        lambda _m, build: f"There is no base image {build.base}.",
        "Check its name; a private one needs `docker login`. WORKSHOP_IMAGE_BASE names another.",
    ),
    _rule(
        r"Get \"?https?://(?P<registry>[^/\"]+)/v2/\"?: ",
        lambda match, build: f"The base image {build.base} is not here, and {match['registry']} could not be reached.",
        _BASE_HINT,
    ),
    _rule(
        r"invalid peer certificate|UnknownIssuer|CERTIFICATE_VERIFY_FAILED|self.signed certificate|"
        r"certificate verification failed|SSL certificate problem",
        "A server's certificate is not trusted during the build.",
        "Give your company's certificates with WORKSHOP_IMAGE_CA_BUNDLE=FILE (in PEM form).",
    ),
    _rule(
        r"(?:Failed to fetch:?|error sending request for url|Could not connect|request failed.*url)[^`(\n]*?"
        r"[`(]?(?P<url>https?://[^`)\s]+)|unable to access '(?P<git>https?://[^']+)': "
        r"(?:Could not resolve|Failed to connect)",
        lambda match, _b: _not_reached(_host(match["url"] or match["git"])),
        _NETWORK_HINT,
    ),
    _rule(r"HTTPS?ConnectionPool\(host='(?P<url>[^']+)'", lambda match, _b: _not_reached(match["url"]), _NETWORK_HINT),
    _rule(
        r"(?:Temporary failure resolving|Could not resolve|Unable to connect to) '?(?P<url>[\w.-]+)",
        lambda match, _b: _not_reached(match["url"].split(":")[0]),
        _NETWORK_HINT,
    ),
    _rule(
        r"E: Unable to locate package (?P<name>\S+)|E: Package '(?P<virtual>[^']+)' has no installation candidate|"
        r"E: Version '(?P<version>[^']+)' for '(?P<versioned>[^']+)' was not found",
        lambda match, build: (
            f"There is no Debian package {match['name'] or match['virtual'] or match['versioned']}"
            + (f" {match['version']}" if match["version"] else "")
            + f" (from {build.apt_file})."
        ),
        lambda _m, build: (
            f"Check its name at packages.debian.org for the release of {build.base}, and mend {build.apt_file}."
        ),
    ),
    _rule(
        r"could not read (?:Username|Password) for '(?P<url>https?://[^']+)'|"
        r"Authentication failed for '(?P<other>https?://[^']+)'",
        lambda match, _b: f"A requirement is in a private repository of {_host(match['url'] or match['other'])}.",
        "Builds have nobody's credentials, since whatever a build knows participants can read. Make it a submodule "
        "and name its folder (`./folder`), or put its wheel into the repository.",
    ),
    _rule(
        r"Unsupported editable requirement.*?: `(?P<what>git\+[^`]+)`",
        lambda match, _b: f"{redact(match['what'])} is to be editable, which uv does for folders only.",
        "Take the `-e ` in front of it away.",
    ),
    _rule(
        r"Because (?P<name>pkg-resources|python) was not found in the package registry",
        lambda match, _b: f"{match['name']} is no package that can be installed, and the requirements name it.",
        "Take the line out: `pip freeze` on Debian writes pkg-resources by mistake; a Python version belongs in "
        "runtime.txt.",
    ),
    _rule(
        r"(?:Because )?(?P<name>[\w.\[\]-]+) was not found in the package registry|"
        r"there are no versions of (?P<none>[\w.\[\]-]+)|there is no version of (?P<pinned>[^\s,]+)|"
        r"only (?P<only>[\w.\[\]<>=!,-]+) (?:is|are) available",
        lambda match, _b: _no_version(match),
        "Mend the name or the version in the repository.",
    ),
    _rule(
        r"Because (?P<what>\S+) has no wheels with a matching",
        lambda match, _b: f"{match['what']} does not exist for this version of Python.",
        "Use a newer version of it, or another Python with runtime.txt.",
    ),
    _rule(
        r"No solution found when resolving dependencies",
        "The requirements contradict each other.",
        "What uv found is below; loosen one of them.",
    ),
    _rule(
        r"Couldn't parse requirement|error: Failed to parse|Expected (?:one of|package name|version|`--hash`)",
        "A list of requirements cannot be read.",
        "Mend the line named below.",
    ),
    _rule(
        r"(?:command '?/?\S*(?:gcc|cc|g\+\+|clang)'? failed|error: command .*gcc|unable to execute '?(?:gcc|cc)|"
        r"No such file or directory: '[^']*(?:gcc|cc|g\+\+|clang)'|Broken toolchain)",
        "A package has to be compiled, and there is no compiler.",
        lambda _m, build: (
            f"Add build-essential to {build.apt_file}, or use a version of the package that has a wheel."
            if build.on_engine
            else "Install a C compiler on this machine, or use a version of the package that has a wheel."
        ),
    ),
    _rule(
        r"Git executable not found|git: (?:command )?not found|Cannot find command 'git'",
        "git is needed to install a requirement, and is not there.",
        lambda _m, build: f"Add git to {build.apt_file}." if build.on_engine else "Install git on this machine.",
    ),
    _rule(
        r"(?:Failed to (?:download and )?build|Failed to build) `(?P<what>[^`]+)`",
        lambda match, _b: f"{match['what']} could not be built.",
        "Use a version of it that has a wheel; what its own build said is below.",
    ),
    _rule(
        r"workshop: postBuild: (?P<name>\S+) ended with exit code (?P<code>\d+)",
        lambda match, _b: (
            f"{match['name']} failed with exit code {match['code']}"
            + {"126": " (not allowed to run)", "127": " (a command was not found)"}.get(match["code"], "")
            + "."
        ),
        "Its last lines say why; mend it in the repository.",
    ),
    _rule(
        r"exit code: 137\b|signal: killed",
        "A step of the build was ended from outside, most likely because memory ran out.",
        "Free some memory, then build again: steps that are done are not repeated.",
    ),
)
"""First the causes that lie in the machine, then those in the repository; the first rule that fits decides."""


def explain(build: FailedBuild) -> BuildFailed:
    """The error that is told to the user."""
    lines = [clean for line in build.lines if (clean := _TRIM.sub("", line).rstrip()) and not _NOISE.match(clean)]
    text = "\n".join(lines)
    joined = " ".join(text.split())
    for rule in _RULES:
        match = rule.pattern.search(text) or rule.pattern.search(joined)
        if match:
            return BuildFailed(rule.message(match, build), hint=rule.hint(match, build), details=relevant(lines, match))
    what = "The build failed."
    if build.step:
        # An instruction of the repository's own Dockerfile stands for itself.
        what = (
            f"The build failed at `{build.step}`."
            if build.step[0].isupper()
            else f"The build failed while {build.step}."
        )
    return BuildFailed(what, hint="The log's last lines say why.", details=tuple(lines[-SHOWN_LINES:]))


def relevant(lines: Sequence[str], match: re.Match[str]) -> tuple[str, ...]:
    """The lines around the one that decided, else the last ones."""
    first = match.group().split("\n")[0]
    at = next((number for number, line in enumerate(lines) if first in line), None)
    if at is None or len(lines) <= SHOWN_LINES:
        return tuple(lines[-SHOWN_LINES:])
    begin = max(0, min(at - 3, len(lines) - SHOWN_LINES))
    return tuple(lines[begin : begin + SHOWN_LINES])


def _registry(text: str) -> str:
    found = re.search(r"https://([^/\"]+)/v2", text) or re.search(r"lookup ([\w.-]+)", text)
    return found[1] if found else ""


def _no_version(match: re.Match[str]) -> str:
    groups = match.groupdict()
    if groups["name"]:
        return f"There is no Python package {groups['name']}."
    name = groups["none"] or groups["pinned"] or groups["only"] or ""
    if groups["only"]:
        return f"A wanted version does not exist: only {name} is there."
    return f"There is no {name}."
