"""The bundled sample workshops: well-formed, and every notebook runs to its end under the workshop's own limits."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.images.conftest import Requests
from workshop.config.definition import load_definition
from workshop.engines.docker_engine import DockerEngine
from workshop.images.detect import detect
from workshop.images.docker_builder import DockerBuilder
from workshop.images.links import parse_link
from workshop.images.rehearsal import chosen_notebooks, read_outcome, rehearsal_command
from workshop.model import labels
from workshop.ports.build import ignore_events

SAMPLES = Path(__file__).resolve().parents[2] / "sample_workshops"
FOLDERS = sorted(path for path in SAMPLES.iterdir() if path.is_dir())
WITH_NOTEBOOKS = [path for path in FOLDERS if path.name != "binder-link"]


def names(folders: list[Path]) -> list[str]:
    return [path.name for path in folders]


@pytest.mark.parametrize("folder", FOLDERS, ids=names(FOLDERS))
def test_a_samples_definition_has_no_problem(folder: Path) -> None:
    loaded = load_definition(folder / "workshop.yaml")
    assert loaded.problems == ()
    if loaded.definition.open:
        assert (folder / loaded.definition.open).is_file()


def test_there_is_a_sample_that_is_only_a_binder_link() -> None:
    definition = load_definition(SAMPLES / "binder-link" / "workshop.yaml").definition
    link = parse_link(definition.source.repository)
    assert (link.repository, link.open_path, link.ui) == (
        "https://github.com/binder-examples/requirements", "index.ipynb", "lab",
    )  # fmt: skip


@pytest.mark.parametrize("folder", WITH_NOTEBOOKS, ids=names(WITH_NOTEBOOKS))
def test_a_samples_notebooks_are_clean_and_its_requirements_pinned(folder: Path) -> None:
    detected = detect(folder)
    assert detected.unpinned == ()
    assert detected.notebooks
    for name in detected.notebooks:
        notebook: dict[str, Any] = json.loads((folder / name).read_text(encoding="utf-8"))
        cells = notebook["cells"]
        assert (notebook["nbformat"], notebook["nbformat_minor"]) == (4, 5)
        assert len({cell["id"] for cell in cells}) == len(cells)
        assert not [cell for cell in cells if cell.get("outputs") or cell.get("execution_count")]
        assert cells[0]["cell_type"] == "markdown"


@pytest.mark.docker
@pytest.mark.parametrize("folder", WITH_NOTEBOOKS, ids=names(WITH_NOTEBOOKS))
async def test_a_samples_notebooks_run_in_its_image_under_its_limits(
    engine: DockerEngine, builder: DockerBuilder, requests: Requests, folder: Path
) -> None:
    definition = load_definition(folder / "workshop.yaml").definition
    request = await requests.of(folder)
    image = await builder.build(request, report=ignore_events)
    marks = {labels.TOOL: labels.TOOL_VALUE, labels.KIND: "helper"}
    container = await engine.call(
        lambda client: client.containers.run(
            image.digest,
            ["sleep", "600"],
            detach=True,
            labels=marks,
            mem_limit=definition.memory_bytes,
            pids_limit=definition.limits.pids,
            cap_drop=["ALL"],
            network_disabled=True,
            init=True,
        )
    )
    try:
        for name in chosen_notebooks(request.detected.notebooks, definition.rehearse):
            command = list(rehearsal_command(name, seconds=120))
            code, output = await engine.call(lambda _client, words=command: container.exec_run(words, demux=True))
            stdout, stderr = (part.decode() if part else "" for part in output)
            outcome = read_outcome(name, stdout, exit_code=code, errors=stderr)
            assert outcome.ok, f"{name}: {outcome.reason}"
            assert outcome.peak_memory_bytes < 0.7 * definition.memory_bytes
    finally:
        await engine.call(lambda _client: container.remove(force=True))
