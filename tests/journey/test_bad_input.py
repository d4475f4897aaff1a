"""Bad input ends in one clear sentence, a hint and an exit code; nothing is lost and nothing is left."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

import pytest

from tests.journey.conftest import Program, commit, make_repository, on_docker, on_processes
from tests.journey.engine import Engine

FIVE_MISTAKES = """\
title: ''
seets: 10
seats: none
ui: emacs
limits:
  memory: a lot
access:
  port: 99999
"""


@pytest.fixture
def engine(runtime: str, machine: Path) -> Engine:
    return Engine(runtime, machine / "state" / "workshop")


def refused(document: Any, error: str) -> str:
    """The message of an error document, which has a hint."""
    assert set(document) >= {"error", "message", "hint"}
    assert document["error"] == error
    assert document["message"]
    assert document["hint"]
    message: str = document["message"]
    return message


class TestWithoutAnEngine:
    """What is refused before any runtime is asked for seats."""

    @pytest.fixture
    def runtime(self) -> str:
        return "process"

    @pytest.mark.parametrize("verb", ["check", "build", "up"])
    def test_no_repository_at_the_address(self, verb: str, program: Program, tmp_path: Path) -> None:
        url = (tmp_path / "nothing.git").as_uri()
        if verb == "check":
            problems = program("check", url, "--runtime", "process", code=2)["problems"]
            assert any("nothing.git" in problem["message"] for problem in problems)
            return
        words = ["--yes"] if verb == "up" else []
        assert "nothing.git" in refused(program(verb, url, "--runtime", "process", *words, code=1), "source")

    def test_a_branch_that_does_not_exist_names_those_there_are(self, program: Program, repository: Path) -> None:
        definition = (repository / "workshop.yaml").read_text()
        (repository / "workshop.yaml").write_text(
            definition.replace("source: .", "source: {repository: ., ref: autumn-2031}")
        )
        document = program("build", repository, code=1)
        assert "autumn-2031" in refused(document, "source")
        assert "main" in json.dumps(document)

    def test_a_file_that_is_not_there(self, program: Program, tmp_path: Path) -> None:
        refused(program("build", tmp_path / "workshop.yaml", code=2), "usage")

    def test_five_mistakes_are_told_at_once_each_with_its_place_and_a_hint(
        self, program: Program, tmp_path: Path
    ) -> None:
        file = tmp_path / "workshop.yaml"
        file.write_text(FIVE_MISTAKES)
        problems = program("check", file, code=2)["problems"]
        places = " ".join(problem["path"] for problem in problems)
        for place in ("title", "seets", "seats", "ui", "limits.memory", "access.port"):
            assert place in places
        assert all(problem["message"] and problem["hint"] for problem in problems)
        (unknown,) = (problem for problem in problems if problem["path"].startswith("seets"))
        assert "seats" in unknown["hint"]
        document = program("up", file, "--yes", code=2)
        assert document["error"] == "definition"
        assert len(document["details"]) == len(problems)

    def test_docker_that_does_not_run_is_exit_code_3_and_names_the_way_without(
        self, program: Program, repository: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/no.sock")
        document = program("up", repository, "--runtime", "docker", "--yes", code=3)
        refused(document, "runtime-unreachable")
        assert "--runtime process" in document["hint"]

    def test_a_cluster_that_was_asked_for_and_is_not_there_is_exit_code_3(
        self, program: Program, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))
        monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/no.sock")
        refused(program("list", "--runtime", "kubernetes", code=3), "runtime-unreachable")
        document = program("list")
        assert (document["classrooms"], len(document["unreachable"])) == ([], 1), "nobody asked for Docker"

    def test_no_classroom_of_that_name_names_those_there_are(
        self, program: Program, repository: Path, unique_name: str
    ) -> None:
        program.up(repository, unique_name, seats=1)
        for verb in (["status", "nobody"], ["links", "nobody"], ["down", "nobody", "--yes"], ["add", "nobody", "1"]):
            document = program(*verb, code=2)
            refused(document, "unknown-classroom")
            assert unique_name in document["hint"]

    def test_a_name_that_cannot_be_one(self, program: Program, repository: Path) -> None:
        assert "Spring Class!" in refused(
            program("up", repository, "--name", "Spring Class!", "--yes", code=2), "usage"
        )

    def test_down_without_a_terminal_and_without_yes_removes_nothing(
        self, program: Program, repository: Path, unique_name: str, engine: Engine
    ) -> None:
        program.up(repository, unique_name, seats=1)
        refused(program("down", unique_name, code=2), "confirmation-needed")
        assert program("status", unique_name)["seats"][0]["state"] == "ready"


@on_docker
def test_a_requirement_that_does_not_exist_shows_the_lines_that_matter_and_keeps_the_last_good_image(
    program: Program, repository: Path
) -> None:
    good = program("build", repository)
    (repository / "requirements.txt").write_text("this-package-does-not-exist-anywhere==9.9.9\n")
    commit(repository, "A wish")
    document = program("build", repository, code=1)
    refused(document, "build-failed")
    assert "this-package-does-not-exist-anywhere" in json.dumps(document)
    assert len(document["details"]) <= 40
    assert good["digest"] in {image["digest"] for image in program("images")["images"]}


@on_processes
def test_a_port_that_is_taken_is_named_and_no_class_is_left(
    program: Program, repository: Path, unique_name: str, engine: Engine
) -> None:
    program("build", repository)
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        document = program("up", repository, "--name", unique_name, "--port", str(port), "--yes", code=1)
    assert str(port) in refused(document, "port-taken")
    assert engine.seats(unique_name) == []
    assert unique_name not in {room["classroom"] for room in program("list")["classrooms"]}


@on_processes
def test_more_seats_than_fit_are_refused_with_the_number_that_does(
    program: Program, repository: Path, unique_name: str, engine: Engine
) -> None:
    document = program("up", repository, "--name", unique_name, "--seats", "2000", "--yes", code=1)
    refused(document, "does-not-fit")
    assert "--seats" in document["hint"]
    assert engine.everything(unique_name) == []


@on_processes
def test_a_name_in_use_by_another_workshop_is_refused_and_the_class_goes_on(
    program: Program, repository: Path, unique_name: str, tmp_path: Path, runtime: str, built_images: str
) -> None:
    opened = program.up(repository, unique_name, seats=1)
    other = make_repository(tmp_path / "other", title=f"{built_images} other", runtime=runtime)
    document = program("up", other, "--name", unique_name, "--yes", code=2)
    assert unique_name in refused(document, "name-in-use")
    assert program("status", unique_name)["seats"][0]["link"] == opened["seats"][0]["link"]
