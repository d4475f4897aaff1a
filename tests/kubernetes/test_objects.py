"""Manifests against golden files, and what must hold of them whatever the class is like."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from workshop.core.launch import seat_command
from workshop.model.classroom import Classroom, Door
from workshop.model.definition import KubernetesPart
from workshop.model.parts import Part, with_parts
from workshop.model.seat import Limits, SeatCommand
from workshop.model.target import Target
from workshop.runtimes.kubernetes import KubernetesRuntime, launcher
from workshop.runtimes.kubernetes.gateway_objects import GatewayObjects, GatewayWishes, cron
from workshop.runtimes.kubernetes.objects import SeatObjects, decode_roster
from workshop.runtimes.kubernetes.wishes import Wishes, wishes_of

GOLDEN = Path(__file__).parent / "golden"

ROOM = Classroom(
    name="python-basics",
    uid="0123456789ab",
    key="11" * 32,
    workshop="Python basics",
    runtime="kubernetes",
    image="registry.example.org/team/python-basics@sha256:" + "ab" * 32,
    commit="c" * 40,
    seats=3,
    door=Door("class.example.org", 443, tls=True),
    created=datetime(2026, 3, 1, 8, 0, tzinfo=UTC),
    ends=datetime(2026, 3, 1, 16, 0, tzinfo=UTC),
    limits=Limits(memory_bytes=1024**3, cpus=1.5),
)
FULL = {
    "namespace": "team-a",
    "storage": "2 GB",
    "storage_class": "fast",
    "overcommit": 4,
    "node_selector": {"pool": "class"},
    "tolerations": [{"key": "class", "operator": "Exists", "effect": "NoSchedule"}],
    "runtime_class": "gvisor",
    "image_pull_secrets": ["pull"],
    "exposure": "ingress",
    "host": "class.example.org",
    "ingress_class": "nginx",
    "tls_secret": "class-tls",
}


def as_yaml(manifests: list[dict[str, Any]]) -> str:
    return yaml.safe_dump_all(manifests, sort_keys=True, width=120)


def same_as_golden(name: str, manifests: list[dict[str, Any]]) -> None:
    path, text = GOLDEN / name, as_yaml(manifests)
    if os.environ.get("WORKSHOP_TEST_UPDATE_GOLDEN"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    assert text == path.read_text(), f"{name} differs; WORKSHOP_TEST_UPDATE_GOLDEN=1 writes it anew"


def command(room: Classroom, number: int) -> SeatCommand:
    """A command of the shape that every UI's has, and that does not change when one of them does."""
    token, base = room.token(number), room.seat_path(number)
    argv = ("jupyter-lab", "--ServerApp.ip={host}", "--ServerApp.port={port}", f"--ServerApp.base_url={base}")
    return SeatCommand(argv, 8888, f"{base}api/status", token, (("JUPYTER_TOKEN", token),))


def dry_run(room: Classroom, seats: int = 3) -> list[dict[str, Any]]:
    commands = {number: command(room, number) for number in range(1, seats + 1)}
    return KubernetesRuntime().manifests(room, commands)


def gateway_of(room: Classroom, exposure: str) -> list[dict[str, Any]]:
    seats = SeatObjects(room, "team-a", wishes_of(room), owner_uid="room-uid")
    wishes = GatewayWishes("registry.example.org/team/workshop:1", ("-m", "workshop", "gateway", room.name))
    return GatewayObjects(seats, wishes).all(exposure, wishes_of(room).part.ingress_class)


def test_a_class_in_a_namespace_of_its_own_is_as_the_golden_file_says() -> None:
    same_as_golden("own-namespace.yaml", dry_run(ROOM))


def test_a_class_with_every_setting_in_an_existing_namespace_is_as_the_golden_file_says() -> None:
    room = replace(ROOM, definition=json.dumps({"title": "x", "kubernetes": FULL}))
    same_as_golden("existing-namespace.yaml", dry_run(room))


