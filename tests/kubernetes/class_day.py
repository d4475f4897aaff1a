"""A class day on a cluster by the command line, told once: for the API server in memory and for a real cluster.

Modules that import these tests say with `CLUSTER` which one they mean.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import shutil
import signal
import tarfile
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.journey.conftest import commit, kill, wait_until
from tests.kubernetes.cluster_program import SEATS, ClusterProgram
from workshop.config.paths import paths
from workshop.service.student import Student


def links(document: Any) -> dict[str, str]:
    return {seat["seat"]: seat["link"] for seat in document["seats"]}


def states(document: Any) -> set[str]:
    return {seat["state"] for seat in document["seats"]}


def listed(program: ClusterProgram, name: str, *words: str) -> list[Any]:
    """The class in the list of classes; others may be on this machine's engine."""
    return [room for room in program("list", *words)["classrooms"] if room["classroom"] == name]


async def take_seat(link: str) -> None:
    """A participant follows a link and is shown the seat."""
    async with Student() as student:
        page = await student.enter(link)
        assert "/seat/" in page
        assert link.rpartition("/")[2] not in page


def work_in_seat(program: ClusterProgram, name: str, seat: int, text: str) -> None:
    """A file of a participant's own, written from inside the seat."""
    program.world.run_in_seat(name, seat, f"printf %s {text!r} > work.txt")


def seen_in_seat(program: ClusterProgram, name: str, seat: int) -> str:
    return program.world.run_in_seat(name, seat, "cat work.txt 2>/dev/null || true")


async def test_a_class_is_checked_opened_used_watched_collected_and_closed(
    program: ClusterProgram, repository: Path, unique_name: str, tmp_path: Path
) -> None:
    checked = program("check", repository)
    assert [problem for problem in checked["problems"] if problem["level"] == "error"] == []
    assert checked["fits"]["verdict"] == "fits"

    opened = program.up(repository, unique_name)
    assert (opened["runtime"], states(opened)) == ("kubernetes", {"ready"})
    assert program.world.running_gateways(unique_name) == 1
    await take_seat(opened["seats"][0]["link"])

    after = program("status", unique_name)
    assert [seat["claimed"] for seat in after["seats"]] == [True, False]
    assert links(after) == links(opened)
    (entry,) = listed(program, unique_name)
    assert (entry["seats"], entry["ready"]) == (SEATS, SEATS)

    work_in_seat(program, unique_name, 1, "mine")
    refused = program("down", unique_name, "--yes", code=4)
    assert "01" in refused["message"]
    assert links(program("status", unique_name)) == links(opened)
    closed = program("down", unique_name, "--collect", tmp_path / "work", "--yes")
    assert closed["left"] == []
    assert closed["removed"]["seats"] == SEATS
    (archive,) = (tmp_path / "work").glob("**/*.tar.gz")
    with tarfile.open(archive) as tar:
        assert any(member.name.endswith("work.txt") for member in tar)
    assert program.objects(unique_name) == []
    assert listed(program, unique_name, "--runtime", "kubernetes") == []


def change(repository: Path, **kubernetes: Any) -> None:
    """Say something else of the cluster in the workshop's file."""
    definition = yaml.safe_load((repository / "workshop.yaml").read_text())
    definition["kubernetes"] |= kubernetes
    (repository / "workshop.yaml").write_text(yaml.safe_dump(definition))
    commit(repository, "Another cluster")


def test_a_door_that_the_cluster_has_not_is_refused_before_anything_is_made(
    program: ClusterProgram, repository: Path, unique_name: str
) -> None:
    change(repository, exposure="ingress", ingress_class="no-such-class", host="class.example.org")
    checked = program("check", repository, code=2)
    assert "kubernetes.ingress_class" in {problem["path"] for problem in checked["problems"]}
    refused = program("up", repository, "--name", unique_name, "--yes", code=1)
    assert "no ingress class no-such-class" in refused["message"]
    assert program.objects(unique_name) == []


