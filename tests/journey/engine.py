"""What really is on a runtime, seen without the program: containers, networks, processes."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

LABEL = "io.workshop.classroom"


@dataclass(frozen=True)
class Engine:
    """Looks at one runtime for objects of one classroom."""

    runtime: str
    state: Path
    """The program's state folder."""

    def shared(self, name: str) -> list[str]:
        """What all seats of the class share: its network, or its folder."""
        if self.runtime == "docker":
            return _docker("network", "ls", "-q", "--filter", f"label={LABEL}={name}")
        return sorted(str(path) for path in self._root.glob("*/classroom.json") if name in path.read_text())

    def seats(self, name: str) -> list[str]:
        """Containers of seats, running or not; or the processes of seats."""
        if self.runtime == "docker":
            return _docker("ps", "-aq", "--filter", f"label={LABEL}={name}", "--filter", "label=io.workshop.kind=seat")
        return sorted(map(str, _processes_below(self._root)))

    def run_in_seat(self, name: str, number: int, script: str) -> str:
        """What a shell in the home folder of a Docker seat prints."""
        (seat,) = _docker(
            "ps", "-q", "--filter", f"label={LABEL}={name}", "--filter", f"label=io.workshop.seat={number}"
        )  # fmt: skip
        words = ["docker", "exec", seat, "sh", "-c", f"cd && {script}"]
        return subprocess.run(words, capture_output=True, text=True, timeout=60, check=True).stdout

    def everything(self, name: str) -> list[str]:
        """Every object of the class that there is."""
        if self.runtime == "docker":
            return [
                *_docker("ps", "-aq", "--filter", f"label={LABEL}={name}"),
                *_docker("network", "ls", "-q", "--filter", f"label={LABEL}={name}"),
                *_docker("volume", "ls", "-q", "--filter", f"label={LABEL}={name}"),
            ]
        return [*self.shared(name), *self.seats(name)]

    @property
    def _root(self) -> Path:
        """Where the process runtime keeps its classrooms; a test's machine has no other ones."""
        return self.state / "process"


def _docker(*words: str) -> list[str]:
    listed = subprocess.run(["docker", *words], capture_output=True, text=True, timeout=60, check=True)
    return sorted(set(listed.stdout.split()))


def _processes_below(folder: Path) -> list[int]:
    """Processes whose working folder is this one or below it."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            where = Path(os.readlink(entry / "cwd"))
        except OSError:  # gone meanwhile, or another user's
            continue
        if where == folder or folder in where.parents:
            found.append(int(entry.name))
    return found
