"""What a repository's files ask for: repo2docker's conventions and precedence (its version 2026.4.0).

Two additions where repo2docker finds nothing: a `pylock.toml` or `uv.lock` is installed, and so are the
dependencies of a `pyproject.toml` without a build system.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from workshop.errors import SourceError
from workshop.images import cautions, requirements
from workshop.images.pipfile import has_paths
from workshop.images.repository_files import RepositoryFiles
from workshop.model.image import Detected

if TYPE_CHECKING:
    from packaging.specifiers import SpecifierSet

PYTHONS = tuple(f"3.{minor}" for minor in range(14, 7, -1))
"""Versions a `requires-python` is matched with, newest first."""
ENVIRONMENT_FILES = (
    "Dockerfile", "Project.toml", "JuliaProject.toml", "REQUIRE", "default.nix", "environment.yml", "environment.yaml",
    "Pipfile", "Pipfile.lock", "requirements.txt", "pylock.toml", "runtime.txt", "apt.txt", "install.R", "DESCRIPTION",
    "postBuild", "start", "setup.py", "pyproject.toml", "uv.lock",
)  # fmt: skip
_ROOT_ONLY = ("setup.py", "pyproject.toml", "uv.lock", "DESCRIPTION")
_APT_NAME = re.compile(r"[a-z0-9][a-z0-9+.-]*(?::[a-z0-9]+)?(?:=[A-Za-z0-9.+:~-]+)?")
_RUNTIME = re.compile(r"([A-Za-z]+)(?:-(\d+(?:\.\d+)*))?(?:-(\d{4}-\d{2}-\d{2}))?")


@dataclass
class _Finding:
    """What detection has gathered so far."""

    files: RepositoryFiles
    binder_dir: str
    kind: str = "plain"
    """As in `Detected`."""
    python: str = ""
    python_range: str = ""
    installer: str = "none"
    taking_part: list[str] = field(default_factory=list)
    after_code: bool = False
    several_indexes: bool = False
    unpinned: list[str] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def at(self, name: str) -> str:
        """A file's path in the binder folder."""
        return f"{self.binder_dir}/{name}" if self.binder_dir else name

    def has(self, name: str) -> bool:
        return self.files.exists(self.at(name))

    def use(self, name: str) -> str:
        """The file takes part: remember it, and read it."""
        text = self.files.text(name)
        if name not in self.taking_part:
            self.taking_part.append(name)
            self.texts.append(text)
        return text


def detect(folder: Path) -> Detected:
    """Look at a checkout.

    Raises:
        SourceError: its files contradict each other, or one of them cannot be used.
    """
    files = RepositoryFiles(folder)
    if not files.any_files():
        raise SourceError("The repository is empty.", hint="Commit at least one notebook, or name another folder.")
    finding = _Finding(files, _binder_dir(files))
    if re.search(r"(?im)^\s*FROM\s+\S*andrewosh/binder-base", files.text("Dockerfile")):
        raise SourceError(
            "The Dockerfile is for the first Binder of 2016 (`FROM andrewosh/binder-base`), which is gone.",
            hint="Remove it, or start from an image that exists.",
        )
    runtime, version = _runtime(finding)
    for rule in _RULES:
        if rule(finding, runtime):
            break
    if finding.kind == "dockerfile":
        return _detected(finding, apt=(), post_build="", start="")
    if runtime and finding.kind not in ("conda", "nix"):
        finding.use(finding.at("runtime.txt"))
    if runtime == "python" and finding.kind in ("python", "plain"):
        _python_from_runtime(finding, version)
    apt = _apt(finding)
    post_build, start = (finding.at(name) if finding.has(name) else "" for name in ("postBuild", "start"))
    for name in (post_build, start):
        if name:
            windows_lines = files.has_windows_lines(name)
            finding.notes += cautions.of_script(
                name, finding.use(name), windows_lines=windows_lines, starts=name == start
            )
    return _detected(finding, apt=apt, post_build=post_build, start=start)


def _binder_dir(files: RepositoryFiles) -> str:
    there = [name for name in (".binder", "binder") if files.is_folder(name)]
    if len(there) > 1:
        raise SourceError(
            "The repository has both binder/ and .binder/, and only one may say how it is built.",
            hint="Keep one of them.",
        )
    return there[0] if there else ""


