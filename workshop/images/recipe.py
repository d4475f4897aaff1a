"""From what was detected to a Dockerfile. Reads the checkout's configuration files; makes and fetches nothing.

Order of layers: what all workshops share first (user, certificates, Jupyter), then what changes seldom (apt.txt,
requirements), then the code, so that a commit of code alone copies files and little else.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from workshop.errors import BuildFailed
from workshop.images.dockerfile import Dockerfile, Recipe, recipe_hash
from workshop.images.installs import Install, install_plan
from workshop.images.links import redact
from workshop.images.recipe_files import HOME, VENV, has_password, seat_environment, tool_files
from workshop.images.recipe_ui import ui_packages, ui_stage, ui_tail
from workshop.images.repository_files import RepositoryFiles
from workshop.images.shell import quoted
from workshop.model.image import Detected, ImageSettings
from workshop.ports.build import BuildRequest

JUPYTERLAB = "4.6.6"
"""Pinned, so that the layer that all workshops share stays the same."""
OLDEST_PINNED = (3, 10)
"""The first Python that this JupyterLab runs on; older ones get the newest that does."""

_OFFICIAL = re.compile(
    r"(?P<name>(?:[\w.:-]+/)*python):(?P<version>\d+\.\d+)(?:\.\d+)?(?P<variant>-slim[\w-]*|-[a-z]+)?"
)


def make_recipe(request: BuildRequest, *, buildkit: bool = True) -> Recipe:
    """The recipe of a request.

    Args:
        buildkit: whether the engine has it; the recipe's hash is the same without.

    Raises:
        BuildFailed: no recipe of ours makes this kind.
    """
    recipe = _recipe(request, buildkit=True)
    digest = recipe_hash(
        recipe.dockerfile, {name: content.hex() for name, content in recipe.files.items()}, dict(recipe.arguments),
        request.detected.kind, request.source.subfolder, request.source.content, request.ui, request.settings.base,
        redact(request.settings.index_url), redact(request.settings.extra_index_url),
    )  # fmt: skip
    return replace(recipe if buildkit else _recipe(request, buildkit=False), hash=digest)


def _recipe(request: BuildRequest, *, buildkit: bool) -> Recipe:
    files = RepositoryFiles(Path(request.source.folder))
    match request.detected.kind:
        case "dockerfile":
            return _own_dockerfile(request, files)
        case "python" | "plain":
            return _python(request, files, buildkit=buildkit)
        case "conda":
            from workshop.images.recipe_conda import conda_recipe

            return conda_recipe(request, files, buildkit=buildkit)
        case _:
            return Recipe(dockerfile="", uses_uv=False, repo2docker=True)


def _own_dockerfile(request: BuildRequest, files: RepositoryFiles) -> Recipe:
    """As it is, but for a `# syntax=` line, which would fetch a frontend that no recipe of a workshop needs."""
    path = request.detected.files[0]
    text = re.sub(r"(?im)^#\s*syntax\s*=.*\n?", "", files.text(path))
    arguments = {"NB_USER": "jovyan", "NB_UID": "1000"}
    if re.search(r"(?m)^\s*ARG\s+WORKSHOP_IMAGE_BASE\b", text):
        arguments["WORKSHOP_IMAGE_BASE"] = request.settings.base
    return Recipe(dockerfile=text, own_dockerfile=path, arguments=arguments, uses_uv=False)


def choose_base(detected: Detected, settings: ImageSettings) -> str:
    """The base image: of an official Python image, the variant with the wanted version."""
    official = _OFFICIAL.fullmatch(settings.base)
    if official is None:
        return settings.base
    version = official["version"]
    if detected.python:
        version = detected.python
    elif detected.python_range:
        version = _within(detected.python_range, version)
    if version == official["version"]:
        return settings.base
    return f"{official['name']}:{version}{official['variant'] or ''}"


def _within(allowed: str, version: str) -> str:
    from packaging.specifiers import SpecifierSet

    from workshop.images.detect import PYTHONS, fits

    specifier = SpecifierSet(allowed)
    return next((other for other in (version, *PYTHONS) if fits(specifier, other)), version)


def wanted_python(detected: Detected) -> str:
    """What uv is asked for."""
    return detected.python or detected.python_range or "3"


def jupyter_packages(detected: Detected) -> list[str]:
    """What the shared layer holds; `pip` so that `%pip install` works in a notebook."""
    version = tuple(int(part) for part in detected.python.split(".")) if detected.python else OLDEST_PINNED
    lab = f"jupyterlab=={JUPYTERLAB}" if version >= OLDEST_PINNED else "jupyterlab<5"
    return [lab, "pip"]


def _python(request: BuildRequest, files: RepositoryFiles, *, buildkit: bool) -> Recipe:
    detected, settings = request.detected, request.settings
    base = choose_base(detected, settings)
    out = Dockerfile(buildkit=buildkit)
    environment = seat_environment(settings, VENV)
    ui_stage(out, request.ui, base, environment)
    out.add(f"FROM {base}", f"base image {base}")
    out.environment(environment)
    out.tools()
    if not buildkit:
        _index_arguments(out, settings)
    out.run("sh /opt/workshop/tool/setup.sh", "making the seats' user")
    out.user("jovyan")
    out.add(f"WORKDIR {HOME}", f"home folder {HOME}")
    packages = " ".join(quoted(name) for name in jupyter_packages(detected))
    out.run(
        f"sh /opt/workshop/tool/jupyter.sh {quoted(wanted_python(detected))} {packages}",
        "installing JupyterLab",
        uv=True,
    )
    ui_tail(out, request.ui, HOME)
    _apt(out, detected, settings)
    if more := ui_packages(request.ui):
        out.run(f"{_UV} pip install {' '.join(map(quoted, more))}", f"installing {', '.join(more)}", uv=True)
    plan = install_plan(detected, files)
    code_installs = plan.after_code or bool(detected.post_build)
    finish = f"sh /opt/workshop/tool/finish.sh {quoted(detected.post_build)}".rstrip()
    if plan.files:
        out.copy("deps/", f"{DEPS}/", "copying the lists of dependencies")
    for install in plan.before_code:
        _install(out, install)
    if not code_installs:
        out.run(finish, "listing what is installed", uv=True)
    out.copy("repo/", f"{HOME}/", "copying the repository")
    for install in plan.after_code:
        _install(out, install)
    if detected.start:
        out.run(f"sh /opt/workshop/tool/runnable.sh {quoted(detected.start)}", "making start executable")
    if code_installs:
        out.run(finish, "running postBuild" if detected.post_build else "listing what is installed", uv=True)
    out.environment({"WORKSHOP_START": detected.start} if detected.start else {})
    out.add("EXPOSE 8888")
    out.add('ENTRYPOINT ["/opt/workshop/entrypoint"]')
    out.add('CMD ["jupyter-lab", "--ip=0.0.0.0", "--port=8888", "--no-browser"]')
    return Recipe(
        dockerfile=out.text(),
        files=tool_files(settings) | {f"deps/{name}": text.encode() for name, text in plan.files.items()},
        titles=out.titles,
    )


DEPS = "/opt/workshop/deps"
_UV = "sh /opt/workshop/tool/install.sh"


def _index_arguments(out: Dockerfile, settings: ImageSettings) -> None:
    """The classic builder has no secrets: what it is told stays in the image's history.

    Raises:
        BuildFailed: the index's address holds a password.
    """
    if has_password(settings.index_url) or has_password(settings.extra_index_url):
        raise BuildFailed(
            "The package index needs a password, and Docker's classic builder would leave it in the image.",
            hint="Install the buildx plugin of Docker (Debian: `apt install docker-buildx`).",
        )
    values = {"UV_DEFAULT_INDEX": settings.index_url, "UV_INDEX": settings.extra_index_url}
    for name, value in values.items():
        if value:
            out.add(f"ARG {name}={value}")


def _install(out: Dockerfile, install: Install) -> None:
    """Run uv where its files are: in `deps/`, or among the repository's."""
    folder = DEPS if install.where == "deps" else HOME
    words = " ".join(quoted(word.replace("{deps}", DEPS)) for word in install.arguments)
    out.run(f"cd {folder} && {_UV} {words}", install.title, uv=True)


def _apt(out: Dockerfile, detected: Detected, settings: ImageSettings) -> None:
    packages = sorted({*detected.apt, *detected.tools})
    if not packages:
        return
    mirror = f"WORKSHOP_APT_MIRROR={quoted(settings.apt_mirror)} " if settings.apt_mirror else ""
    out.user("root")
    title = f"installing {len(packages)} Debian package{'s' * (len(packages) > 1)}"
    out.run(f"{mirror}sh /opt/workshop/tool/apt.sh {' '.join(packages)}", title, apt=True)
    out.user("jovyan")
