"""A Pipfile or its lock as lines of a requirements file, as `pipenv install --system --dev` would install them. Pure.

Format: github.com/pypa/pipfile and the lock that pipenv writes (`default` and `develop`, one entry a package).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from workshop.errors import SourceError
from workshop.images.repository_files import RepositoryFiles
from workshop.model.image import Detected

PYPI = "https://pypi.org/simple"


def requirements_of(files: RepositoryFiles, detected: Detected) -> str:
    """The text of a requirements file.

    Raises:
        SourceError: the lock is no JSON, or the Pipfile no TOML.
    """
    if detected.installer == "pipfile-lock":
        name = next(name for name in detected.files if name.endswith("Pipfile.lock"))
        try:
            lock = json.loads(files.text(name))
        except ValueError as error:
            raise SourceError(f"{name} cannot be read: {error}.", hint="Write it anew with `pipenv lock`.") from error
        sections = (lock.get("default") or {}, lock.get("develop") or {})
        sources = (lock.get("_meta") or {}).get("sources") or []
    else:
        name = next(name for name in detected.files if name.endswith("Pipfile"))
        data = files.toml(name)
        sections = (data.get("packages") or {}, data.get("dev-packages") or {})
        sources = data.get("source") or []
    packages = {**sections[1], **sections[0]}
    lines = [*_index_lines(sources), *(_line(name, entry) for name, entry in sorted(packages.items()))]
    return "\n".join(lines) + "\n"


def _index_lines(sources: object) -> list[str]:
    """Indexes other than PyPI; the machine's own index setting stands for PyPI."""
    urls = (
        [str(source.get("url", "")) for source in sources if isinstance(source, dict)]
        if isinstance(sources, list)
        else []
    )
    return [f"--extra-index-url {url}" for url in urls if url and url.rstrip("/") != PYPI]


def _line(name: str, entry: object) -> str:
    if not isinstance(entry, Mapping):
        return name + _specifier(str(entry))
    extras = f"[{','.join(entry['extras'])}]" if entry.get("extras") else ""
    markers = _markers(entry)
    if "git" in entry:
        ref = f"@{entry['ref']}" if entry.get("ref") else ""
        folder = f"#subdirectory={entry['subdirectory']}" if entry.get("subdirectory") else ""
        return f"{name}{extras} @ git+{entry['git'].removeprefix('git+')}{ref}{folder}{markers}"
    if "path" in entry:
        return ("-e " if entry.get("editable") else "") + f"{entry['path']}{extras}"
    if "file" in entry:
        return f"{name}{extras} @ {entry['file']}{markers}"
    return f"{name}{extras}{_specifier(str(entry.get('version', '*')))}{markers}"


def _specifier(version: str) -> str:
    return "" if version in ("*", "") else version


def _markers(entry: Mapping[str, Any]) -> str:
    parts = [str(entry["markers"])] if entry.get("markers") else []
    parts += [f"{key} {entry[key]}" for key in ("sys_platform", "python_version", "platform_machine") if key in entry]
    return f" ; {' and '.join(f'({part})' for part in parts)}" if parts else ""


def has_paths(packages: Mapping[str, object]) -> bool:
    """Whether an entry is a folder of the repository."""
    return any(isinstance(entry, Mapping) and "path" in entry for entry in packages.values())
