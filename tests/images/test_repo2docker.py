"""R, Julia and Nix by way of repo2docker, which is here a program that prints what the real one printed."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import pytest

from tests.images.conftest import Requests
from tests.support.git_repository import Commit, Write
from workshop.engines.docker_engine import DockerEngine
from workshop.errors import BuildFailed
from workshop.images import repo2docker
from workshop.images.docker_builder import DockerBuilder
from workshop.model.events import LogLine, StepFinished, StepStarted, WorkEvent
from workshop.ports.build import ignore_events

UNREACHED = (
    r"""{"message": "Error during build: HTTPSConnectionPool(host='packagemanager.posit.co', port=443): Max retries """
    r"""exceeded with url: /__api__/url (Caused by NameResolutionError(...))", "phase": "failed"}"""
)


@pytest.fixture
def companion(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program in repo2docker's place that runs the shell lines of the file beside it, with its arguments."""
    folder = tmp_path / "bin"
    folder.mkdir()
    program = folder / "jupyter-repo2docker"
    program.write_text(f'#!/bin/sh\nexec sh {folder}/lines "$@"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    monkeypatch.setattr(repo2docker.importlib.util, "find_spec", lambda _name: None)
    return folder / "lines"


async def test_its_phases_and_lines_are_told_as_ours_are(companion: Path, tmp_path: Path) -> None:
    companion.write_text(
        r"""printf '%s\n' '{"message": "Picked Local content provider.\n"}'
printf '%s\n' '{"message": "Using local repo /x.\n", "phase": "fetching"}'
printf '%s\n' '{"message": "Step 1\nStep 2\n", "phase": "building"}'
echo not json: "$@"
"""
    )
    events: list[WorkEvent] = []
    tool = repo2docker.Repo2Docker(repo2docker.find_repo2docker("r"), "unix:///x.sock", events.append)
    assert await tool.build(tmp_path, "workshop/x:1", {"io.workshop.tool": "workshop"})
    assert [event.text for event in events if isinstance(event, StepStarted)] == [
        "repo2docker: fetching", "repo2docker: building",
    ]  # fmt: skip
    assert len([event for event in events if isinstance(event, StepFinished)]) == 2
    lines = [event.text for event in events if isinstance(event, LogLine)]
    assert lines[:4] == ["Picked Local content provider.", "Using local repo /x.", "Step 1", "Step 2"]
    assert lines[4] == (
        "not json: --json-logs --no-run --image-name workshop/x:1 --user-id 1000 --user-name jovyan "
        f"--label io.workshop.tool=workshop {tmp_path}"
    )


async def test_without_it_the_way_to_get_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    monkeypatch.setattr(repo2docker.importlib.util, "find_spec", lambda _name: None)
    with pytest.raises(BuildFailed, match="for Julia, which repo2docker builds") as caught:
        repo2docker.find_repo2docker("julia")
    assert "pip install" in caught.value.hint


@pytest.mark.docker
async def test_what_it_could_not_reach_is_named(
    builder: DockerBuilder, requests: Requests, commit: Commit, tmp_path: Path, companion: Path
) -> None:
    commit({"runtime.txt": "r-4.3-2024-01-15", "workshop.yaml": ""})
    (companion.parent / "said").write_text(UNREACHED + "\n")
    companion.write_text('for last; do :; done\nls "$last" >&2\ncat "$(dirname "$0")/said"\nexit 1\n')
    events: list[WorkEvent] = []
    with pytest.raises(BuildFailed, match=r"packagemanager\.posit\.co could not be reached"):
        await builder.build(await requests.of(tmp_path / "repo"), report=events.append)
    listed = [event.text for event in events if isinstance(event, LogLine)]
    assert listed[0] == "runtime.txt"


@pytest.mark.docker
async def test_its_image_is_found_like_our_own(
    engine: DockerEngine, builder: DockerBuilder, requests: Requests, write: Write, companion: Path
) -> None:
    base = os.environ["WORKSHOP_IMAGE_BASE"]
    companion.write_text(
        f"""tag=$4
shift 8
printf 'FROM {base}\\n' | docker build -q -t "$tag" -f - "$@"
"""
    )
    request = await requests.of(write({"Project.toml": ""}))
    image = await builder.build(request, report=ignore_events)
    assert image.reference.startswith(f"workshop/{request.slug}:")
    assert (await builder.build(request, report=ignore_events)).cached
    assert image.packages == ()


async def test_a_cancelled_call_ends_it(companion: Path, tmp_path: Path) -> None:
    companion.write_text('echo \'{"message": "waiting", "phase": "building"}\'\nexec sleep 600\n')
    waiting = asyncio.Event()

    def report(event: WorkEvent) -> None:
        if isinstance(event, LogLine):
            waiting.set()

    tool = repo2docker.Repo2Docker(repo2docker.find_repo2docker("r"), "unix:///x.sock", report)
    task = asyncio.create_task(tool.build(tmp_path, "x", {}))
    await asyncio.wait_for(waiting.wait(), 30)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


def test_an_installed_module_is_preferred(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        repo2docker.importlib.util, "find_spec", lambda name: object() if name == "repo2docker" else None
    )
    assert repo2docker.find_repo2docker("r") == (sys.executable, "-m", "repo2docker")
