"""The package index as uv and pip are told of it."""

from __future__ import annotations

import shlex

from workshop.model.image import ImageSettings


def index_environment(settings: ImageSettings) -> dict[str, str]:
    """Variables; they may hold a password."""
    values: dict[str, str] = {}
    if settings.index_url:
        values |= {"UV_DEFAULT_INDEX": settings.index_url, "PIP_INDEX_URL": settings.index_url}
    if settings.extra_index_url:
        values |= {"UV_INDEX": settings.extra_index_url, "PIP_EXTRA_INDEX_URL": settings.extra_index_url}
    return values


def index_script(settings: ImageSettings) -> str:
    """The same as assignments for a shell; empty for none."""
    return "".join(f"{name}={shlex.quote(value)}\n" for name, value in index_environment(settings).items())