@pytest.mark.parametrize("exposure", ["ingress", "loadbalancer", "nodeport", "port-forward"])
def test_the_gateway_is_as_the_golden_file_says(exposure: str) -> None:
    room = replace(ROOM, definition=json.dumps({"title": "x", "kubernetes": FULL}))
    same_as_golden(f"gateway-{exposure}.yaml", gateway_of(room, exposure))


def test_the_number_of_objects_does_not_depend_on_the_number_of_seats() -> None:
    assert len(dry_run(ROOM, 1)) == len(dry_run(ROOM, 200)) == 9


def test_a_thousand_seats_fit_into_one_secret() -> None:
    secret = next(item for item in dry_run(ROOM, 1000) if item["metadata"]["name"] == "ws-python-basics-seats"
                  and item["kind"] == "Secret")  # fmt: skip
    assert sum(len(key) + len(value) for key, value in secret["stringData"].items()) < 512 * 1024


def pods_of(manifests: list[dict[str, Any]]) -> list[dict[str, Any]]:
    pods = []
    for item in manifests:
        spec = item.get("spec", {})
        spec = spec.get("jobTemplate", {}).get("spec", spec)
        if "template" in spec:
            pods.append(spec["template"]["spec"])
    return pods


def test_every_pod_is_what_the_level_restricted_asks_for() -> None:
    pods = pods_of(dry_run(ROOM)) + pods_of(gateway_of(ROOM, "nodeport"))
    assert len(pods) == 3
    for pod in pods:
        security = pod["securityContext"]
        assert security["runAsNonRoot"] is True
        assert security["runAsUser"] > 0
        assert security["seccompProfile"] == {"type": "RuntimeDefault"}
        assert not {"hostNetwork", "hostPID", "hostIPC"} & pod.keys()
        assert {next(iter(set(volume) - {"name"})) for volume in pod["volumes"]} <= {"secret", "emptyDir", "configMap"}
        for box in pod["containers"] + pod.get("initContainers", []):
            assert box["securityContext"] == {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
            assert "memory" in box["resources"]["limits"]


def test_seats_hold_no_account_of_the_cluster() -> None:
    (pod,) = pods_of(dry_run(ROOM))
    assert pod["automountServiceAccountToken"] is False


def test_everything_carries_our_labels_and_its_expiry_and_is_owned_by_the_room() -> None:
    seats = SeatObjects(ROOM, "team-a", Wishes(), owner_uid="room-uid")
    made = [*seats.shared(), seats.quota(3), seats.seat_secret({}), seats.seats(3, {}), *gateway_of(ROOM, "ingress")]
    for item in made:
        metadata = item["metadata"]
        assert metadata["labels"]["io.workshop.uid"] == ROOM.uid, item["kind"]
        assert metadata["annotations"]["io.workshop.expires"] == "2026-03-01T16:00:00+00:00"
        assert [owner["uid"] for owner in metadata["ownerReferences"]] == ["room-uid"]
        for value in metadata["labels"].values():
            assert len(value) <= 63
            assert all(sign.isalnum() or sign in "-_." for sign in value)


def test_the_namespaces_record_gives_no_secret_away() -> None:
    namespace = next(item for item in dry_run(replace(ROOM, pin="4711")) if item["kind"] == "Namespace")
    assert ROOM.key not in json.dumps(namespace)
    assert "4711" not in json.dumps(namespace)


def test_requests_are_the_limits_divided_by_the_overcommit_factor() -> None:
    wishes = Wishes(part=KubernetesPart(overcommit=4))
    resources = SeatObjects(ROOM, "n", wishes).resources()
    assert resources["limits"] == {"memory": str(1024**3), "cpu": "1500m"}
    assert resources["requests"] == {"memory": str(1024**3 // 4), "cpu": "75m"}


def test_a_seat_without_egress_reaches_nothing() -> None:
    policy = SeatObjects(ROOM, "n", Wishes(egress="none")).departures_policy()
    assert policy["spec"]["egress"] == []
    assert policy["spec"]["policyTypes"] == ["Egress"]


def test_what_lets_seats_out_says_nothing_of_who_comes_in() -> None:
    """A policy with both would let every seat into every other one on clusters that mix its rules (kube-router)."""
    policies = [item["spec"] for item in dry_run(ROOM) if item["kind"] == "NetworkPolicy"]
    seats = [spec for spec in policies if spec["podSelector"]["matchLabels"]["io.workshop.kind"] == "seat"]
    assert [spec["policyTypes"] for spec in seats] == [["Ingress"], ["Egress"]]
    assert "egress" not in seats[0]
    assert "ingress" not in seats[1]


def test_holes_and_generations_are_read_back_from_the_set() -> None:
    made = SeatObjects(ROOM, "n", Wishes()).seats(5, {2: 0, 4: 3})
    assert decode_roster(made) == {1: 1, 3: 1, 4: 3, 5: 1}


def test_a_part_of_a_class_has_pods_from_its_own_first_number_on() -> None:
    parts = (Part("another", Target("docker"), (1, 2)), Part(ROOM.uid, Target("kubernetes"), (3, 4, 6)))
    made = SeatObjects(with_parts(ROOM, parts), "n", Wishes()).seats(6, {5: 0})
    assert (made["spec"]["ordinals"], made["spec"]["replicas"]) == ({"start": 3}, 4)
    assert decode_roster(made) == {3: 1, 4: 1, 6: 1}


def test_the_clock_strikes_after_the_grace_in_utc() -> None:
    assert cron(datetime.fromisoformat("2026-03-01T17:29:30+01:00")) == "30 16 1 3 *"


# The launch script


def run_launch(tmp: Path, seat: str, launch: str) -> str:
    (tmp / "seat").write_text(seat)
    script = launch.replace(launcher.SEAT_PATH, str(tmp / "seat")).replace(launcher.STATE_PATH, str(tmp))
    (tmp / "launch").write_text(script)
    done = subprocess.run(["sh", str(tmp / "launch")], capture_output=True, text=True, timeout=20, check=False)
    return done.stdout + done.stderr


ODD = 'it\'s "odd" $HOME `id` \\ é\nline'


def test_arguments_reach_the_server_as_they_are_whatever_signs_they_hold(tmp_path: Path) -> None:
    command = SeatCommand(
        argv=(
            "python3",
            "-c",
            "import sys, os; print(sys.argv[1:], os.environ['ODD'])",
            ODD,
            "{host}:{port}",
            "a/seat/07/b",
        ),
        port=8888,
        ready_path="/",
        token="t0ken",
        env=(("ODD", ODD),),
    )
    files = launcher.seat_files({7: command}, home=str(tmp_path), generations={})
    assert run_launch(tmp_path, files.seats[7], files.launch).startswith(
        f"{[ODD, '0.0.0.0:8888', 'a/seat/07/b']!r} {ODD}"
    )


def test_what_differs_between_seats_is_in_their_own_files_alone(tmp_path: Path) -> None:
    commands = {number: seat_command(ROOM, number) for number in (1, 2, 3)}
    files = launcher.seat_files(commands, home="/home/jovyan", generations={})
    for number in commands:
        assert ROOM.token(number) in files.seats[number]
        assert ROOM.token(number) not in files.launch
        assert "own_serve" not in files.seats[number]


def test_a_seat_with_another_command_brings_its_own(tmp_path: Path) -> None:
    shared = launcher.seat_files({1: echo("one", 1)}, home=str(tmp_path), generations={})
    other = launcher.seat_files({2: echo("two", 2)}, home=str(tmp_path), generations={}, common=shared.launch)
    assert other.launch == shared.launch
    assert run_launch(tmp_path, other.seats[2], other.launch) == "two\n"
    assert run_launch(tmp_path, shared.seats[1], shared.launch) == "one\n"


def echo(word: str, number: int) -> SeatCommand:
    return SeatCommand(argv=("echo", word), port=8888, ready_path="/", token=f"token{number}")
