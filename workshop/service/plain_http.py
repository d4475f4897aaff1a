"""What is lost without https: browsers call only https, and addresses of their own machine, a secure context."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from workshop.model.classroom import Door, Ui
from workshop.model.snapshot import Problem

if TYPE_CHECKING:
    from workshop.model.definition import WorkshopDefinition


def plain_http_problem(definition: WorkshopDefinition, door: Door | None = None) -> Problem | None:
    """What VS Code loses where its address is no secure context: a browser wants https, or its own machine.

    Args:
        door: where students come in, once that is known.
    """
    access = definition.access
    if definition.ui is not Ui.VSCODE or access.certificate or access.tunnel:
        return None
    url = door.url if door is not None else access.public_url or f"http://{access.address}"
    parts = urlsplit(url)
    if parts.scheme == "https" or parts.hostname == "localhost" or (parts.hostname or "").startswith("127."):
        return None
    return Problem(
        "ui",
        "Without https, browsers on other machines give VS Code no notebooks, previews and clipboard.",
        "Name a certificate (`access.certificate` and `access.key`) or a tunnel (`access.tunnel`), or take `ui: lab`.",
        level="warning",
    )
