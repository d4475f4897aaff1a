"""What uv is to install for a repository, in order: the same for images and for environments of this machine. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from workshop.images import pipfile, requirements
from workshop.images.repository_files import RepositoryFiles
from workshop.model.image import Detected


@dataclass(frozen=True, slots=True)
class Install:
    """One call of uv."""

    arguments: tuple[str, ...]
    """With `{deps}` for the folder of dependency files."""
    title: str
    where: str
    """The folder it runs in: `deps` or `repo`."""


@dataclass(frozen=True, slots=True)
class InstallPlan:
    """What is installed before the code is there (so that a change of code repeats nothing of it), and after."""

    files: Mapping[str, str] = field(default_factory=dict)
    """Texts of the folder of dependency files."""
    before_code: tuple[Install, ...] = ()
    after_code: tuple[Install, ...] = ()


def install_plan(detected: Detected, files: RepositoryFiles) -> InstallPlan:
    """
    Raises:
        SourceError: a file cannot be read.
    """
    early, late = _lists(detected, files)
    package: tuple[Install, ...] = ()
    if detected.installer == "project" or (detected.installer == "uv-lock" and _has_build_system(files)):
        dependencies = ("--no-deps",) if detected.installer == "uv-lock" else ()
        package = (Install(("pip", "install", *dependencies, "."), "installing the repository as a package", "repo"),)
    names = [name for name in ("pyproject.toml", "uv.lock") if name in detected.files and early]
    texts = {Path(name).name: files.text(name) for name in names}
    for install in (*early, *late):
        texts |= _texts(install, detected, files)
    return InstallPlan(texts, tuple(early), (*late, *package))


def _lists(detected: Detected, files: RepositoryFiles) -> tuple[list[Install], list[Install]]:
    """Files that list dependencies, as calls that come before and after the code."""
    found: list[Install] = []
    if detected.installer in ("pipfile", "pipfile-lock"):
        name = "Pipfile.lock" if detected.installer == "pipfile-lock" else "Pipfile"
        where = "repo" if detected.after_code else "deps"
        found.append(Install(("pip", "install", "-r", "{deps}/Pipfile.txt"), f"installing what {name} names", where))
    if detected.installer == "uv-lock":
        found.append(_from_lock(detected))
    elif detected.installer == "project-dependencies" or (detected.installer == "project" and not detected.after_code):
        found.append(_from_file("pyproject.toml", detected))
    for path in detected.files:
        if Path(path).name in ("requirements.txt", "pylock.toml"):
            found.append(_from_file(path, detected))
    return ([], found) if detected.after_code else (found, [])


def _from_file(path: str, detected: Detected) -> Install:
    where = "repo" if detected.after_code else "deps"
    name = path if detected.after_code else Path(path).name
    # uv takes a package from the first index that has it, whatever its versions; pip, and so Binder, looks at all.
    strategy = ("--index-strategy", "unsafe-best-match") if detected.several_indexes else ()
    return Install(("pip", "install", *strategy, "-r", name), f"installing what {Path(path).name} names", where)


def _from_lock(detected: Detected) -> Install:
    """`--inexact` leaves JupyterLab alone. Before the code only what the lock takes from elsewhere can be installed."""
    flags = ["--frozen", "--inexact", "--no-install-project"]
    if not detected.after_code:
        flags.append("--no-install-workspace")
    return Install(("sync", *flags), "installing what uv.lock names", "repo" if detected.after_code else "deps")


def _texts(install: Install, detected: Detected, files: RepositoryFiles) -> dict[str, str]:
    if install.arguments[-1] == "{deps}/Pipfile.txt":
        return {"Pipfile.txt": pipfile.requirements_of(files, detected)}
    if install.where == "repo" or install.arguments[0] == "sync":
        return {}
    name = install.arguments[-1]
    text = files.text(next(path for path in detected.files if Path(path).name == name))
    return {name: requirements.for_uv(text) if name.endswith(".txt") else text}


def _has_build_system(files: RepositoryFiles) -> bool:
    return "build-system" in files.toml("pyproject.toml")
