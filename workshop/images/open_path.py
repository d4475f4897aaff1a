"""What stands behind `urlpath=` in a Binder link: the UI, the file, and nbgitpuller's second repository. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import parse_qs, unquote


@dataclass(frozen=True, slots=True)
class Opening:
    """What a participant is to see first."""

    ui: str = ""
    path: str = ""
    content: tuple[str, str, str] | None = None
    """nbgitpuller's repository, branch and target folder."""


_LAB = re.compile(r"(?:lab|doc)(?:/workspaces/[^/]+)?(?:/tree(?:/(?P<path>.*))?)?/?")
_NOTEBOOK = re.compile(
    r"(?:tree|notebooks|edit|retro(?:/tree|/notebooks)?|nbclassic/(?:tree|notebooks))(?:/(?P<path>.*))?"
)
_VSCODE = re.compile(r"(?:vscode|code-server|codeserver|openvscode)(?:/.*)?")


def read_url_path(text: str) -> Opening:
    """Read the value of `urlpath`: `lab/tree/x.ipynb`, `tree/x`, `rstudio`, `git-pull?repo=…`, `proxy/8501/`, …"""
    path, _, query = text.strip().lstrip("/").partition("?")
    if path == "git-pull":
        return _pulled(query)
    path = unquote(path)
    if found := _LAB.fullmatch(path):
        return Opening("lab", (found["path"] or "").strip("/"))
    if found := _NOTEBOOK.fullmatch(path):
        return Opening("notebook", (found["path"] or "").strip("/"))
    if path.split("/")[0] == "rstudio":
        return Opening("rstudio")
    if _VSCODE.fullmatch(path):
        return Opening("vscode")
    if not path:
        return Opening()
    return Opening("web", "/" + path + (f"?{query}" if query else ""))


def _pulled(query: str) -> Opening:
    values = parse_qs(query.replace("&amp;", "&"))
    repository = values.get("repo", [""])[0]
    branch = values.get("branch", [""])[0]
    target = (values.get("targetPath") or values.get("targetpath") or [""])[0].strip("/")
    inner = values.get("urlpath") or values.get("urlPath") or [""]
    opening = read_url_path(inner[0]) if inner[0] else Opening()
    if "subPath" in values and not opening.path:
        name = target or repository.rstrip("/").split("/")[-1].removesuffix(".git")
        opening = Opening(opening.ui, f"{name}/{values['subPath'][0].strip('/')}")
    return Opening(opening.ui, opening.path, (repository, branch, target) if repository else None)
