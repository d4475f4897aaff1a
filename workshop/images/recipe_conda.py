"""`environment.yml`: installed by micromamba into the base environment of its own image. Pure.

Image: hub.docker.com/r/mambaorg/micromamba, whose documentation names `MAMBA_ROOT_PREFIX` (/opt/conda), the user
`mambauser` and `MAMBA_DOCKERFILE_ACTIVATE`. JupyterLab comes from conda-forge like everything else, so that no two
installers change the same environment; a `pip:` list is installed by micromamba itself.
"""

from __future__ import annotations

from pathlib import Path

from workshop.images.dockerfile import TOOL, Dockerfile, Recipe
from workshop.images.recipe_files import HOME, seat_environment, tool_files
from workshop.images.repository_files import RepositoryFiles
from workshop.images.shell import quoted
from workshop.ports.build import BuildRequest

MICROMAMBA = "mambaorg/micromamba:2.3.3-debian12-slim"
PREFIX = "/opt/conda"
CACHE = "type=cache,id=workshop-conda,target=/var/cache/conda,uid=1000,gid=1000"


def conda_recipe(request: BuildRequest, files: RepositoryFiles, *, buildkit: bool) -> Recipe:
    """The recipe of a repository with an `environment.yml`; the base setting counts if it is a micromamba image."""
    detected, settings = request.detected, request.settings
    base = conda_base(settings.base)
    name = next(name for name in detected.files if Path(name).name.startswith("environment."))
    out = Dockerfile(buildkit=buildkit)
    out.add(f"FROM {base}", f"base image {base}")
    out.add("USER root")
    out.environment(seat_environment(settings, PREFIX) | {"MAMBA_ROOT_PREFIX": PREFIX, "CONDA_PREFIX": PREFIX})
    out.tools()
    out.run(f"sh {TOOL}/setup.sh {PREFIX}", "making the seats' user")
    out.user("jovyan")
    out.add(f"WORKDIR {HOME}", f"home folder {HOME}")
    python = f"python={detected.python}" if detected.python else "python"
    install = f"sh {TOOL}/conda.sh"
    out.run(f"{install} packages {quoted(python)} 'jupyterlab>=4,<5' pip", "installing JupyterLab", mounts=[CACHE])
    if packages := sorted({*detected.apt, *detected.tools}):
        out.user("root")
        out.run(f"sh {TOOL}/apt.sh {' '.join(packages)}", "installing Debian packages", apt=True)
        out.user("jovyan")
    if detected.after_code:
        out.copy("repo/", f"{HOME}/", "copying the repository")
        out.run(f"{install} file {quoted(name)}", f"installing what {name} names", mounts=[CACHE])
    else:
        target = f"/opt/workshop/deps/{Path(name).name}"
        out.copy(f"deps/{Path(name).name}", target, f"copying {name}")
        out.run(f"{install} file {quoted(target)}", f"installing what {name} names", mounts=[CACHE])
        out.copy("repo/", f"{HOME}/", "copying the repository")
    if detected.start:
        out.run(f"sh {TOOL}/runnable.sh {quoted(detected.start)}", "making start executable")
    out.run(f"sh {TOOL}/conda.sh finish {quoted(detected.post_build)}", "running postBuild", mounts=[CACHE])
    out.environment({"WORKSHOP_START": detected.start} if detected.start else {})
    out.add("EXPOSE 8888")
    out.add('ENTRYPOINT ["/opt/workshop/entrypoint"]')
    out.add('CMD ["jupyter-lab", "--ip=0.0.0.0", "--port=8888", "--no-browser"]')
    content = {f"deps/{Path(name).name}": files.text(name).encode()}
    return Recipe(dockerfile=out.text(), files=tool_files(settings) | content, titles=out.titles, uses_uv=False)


def conda_base(setting: str) -> str:
    """The micromamba image: the setting if it is one (a mirror's, say), else the official one."""
    return setting if "micromamba" in setting else MICROMAMBA
