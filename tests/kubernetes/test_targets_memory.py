"""One class on two clusters by the command line: two API servers over real HTTP, gateways and seats as processes."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from tests.journey.conftest import Program, commit, kill, wait_until
from tests.kubernetes.api_server import ApiServer
from tests.kubernetes.class_day import links, states
from tests.kubernetes.cluster_world import MemoryWorld
from tests.kubernetes.conftest import MEMORY_IMAGE, STUB
from tests.kubernetes.node import Node
from tests.support.participant import take_next_seat

NAMES = ("one", "two")
DEFINITION: dict[str, Any] = {
    "title": "Lesson",
    "source": ".",
    "seats": 3,
    "spares": 0,
    "limits": {"memory": "512 MB", "cpus": 1},
    "times": {"length": "2h"},
    "image": {"reference": MEMORY_IMAGE},
    "targets": [
        {"runtime": "kubernetes", "context": "one"},
        {"runtime": "kubernetes", "context": "two", "weight": 2},
    ],
}


class SpreadProgram(Program):
    """The program on a machine whose kubeconfig knows both clusters."""

    worlds: dict[str, MemoryWorld]
    servers: dict[str, ApiServer]

    def objects(self, name: str) -> dict[str, list[str]]:
        """What each cluster has of a class, seen past the code under test."""
        return {cluster: world.of_class(name) for cluster, world in self.worlds.items()}

    def hide(self, cluster: str, *, hidden: bool = True) -> None:
        """The cluster's API server is there, and answers nobody any more."""
        self.servers[cluster].faults.away = hidden


@pytest.fixture
def program(machine: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SpreadProgram]:
    programs = machine / "programs"
    programs.mkdir()
    shutil.copy(STUB, programs / "jupyter-lab")
    (programs / "jupyter-lab").chmod(0o755)
    servers, nodes, worlds = {}, [], {}
    joint: dict[str, Any] = {"apiVersion": "v1", "kind": "Config", "current-context": "one"}
    for name in NAMES:
        servers[name] = server = ApiServer().start()
        node = Node(server, machine / f"pods-{name}")
        node.programs = str(programs)
        nodes.append(node)
        own = machine / f"kubeconfig-{name}"
        own.write_text(server.kubeconfig())
        worlds[name] = MemoryWorld(machine, MEMORY_IMAGE, str(own))
        text = json.loads(server.kubeconfig().replace('"test"', f'"{name}"'))
        for part in ("contexts", "clusters", "users"):
            joint.setdefault(part, []).extend(text[part])
    (machine / "kubeconfig").write_text(json.dumps(joint))
    monkeypatch.setenv("KUBECONFIG", str(machine / "kubeconfig"))
    for name, value in worlds["one"].settings().items():
        monkeypatch.setenv(name, value)
    made = SpreadProgram("kubernetes")
    made.worlds, made.servers = worlds, servers
    yield made
    for name in NAMES:
        made.hide(name, hidden=False)
    made.close_all()
    for node in nodes:
        node.stop()
    for server in servers.values():
        server.stop()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "lesson"
    folder.mkdir()
    (folder / "workshop.yaml").write_text(yaml.safe_dump(DEFINITION))
    commit(folder, "A lesson", first=True)
    return folder


def targets(document: Any) -> dict[str, str]:
    return {seat["seat"]: seat["target"] for seat in document["seats"]}


ONE, TWO = "kubernetes (one)", "kubernetes (two)"
SPREAD = {"01": ONE, "02": TWO, "03": TWO}


async def test_one_class_is_opened_joined_grown_collected_and_closed_on_two_clusters(
    program: SpreadProgram, repository: Path, unique_name: str, tmp_path: Path
) -> None:
    checked = program("check", repository)
    assert "1 on kubernetes (one) (01); 2 on kubernetes (two) (02–03)" in checked["fits"]["sentence"]
    opened = program.up(repository, unique_name, seats=3)
    assert states(opened) == {"ready"}
    assert targets(opened) == SPREAD
    assert [world.pods(unique_name) for world in program.worlds.values()] == [1, 2], "no pod stands in for another's"
    doors = {number: urlsplit(link).netloc for number, link in links(opened).items()}
    assert doors["01"] != doors["02"] == doors["03"]
    assert urlsplit(opened["join"]).netloc == doors["01"]

    places = [await take_next_seat(opened["join"]) for _ in range(3)]
    assert places == [(doors[number], f"/seat/{number}/") for number in ("01", "02", "03")]
    after = program("status", unique_name)
    assert [seat["claimed"] for seat in after["seats"]] == [True, True, True]
    assert links(program.up(repository, unique_name, seats=3)) == links(opened)

    more = program("add", unique_name, "2")
    assert targets(more) == SPREAD | {"04": TWO, "05": ONE}
    program.worlds["two"].run_in_seat(unique_name, 3, "printf mine > work.txt")
    collected = program("collect", unique_name, "--to", tmp_path / "work")
    assert {entry["seat"] for entry in collected["results"]} == {"01", "02", "03"}
    assert program("restart", unique_name, "1-3")["results"][2]["ok"]
    assert program("down", unique_name, "--yes", "--discard")["left"] == []
    assert program.objects(unique_name) == {"one": [], "two": []}


