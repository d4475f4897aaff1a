"""One class on this machine's Docker engine and a real cluster, from an image that is built, pushed and pre-pulled."""

from __future__ import annotations

import json
import re
import shutil
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from tests.journey.conftest import commit
from tests.journey.engine import Engine
from tests.kubernetes.class_day import links, states
from tests.kubernetes.cluster_images import DOCKERFILE, STUB
from tests.kubernetes.cluster_program import ClusterProgram
from tests.support.participant import take_next_seat

pytestmark = pytest.mark.cluster
CLUSTER = "real"
DEFINITION: dict[str, Any] = {
    "source": ".",
    "seats": 3,
    "spares": 0,
    "limits": {"memory": "512 MB", "cpus": 1},
    "times": {"length": "2h"},
}
HERE, THERE = ["01"], ["02", "03"]


@pytest.fixture
def engine(machine: Path) -> Engine:
    return Engine("docker", machine / "state" / "workshop")


@pytest.fixture
def repository(built_images: str, tmp_path: Path) -> Path:
    """A repository with a Dockerfile, whose workshop has two targets."""
    folder = tmp_path / "lesson"
    folder.mkdir()
    targets = [{"runtime": "docker"}, {"runtime": "kubernetes", "weight": 2}]
    definition = DEFINITION | {"title": f"{built_images} lesson", "targets": targets}
    (folder / "workshop.yaml").write_text(yaml.safe_dump(definition))
    (folder / "Dockerfile").write_text(DOCKERFILE)
    shutil.copy(STUB, folder / "jupyter-lab")
    commit(folder, "A lesson", first=True)
    return folder


def targets(document: Any) -> dict[str, list[str]]:
    """The numbers on each runtime."""
    found: dict[str, list[str]] = {}
    for seat in document["seats"]:
        found.setdefault(seat["target"].split(" ")[0], []).append(seat["seat"])
    return found


def write(laptop: ClusterProgram, engine: Engine, name: str, text: str) -> None:
    """A file of the participants' own in each seat, written from inside."""
    engine.run_in_seat(name, 1, f"printf %s {text}-1 > work.txt")
    for number in (2, 3):
        laptop.world.run_in_seat(name, number, f"printf %s {text}-{number} > work.txt")


def read(laptop: ClusterProgram, engine: Engine, name: str, file: str) -> list[str]:
    command = f"cat {file} 2>/dev/null || true"
    return [engine.run_in_seat(name, 1, command), *(laptop.world.run_in_seat(name, n, command) for n in (2, 3))]


async def test_a_class_on_docker_and_a_cluster_is_opened_joined_used_and_closed_as_one(
    laptop: ClusterProgram, repository: Path, unique_name: str, engine: Engine, tmp_path: Path
) -> None:
    opened = laptop.up(repository, unique_name, seats=3)
    assert states(opened) == {"ready"}
    assert targets(opened) == {"docker": HERE, "kubernetes": THERE}
    assert (len(engine.seats(unique_name)), laptop.world.pods(unique_name)) == (1, 2)
    doors = {number: urlsplit(link).netloc for number, link in links(opened).items()}
    places = [await take_next_seat(opened["join"]) for _ in range(3)]
    assert places == [(doors[number], f"/seat/{number}/") for number in ("01", "02", "03")]

    handout = tmp_path / "extra.txt"
    handout.write_text("for everybody")
    assert len(laptop("push", unique_name, handout)["results"]) == 3
    assert read(laptop, engine, unique_name, "extra.txt") == ["for everybody"] * 3
    longer = laptop("extend", unique_name, "30m")
    assert datetime.fromisoformat(longer["ends"]) - datetime.fromisoformat(opened["ends"]) == timedelta(minutes=30)

    write(laptop, engine, unique_name, "mine")
    for verb in ("restart", "move"):
        done = laptop(verb, unique_name, "1", "2")
        assert [result["ok"] for result in done["results"]] == [True, True]
        assert read(laptop, engine, unique_name, "work.txt") == ["mine-1", "mine-2", "mine-3"]
    after = laptop("status", unique_name)
    assert (links(after), after["ends"]) == (links(opened), longer["ends"])
    assert [seat["claimed"] for seat in after["seats"]] == [True] * 3
    assert "01, 02, 03" in laptop("down", unique_name, "--yes", code=4)["message"].replace(" and ", ", ")
    ended = laptop("down", unique_name, "--yes", "--collect", tmp_path / "work")
    assert ended["left"] == []
    assert sorted(path.name for path in (tmp_path / "work").glob("seat-*.tar.gz")) == [
        f"seat-{number}.tar.gz" for number in ("01", "02", "03")
    ]
    assert (engine.everything(unique_name), laptop.objects(unique_name)) == ([], [])


def test_a_cluster_that_is_away_loses_its_seats_and_down_finishes_when_it_is_back(
    laptop: ClusterProgram, repository: Path, unique_name: str, engine: Engine, machine: Path
) -> None:
    opened = laptop.up(repository, unique_name, seats=3)
    dead = machine / "dead"
    dead.write_text(re.sub(r"https?://[0-9.:]+", "http://127.0.0.1:9", Path(laptop.world.kubeconfig).read_text()))
    away = laptop.environment
    away["KUBECONFIG"] = str(dead)
    seen = laptop("status", unique_name)
    assert {seat["seat"]: seat["state"] for seat in seen["seats"]} == {"01": "ready", "02": "lost", "03": "lost"}
    assert links(seen) == links(opened)
    assert [result["ok"] for result in laptop("restart", unique_name, "1", "2", code=4)["results"]] == [True, False]
    told = laptop("down", unique_name, "--yes", "--discard", code=4)
    assert "not looked at, seats 02–03" in json.dumps(told, ensure_ascii=False)
    assert engine.everything(unique_name) == []
    del away["KUBECONFIG"]
    assert laptop.down(unique_name)["left"] == []
    assert laptop.objects(unique_name) == []
