"""Reads configuration files of a repository that somebody else wrote: never outside it, never too much."""

from __future__ import annotations

import codecs
import os
from pathlib import Path
from typing import Any

import yaml

from workshop.errors import SourceError

MAX_TEXT = 4 * 1024 * 1024


def decoded(content: bytes) -> str:
    """Text as its first bytes say: PowerShell's `>` writes UTF-16."""
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return content.decode("utf-16", errors="replace")
    return content.decode("utf-8-sig", errors="replace")


def has_windows_lines(path: Path) -> bool:
    """Whether the first line of a script ends as on Windows."""
    with open(path, "rb") as file:
        return file.readline(MAX_TEXT).endswith(b"\r\n")


class RepositoryFiles:
    """The files of a checkout, as far as detection needs them. Args: root of the checkout."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._resolved = root.resolve()

    def is_folder(self, name: str) -> bool:
        return self._safe(name) is not None and (self._root / name).is_dir()

    def exists(self, name: str) -> bool:
        """Whether there is a file of this name; links that lead out of the repository are none."""
        path = self._safe(name)
        return path is not None and path.is_file()

    def text(self, name: str) -> str:
        """A file's text; empty if there is none.

        Raises:
            SourceError: it is too large to be a configuration file.
        """
        path = self._safe(name)
        if path is None or not path.is_file():
            return ""
        if path.stat().st_size > MAX_TEXT:
            raise SourceError(f"{name} is too large to be read.")
        return decoded(path.read_bytes()).replace("\r\n", "\n").replace("\r", "\n")

    def has_windows_lines(self, name: str) -> bool:
        """Whether Linux would look for a program whose name ends in a carriage return."""
        path = self._safe(name)
        return path is not None and path.is_file() and has_windows_lines(path)

    def toml(self, name: str) -> dict[str, Any]:
        """Raises: SourceError: the file is no TOML."""
        import tomllib

        try:
            return tomllib.loads(self.text(name))
        except tomllib.TOMLDecodeError as error:
            raise SourceError(f"{name} cannot be read: {error}.", hint="Mend it in the repository.") from error

    def yaml(self, name: str) -> dict[str, Any]:
        """Raises: SourceError: the file is no YAML mapping."""
        try:
            data = yaml.safe_load(self.text(name))
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            where = f" in line {mark.line + 1}" if mark else ""
            raise SourceError(f"{name} is no YAML{where}.", hint="Mend it in the repository.") from error
        if data is None:
            return {}
        if not isinstance(data, dict):
            raise SourceError(f"{name} holds no mapping.", hint="Mend it in the repository.")
        return data

    def notebooks(self) -> tuple[str, ...]:
        """Every notebook outside hidden folders."""
        found = []
        for folder, names, files in os.walk(self._root):
            names[:] = sorted(name for name in names if not name.startswith("."))
            inside = Path(folder).relative_to(self._root)
            found += [str(inside / name) for name in sorted(files) if name.endswith(".ipynb")]
        return tuple(sorted(found))

    def any_files(self) -> bool:
        return next(self._root.iterdir(), None) is not None

    def _safe(self, name: str) -> Path | None:
        path = self._root / name
        return path if path.resolve().is_relative_to(self._resolved) else None
