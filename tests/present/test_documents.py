"""The JSON documents: their keys are a contract."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone
from typing import Any

from workshop.model.happening import Happening
from workshop.model.image import Detected, Image
from workshop.model.seat import Progress, Seat
from workshop.model.snapshot import ClassroomSummary, Fit, Problem, Removal, Snapshot, Survivor
from workshop.present import documents


@dataclass(frozen=True)
class Report:
    """What the service's reports have in common with these."""

    problems: tuple[Problem, ...] = ()
    detected: Detected | None = None
    fits: Fit | None = None
    removal: Removal = field(default_factory=Removal)


def through_json(document: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(json.dumps(document, allow_nan=False))
    assert found == document
    return found


def test_status_has_the_keys_of_the_contract(snapshot: Snapshot) -> None:
    document = through_json(documents.status_document(snapshot))
    assert list(document) == [
        "classroom",
        "runtime",
        "join",
        "tunnel",
        "ends",
        "break_until",
        "help",
        "warnings",
        "seats",
    ]
    assert document["join"] == "http://192.168.100.200:8080/"
    assert document["ends"] == "2026-03-01T12:05:00+00:00"
    assert [list(seat) for seat in document["seats"]] == [
        [
            "seat", "code", "link", "state", "claimed", "activity", "first_seen", "last_active", "idle_seconds",
            "help_since", "memory_bytes", "memory_limit_bytes", "cpu_percent", "disk_bytes", "processes", "restarts",
            "kernel_restarts", "browsers", "visited", "notebook", "progress", "warnings", "label", "spare", "detail",
            "target",
        ]
    ] * 7  # fmt: skip
    first = document["seats"][0]
    assert first["seat"] == "01"
    assert first["link"].endswith(f"/s/{first['code']}")
    assert (first["state"], first["activity"], first["claimed"]) == ("ready", "running", True)
    assert first["last_active"] == "2026-03-01T10:00:00+00:00"
    assert document["seats"][6]["seat"] == "112"


def test_status_counts_progress_and_names_no_content(make_seat: Callable[..., Seat], snapshot: Snapshot) -> None:
    done = Progress("02-loops.ipynb", cells=24, run=15, error_since=snapshot.taken_at)
    seats = (make_seat(1, progress=(done,), warnings=("stuck",)),)
    (seat,) = through_json(documents.status_document(replace(snapshot, seats=seats)))["seats"]
    since = documents.rfc3339(snapshot.taken_at)
    assert seat["progress"] == [{"notebook": "02-loops.ipynb", "cells": 24, "run": 15, "error_since": since}]
    assert seat["warnings"] == ["stuck"]


def test_status_names_those_who_asked_for_help_the_longest_wait_first(
    make_seat: Callable[..., Seat], snapshot: Snapshot, now: datetime
) -> None:
    waits = {1: None, 2: now - timedelta(minutes=1), 3: now - timedelta(minutes=7)}
    seats = tuple(make_seat(number, help_since=since) for number, since in waits.items())
    document = documents.status_document(replace(snapshot, seats=seats))
    assert document["help"] == ["03", "02"]
    assert [seat["help_since"] for seat in document["seats"]] == [
        None, "2026-03-01T09:59:00+00:00", "2026-03-01T09:53:00+00:00",
    ]  # fmt: skip


def test_events_have_the_keys_of_the_contract(now: datetime) -> None:
    happened = [Happening(now, "oom", "memory full", (7, 112), "docker"), Happening(now, "say", "a message")]
    assert through_json(documents.events_document("room", happened)) == {
        "classroom": "room",
        "events": [
            {"at": "2026-03-01T10:00:00+00:00", "kind": "oom", "text": "memory full", "seats": ["07", "112"],
             "target": "docker"},
            {"at": "2026-03-01T10:00:00+00:00", "kind": "say", "text": "a message", "seats": [], "target": ""},
        ],
    }  # fmt: skip


def test_what_is_not_known_is_null(make_seat: Callable[..., Seat], snapshot: Snapshot) -> None:
    document = through_json(documents.status_document(replace(snapshot, seats=(make_seat(1),), ends=None)))
    assert document["ends"] is None
    seat = document["seats"][0]
    assert (seat["last_active"], seat["memory_bytes"], seat["cpu_percent"]) == (None, None, None)


def test_times_of_any_zone_are_told_in_utc() -> None:
    moment = datetime(2026, 3, 1, 17, 0, 0, 123456, tzinfo=timezone(timedelta(hours=5, minutes=30)))
    assert documents.rfc3339(moment) == "2026-03-01T11:30:00+00:00"


def test_build_has_the_keys_of_the_contract() -> None:
    image = Image("workshop/python:1", "sha256:0", "f" * 40, "r", "docker", cached=True, seconds=1.23456)
    assert through_json(documents.build_document(image)) == {
        "image": "workshop/python:1",
        "digest": "sha256:0",
        "commit": "f" * 40,
        "cached": True,
        "seconds": 1.235,
    }


def test_list_has_the_keys_of_the_contract(now: datetime) -> None:
    room = ClassroomSummary("a", "Python", "docker", 10, 8, "http://10.0.0.1/", ends=now)
    assert through_json(documents.list_document([room])) == {
        "classrooms": [
            {
                "classroom": "a",
                "workshop": "Python",
                "runtime": "docker",
                "seats": 10,
                "ready": 8,
                "ends": "2026-03-01T10:00:00+00:00",
            }
        ],
        "unreachable": [],
    }
    assert documents.list_document([], ["docker: x"]) == {"classrooms": [], "unreachable": ["docker: x"]}


def test_down_and_cleanup_name_survivors_with_the_reason() -> None:
    removal = Removal({"seats": 2, "networks": 1}, (Survivor("network", "n", "in use"),))
    expected = {
        "removed": {"networks": 1, "seats": 2},
        "left": [{"kind": "network", "name": "n", "reason": "in use"}],
    }
    assert through_json(documents.removal_document(removal)) == expected
    assert documents.down_document(Report(removal=removal)) == expected


def test_check_has_the_keys_of_the_contract() -> None:
    problem = Problem("seats (line 2)", "A whole number is expected.", "Participants expected.")
    warning = Problem("source", "x is not pinned.", level="warning")
    detected = Detected("python", binder_dir="binder", python="3.12", files=("binder/requirements.txt",))
    report = Report((problem, warning), detected, Fit(30, 18, "does not fit", "At most 18 do."))
    document = through_json(documents.check_document(report))
    assert list(document) == ["problems", "detected", "fits"]
    assert document["problems"][0] == {
        "path": "seats (line 2)",
        "message": "A whole number is expected.",
        "hint": "Participants expected.",
        "level": "error",
    }
    assert document["problems"][1]["level"] == "warning"
    assert document["detected"]["sentence"] == "requirements.txt in binder/; Python 3.12"
    assert document["fits"] == {
        "seats": 30, "largest": 18, "verdict": "does not fit", "sentence": "At most 18 do.",
    }  # fmt: skip
    assert documents.check_document(Report()) == {"problems": [], "detected": None, "fits": None}


def test_images_tell_size_and_last_use(now: datetime) -> None:
    image = Image("workshop/python:1", "sha256:0", "f" * 40, "r", "docker", size_bytes=3, created=now, workshop="P")
    (found,) = through_json(documents.images_document([image]))["images"]
    assert (found["image"], found["size_bytes"], found["created"]) == (
        "workshop/python:1",
        3,
        "2026-03-01T10:00:00+00:00",
    )
    assert found["last_used"] is None
