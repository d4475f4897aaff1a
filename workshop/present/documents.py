"""The JSON documents of the command line: their keys are a contract."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, Protocol

from workshop.model.happening import Happening
from workshop.model.image import Detected, Image
from workshop.model.seat import Progress, Seat, seat_name
from workshop.model.snapshot import ClassroomSummary, Fit, Problem, Removal, Snapshot
from workshop.present.rows import help_queue

Document = dict[str, Any]


class Checked(Protocol):
    """What `check` found out."""

    @property
    def problems(self) -> tuple[Problem, ...]: ...
    @property
    def detected(self) -> Detected | None: ...
    @property
    def fits(self) -> Fit | None: ...


class TornDown(Protocol):
    """How a teardown ended."""

    @property
    def removal(self) -> Removal: ...


def rfc3339(moment: datetime | None) -> str | None:
    """A moment in UTC, to the second."""
    return moment.astimezone(UTC).isoformat(timespec="seconds") if moment is not None else None


def build_document(image: Image) -> Document:
    return {
        "image": image.reference,
        "digest": image.digest,
        "commit": image.commit,
        "cached": image.cached,
        "seconds": round(image.seconds, 3),
    }


def status_document(snapshot: Snapshot) -> Document:
    """For `up`, `add` and `status`."""
    classroom = snapshot.classroom
    return {
        "classroom": classroom.name,
        "runtime": classroom.runtime,
        "join": classroom.join_url(),
        "tunnel": snapshot.tunnel.value,
        "ends": rfc3339(snapshot.ends),
        "break_until": rfc3339(snapshot.break_until),
        "help": [seat.name for seat in help_queue(snapshot.seats)],
        "warnings": list(snapshot.warnings),
        "seats": [seat_document(seat) for seat in snapshot.seats],
    }


def seat_document(seat: Seat) -> Document:
    return {
        "seat": seat.name,
        "code": seat.code,
        "link": seat.link,
        "state": seat.state.value,
        "claimed": seat.claimed,
        "activity": seat.activity.value,
        "first_seen": rfc3339(seat.first_seen),
        "last_active": rfc3339(seat.last_active),
        "idle_seconds": round(seat.idle_seconds, 1) if seat.idle_seconds is not None else None,
        "help_since": rfc3339(seat.help_since),
        "memory_bytes": seat.memory_bytes,
        "memory_limit_bytes": seat.memory_limit,
        "cpu_percent": round(seat.cpu_percent, 1) if seat.cpu_percent is not None else None,
        "disk_bytes": seat.disk_bytes,
        "processes": seat.pids,
        "restarts": seat.restarts,
        "kernel_restarts": seat.kernel_restarts,
        "browsers": seat.browsers,
        "visited": seat.visited,
        "notebook": seat.notebook,
        "progress": [_progress_document(one) for one in seat.progress],
        "warnings": list(seat.warnings),
        "label": seat.label,
        "spare": seat.spare,
        "detail": seat.detail,
        "target": seat.target,
    }


def _progress_document(progress: Progress) -> Document:
    return {
        "notebook": progress.notebook,
        "cells": progress.cells,
        "run": progress.run,
        "error_since": rfc3339(progress.error_since),
    }


def events_document(name: str, happened: Iterable[Happening]) -> Document:
    return {
        "classroom": name,
        "events": [
            {
                "at": rfc3339(one.at),
                "kind": one.kind,
                "text": one.text,
                "seats": [seat_name(number) for number in one.seats],
                "target": one.target,
            }
            for one in happened
        ],
    }


def list_document(rooms: Iterable[ClassroomSummary], unreachable: Iterable[str] = ()) -> Document:
    """
    Args:
        unreachable: runtimes that were not asked and why, a sentence each.
    """
    return {
        "classrooms": [
            {
                "classroom": room.name,
                "workshop": room.workshop,
                "runtime": room.runtime,
                "seats": room.seats,
                "ready": room.ready,
                "ends": rfc3339(room.ends),
            }
            for room in rooms
        ],
        "unreachable": list(unreachable),
    }


def removal_document(removal: Removal) -> Document:
    """For `cleanup`, and in `down`."""
    return {
        "removed": dict(sorted(removal.removed.items())),
        "left": [
            {"kind": survivor.kind, "name": survivor.name, "reason": survivor.reason} for survivor in removal.left
        ],
    }


def down_document(report: TornDown) -> Document:
    return removal_document(report.removal)


def check_document(report: Checked) -> Document:
    """Errors and warnings alike are problems; `level` tells them apart."""
    return {
        "problems": [problem_document(problem) for problem in report.problems],
        "detected": _detected(report.detected),
        "fits": _fits(report.fits),
    }


def problem_document(problem: Problem) -> Document:
    return {"path": problem.path, "message": problem.message, "hint": problem.hint, "level": problem.level}


def _detected(detected: Detected | None) -> Document | None:
    if detected is None:
        return None
    return {
        "kind": detected.kind,
        "sentence": detected.sentence(),
        "binder_dir": detected.binder_dir,
        "python": detected.python,
        "files": list(detected.files),
        "ignored": list(detected.ignored),
        "apt": list(detected.apt),
        "post_build": detected.post_build,
        "start": detected.start,
        "notebooks": list(detected.notebooks),
        "unpinned": list(detected.unpinned),
    }


def _fits(fit: Fit | None) -> Document | None:
    if fit is None:
        return None
    return {"seats": fit.seats, "largest": fit.largest, "verdict": fit.verdict, "sentence": fit.sentence}


def images_document(images: Sequence[Image]) -> Document:
    return {
        "images": [
            {
                "image": image.reference,
                "digest": image.digest,
                "commit": image.commit,
                "workshop": image.workshop,
                "repository": image.repository,
                "runtime": image.runtime,
                "size_bytes": image.size_bytes,
                "shared_bytes": image.shared_bytes,
                "created": rfc3339(image.created),
                "last_used": rfc3339(image.last_used),
            }
            for image in images
        ]
    }
