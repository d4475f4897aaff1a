"""What a user pastes, read as a repository: paths, Git URLs, web links, DOIs, mybinder.org links and badges. Pure.

The forms of mybinder.org links are those of its documentation ("v2/<provider>/<spec>/<ref>?urlpath=…").
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from urllib.parse import SplitResult, parse_qs, quote, unquote, urlsplit, urlunsplit

from workshop.errors import SourceError
from workshop.images.open_path import Opening, read_url_path

_BINDER_URL = re.compile(r"https?://[^\s)\]\"'<>]*?/v2/(?:[a-z]+)/[^\s)\]\"'<>]+", re.IGNORECASE)
_MARKDOWN_LINK = re.compile(r"\]\(\s*<?(https?://[^\s)>]+)>?[^)]*\)\s*$")
_HTML_LINK = re.compile(r"href=[\"'](https?://[^\"']+)[\"']", re.IGNORECASE)
_SCP = re.compile(r"(?:[\w.-]+@)?[\w.-]+:(?!//)[^\s\\]+")
_DOI = re.compile(r"10\.\d{4,9}/\S+")
_BARE_HOST = re.compile(
    r"(?:www\.)?(?:github\.com|gitlab\.com|codeberg\.org|bitbucket\.org|gist\.github\.com|(?:[\w-]+\.)?mybinder\.org|"
    r"zenodo\.org|doi\.org)/\S+",
    re.IGNORECASE,
)
_GIT_SCHEMES = {"http", "https", "ssh", "git", "file", "ftp", "ftps"}

BINDER_PROVIDERS = ("gh", "gl", "git", "gist", "zenodo", "figshare")
"""The providers of mybinder.org whose links are understood."""


@dataclass(frozen=True, slots=True)
class Content:
    """A second repository whose files go into the first one's environment (nbgitpuller's links)."""

    repository: str
    ref: str = ""
    target: str = ""
    """The folder, below the home folder, that receives it."""


@dataclass(frozen=True, slots=True)
class Link:
    """What a link or path says, in the words of a workshop definition."""

    repository: str
    """A Git URL, a path, or `doi:10.…`. May hold credentials: show `shown`, never this."""
    ref: str = ""
    folder: str = ""
    """With a branch whose name has slashes, part of it may belong to `ref`: only the repository can tell."""
    open_path: str = ""
    ui: str = ""
    """A hint: `lab`, `notebook`, `vscode`, `rstudio`, `web` or nothing."""
    content: Content | None = None

    @property
    def is_doi(self) -> bool:
        return self.repository.startswith("doi:")

    @property
    def is_local(self) -> bool:
        """A path of this machine."""
        return not self.is_doi and "://" not in self.repository and not _SCP.fullmatch(self.repository)

    @property
    def shown(self) -> str:
        """The repository without credentials."""
        return redact(self.repository)

    @property
    def name(self) -> str:
        """A short name made of the last part of the repository, or of the folder."""
        last = re.split(r"[/:]", (self.folder or self.repository).rstrip("/"))[-1]
        return last.removesuffix(".git") or "workshop"


def parse_link(text: str) -> Link:
    """Read what the user named.

    Args:
        text: a path, a URL, a link copied from a browser, or a badge in Markdown, HTML or reStructuredText.

    Raises:
        SourceError: nothing was named, or a link to something that cannot be fetched.
    """
    word = _unwrap(text.strip())
    if not word:
        raise SourceError("No repository was named.", hint="Give a folder, a Git URL or a mybinder.org link.")
    if word.lower().startswith("doi:"):
        return Link("doi:" + word[4:].strip().removeprefix("https://doi.org/"))
    if _DOI.fullmatch(word):
        return Link("doi:" + word)
    if _BARE_HOST.fullmatch(word):
        word = "https://" + word
    if "://" not in word:
        if is_scp(word):
            return _pip_style(word)
        return Link(word)
    word = word.removeprefix("git+")
    parts = urlsplit(word)
    if parts.scheme not in _GIT_SCHEMES:
        raise SourceError(
            f"{redact(word)} is no address of a repository: {parts.scheme}:// is not known.",
            hint="Use https://, ssh://, file://, a folder or a mybinder.org link.",
        )
    if parts.scheme in ("http", "https"):
        return _web(word, parts)
    return _pip_style(word)


def is_scp(text: str) -> bool:
    """Whether a text is `user@host:folder`, as ssh's own programs write it."""
    return "://" not in text and not text.startswith(("/", ".", "~")) and _SCP.fullmatch(text) is not None