def _runtime(finding: _Finding) -> tuple[str, str]:
    """The language and version of `runtime.txt`."""
    text = finding.files.text(finding.at("runtime.txt")).strip()
    if not text:
        return "", ""
    match = _RUNTIME.fullmatch(text)
    if match is None or not (match[2] or match[3]):
        raise SourceError(
            f"{finding.at('runtime.txt')} says {text.splitlines()[0]!r}, which is no runtime.",
            hint="It holds one line such as python-3.12 or r-4.3-2024-01-15.",
        )
    return match[1].lower(), match[2] or ""


def _docker(finding: _Finding, _runtime: str) -> bool:
    if not finding.has("Dockerfile"):
        return False
    finding.kind = "dockerfile"
    finding.use(finding.at("Dockerfile"))
    return True


def _julia(finding: _Finding, _runtime: str) -> bool:
    names = [name for name in ("JuliaProject.toml", "Project.toml") if finding.has(name)]
    if not names:
        return False
    finding.kind = "julia"
    for name in [*names[:1], "Manifest.toml", "environment.yml", "requirements.txt"]:
        if finding.has(name):
            finding.use(finding.at(name))
    return True


def _julia_require(finding: _Finding, _runtime: str) -> bool:
    if not finding.has("REQUIRE"):
        return False
    raise SourceError(
        f"{finding.at('REQUIRE')} is the way of Julia 0.6, which nothing builds any more.",
        hint="Write a Project.toml instead.",
    )


def _nix(finding: _Finding, _runtime: str) -> bool:
    if not finding.has("default.nix"):
        return False
    finding.kind = "nix"
    finding.use(finding.at("default.nix"))
    return True


def _r(finding: _Finding, runtime: str) -> bool:
    description = not finding.binder_dir and finding.has("DESCRIPTION")
    if runtime != "r" and not description:
        return False
    finding.kind = "r"
    for name in ("runtime.txt", "DESCRIPTION", "install.R", "environment.yml", "requirements.txt"):
        if finding.has(name) and (name != "DESCRIPTION" or description):
            finding.use(finding.at(name))
    return True


def _conda(finding: _Finding, _runtime: str) -> bool:
    name = next((name for name in ("environment.yml", "environment.yaml") if finding.has(name)), "")
    if not name:
        return False
    finding.kind, finding.installer = "conda", "conda"
    text = finding.use(finding.at(name))
    dependencies = finding.files.yaml(finding.at(name)).get("dependencies") or []
    if not isinstance(dependencies, list):
        raise SourceError(f"{finding.at(name)}: `dependencies` is no list.", hint="Mend it in the repository.")
    for entry in dependencies:
        found = re.fullmatch(r"python\s*=*\s*(\d+\.\d+)(?:\.[\d*]+)*", entry) if isinstance(entry, str) else None
        if found:
            finding.python = found[1]
        if isinstance(entry, dict):
            lines = entry.get("pip") or []
            finding.after_code |= any(requirements.is_local_reference(str(line)) for line in lines)
    finding.unpinned += requirements.unpinned_conda(dependencies)
    if re.search(r"(?m)^\s*-\s*file:", text):
        finding.after_code = True
    return True


def _pipfile(finding: _Finding, runtime: str) -> bool:
    if runtime not in ("", "python") or not (finding.has("Pipfile") or finding.has("Pipfile.lock")):
        return False
    finding.kind, finding.installer = "python", "pipfile"
    requires: dict[str, object] = {}
    if finding.has("Pipfile"):
        finding.use(finding.at("Pipfile"))
        pipfile = finding.files.toml(finding.at("Pipfile"))
        requires = pipfile.get("requires") or {}
        packages = {**(pipfile.get("packages") or {}), **(pipfile.get("dev-packages") or {})}
        finding.after_code = has_paths(packages)
        finding.unpinned += [name for name, version in packages.items() if not _pipfile_pinned(version)]
    if finding.has("Pipfile.lock"):
        finding.installer = "pipfile-lock"
        finding.use(finding.at("Pipfile.lock"))
        finding.unpinned.clear()
        lock = finding.files.yaml(finding.at("Pipfile.lock"))
        finding.after_code = has_paths({**(lock.get("develop") or {}), **(lock.get("default") or {})})
        requires = (lock.get("_meta") or {}).get("requires") or requires
    wanted = str(requires.get("python_version") or requires.get("python_full_version") or "")
    finding.python = ".".join(wanted.split(".")[:2]) if re.match(r"\d+\.\d+", wanted) else ""
    return True