def test_another_machine_finds_the_whole_class_by_the_labels_of_one_part(
    program: SpreadProgram, repository: Path, unique_name: str, machine: Path
) -> None:
    opened = program.up(repository, unique_name, seats=3)
    shutil.rmtree(machine / "state")
    rooms = program("list", "--runtime", "kubernetes")["classrooms"]  # this machine's engine may have others
    (found,) = [room for room in rooms if room["classroom"] == unique_name]
    assert (found["seats"], found["runtime"]) == (3, f"{ONE} + {TWO}")
    assert links(program("status", unique_name)) == links(opened)


def test_up_that_was_killed_is_finished_by_the_next_up_with_both_clusters(
    program: SpreadProgram, repository: Path, unique_name: str
) -> None:
    first = program.start_up(repository, unique_name, seats=3)
    wait_until(lambda: any(program.objects(unique_name)["one"]), "the first record is there", process=first)
    kill(first)
    second = program.up(repository, unique_name, seats=3)
    assert states(second) == {"ready"}
    assert targets(second) == SPREAD
    assert program("down", unique_name, "--yes", "--discard")["left"] == []


def test_a_cluster_that_does_not_answer_loses_its_seats_and_down_says_what_it_could_not_look_at(
    program: SpreadProgram, repository: Path, unique_name: str
) -> None:
    opened = program.up(repository, unique_name, seats=3)
    program.hide("two")
    seen = program("status", unique_name)
    assert {seat["seat"]: seat["state"] for seat in seen["seats"]} == {"01": "ready", "02": "lost", "03": "lost"}
    assert links(seen) == links(opened)
    assert asyncio.run(take_next_seat(opened["join"]))[1] == "/seat/01/"
    told = program("down", unique_name, "--yes", "--discard", code=4)
    assert "not looked at, seats 02–03" in json.dumps(told, ensure_ascii=False)
    assert program.worlds["one"].of_class(unique_name) == []
    program.hide("two", hidden=False)
    assert program("down", unique_name, "--yes", "--discard")["left"] == []
    assert program.objects(unique_name)["two"] == []


def test_down_that_was_killed_is_finished_by_the_next_down_on_both_clusters(
    program: SpreadProgram, repository: Path, unique_name: str
) -> None:
    program.up(repository, unique_name, seats=3)
    whole = sum(map(len, program.objects(unique_name).values()))
    ending = program.start("down", unique_name, "--discard", "--yes", "--json")
    wait_until(
        lambda: sum(map(len, program.objects(unique_name).values())) < whole, "something was removed", process=ending
    )
    kill(ending)
    assert program("down", unique_name, "--yes", "--discard")["left"] == []
    assert program.objects(unique_name) == {"one": [], "two": []}


def test_one_cluster_by_two_contexts_is_refused_before_anything_is_made(
    program: SpreadProgram, repository: Path, unique_name: str, machine: Path
) -> None:
    joint = json.loads((machine / "kubeconfig").read_text())
    joint["contexts"].append({"name": "again", "context": {"cluster": "one", "user": "one"}})
    (machine / "kubeconfig").write_text(json.dumps(joint))
    definition = DEFINITION | {"targets": [{"runtime": "kubernetes", "context": name} for name in ("one", "again")]}
    (repository / "workshop.yaml").write_text(yaml.safe_dump(definition))
    told = program("up", repository, "--name", unique_name, "--yes", code=2)
    assert "are the same cluster" in told["message"]
    assert program.objects(unique_name) == {"one": [], "two": []}


def test_a_warning_of_one_cluster_is_told_and_refuses_nothing(
    program: SpreadProgram, repository: Path, unique_name: str
) -> None:
    definition = DEFINITION | {"kubernetes": {"storage_class": "fast"}}
    (repository / "workshop.yaml").write_text(yaml.safe_dump(definition))
    problems = program("check", repository)["problems"]
    assert {(problem["path"], problem["level"]) for problem in problems if "storage class" in problem["message"]} == {
        ("targets[0]", "warning"),
        ("targets[1]", "warning"),
    }
    planned = program.ends("up", repository, "--name", unique_name, "--dry-run")
    assert planned.code == 0, planned
    definition = DEFINITION | {"kubernetes": {"storage_class": "fast", "storage": "1 GB"}}
    (repository / "workshop.yaml").write_text(yaml.safe_dump(definition))
    refused = program("up", repository, "--name", unique_name, "--yes", code=1)
    assert "kubernetes (one): The cluster has no storage class fast." in refused["message"]
    assert program.objects(unique_name) == {"one": [], "two": []}