def redact(text: str) -> str:
    """The same text with user names and passwords taken out of every URL (an ssh user name stays)."""
    return _CREDENTIALS.sub(_without_credentials, text)


_CREDENTIALS = re.compile(r"\b([a-z][a-z0-9+.-]*)://([^/\s?#<>\"]+)@", re.IGNORECASE)
"""Up to the last `@` before the path: passwords are pasted as they are."""


def _without_credentials(match: re.Match[str]) -> str:
    scheme, userinfo = match.groups()
    if scheme.lower() in ("ssh", "git+ssh"):
        return f"{scheme}://{userinfo.split(':')[0]}@"
    return f"{scheme}://"


def _unwrap(text: str) -> str:
    """The address inside a badge, or the text itself."""
    if not any(mark in text for mark in ("](", "<", ":target:", "\n")):
        if "://" not in text:
            return text
        text = text.rstrip(".,;")  # the end of the sentence that it was copied from
        return text if "(" in text else text.rstrip(").,;")
    found = _BINDER_URL.search(text)
    if found:
        return found.group().replace("&amp;", "&")
    for pattern in (_MARKDOWN_LINK, _HTML_LINK):
        found = pattern.search(text)
        if found:
            return found.group(1).replace("&amp;", "&")
    if text.startswith("<") and text.endswith(">"):
        return text[1:-1]
    return text


def _web(word: str, parts: SplitResult) -> Link:
    host = (parts.hostname or "").lower()
    segments = [unquote(part) for part in parts.path.split("/") if part]
    if _is_binder(parts):
        return _binder(word, parts)
    if segments[-1:] == ["git-pull"] and "repo" in parse_qs(parts.query):
        return _pulled_alone(parts)
    if host == "mybinder.org" or host.endswith(".mybinder.org"):
        raise SourceError(
            f"{redact(word)} is no link that starts a repository.",
            hint="Those have /v2/ in them: https://mybinder.org/v2/gh/<owner>/<name>/<branch>. "
            "The address of a running session is not one.",
        )
    if host in ("doi.org", "dx.doi.org", "www.doi.org"):
        return Link("doi:" + "/".join(segments))
    if host in ("zenodo.org", "www.zenodo.org", "sandbox.zenodo.org") and segments[:1] in (["record"], ["records"]):
        return Link(f"doi:10.5281/zenodo.{segments[1]}") if len(segments) > 1 else Link(word)
    if host in ("zenodo.org", "www.zenodo.org") and (found := _DOI.search(parts.path)):
        return Link("doi:" + found.group().removesuffix(".svg").rstrip("/"))
    if host.endswith("figshare.com") and segments[:1] == ["articles"]:
        return _figshare(word, segments)
    if not segments:
        raise SourceError(f"{redact(word)} names no repository.", hint="Add the path of the repository to it.")
    if (reader := _READERS.get(host)) is not None:
        return reader(word, parts, segments)
    if "/-/" in parts.path:
        return _gitlab(word, parts, segments)
    if "_git" in segments[:-1]:
        return _azure(parts)
    match segments:  # hosts of one's own that are built like those above
        case [owner, name, "tree" | "blob", _, *_]:
            repository = urlunsplit((parts.scheme, parts.netloc, f"/{quote(owner)}/{quote(name)}", "", ""))
            return _below(Link(repository), segments[2:])
        case [_, _, "src", "branch" | "tag" | "commit", _, *_]:
            return _gitea(word, parts, segments)
    return _pip_style(word)


def _pulled_alone(parts: SplitResult) -> Link:
    """A link of nbgitpuller on any JupyterHub: its repository is the workshop, whatever the hub's environment was."""
    opening = read_url_path(f"git-pull?{parts.query}")
    assert opening.content is not None
    repository, branch, target = opening.content
    inner = parse_link(repository)
    path = opening.path
    for folder in (target, inner.name):
        if folder and path.startswith(f"{folder}/"):
            path = path.removeprefix(f"{folder}/")
            break
    return replace(inner, ref=branch or inner.ref, open_path=path or inner.open_path, ui=opening.ui or inner.ui)


def _azure(parts: SplitResult) -> Link:
    """Azure DevOps says branch (`GB…`), tag (`GT…`) or commit (`GC…`) and the file in its query."""
    values = parse_qs(parts.query)
    version = values.get("version", [""])[0]
    link = Link(urlunsplit((parts.scheme, parts.netloc, parts.path, "", "")), ref=version[2:])
    path = values.get("path", [""])[0].strip("/")
    return _at_path(link, link.ref, path.split("/")) if path else link


