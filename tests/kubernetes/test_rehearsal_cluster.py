"""A rehearsal on a real cluster: the image is built here, pushed, and the notebooks run in seats of the cluster."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from tests.journey.conftest import NOTEBOOK, commit, make_repository
from tests.kubernetes.cluster_program import ClusterProgram

pytestmark = pytest.mark.cluster
CLUSTER = "real"


@pytest.fixture
def repository(built_images: str, tmp_path: Path) -> Path:
    """A plain repository with a notebook that runs and one that does not."""
    title = f"{built_images} lesson"
    folder = make_repository(tmp_path / "lesson", title=title, runtime="kubernetes")
    bad = json.loads(json.dumps(NOTEBOOK))
    bad["cells"][0]["source"] = ["1 / 0"]
    (folder / "broken.ipynb").write_text(json.dumps(bad))
    commit(folder, "A notebook that does not run")
    return folder


def test_notebooks_run_in_seats_of_the_cluster_from_a_built_image_and_nothing_is_left(
    laptop: ClusterProgram, repository: Path
) -> None:
    found = laptop("rehearse", repository, code=1)
    results = {entry["notebook"]: entry for entry in found["notebooks"]}
    assert {name: entry["ok"] for name, entry in results.items()} == {"lesson.ipynb": True, "broken.ipynb": False}
    assert "ZeroDivisionError" in json.dumps(results["broken.ipynb"])
    assert found["peak_memory_bytes"] > 1024**2
    assert laptop.world.rehearsals() == []

    definition = yaml.safe_load((repository / "workshop.yaml").read_text())
    (repository / "workshop.yaml").write_text(yaml.safe_dump(definition | {"rehearse": {"skip": ["broken.ipynb"]}}))
    commit(repository, "Without it")
    again = laptop("rehearse", repository)
    assert [entry["notebook"] for entry in again["notebooks"]] == ["lesson.ipynb"]
    assert laptop.world.rehearsals() == []
