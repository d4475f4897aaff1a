"""R, Julia and Nix: built by repo2docker, an optional companion of this program.

It is called as a command, so that its imports, its log and its failures stay its own. A local folder is all it is
given: for addresses it would ask several services on the network before it tried Git.
"""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import sys
from collections import deque
from collections.abc import Mapping
from pathlib import Path

from workshop.engines.command import run_command
from workshop.errors import BuildFailed
from workshop.images.build_progress import KEEP_LINES
from workshop.images.links import redact
from workshop.model.events import LogLine, StepFinished, StepStarted
from workshop.ports.build import Report

KINDS = {"r": "R", "julia": "Julia", "nix": "Nix"}
"""What it builds for us, and what that is called."""


def find_repo2docker(kind: str) -> tuple[str, ...]:
    """The command that starts it.

    Raises:
        BuildFailed: it is not installed.
    """
    if importlib.util.find_spec("repo2docker") is not None:
        return (sys.executable, "-m", "repo2docker")
    found = shutil.which("jupyter-repo2docker")
    if found is None:
        raise BuildFailed(
            f"This repository is for {KINDS.get(kind, kind)}, which repo2docker builds, and it is not installed.",
            hint="Install it beside this program: `pip install 'workshop[repo2docker]'`; it also needs docker-buildx.",
        )
    return (found,)


class Repo2Docker:
    """One call of it.

    Args:
        address: of the Docker engine.
    """

    def __init__(self, command: tuple[str, ...], address: str, report: Report) -> None:
        self._command = command
        self._address = address
        self._report = report
        self._phase = ""
        self.lines: deque[str] = deque(maxlen=KEEP_LINES)
        """What it said, for the explanation of a failure."""

    async def build(self, folder: Path, tag: str, labels: Mapping[str, str]) -> bool:
        """Build a folder and tag it; False when that failed. Cancelling ends it and the running step."""
        words = ["--json-logs", "--no-run", "--image-name", tag, "--user-id", "1000", "--user-name", "jovyan"]
        for name, value in labels.items():
            words += ["--label", f"{name}={value}"]
        result = await run_command(
            [*self._command, *words, str(folder)],
            env=os.environ | {"DOCKER_HOST": self._address, "PYTHONUNBUFFERED": "1"},
            on_line=self._take,
            keep_lines=100,
        )
        if self._phase and result.exit_code == 0:
            self._report(StepFinished(self._phase, self._phase))
        return result.exit_code == 0

    def _take(self, line: str) -> None:
        message, phase = line, self._phase
        if line.startswith("{"):
            try:
                entry = json.loads(line)
            except ValueError:
                entry = {}
            message, phase = str(entry.get("message", line)), str(entry.get("phase", phase) or phase)
        if phase not in (self._phase, "failed"):
            if self._phase:
                self._report(StepFinished(self._phase, self._phase))
            self._phase = phase
            self._report(StepStarted(phase, f"repo2docker: {phase}"))
        for part in redact(message).splitlines():
            if part.strip():
                self.lines.append(part.rstrip())
                self._report(LogLine(part.rstrip(), self._phase))
