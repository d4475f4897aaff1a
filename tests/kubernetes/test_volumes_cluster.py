"""Seats with volumes of a storage class on a real cluster: they outlive the pod, and none is left."""

from __future__ import annotations

import os
import tarfile
from pathlib import Path

import pytest

from tests.journey.conftest import wait_until
from tests.kubernetes.class_day import change, seen_in_seat, states, take_seat, work_in_seat
from tests.kubernetes.cluster_program import ClusterProgram

STORAGE_CLASS = os.environ.get("WORKSHOP_TEST_CLUSTER_STORAGE_CLASS", "")
pytestmark = [
    pytest.mark.cluster,
    pytest.mark.skipif(not STORAGE_CLASS, reason="WORKSHOP_TEST_CLUSTER_STORAGE_CLASS names no storage class"),
]
CLUSTER = "real"


def test_a_storage_class_that_is_not_there_is_refused_before_anything_is_made(
    program: ClusterProgram, repository: Path, unique_name: str
) -> None:
    change(repository, storage="100 MB", storage_class="no-such-class")
    problems = {problem["path"]: problem for problem in program("check", repository, code=2)["problems"]}
    assert STORAGE_CLASS in problems["kubernetes.storage_class"]["message"]
    refused = program("up", repository, "--name", unique_name, "--yes", code=1)
    assert "no storage class no-such-class" in refused["message"]
    assert program.objects(unique_name) == []


async def test_files_outlive_the_pod_and_every_volume_goes_with_its_seat(
    program: ClusterProgram, repository: Path, unique_name: str, tmp_path: Path
) -> None:
    change(repository, storage="100 MB", storage_class=STORAGE_CLASS)
    opened = program.up(repository, unique_name)
    assert states(opened) == {"ready"}
    await take_seat(opened["seats"][0]["link"])
    work_in_seat(program, unique_name, 1, "mine")
    before = program.world.volumes(unique_name)
    assert len(before) == 2

    pod = program.world.delete_pod(unique_name, 1)
    wait_until(lambda: program.world.ready_pod(unique_name, 1) not in ("", pod), "another pod is ready", every=0.5)
    assert seen_in_seat(program, unique_name, 1) == "mine"
    assert program("restart", unique_name, "1")["results"][0]["ok"]
    assert program("move", unique_name, "1")["results"][0]["ok"]
    assert seen_in_seat(program, unique_name, 1) == "mine"
    assert program("reset", unique_name, "2", "--yes")["results"][0]["ok"]
    after = program.world.volumes(unique_name)
    assert len(after) == 2
    assert after[2] != before[2], "a fresh seat has a fresh volume"

    closed = program("down", unique_name, "--collect", tmp_path / "work", "--yes")
    assert (closed["left"], closed["removed"]["volumes"]) == ([], 2)
    (archive,) = (tmp_path / "work").glob("**/seat-01.tar.gz")
    with tarfile.open(archive) as tar:
        assert any(member.name.endswith("work.txt") for member in tar)
    assert program.world.volumes(unique_name) == {}
    assert program.objects(unique_name) == []
