"""Environments of this machine."""

from __future__ import annotations

import asyncio
import subprocess
from pathlib import Path

import pytest

from tests.images.conftest import Requests
from tests.support.git_repository import Commit
from workshop.errors import BuildFailed
from workshop.images.process_builder import ProcessBuilder
from workshop.model.events import LogLine, StepFinished, StepStarted, WorkEvent
from workshop.ports.build import ignore_events

pytestmark = pytest.mark.network


@pytest.fixture
def builder(tmp_path: Path) -> ProcessBuilder:
    return ProcessBuilder(tmp_path / "cache")


@pytest.fixture
def without_jupyter(monkeypatch: pytest.MonkeyPatch) -> None:
    """What JupyterLab's absence leaves the same is tested without it: it takes most of a build's time."""
    monkeypatch.setattr("workshop.images.environment_steps.jupyter_packages", lambda _detected: ["pip"])


def folders(tmp_path: Path) -> list[str]:
    root = tmp_path / "cache" / "environments"
    return sorted(path.name for path in root.iterdir() if path.is_dir()) if root.exists() else []


async def test_an_environment_holds_the_repository_and_its_requirements(
    builder: ProcessBuilder, requests: Requests, commit: Commit, tmp_path: Path
) -> None:
    package = "[project]\nname='course'\nversion='1'\n[tool.setuptools]\npy-modules=['course']\n"
    files = {
        "a.ipynb": "{}", "requirements.txt": "iniconfig==2.0.0\n-e .\n", "apt.txt": "tree", "start": "",
        "pyproject.toml": package, "course.py": "x = 7\n", "workshop.yaml": "pin: 1",
        "postBuild": "#!/bin/sh\necho $REPO_DIR $HOME > made.txt\ncommand -v python >> made.txt\n",
    }  # fmt: skip
    sha = commit(files)
    request = await requests.of(tmp_path / "repo")
    events: list[WorkEvent] = []
    image = await builder.build(request, report=events.append)
    folder = Path(image.digest)
    assert image.commit == sha
    assert "iniconfig==2.0.0" in image.packages
    assert not [name for name in image.packages if name.startswith("rfc3987-syntax")]
    assert sorted(path.name for path in (folder / "repo").iterdir() if not path.name.endswith(".egg-info")) == [
        "a.ipynb", "apt.txt", "course.py", "made.txt", "postBuild", "pyproject.toml", "requirements.txt", "start",
    ]  # fmt: skip
    assert (folder / "repo" / "made.txt").read_text().split() == [
        str(folder / "repo"), str(folder / "repo"), str(folder / "venv" / "bin" / "python"),
    ]  # fmt: skip
    code = "import course, iniconfig, jupyterlab; print(course.x)"
    done = await asyncio.to_thread(
        subprocess.run, [folder / "venv/bin/python", "-c", code], check=True, capture_output=True, text=True
    )
    assert done.stdout == "7\n"
    assert list((folder / "venv").rglob("jupyterlab/__pycache__/*.pyc"))
    assert "tree" in image.notes[0]
    assert "start" in image.notes[1]
    started = [event for event in events if isinstance(event, StepStarted) and event.total]
    assert [event.index for event in started] == list(range(1, started[0].total + 1))
    assert len([event for event in events if isinstance(event, StepFinished)]) == len(started) + 1

    again = await builder.build(request, report=ignore_events)
    assert again.cached
    assert again.digest == image.digest
    assert (await builder.images())[0] == await builder.find(request)
    assert (await builder.remove(image)).removed == {"images": 1}
    assert (await builder.remove(image)).removed == {}
    assert folders(tmp_path) == []


@pytest.mark.parametrize(
    ("files", "message", "hint"),
    [
        ({"requirements.txt": "no-such-package-9x8y7z"}, "no Python package no-such-package", "Mend"),
        ({"postBuild": "#!/bin/sh\necho one\nexit 3\n"}, "postBuild failed with exit code 3", "last lines"),
        ({"Dockerfile": "FROM x"}, "needs a Dockerfile", "--runtime docker"),
        ({"environment.yml": "dependencies: []"}, "needs conda", "--runtime docker"),
    ],
)
@pytest.mark.usefixtures("without_jupyter")
async def test_a_build_that_cannot_end_well_says_why_and_leaves_nothing(
    builder: ProcessBuilder, requests: Requests, commit: Commit, tmp_path: Path,
    files: dict[str, str], message: str, hint: str,
) -> None:  # fmt: skip
    commit({"a.ipynb": "{}"} | files)
    with pytest.raises(BuildFailed) as caught:
        await builder.build(await requests.of(tmp_path / "repo"), report=ignore_events)
    assert message in caught.value.message
    assert hint in caught.value.hint
    assert folders(tmp_path) == []
    assert await builder.images() == ()


