"""What in a repository's files will surprise whoever builds it, said before anything is built. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from workshop.errors import SourceError

_FOREIGN = re.compile(r"^(?P<name>[\w.-]+)\s*@\s*file:///(?!home/jovyan\b)(?P<place>\S+)")


def of_script(name: str, text: str, *, windows_lines: bool, starts: bool) -> list[str]:
    """Notes on `postBuild` or `start`.

    Args:
        windows_lines: its lines end as on Windows.
        starts: it is `start`, which has to hand over to the seat's command.
    """
    notes = []
    if windows_lines:
        notes.append(f"{name} has Windows line endings: the image gets it without them (mybinder.org fails with them).")
    if starts and text.strip() and not re.search(r"\"?\$@\"?|\$\{@\}|sys\.argv", text):
        notes.append(f'{name} does not end in `exec "$@"`: nothing would start Jupyter after it.')
    return notes


def of_pyproject(project: Mapping[str, Any], *, installed: bool) -> list[str]:
    """A note on a pyproject.toml that names dependencies where nobody looks for them.

    Args:
        installed: other files say what is installed.
    """
    tools = project.get("tool")
    if installed or "project" in project or not isinstance(tools, dict):
        return []
    for tool, export in (("poetry", "poetry export --output requirements.txt"), ("pdm", "pdm export"), ("flit", "")):
        if tool in tools:
            how = f" (`{export}` writes one)" if export else ""
            return [
                f"The dependencies of pyproject.toml are not installed: it has no [project] table, only [tool.{tool}]. "
                f"mybinder.org passes over them too; add a requirements.txt{how}."
            ]
    return []


def refuse_foreign_paths(name: str, lines: Iterable[str]) -> None:
    """`pip freeze` in a conda environment writes where packages were built, on a machine that nobody else has.

    Raises:
        SourceError: a line names such a place.
    """
    found = [match for line in lines if (match := _FOREIGN.match(line))]
    if not found:
        return
    first = found[0]
    more = f" and {len(found) - 1} more" if len(found) > 1 else ""
    raise SourceError(
        f"{name} takes {first['name']}{more} from a folder of another machine: file:///{first['place']}.",
        hint=f"Write a version instead, such as {first['name']}==1.2. "
        "`pip list --format=freeze` writes such a list where `pip freeze` names folders.",
    )