def test_a_class_whose_cluster_does_not_answer_is_not_said_to_be_gone(
    program: ClusterProgram, repository: Path, unique_name: str, machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program.up(repository, unique_name, seats=1)
    dead = machine / "dead"
    dead.write_text(re.sub(r"https?://[0-9.:]+", "http://127.0.0.1:9", Path(program.world.kubeconfig).read_text()))
    with monkeypatch.context() as elsewhere:
        elsewhere.setenv("KUBECONFIG", str(dead))
        for words in (("status", unique_name), ("down", unique_name, "--discard", "--yes")):
            silent = program(*words, code=3)
            assert (silent["error"], "127.0.0.1:9" in silent["message"]) == ("runtime-unreachable", True)
    assert program.down(unique_name)["left"] == []


def test_the_role_to_ask_for_is_that_of_the_workshop_in_the_current_folder(
    program: ClusterProgram, repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    change(repository, namespace="team-z", exposure="nodeport")
    assert program("doctor", "--rbac")["manifests"][0]["kind"] == "ClusterRole"
    for words in ((repository,), ()):
        role = program("doctor", "--rbac", *words)["manifests"][0]
        assert (role["kind"], role["metadata"]["namespace"]) == ("Role", "team-z")
        assert "ingresses" not in {resource for rule in role["rules"] for resource in rule["resources"]}
        monkeypatch.chdir(repository)
    looked_at = {finding["name"]: finding["ok"] for finding in program("doctor")["findings"]}
    assert looked_at["kubernetes"]


def test_a_dry_run_prints_the_manifests_and_makes_nothing(
    program: ClusterProgram, repository: Path, unique_name: str
) -> None:
    text = program.ends("up", repository, "--name", unique_name, "--dry-run", "-o", "yaml")
    assert text.code == 0, text
    kinds = [manifest["kind"] for manifest in yaml.safe_load_all(text.out)]
    assert {"StatefulSet", "Deployment", "CronJob", "NetworkPolicy", "Secret"} <= set(kinds)
    plan = program("up", repository, "--name", unique_name, "--dry-run")
    assert plan["create"] == ["01", "02"]
    assert program.objects(unique_name) == []


def test_the_same_command_again_changes_nothing(program: ClusterProgram, repository: Path, unique_name: str) -> None:
    first = program.up(repository, unique_name)
    before = program.objects(unique_name)
    second = program.up(repository, unique_name)
    assert links(second) == links(first)
    assert program.objects(unique_name) == before


async def test_another_machine_finds_the_class_its_links_and_who_sits_where(
    program: ClusterProgram, repository: Path, unique_name: str, machine: Path
) -> None:
    opened = program.up(repository, unique_name)
    await take_seat(opened["seats"][1]["link"])
    shutil.rmtree(machine / "state")
    assert listed(program, unique_name) == []  # a cluster that this machine never used is not searched
    (found,) = listed(program, unique_name, "--runtime", "kubernetes")
    assert found["ready"] == SEATS
    seen = program("status", unique_name)  # from now on it is known here
    assert links(seen) == links(opened)
    assert [seat["claimed"] for seat in seen["seats"]] == [False, True]
    work_in_seat(program, unique_name, 2, "not collected")
    assert "02" in program("down", unique_name, "--yes", code=4)["message"]


def test_acts_go_the_same_way_as_on_one_machine(
    program: ClusterProgram, repository: Path, unique_name: str, tmp_path: Path
) -> None:
    opened = program.up(repository, unique_name)
    longer = program("extend", unique_name, "30m")
    assert datetime.fromisoformat(longer["ends"]) - datetime.fromisoformat(opened["ends"]) == timedelta(minutes=30)
    assert program("status", unique_name)["ends"] == longer["ends"]
    assert listed(program, unique_name)[0]["ends"] == longer["ends"]
    program("say", unique_name, "Five minutes to go")

    handout = tmp_path / "extra.txt"
    handout.write_text("for everybody\n")
    pushed = program("push", unique_name, handout)
    assert len(pushed["results"]) == SEATS
    assert program.world.run_in_seat(unique_name, 2, "cat extra.txt") == "for everybody\n"

    work_in_seat(program, unique_name, 1, "kept")
    assert program("restart", unique_name, "1")["results"][0]["ok"]
    assert seen_in_seat(program, unique_name, 1) == "kept"
    assert program("move", unique_name, "1")["results"][0]["ok"]
    assert seen_in_seat(program, unique_name, 1) == "kept"
    assert program("reset", unique_name, "1", "--yes")["results"][0]["ok"]
    assert seen_in_seat(program, unique_name, 1) == ""
    assert links(program("status", unique_name)) == links(opened)

    more = program("add", unique_name, "1")
    assert sorted(links(more)) == ["01", "02", "03"]
    assert states(more) == {"ready"}
    assert program.world.run_in_seat(unique_name, 3, "cat extra.txt") == "for everybody\n"
    assert program("snapshots", unique_name)["snapshots"] == []


def test_up_that_was_killed_is_finished_by_the_next_up(
    program: ClusterProgram, repository: Path, unique_name: str
) -> None:
    """Twice: when there is the class's record alone, and when there is its gateway."""
    for kind in ("secret", "deployment"):
        first = program.start_up(repository, unique_name)
        wait_until(
            lambda kind=kind: any(entry.startswith(f"{kind} ") for entry in program.objects(unique_name)),
            f"there is a {kind}",
            process=first,
        )
        kill(first)
    second = program.up(repository, unique_name)
    assert sorted(links(second)) == ["01", "02"]
    assert states(second) == {"ready"}
    assert program.world.running_gateways(unique_name) == 1


def test_add_that_was_killed_is_finished_and_not_repeated(
    program: ClusterProgram, repository: Path, unique_name: str
) -> None:
    opened = program.up(repository, unique_name, seats=1)
    adding = program.start("add", unique_name, "2", "--json")
    wait_until(lambda: program.world.pods(unique_name) > 1, "a seat was added", process=adding)
    kill(adding)
    added = program("add", unique_name, "2")
    assert sorted(links(added)) == ["01", "02", "03"]
    assert links(opened).items() <= links(added).items()


def test_down_that_was_killed_is_finished_by_the_next_down(
    program: ClusterProgram, repository: Path, unique_name: str
) -> None:
    program.up(repository, unique_name)
    whole = len(program.objects(unique_name))
    ending = program.start("down", unique_name, "--discard", "--yes", "--json")
    wait_until(lambda: len(program.objects(unique_name)) < whole, "something was removed", process=ending)
    kill(ending)
    assert program.down(unique_name)["left"] == []
    assert program.objects(unique_name) == []


def test_two_ups_at_once_open_one_class(program: ClusterProgram, repository: Path, unique_name: str) -> None:
    both = [program.start_up(repository, unique_name) for _ in range(2)]
    ended = [process.communicate(timeout=240) for process in both]
    assert [process.returncode for process in both] == [0, 0], ended
    status = program("status", unique_name)
    assert sorted(links(status)) == ["01", "02"]
    assert program.world.running_gateways(unique_name) == 1


async def test_the_class_goes_on_when_the_gateways_pod_is_lost(
    program: ClusterProgram, repository: Path, unique_name: str
) -> None:
    opened = program.up(repository, unique_name)
    await take_seat(opened["seats"][0]["link"])
    program.world.lose_gateway(unique_name)
    await asyncio.to_thread(
        wait_until, lambda: program.world.running_gateways(unique_name) == 1, "another gateway is ready", every=0.2
    )
    assert [seat["claimed"] for seat in program("status", unique_name)["seats"]] == [True, False]
    await take_seat(opened["seats"][0]["link"])


def test_a_class_ends_on_time_with_nobody_at_the_keyboard(
    program: ClusterProgram, repository: Path, unique_name: str
) -> None:
    definition = yaml.safe_load((repository / "workshop.yaml").read_text())
    definition["times"] = {"length": "20s", "grace": "1s"}
    (repository / "workshop.yaml").write_text(yaml.safe_dump(definition))
    commit(repository, "A short lesson")
    program.up(repository, unique_name)
    wait_until(lambda: program.objects(unique_name) == [], "the class removed itself", every=0.5)
    assert listed(program, unique_name) == []


def test_a_port_of_this_machine_leads_in_where_the_cluster_has_no_door(
    program: ClusterProgram, repository: Path, unique_name: str
) -> None:
    definition = yaml.safe_load((repository / "workshop.yaml").read_text())
    definition["kubernetes"]["exposure"] = "port-forward"
    definition["access"] = {"address": "127.0.0.1"}
    (repository / "workshop.yaml").write_text(yaml.safe_dump(definition))
    commit(repository, "Through this machine")
    opened = program.up(repository, unique_name)
    assert opened["join"].startswith("http://127.0.0.1:")
    asyncio.run(take_seat(opened["seats"][0]["link"]))
    # the process that leads there is lost: the next `up` starts it again, at the same address, without the file too
    (lock,) = paths({}).sockets.glob("*.lock")
    with contextlib.suppress(ProcessLookupError):
        os.kill(int(lock.read_text()), signal.SIGKILL)
    again = program("up", "--name", unique_name, "--yes")
    assert links(again) == links(opened)
    asyncio.run(take_seat(again["seats"][0]["link"]))
    assert program.down(unique_name)["left"] == []