def _figshare(word: str, segments: list[str]) -> Link:
    match [part for part in segments[1:] if part.isdigit()]:
        case [*_, article, version] if len(version) < 4:
            return Link(f"doi:10.6084/m9.figshare.{article}.v{version}")
        case [*_, article]:
            return Link(f"doi:10.6084/m9.figshare.{article}")
    raise SourceError(f"{redact(word)} names no article of Figshare.", hint="Use the link of the article, or its DOI.")


def _at(parts: SplitResult, path: str) -> str:
    """A URL of the same host, with the credentials that the user gave."""
    scheme = parts.scheme if (parts.hostname or "") not in _READERS else "https"
    return urlunsplit((scheme, parts.netloc.removeprefix("www."), path, "", ""))


def _github(word: str, parts: SplitResult, segments: list[str]) -> Link:
    if len(segments) < 2:
        raise SourceError(
            f"{redact(word)} names no repository.", hint="A repository is https://github.com/<owner>/<name>."
        )
    repository = _at(parts, f"/{segments[0]}/{segments[1].removesuffix('.git')}")
    return _below(Link(repository), segments[2:])


def _below(link: Link, rest: list[str]) -> Link:
    """The branch, folder and file of a web link, from what follows the repository's name."""
    match rest:
        case ["tree", ref, *path]:
            return replace(link, ref=ref, folder="/".join(path))
        case ["blob" | "raw" | "edit" | "blame", ref, *path]:
            return replace(link, ref=ref, open_path="/".join(path))
        case ["commit" | "commits", ref, *_]:
            return replace(link, ref=ref)
        case ["releases", "tag", *ref]:
            return replace(link, ref="/".join(ref))
        case ["pull", number, *_] if number.isdigit():
            return replace(link, ref=f"refs/pull/{number}/head")
        case _:
            return link


def _gitlab(_word: str, parts: SplitResult, segments: list[str]) -> Link:
    if "-" in segments:
        at = segments.index("-")
        project, rest = segments[:at], segments[at + 1 :]
    else:
        project, rest = segments, []
    path = "/".join(project).removesuffix(".git")
    link = Link(urlunsplit((parts.scheme, parts.netloc, f"/{path}.git", "", "")))
    if rest[:1] == ["tags"]:
        return replace(link, ref="/".join(rest[1:]))
    if rest[:1] == ["merge_requests"] and len(rest) > 1:
        return replace(link, ref=f"refs/merge-requests/{rest[1]}/head")
    return _below(link, rest)


def _gist(word: str, parts: SplitResult, segments: list[str]) -> Link:
    names = [part.removesuffix(".git") for part in segments]
    at = next((i for i, part in enumerate(names) if re.fullmatch(r"[0-9a-f]{20,40}", part)), None)
    if at is None:
        raise SourceError(f"{redact(word)} names no gist.", hint="A gist is https://gist.github.com/<owner>/<id>.")
    ref = names[at + 1] if len(names) > at + 1 and re.fullmatch(r"[0-9a-f]{7,40}", names[at + 1]) else ""
    return Link(_at(parts, f"/{names[at]}.git"), ref=ref)


def _at_path(link: Link, ref: str, path: list[str]) -> Link:
    """Where a link does not say whether a path is a file, its name does."""
    if path and "." in path[-1]:
        return replace(link, ref=ref, open_path="/".join(path))
    return replace(link, ref=ref, folder="/".join(path))


def _gitea(_word: str, parts: SplitResult, segments: list[str]) -> Link:
    link = Link(_at(parts, "/" + "/".join(segments[:2]).removesuffix(".git") + ".git"))
    match segments[2:]:
        case ["src", "branch" | "tag" | "commit", ref, *path]:
            return _at_path(link, ref, path)
        case _:
            return link


def _bitbucket(_word: str, parts: SplitResult, segments: list[str]) -> Link:
    link = Link(_at(parts, "/" + "/".join(segments[:2]).removesuffix(".git") + ".git"))
    match segments[2:]:
        case ["src", ref, *path]:
            return _at_path(link, ref, path)
        case _:
            return link


def _raw_github(word: str, parts: SplitResult, segments: list[str]) -> Link:
    github = urlsplit("https://github.com/")
    if segments[2:4] == ["refs", "heads"]:
        segments = segments[:2] + segments[4:]
    return _github(word, github, [*segments[:2], "blob", *segments[2:]])


