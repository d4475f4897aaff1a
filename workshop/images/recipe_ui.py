"""What a UI adds to an image. Pure."""

from __future__ import annotations

from workshop.images.dockerfile import Dockerfile

NOTEBOOK = "notebook==7.6.5"
SERVER_PROXY = "jupyter-server-proxy==4.6.0"


def ui_packages(ui: str) -> list[str]:
    """Python packages beside JupyterLab."""
    match ui:
        case "notebook":
            return [NOTEBOOK]
        case "web" | "rstudio":
            return [SERVER_PROXY]
        case _:
            return []


def ui_stage(out: Dockerfile, ui: str, base: str, *, has_ca: bool) -> None:
    """A stage before the image's own, for what is built and then copied."""


def ui_tail(out: Dockerfile, ui: str) -> None:
    """Instructions after the Jupyter layer."""
