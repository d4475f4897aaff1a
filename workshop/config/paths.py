"""Where files live: the platform's folders, or those that flags and the environment name.

Neither pydantic nor yaml is imported here: `workshop --help` waits for this module.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from workshop.errors import SettingError

NAME = "workshop"
LONGEST_SOCKET = 103
"""Bytes of a Unix socket's path: 107 on Linux, 103 on macOS."""
_SOCKET_NAME = 32
"""Bytes kept free for a socket's own name."""


@dataclass(frozen=True, slots=True)
class Paths:
    """Every folder and file that is not named in a call. Nothing is made by asking for it, but `sockets`."""

    config: Path
    state: Path
    cache: Path
    data: Path
    """What the user keeps: collected work, exported handouts."""
    bundled: Path
    """What the package brings: `themes/`, `sample_workshops/`."""
    sockets: Path
    """The gateways' control sockets: short enough for the system, and readable by the user alone."""

    @property
    def config_file(self) -> Path:
        return self.config / "config.yaml"

    @property
    def keymap_file(self) -> Path:
        return self.config / "keys.yaml"

    @property
    def user_themes(self) -> Path:
        return self.config / "themes"

    @property
    def bundled_themes(self) -> Path:
        return self.bundled / "themes"

    @property
    def samples(self) -> Path:
        return self.bundled / "sample_workshops"

    @property
    def database(self) -> Path:
        return self.state / "state.db"

    @property
    def logs(self) -> Path:
        return self.state / "logs"

    @property
    def log_file(self) -> Path:
        return self.state / "workshop.log"

    @property
    def collected(self) -> Path:
        """Where collected work goes when no folder is named."""
        return self.data / "collected"

    @property
    def handouts(self) -> Path:
        """Where cards and tables of links go when no folder is named."""
        return self.data / "handouts"

    def named(self) -> tuple[tuple[str, Path], ...]:
        """Every path with its name, for `workshop paths`."""
        names = (
            "config_file", "keymap_file", "user_themes", "state", "database", "log_file", "logs", "sockets", "cache",
            "data", "collected", "handouts", "bundled_themes", "samples",
        )  # fmt: skip
        return tuple((name, getattr(self, name)) for name in names)


def paths(flags: Mapping[str, str | None] | None = None, environ: Mapping[str, str] | None = None) -> Paths:
    """The paths of this call.

    Args:
        flags: `config_dir`, `state_dir`, `cache_dir` and `data_dir` win over the environment's
            `WORKSHOP_CONFIG_DIR` … and those over `XDG_CONFIG_HOME` …, on every platform.
        environ: the environment; this process's by default.

    Raises:
        SettingError: the folder for sockets belongs to somebody else.
    """
    variables = os.environ if environ is None else environ
    given = flags or {}
    state = _folder("state", given, variables)
    return Paths(
        config=_folder("config", given, variables),
        state=state,
        cache=_folder("cache", given, variables),
        data=_folder("data", given, variables),
        bundled=bundled(),
        sockets=_sockets(state),
    )


def bundled() -> Path:
    """The folder with themes and samples: `_data` in a wheel, the repository's root in an editable install."""
    package = Path(__file__).resolve().parent.parent
    inside = package / "_data"
    return inside if inside.is_dir() else package.parent


def _folder(kind: str, flags: Mapping[str, str | None], environ: Mapping[str, str]) -> Path:
    named = flags.get(f"{kind}_dir") or environ.get(f"{NAME.upper()}_{kind.upper()}_DIR")
    if named:
        return Path(named).expanduser().absolute()
    base = environ.get(f"XDG_{kind.upper()}_HOME", "")
    if os.path.isabs(base):  # others are to be ignored, says the XDG base directory specification
        return Path(base) / NAME
    import platformdirs

    match kind:
        case "config":
            return platformdirs.user_config_path(NAME, appauthor=False)
        case "state":
            return platformdirs.user_state_path(NAME, appauthor=False)
        case "cache":
            return platformdirs.user_cache_path(NAME, appauthor=False)
        case _:
            return platformdirs.user_data_path(NAME, appauthor=False)


def _sockets(state: Path) -> Path:
    """A folder below the state folder; where that is too deep for a socket, one in `/tmp` that is named after it.

    Not `XDG_RUNTIME_DIR`: it goes when the user logs out, and classes go on.
    """
    near = state / "run"
    if len(os.fsencode(near)) + 1 + _SOCKET_NAME <= LONGEST_SOCKET:
        return near
    parent = Path("/tmp") / f"{NAME}-{os.getuid()}"
    _make_private(parent)
    return parent / hashlib.sha256(os.fsencode(state)).hexdigest()[:10]


def _make_private(folder: Path) -> None:
    """Make a folder in a place where others write, and trust it only if it is ours alone.

    Raises:
        SettingError: there is something else of that name.
    """
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
        raise SettingError(
            f"{folder} belongs to somebody else.",
            hint=f"Have it removed, or name a folder with a shorter path in {NAME.upper()}_STATE_DIR.",
        )
    if stat.S_IMODE(found.st_mode) & 0o077:
        folder.chmod(0o700)