def _viewer(word: str, _parts: SplitResult, segments: list[str]) -> Link:
    """nbviewer and Colab show notebooks of GitHub under `/github/<owner>/<name>/blob/…`."""
    if "github" not in segments:
        raise SourceError(
            f"{redact(word)} names no repository.", hint="Use the address of the repository that holds the notebook."
        )
    return _github(word, urlsplit("https://github.com/"), segments[segments.index("github") + 1 :])


_READERS: dict[str, Callable[[str, SplitResult, list[str]], Link]] = {
    "github.com": _github,
    "www.github.com": _github,
    "gitlab.com": _gitlab,
    "gist.github.com": _gist,
    "codeberg.org": _gitea,
    "bitbucket.org": _bitbucket,
    "raw.githubusercontent.com": _raw_github,
    "nbviewer.org": _viewer,
    "nbviewer.jupyter.org": _viewer,
    "colab.research.google.com": _viewer,
}


def _pip_style(word: str) -> Link:
    """A Git URL, with pip's `@ref` and `#subdirectory=` or this program's `#folder` if they are there."""
    base, _, fragment = word.partition("#")
    folder = parse_qs(fragment).get("subdirectory", [""])[0] or ("" if "=" in fragment else fragment)
    head, dot_git, ref = base.rpartition(".git@")
    if dot_git and ref:
        return Link(head + ".git", ref=ref, folder=folder)
    return Link(base, folder=folder)


def _is_binder(parts: SplitResult) -> bool:
    """mybinder.org, or another BinderHub: their links have `/v2/<provider>/`."""
    found = re.search(r"/v2/([a-z]+)/.", parts.path)
    return found is not None and (found.group(1) in (*BINDER_PROVIDERS, "hydroshare", "dataverse", "ckan"))


def _binder(word: str, parts: SplitResult) -> Link:
    provider, _, spec = parts.path.split("/v2/", 1)[1].partition("/")
    spec = spec.rstrip("/")
    link = _binder_repository(word, provider, spec)
    opening = _binder_opening(parts.query)
    link = replace(link, open_path=opening.path, ui=opening.ui)
    if opening.content:
        repository, ref, target = opening.content
        inner = parse_link(repository)
        folder = target or inner.name
        link = replace(link, content=Content(inner.repository, ref or inner.ref, folder))
    return link


def _binder_repository(word: str, provider: str, spec: str) -> Link:
    incomplete = SourceError(
        f"The mybinder.org link {word.split('?')[0]} names no repository.",
        hint="A link is https://mybinder.org/v2/gh/<owner>/<name>/<branch>.",
    )
    if provider == "gh":
        owner, _, rest = spec.partition("/")
        name, _, ref = rest.partition("/")
        if not name:
            raise incomplete
        return Link(f"https://github.com/{unquote(owner)}/{unquote(name).removesuffix('.git')}", ref=_binder_ref(ref))
    if provider == "gist":
        match spec.split("/"):
            case [_, gist, *words]:
                return Link(f"https://gist.github.com/{unquote(gist)}.git", ref=_binder_ref("/".join(words)))
            case _:
                raise incomplete
    if provider in ("gl", "git"):
        quoted, _, ref = spec.partition("/")
        if not quoted:
            raise incomplete
        address = unquote(quoted)
        if provider == "git":
            return Link(address, ref=_binder_ref(ref))
        return Link(f"https://gitlab.com/{address.removesuffix('.git')}.git", ref=_binder_ref(ref))
    if provider in ("zenodo", "figshare"):
        return Link("doi:" + unquote(spec))
    raise SourceError(
        f"mybinder.org links to {provider} cannot be fetched.",
        hint=f"Those to {', '.join(BINDER_PROVIDERS)} can; or download the files and name their folder.",
    )


def _binder_ref(text: str) -> str:
    ref = unquote(text)
    return "" if ref == "HEAD" else ref


def _binder_opening(query: str) -> Opening:
    values = parse_qs(query.replace("&amp;", "&"))
    if "labpath" in values:
        return Opening("lab", values["labpath"][0].strip("/"))
    if "filepath" in values:
        return Opening("notebook", values["filepath"][0].strip("/"))
    paths = values.get("urlpath", [])
    if not paths:
        return Opening()
    first = paths[0]
    if first.lstrip("/").startswith("git-pull"):
        # Links written by hand often leave the inner `&` unquoted: its parts then stand in the outer query.
        for key in ("branch", "targetPath", "targetpath", "subPath"):
            if key in values:
                first += f"&{key}={values[key][0]}"
        if len(paths) > 1:
            first += f"&urlpath={paths[1]}"
    return read_url_path(first)