def _pipfile_pinned(version: object) -> bool:
    if isinstance(version, dict):
        return "path" in version or "ref" in version or str(version.get("version", "")).startswith("==")
    return str(version).startswith("==")


def _python(finding: _Finding, runtime: str) -> bool:
    """A package in the root, `requirements.txt`, or only a Python version; then the additions."""
    if runtime not in ("", "python"):
        return False
    project = {} if finding.binder_dir else finding.files.toml("pyproject.toml")
    is_package = not finding.binder_dir and (
        finding.files.exists("setup.py") or ("project" in project and "build-system" in project)
    )
    has_requirements = finding.has("requirements.txt")
    finding.notes += cautions.of_pyproject(project, installed=has_requirements or finding.has("pylock.toml"))
    if is_package:
        _use_project(finding, project)
    if has_requirements:
        _use_requirements(finding)
    if not is_package and not has_requirements and not _additions(finding, project) and not runtime:
        return False
    finding.kind = "python"
    return True


def _use_requirements(finding: _Finding) -> None:
    name = finding.at("requirements.txt")
    if finding.installer == "none":
        finding.installer = "requirements"
    text = finding.use(name)
    finding.after_code |= requirements.has_local_references(text)
    texts, seen = [text], {name}
    for current in texts:
        for included in requirements.included_files(current):
            path = str(PurePosixPath(finding.binder_dir) / included) if finding.binder_dir else included
            if path not in seen and finding.files.exists(path):
                seen.add(path)
                texts.append(finding.files.text(path))
    finding.texts += texts[1:]
    finding.several_indexes = requirements.several_indexes(texts)
    for current in texts:
        cautions.refuse_foreign_paths(name, requirements.logical_lines(current))
        finding.unpinned += requirements.unpinned(requirements.logical_lines(current))


def _use_project(finding: _Finding, project: dict[str, object]) -> None:
    finding.installer = "project"
    for name in ("pyproject.toml", "setup.py"):
        if finding.files.exists(name):
            finding.use(name)
    if "project" in project and finding.files.exists("uv.lock"):
        _use_uv_lock(finding)
    else:
        listed = _dependencies(project)
        table = project.get("project")
        is_static = isinstance(table, dict) and "dependencies" not in (table.get("dynamic") or ())
        finding.after_code |= not is_static or any(requirements.is_local_reference(line) for line in listed)
        finding.unpinned += requirements.unpinned(listed)
    _requires_python(finding, project)


def _use_uv_lock(finding: _Finding) -> None:
    """A lock that names other folders of the repository can be installed only when they are there."""
    finding.use("uv.lock")
    finding.installer = "uv-lock"
    packages = finding.files.toml("uv.lock").get("package") or []
    sources = [entry.get("source") or {} for entry in packages if isinstance(entry, dict)]
    local = [source.get(kind) for source in sources for kind in ("editable", "directory", "virtual", "path")]
    finding.after_code |= any(place not in (None, ".") for place in local)


def _dependencies(project: dict[str, object]) -> list[str]:
    table = project.get("project")
    listed = table.get("dependencies") if isinstance(table, dict) else None
    return [str(line) for line in listed] if isinstance(listed, list) else []


def _additions(finding: _Finding, project: dict[str, object]) -> bool:
    """What repo2docker passes over, and instructors have."""
    if finding.has("pylock.toml"):
        finding.use(finding.at("pylock.toml"))
        finding.files.toml(finding.at("pylock.toml"))
        finding.installer = "pylock"
        return True
    if "project" not in project:
        return False
    finding.use("pyproject.toml")
    if finding.files.exists("uv.lock"):
        _use_uv_lock(finding)
    else:
        finding.installer = "project-dependencies"
        finding.unpinned += requirements.unpinned(_dependencies(project))
    finding.notes.append(
        "mybinder.org passes over a pyproject.toml without [build-system]; here its dependencies are installed."
    )
    _requires_python(finding, project)
    return True


