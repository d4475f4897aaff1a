"""Running notebooks in a seat of a real image, under a memory limit."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.images.conftest import Requests
from tests.support.git_repository import Write
from workshop.engines.docker_engine import DockerEngine
from workshop.images.docker_builder import DockerBuilder
from workshop.images.rehearsal import (
    NotebookOutcome,
    chosen_notebooks,
    proposed_memory,
    read_outcome,
    rehearsal_command,
)
from workshop.model import labels
from workshop.model.definition import RehearsePart
from workshop.ports.build import ignore_events

MB = 1024**2


def notebook(*cells: str, **tags: list[str]) -> str:
    """A notebook whose first cell is text, so that the first code cell is number 2; tags by `c<number>`."""
    made: list[dict[str, Any]] = [{"cell_type": "markdown", "id": "c1", "metadata": {}, "source": "# Title"}]
    for number, source in enumerate(cells, start=2):
        metadata = {"tags": tags[f"c{number}"]} if f"c{number}" in tags else {}
        made.append(
            {"cell_type": "code", "id": f"c{number}", "metadata": metadata, "source": source.splitlines(keepends=True),
             "outputs": [], "execution_count": None}
        )  # fmt: skip
    return json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": made})


NOTEBOOKS = {
    "good.ipynb": notebook("x = 1", "print(x)", "", "import os; assert os.path.exists('good.ipynb')"),
    "sub/here.ipynb": notebook("import os; assert os.path.exists('here.ipynb')"),
    "bad.ipynb": notebook("x = 1", "# why\ny = undefined_name", "never = 1"),
    "endless.ipynb": notebook("x = 1", "import time\nwhile True:\n    time.sleep(0.1)"),
    "greedy.ipynb": notebook("x = 1", "blocks = [bytearray(50 * 1024**2) for _ in range(100)]"),
    "tags.ipynb": notebook("1 / 0", "nonsense(", "x = 1", c2=["raises-exception"], c3=["skip-execution"]),
    "errors.ipynb": notebook("1 / 0", "x = 1"),
    "asks.ipynb": notebook("input('name? ')"),
    "other.ipynb": json.dumps({"nbformat": 4, "nbformat_minor": 5, "cells": [],
                               "metadata": {"kernelspec": {"name": "no-such-kernel"}}}),
    "named.ipynb": json.dumps({"nbformat": 4, "nbformat_minor": 5, "cells": [],
                               "metadata": {"kernelspec": {"name": "conda-env-course-py"},
                                            "language_info": {"name": "python"}}}),
    "broken.ipynb": "{",
    "conflict.ipynb": "<<<<<<< HEAD\n{}\n=======\n{}\n>>>>>>> other\n",
    "empty.ipynb": "",
}  # fmt: skip


@pytest.fixture
async def seat(engine: DockerEngine, builder: DockerBuilder, requests: Requests, write: Write) -> AsyncIterator[Any]:
    """A running container of an image with all the notebooks, with the limits of a seat."""
    image = await builder.build(await requests.of(write(NOTEBOOKS)), report=ignore_events)
    marks = {labels.TOOL: labels.TOOL_VALUE, labels.KIND: "helper"}
    container = await engine.call(
        lambda client: client.containers.run(
            image.digest,
            ["sleep", "600"],
            detach=True,
            labels=marks,
            mem_limit=300 * MB,
            memswap_limit=300 * MB,
            pids_limit=256,
            cap_drop=["ALL"],
            init=True,
        )
    )
    yield container
    await engine.call(lambda _client: container.remove(force=True))


async def rehearse(engine: DockerEngine, seat: Any, name: str, **settings: Any) -> NotebookOutcome:
    command = rehearsal_command(name, **({"seconds": 60} | settings))
    code, output = await engine.call(lambda _client: seat.exec_run(list(command), demux=True))
    stdout, stderr = (part or b"" for part in output)
    return read_outcome(name, stdout.decode(), exit_code=code, errors=stderr.decode())


@pytest.mark.docker
async def test_notebooks_are_run_and_their_first_failing_cell_is_named(engine: DockerEngine, seat: Any) -> None:
    good = await rehearse(engine, seat, "good.ipynb")
    assert (good.ok, [cell.cell for cell in good.cells]) == (True, [2, 3, 5])
    assert 20 * MB < good.peak_memory_bytes < 300 * MB
    assert good.seconds > 0
    assert (await rehearse(engine, seat, "sub/here.ipynb")).ok

    bad = await rehearse(engine, seat, "bad.ipynb")
    assert bad.failing is not None
    assert (bad.failing.cell, bad.failing.error, bad.failing.line) == (3, "NameError", "# why")
    assert bad.reason == "cell 3: NameError: name 'undefined_name' is not defined"
    assert "undefined_name" in bad.failing.traceback
    assert len(bad.cells) == 2

    assert (await rehearse(engine, seat, "tags.ipynb")).ok
    assert not (await rehearse(engine, seat, "errors.ipynb")).ok
    lenient = await rehearse(engine, seat, "errors.ipynb", allow_errors=True)
    assert (lenient.ok, len(lenient.cells)) == (True, 2)

    endless = await rehearse(engine, seat, "endless.ipynb", seconds=5)
    assert endless.reason.startswith("cell 3: Timeout")
    asks = await rehearse(engine, seat, "asks.ipynb")
    assert asks.failing is not None
    assert asks.failing.error == "AsksForInput"
    assert "no-such-kernel is not there" in (await rehearse(engine, seat, "other.ipynb")).reason
    assert (await rehearse(engine, seat, "named.ipynb")).ok
    assert (await rehearse(engine, seat, "broken.ipynb")).reason.startswith("it is no notebook: Expecting")
    assert "merge conflict" in (await rehearse(engine, seat, "conflict.ipynb")).reason
    assert (await rehearse(engine, seat, "empty.ipynb")).reason == "it is empty: no notebook"
    assert "none.ipynb" in (await rehearse(engine, seat, "none.ipynb")).reason

    greedy = await rehearse(engine, seat, "greedy.ipynb")
    assert greedy.reason.startswith("cell 3: DeadKernel")
    assert greedy.peak_memory_bytes > 250 * MB

    left = await engine.call(lambda _client: seat.top()["Processes"])
    assert not [row for row in left if "ipykernel" in " ".join(row)]


def test_a_rehearsal_that_says_nothing_is_explained() -> None:
    assert read_outcome("a.ipynb", "", exit_code=137).reason == "the seat ran out of memory"
    cells = '{"cell": 2, "seconds": 1, "ok": true}\n'
    assert read_outcome("a.ipynb", cells, exit_code=1, errors="Traceback\nBoom: x\n\n").reason == (
        "the rehearsal itself ended after cell 2 (exit code 1): Boom: x"
    )


def test_notebooks_are_chosen_by_name_or_pattern() -> None:
    there = ("01.ipynb", "day2/02.ipynb", "extra/draft-x.ipynb")
    assert chosen_notebooks(there, RehearsePart()) == there
    assert chosen_notebooks(there, RehearsePart(skip=("extra/*",))) == there[:2]
    assert chosen_notebooks(there, RehearsePart(notebooks=("0*.ipynb",))) == there[:2]
    assert chosen_notebooks(there, RehearsePart(notebooks=("day2/02.ipynb",), skip=("draft*",))) == there[1:2]


@pytest.mark.parametrize(("peak", "limit"), [(0, 256), (100, 256), (197, 512), (400, 768), (900, 1280), (1000, 1536)])
def test_the_proposed_limit_leaves_room_in_whole_steps(peak: int, limit: int) -> None:
    assert proposed_memory(peak * MB) == limit * MB
