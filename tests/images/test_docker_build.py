"""Images on a real engine: what is in them, what a change costs, what is said when one cannot be made."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.images.conftest import Requests
from tests.support.git_repository import Commit, Write, git
from workshop.engines.docker_engine import DockerEngine
from workshop.errors import BuildFailed
from workshop.images.docker_builder import DockerBuilder
from workshop.model import labels
from workshop.model.events import LogLine, StepFinished, StepStarted, WorkEvent
from workshop.model.image import Image
from workshop.ports.build import ignore_events

pytestmark = pytest.mark.docker

COURSE = {"a.ipynb": "{}", "requirements.txt": "iniconfig==2.0.0\n", "data/x.csv": "1"}


STALE = """
import pathlib, importlib.util, jupyterlab
folder = pathlib.Path(jupyterlab.__file__).parent
stale = 0
for source in folder.glob("*.py"):
    compiled = pathlib.Path(importlib.util.cache_from_source(source)).read_bytes()
    stale += int.from_bytes(compiled[8:12], "little") != int(source.stat().st_mtime)
print(stale, "stale")
"""
"""Counts compiled files that Python would not accept, so that every seat would compile them again."""


async def inside(engine: DockerEngine, image: Image, *command: str) -> str:
    """What a command prints in a container of the image, started the way seats are."""

    def run(client: Any) -> str:
        marks = {labels.TOOL: labels.TOOL_VALUE, labels.KIND: "helper"}
        output: bytes = client.containers.run(
            image.digest, list(command), remove=True, stderr=True, labels=marks, network_disabled=True,
            cap_drop=["ALL"], security_opt=["no-new-privileges"],
        )  # fmt: skip
        return output.decode().strip()

    return await engine.call(run)


async def inspect(engine: DockerEngine, image: Image) -> dict[str, Any]:
    return await engine.call(lambda client: client.api.inspect_image(image.digest))


async def leftovers(engine: DockerEngine, tmp_path: Path) -> list[str]:
    """Helper containers and contexts that a build left; helpers of builds beside this one go by themselves."""
    contexts = [str(path) for path in (tmp_path / "contexts").glob("*")]
    filters = {"label": [f"{labels.TOOL}={labels.TOOL_VALUE}", f"{labels.KIND}=helper"]}

    async def helpers() -> dict[str, str]:
        listed = await engine.call(lambda client: client.api.containers(all=True, filters=filters))
        # not of classes
        return {entry["Id"]: str(entry["Names"]) for entry in listed if labels.UID not in entry["Labels"]}

    found = await helpers()
    deadline = time.monotonic() + 60
    while found and time.monotonic() < deadline:
        await asyncio.sleep(0.2)
        found = {helper: name for helper, name in (await helpers()).items() if helper in found}
    return [*found.values(), *contexts]


@pytest.mark.parametrize("buildkit", [True, False], ids=["buildkit", "classic"])
async def test_an_image_holds_the_repository_and_its_requirements(
    engine: DockerEngine, builder: DockerBuilder, requests: Requests, commit: Commit, tmp_path: Path, buildkit: bool
) -> None:
    scripts = {
        "postBuild": "#!/bin/sh\necho built > made.txt\n",
        "start": '#!/bin/bash\nexport FROM_START=yes\nexec "$@"\n',
    }
    sha = commit(COURSE | scripts | {"apt.txt": "tree", "workshop.yaml": "pin: 1"})
    builder = DockerBuilder(engine, work_dir=tmp_path / "contexts", buildkit=buildkit)
    request = await requests.of(tmp_path / "repo")
    events: list[WorkEvent] = []
    image = await builder.build(request, report=events.append)

    assert image.commit == sha
    assert not image.cached
    assert image.reference == f"workshop/{request.slug}:{sha[:7]}-{image.recipe[:8]}"
    assert "iniconfig==2.0.0" in image.packages
    assert not [name for name in image.packages if name.startswith("rfc3987-syntax")]
    assert await inside(engine, image, "sh", "-c", "id -u; pwd; echo $FROM_START; cat made.txt; ls") == (
        "1000\n/home/jovyan\nyes\nbuilt\na.ipynb\napt.txt\ndata\nmade.txt\npostBuild\nrequirements.txt\nstart"
    )
    checks = (
        "python -c 'import iniconfig, jupyterlab'; command -v tree; bash -lc 'command -v jupyter-lab'; "
        "pip --version | cut -c1-4; stat -c %U made.txt /opt/venv a.ipynb; touch new.txt && echo writable; "
        "find /opt/venv -name '*.pyc' -path '*jupyterlab*' | head -1 | wc -l; test -e .cache || echo no cache"
    )
    assert await inside(engine, image, "bash", "-c", checks) == (
        "/usr/bin/tree\n/opt/venv/bin/jupyter-lab\npip \njovyan\njovyan\njovyan\nwritable\n1\nno cache"
    )
    assert await inside(engine, image, "python", "-c", STALE) == "0 stale"
    marks = (await inspect(engine, image))["Config"]["Labels"]
    assert marks[labels.COMMIT] == sha
    assert marks[labels.KIND] == "image"
    started = [event for event in events if isinstance(event, StepStarted)]
    assert {"installing JupyterLab", "installing 1 Debian package", "running postBuild"} <= {e.text for e in started}
    assert {event.step for event in events if isinstance(event, StepFinished)} == {event.step for event in started}
    assert any(event.total for event in started)
    assert await leftovers(engine, tmp_path) == []

    again = await builder.build(request, report=ignore_events)
    assert again.cached
    assert again.digest == image.digest


async def test_a_commit_of_code_alone_takes_the_layers_below_from_the_cache(
    builder: DockerBuilder, requests: Requests, commit: Commit, tmp_path: Path, unique_name: str
) -> None:
    commit(COURSE)
    first = await builder.build(await requests.of(tmp_path / "repo"), report=ignore_events)
    commit({"a.ipynb": f'{{"cells": ["{unique_name}"]}}'})
    events: list[WorkEvent] = []
    second = await builder.build(await requests.of(tmp_path / "repo"), report=events.append)
    assert second.digest != first.digest
    assert second.recipe == first.recipe
    cached = {event.text: event.cached for event in events if isinstance(event, StepFinished)}
    assert cached["installing JupyterLab"]
    assert cached["installing what requirements.txt names"]
    assert not cached["copying the repository"]


async def test_another_requirement_keeps_the_jupyter_layer(
    builder: DockerBuilder, requests: Requests, commit: Commit, tmp_path: Path, unique_name: str
) -> None:
    commit(COURSE)
    first = await builder.build(await requests.of(tmp_path / "repo"), report=ignore_events)
    commit({"requirements.txt": f"iniconfig==2.0.0\nsniffio\n# {unique_name}\n"})
    events: list[WorkEvent] = []
    second = await builder.build(await requests.of(tmp_path / "repo"), report=events.append)
    cached = {event.text: event.cached for event in events if isinstance(event, StepFinished)}
    assert cached["installing JupyterLab"]
    assert not cached["installing what requirements.txt names"]
    assert any(name.startswith("sniffio==") for name in second.packages)
    assert second.recipe != first.recipe
    listed = [image for image in await builder.images() if image.workshop == unique_name]
    assert [image.digest for image in listed] == [second.digest, first.digest]
    assert all(0 < image.shared_bytes < image.size_bytes for image in listed)


@pytest.mark.parametrize(
    ("files", "message", "hint", "detail"),
    [
        ({"requirements.txt": "no-such-package-9x8y7z\n"}, "no Python package no-such-package", "Mend", "no-such"),
        ({"requirements.txt": "iniconfig==99.0\n"}, "iniconfig==99.0", "Mend", "iniconfig"),
        ({"requirements.txt": "iniconfig==2.0.0\niniconfig==1.1.1\n"}, "contradict", "loosen", "iniconfig"),
        ({"apt.txt": "no-such-debian-package\n"}, "no Debian package no-such-debian-package", "apt.txt", "locate"),
        ({"postBuild": "#!/bin/sh\nset -e\necho one\necho two\nfalse\necho four\n"},
         "postBuild failed with exit code 1", "Its last lines", "two"),
        ({"binder/postBuild": "#!/bin/bash\nno-such-command\n"}, "binder/postBuild failed with exit code 127", "mend",
         "no-such-command"),
        ({"runtime.txt": "python-3.8"}, "Python 3.8 (runtime.txt) is wanted", "WORKSHOP_IMAGE_BASE", "3.8"),
        ({"Dockerfile": "FROM no-such-registry.invalid/x/y:1\n"}, "base image", "", "no-such-registry"),
        ({"Dockerfile": "FROM workshop-test/base:bookworm\nRUN echo about-to-fail && exit 3\n"},
         "build failed at `RUN", "", "about-to-fail"),
    ],
    ids=["package", "version", "conflict", "apt", "postBuild", "postBuild-command", "python", "base", "dockerfile"],
)  # fmt: skip
async def test_a_build_that_cannot_end_well_says_why_and_keeps_the_last_good_image(
    engine: DockerEngine, builder: DockerBuilder, requests: Requests, commit: Commit, tmp_path: Path,
    files: dict[str, str], message: str, hint: str, detail: str,
) -> None:  # fmt: skip
    commit({"a.ipynb": "{}"})
    good = await builder.build(await requests.of(tmp_path / "repo"), report=ignore_events)
    commit(files)
    with pytest.raises(BuildFailed) as caught:
        await builder.build(await requests.of(tmp_path / "repo"), report=ignore_events)
    error = caught.value
    assert message in error.message
    assert hint in error.hint
    assert detail in "\n".join(error.details)
    assert "four" not in "\n".join(error.details)
    assert [image.digest for image in await builder.images() if image.workshop == good.workshop] == [good.digest]
    assert await leftovers(engine, tmp_path) == []


@pytest.mark.parametrize("buildkit", [True, False], ids=["buildkit", "classic"])
async def test_a_cancelled_build_leaves_nothing(
    engine: DockerEngine, requests: Requests, commit: Commit, tmp_path: Path, unique_name: str, buildkit: bool
) -> None:
    words = f"sleep 98{int(unique_name.rpartition('-')[2]):03}"
    commit({"Dockerfile": f"FROM workshop-test/base:bookworm\nRUN echo waiting && {words}\n"})
    builder = DockerBuilder(engine, work_dir=tmp_path / "contexts", buildkit=buildkit)
    request = await requests.of(tmp_path / "repo")
    waiting = asyncio.Event()

    def report(event: WorkEvent) -> None:
        if isinstance(event, LogLine) and event.text == "waiting":
            waiting.set()

    before = await containers(engine)
    task = asyncio.create_task(builder.build(request, report=report))
    await asyncio.wait_for(waiting.wait(), 300)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await builder.find(request) is None
    assert await leftovers(engine, tmp_path) == []
    await until(lambda: not running(words))
    async with asyncio.timeout(20):
        while await containers(engine) - before:  # noqa: ASYNC110 (nobody is told that a build's container is gone)
            await asyncio.sleep(0.1)


async def containers(engine: DockerEngine) -> set[str]:
    """Containers of builds: they have no labels of ours, and a generated name."""
    listed = await engine.call(lambda client: client.api.containers(all=True))
    return {entry["Id"] for entry in listed if "echo waiting" in entry["Command"]}


def running(words: str) -> bool:
    needle = words.replace(" ", "\0").encode()
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if needle in path.read_bytes():
                return True
        except OSError:  # ended meanwhile
            continue
    return False


async def until(condition: Callable[[], bool], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come about in time"
        await asyncio.sleep(0.1)


async def test_a_repositorys_dockerfile_is_built_as_it_is(
    engine: DockerEngine, builder: DockerBuilder, requests: Requests, commit: Commit, tmp_path: Path
) -> None:
    dockerfile = (
        "# syntax=docker/dockerfile:1\nARG WORKSHOP_IMAGE_BASE=nothing\nFROM ${WORKSHOP_IMAGE_BASE}\n"
        "ARG NB_USER\nARG NB_UID\nRUN useradd -m -u ${NB_UID} ${NB_USER}\nCOPY --chown=1000 . /home/${NB_USER}/\n"
        "WORKDIR /home/${NB_USER}\nUSER ${NB_UID}\n"
    )
    commit({"binder/Dockerfile": dockerfile, "requirements.txt": "no-such-package-9x8y7z", "secret.txt": "",
            ".dockerignore": "secret.txt\n"})  # fmt: skip
    image = await builder.build(await requests.of(tmp_path / "repo"), report=ignore_events)
    assert await inside(engine, image, "sh", "-c", "id -un; ls") == "jovyan\nbinder\nrequirements.txt"


async def test_ignored_files_stay_out_of_the_image(
    engine: DockerEngine, builder: DockerBuilder, requests: Requests, commit: Commit, tmp_path: Path
) -> None:
    commit({"a.ipynb": "", "big/x.bin": "", "big/keep.txt": "", "notes.md": "",
            ".dockerignore": "# comment\n/notes.md\nbig/*\n!big/keep.txt\n"})  # fmt: skip
    image = await builder.build(await requests.of(tmp_path / "repo"), report=ignore_events)
    assert await inside(engine, image, "sh", "-c", "find . -type f | sort") == (
        "./.bash_logout\n./.bashrc\n./.dockerignore\n./.profile\n./a.ipynb\n./big/keep.txt"
    )


async def test_a_password_of_the_package_index_is_nowhere_in_the_image(
    engine: DockerEngine, builder: DockerBuilder, requests: Requests, commit: Commit, tmp_path: Path
) -> None:
    commit(
        {"a.ipynb": "", "requirements.txt": "sniffio==1.3.1", "postBuild": "#!/bin/sh\nenv | grep -c s3[c]r3t > seen\n"}
    )
    request = await requests.of(tmp_path / "repo", index_url="https://user:s3cr3t@pypi.org/simple")
    events: list[WorkEvent] = []
    image = await builder.build(request, report=events.append)
    history = await engine.call(lambda client: client.api.history(image.digest))
    assert "s3cr3t" not in str(history) + str(await inspect(engine, image)) + str(events)
    seen = "cat seen; grep -rl s3cr3t /home /opt /etc /tmp 2>/dev/null | wc -l; env | grep -c s3cr3t"
    assert await inside(engine, image, "sh", "-c", seen + "; true") == "2\n0\n0"


async def test_the_classic_builder_is_not_given_passwords(
    engine: DockerEngine, requests: Requests, commit: Commit, tmp_path: Path
) -> None:
    commit({"a.ipynb": ""})
    builder = DockerBuilder(engine, work_dir=tmp_path / "contexts", buildkit=False)
    request = await requests.of(tmp_path / "repo", index_url="https://user:s3cr3t@pypi.org/simple")
    with pytest.raises(BuildFailed, match="needs a password") as caught:
        await builder.build(request, report=ignore_events)
    assert "buildx" in caught.value.hint


async def test_what_cannot_be_reached_is_named(
    builder: DockerBuilder, requests: Requests, commit: Commit, tmp_path: Path
) -> None:
    commit({"a.ipynb": "", "requirements.txt": "sniffio"})
    request = await requests.of(tmp_path / "repo", index_url="https://index.no-such-host.invalid/simple")
    with pytest.raises(BuildFailed, match=r"index\.no-such-host\.invalid could not be reached") as caught:
        await builder.build(request, report=ignore_events)
    assert "WORKSHOP_IMAGE_INDEX_URL" in caught.value.hint
    request = await requests.of(tmp_path / "repo", base="registry.no-such-host.invalid/python:3.12-slim")
    with pytest.raises(BuildFailed, match=r"base image registry\.no-such-host\.invalid/python:3\.12-slim") as caught:
        await builder.build(request, report=ignore_events)
    assert "WORKSHOP_IMAGE_BASE" in caught.value.hint


async def test_an_image_in_use_is_a_survivor_and_one_that_is_gone_is_success(
    engine: DockerEngine, builder: DockerBuilder, requests: Requests, commit: Commit, tmp_path: Path
) -> None:
    commit({"a.ipynb": ""})
    image = await builder.build(await requests.of(tmp_path / "repo"), report=ignore_events)
    marks = {labels.TOOL: labels.TOOL_VALUE, labels.KIND: "helper"}
    made = await engine.call(lambda client: client.containers.create(image.digest, ["true"], labels=marks))
    try:
        refused = await builder.remove(image)
        assert refused.removed == {}
        assert "in use" in refused.left[0].reason
        assert image.digest in [kept.digest for kept in await builder.images()]
    finally:
        await engine.call(lambda _client: made.remove(force=True))
    assert (await builder.remove(image)).removed == {"images": 1}
    assert await builder.remove(image) == (await builder.remove(replace(image, digest="sha256:" + "0" * 64)))


async def test_a_rebuild_without_cache_makes_another_image_of_the_same_name(
    builder: DockerBuilder, requests: Requests, write: Write, tmp_path: Path
) -> None:
    dockerfile = "FROM workshop-test/base:bookworm\nRUN head -c 16 /dev/urandom > /random\n"
    folder = write({"Dockerfile": dockerfile})
    first = await builder.build(await requests.of(folder), report=ignore_events)
    second = await builder.build(await requests.of(folder, no_cache=True), report=ignore_events)
    assert first.reference == second.reference
    assert first.digest != second.digest
    mine = [image for image in await builder.images() if image.workshop == first.workshop]
    assert [image.digest for image in mine] == [second.digest, first.digest]
    assert (await builder.find(await requests.of(folder))).digest == second.digest  # type: ignore[union-attr]


async def test_a_subfolder_and_the_whole_are_different_images(
    builder: DockerBuilder, requests: Requests, commit: Commit, tmp_path: Path
) -> None:
    dockerfile = "FROM workshop-test/base:bookworm\nCOPY . /x\n"
    commit({"Dockerfile": dockerfile, "day1/Dockerfile": dockerfile})
    whole = await builder.build(await requests.of(tmp_path / "repo"), report=ignore_events)
    part = await builder.build(await requests.of(tmp_path / "repo" / "day1"), report=ignore_events)
    assert whole.commit == part.commit == git(tmp_path / "repo", "rev-parse", "HEAD")
    assert whole.digest != part.digest


async def test_two_programs_that_build_the_same_make_one_image(
    engine: DockerEngine, builder: DockerBuilder, requests: Requests, write: Write, tmp_path: Path, unique_name: str
) -> None:
    request = await requests.of(write({"a.ipynb": "{}"}))
    other = DockerBuilder(engine, work_dir=tmp_path / "contexts")
    images = await asyncio.gather(*(one.build(request, report=ignore_events) for one in (builder, other)))
    assert sorted(image.cached for image in images) == [False, True]
    assert len([image for image in await builder.images() if image.workshop == unique_name]) == 1


@pytest.mark.parametrize(("instruction", "missing"), [("", True), ("RUN touch /usr/local/bin/jupyter-lab\n", False)])
async def test_a_dockerfile_without_what_seats_run_is_named(
    builder: DockerBuilder, requests: Requests, write: Write, instruction: str, missing: bool
) -> None:
    events: list[WorkEvent] = []
    folder = write({"Dockerfile": f"FROM workshop-test/base:bookworm\n{instruction}", "a.ipynb": "{}"})
    await builder.build(await requests.of(folder), report=events.append)
    assert any("has no jupyter-lab" in getattr(event, "text", "") for event in events) == missing
