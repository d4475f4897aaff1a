"""The labels every object of ours carries on every engine. What is found by them is ours; nothing else is."""

from __future__ import annotations

from collections.abc import Mapping

from workshop.model.classroom import Classroom, decode_classroom, encode_classroom

PREFIX = "io.workshop."
TOOL = PREFIX + "tool"
TOOL_VALUE = "workshop"
KIND = PREFIX + "kind"
"""`network`, `seat`, `data`, `helper`, `image`, …"""
CLASSROOM = PREFIX + "classroom"
UID = PREFIX + "uid"
SEAT = PREFIX + "seat"
CODE = PREFIX + "code"
SPEC = PREFIX + "spec"
EXPIRES = PREFIX + "expires"
GENERATION = PREFIX + "generation"
DEFINITION = PREFIX + "room"
"""The whole classroom as JSON: on the object that is made first and removed last."""

COMMIT = PREFIX + "commit"
RECIPE = PREFIX + "recipe"
REPOSITORY = PREFIX + "repository"
WORKSHOP = PREFIX + "workshop"
UI = PREFIX + "ui"
DETECTED = PREFIX + "detected"
REF = PREFIX + "ref"
"""Of an image: the branch or tag, a `#`, and the folder of the repository that it was built from."""
CREATED = PREFIX + "created"


def classroom_labels(classroom: Classroom, kind: str) -> dict[str, str]:
    """What every object of a classroom carries."""
    labels = {TOOL: TOOL_VALUE, KIND: kind, CLASSROOM: classroom.name, UID: classroom.uid}
    if classroom.ends:
        labels[EXPIRES] = classroom.ends.isoformat()
    return labels


def room_labels(classroom: Classroom, kind: str) -> dict[str, str]:
    """The labels of the object by which a classroom is found again."""
    return classroom_labels(classroom, kind) | {DEFINITION: encode_classroom(classroom)}


def seat_labels(classroom: Classroom, number: int, *, generation: int = 1) -> dict[str, str]:
    """The labels of one seat's object."""
    return classroom_labels(classroom, "seat") | {
        SEAT: str(number),
        CODE: classroom.code(number),
        SPEC: classroom.spec_hash,
        GENERATION: str(generation),
    }


def is_ours(labels: Mapping[str, str]) -> bool:
    return labels.get(TOOL) == TOOL_VALUE


def classroom_of(labels: Mapping[str, str]) -> Classroom:
    """The classroom that `room_labels` wrote.

    Raises:
        ValueError: the labels hold none, or one that cannot be read.
    """
    return decode_classroom(labels.get(DEFINITION, ""))