def _requires_python(finding: _Finding, project: dict[str, object]) -> None:
    table = project.get("project")
    wanted = str(table.get("requires-python") or "") if isinstance(table, dict) else ""
    if not wanted:
        return
    from packaging.specifiers import InvalidSpecifier, SpecifierSet

    try:
        allowed = SpecifierSet(wanted)
    except InvalidSpecifier as error:
        raise SourceError(f"pyproject.toml: requires-python is {wanted!r}, which is no version range.") from error
    fitting = [version for version in PYTHONS if fits(allowed, version)]
    if not fitting:
        raise SourceError(
            f"pyproject.toml wants Python {wanted}, and of {PYTHONS[-1]} to {PYTHONS[0]} none fits.",
            hint="Change requires-python, or use a Dockerfile.",
        )
    finding.python_range = wanted


def fits(allowed: SpecifierSet, version: str) -> bool:
    """Whether some release of `x.y` is allowed: its first or a late one."""
    return any(f"{version}.{patch}" in allowed for patch in (0, 99))


def _fits_range(allowed: str, version: str) -> bool:
    from packaging.specifiers import SpecifierSet

    return fits(SpecifierSet(allowed), version)


def _python_from_runtime(finding: _Finding, version: str) -> None:
    parts = version.split(".")
    if len(parts) == 1:
        return
    wanted = ".".join(parts[:2])
    if finding.python_range and not _fits_range(finding.python_range, wanted):
        raise SourceError(
            f"{finding.at('runtime.txt')} wants Python {wanted}, pyproject.toml wants {finding.python_range}.",
            hint="Make them agree.",
        )
    finding.python = wanted


def _plain(finding: _Finding, runtime: str) -> bool:
    if runtime not in ("", "python", "r"):
        finding.notes.append(f"{finding.at('runtime.txt')} names {runtime}, which is not known: plain Jupyter.")
    return True


_RULES: tuple[Callable[[_Finding, str], bool], ...] = (
    _docker, _julia, _julia_require, _nix, _r, _conda, _pipfile, _python, _plain,
)  # fmt: skip
"""In repo2docker's order; the first that is true decides."""


def _apt(finding: _Finding) -> tuple[str, ...]:
    name = finding.at("apt.txt")
    if not finding.files.exists(name) or finding.kind == "nix":
        return ()
    packages = set()
    for number, line in enumerate(finding.use(name).splitlines(), start=1):
        for package in line.partition("#")[0].split():
            if not _APT_NAME.fullmatch(package):
                raise SourceError(
                    f"{name} line {number} has what is no package name: {package!r}.",
                    hint="apt.txt has names of Debian packages; commands belong in postBuild.",
                )
            packages.add(package)
    return tuple(sorted(packages))


def _detected(finding: _Finding, *, apt: tuple[str, ...], post_build: str, start: str) -> Detected:
    everywhere = [finding.at(name) for name in ENVIRONMENT_FILES] + list(
        ENVIRONMENT_FILES if finding.binder_dir else ()
    )
    taking_part = finding.taking_part
    ignored = dict.fromkeys(name for name in everywhere if name not in taking_part and finding.files.exists(name))
    if finding.binder_dir:
        for name in _ROOT_ONLY:
            ignored.pop(finding.at(name), None)
    texts = [] if finding.kind == "dockerfile" else finding.texts
    return Detected(
        kind=finding.kind,
        binder_dir=finding.binder_dir,
        python=finding.python,
        python_range=finding.python_range,
        files=tuple(taking_part),
        ignored=tuple(ignored),
        apt=apt,
        post_build=post_build,
        start=start,
        installer=finding.installer,
        after_code=finding.after_code,
        several_indexes=finding.several_indexes,
        tools=("git",) if requirements.needs_git(texts) else (),
        notebooks=finding.files.notebooks(),
        unpinned=tuple(dict.fromkeys(finding.unpinned)),
        notes=tuple(finding.notes),
    )