async def test_a_python_that_is_not_here_is_named(
    builder: ProcessBuilder, requests: Requests, commit: Commit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UV_PYTHON_DOWNLOADS", "never")
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    commit({"a.ipynb": "", "runtime.txt": "python-3.7"})
    with pytest.raises(BuildFailed, match=r"Python 3\.7 \(runtime\.txt\) is wanted") as caught:
        await builder.build(await requests.of(tmp_path / "repo"), report=ignore_events)
    assert "Install that Python" in caught.value.hint


@pytest.mark.usefixtures("without_jupyter")
async def test_a_cancelled_build_leaves_nothing_and_can_be_run_again(
    builder: ProcessBuilder, requests: Requests, commit: Commit, tmp_path: Path
) -> None:
    commit({"a.ipynb": "", "postBuild": "#!/bin/sh\ntest -e ../../go && exit 0\necho waiting\nexec sleep 600\n"})
    request = await requests.of(tmp_path / "repo")
    waiting = asyncio.Event()

    def report(event: WorkEvent) -> None:
        if isinstance(event, LogLine) and event.text == "waiting":
            waiting.set()

    task = asyncio.create_task(builder.build(request, report=report))
    await asyncio.wait_for(waiting.wait(), 120)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert folders(tmp_path) == []
    assert await builder.find(request) is None
    (tmp_path / "cache" / "environments" / "go").touch()
    assert not (await builder.build(request, report=ignore_events)).cached


@pytest.mark.usefixtures("without_jupyter")
async def test_what_a_killed_build_left_is_made_anew(
    builder: ProcessBuilder, requests: Requests, commit: Commit, tmp_path: Path
) -> None:
    commit({"a.ipynb": ""})
    request = await requests.of(tmp_path / "repo")
    image = await builder.build(request, report=ignore_events)
    (Path(image.digest) / "image.json").unlink()
    (Path(image.digest) / "repo" / "a.ipynb").write_text("half")
    assert await builder.find(request) is None
    again = await builder.build(request, report=ignore_events)
    assert again.digest == image.digest
    assert (Path(again.digest) / "repo" / "a.ipynb").read_text() == ""


@pytest.mark.usefixtures("without_jupyter")
async def test_a_build_without_cache_leaves_the_environment_that_seats_run_from(
    builder: ProcessBuilder, requests: Requests, commit: Commit, tmp_path: Path
) -> None:
    commit({"a.ipynb": ""})
    first = await builder.build(await requests.of(tmp_path / "repo"), report=ignore_events)
    python = str(Path(first.digest) / "venv" / "bin" / "python")
    seat = await asyncio.create_subprocess_exec(
        python, "-c", "input()", stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.DEVNULL
    )
    try:
        second = await builder.build(await requests.of(tmp_path / "repo", no_cache=True), report=ignore_events)
        assert second.digest != first.digest
        assert (await builder.find(await requests.of(tmp_path / "repo"))).digest == second.digest  # type: ignore[union-attr]
        refused = await builder.remove(first)
        assert "in use" in refused.left[0].reason
    finally:
        seat.kill()
        await seat.wait()
    assert (await builder.remove(first)).removed == {"images": 1}


@pytest.mark.usefixtures("without_jupyter")
async def test_two_builds_at_once_make_one_environment(
    builder: ProcessBuilder, requests: Requests, commit: Commit, tmp_path: Path
) -> None:
    commit({"a.ipynb": ""})
    request = await requests.of(tmp_path / "repo")
    one, two = await asyncio.gather(*(builder.build(request, report=ignore_events) for _ in range(2)))
    assert one.digest == two.digest
    assert sorted((one.cached, two.cached)) == [False, True]
