"""The parts of a class, as each of them records them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from workshop.model.classroom import Classroom, Door, decode_classroom, encode_classroom
from workshop.model.parts import (
    Part,
    all_numbers,
    class_uid,
    decode_parts,
    encode_parts,
    first_number,
    numbers_of,
    own_part,
    parts_of,
    with_numbers,
    with_parts,
)
from workshop.model.target import Target

PARTS = (
    Part("aaa", Target("docker"), (1, 2), 1.0, "http://10.0.0.1:8080"),
    Part("bbb", Target("kubernetes", "teaching", "team-a"), (3, 4, 5, 9), 2.0),
)


def classroom(uid: str) -> Classroom:
    return Classroom(
        name="class", uid=uid, key="00" * 32, workshop="Lesson", runtime="docker", image="", commit="", seats=9,
        door=Door("127.0.0.1", 8080), created=datetime(2026, 3, 2, tzinfo=UTC),
    )  # fmt: skip


def test_parts_survive_the_classrooms_own_label() -> None:
    room = decode_classroom(encode_classroom(with_parts(classroom("bbb"), PARTS)))
    assert parts_of(room) == PARTS
    assert own_part(room) == PARTS[1]
    assert numbers_of(room) == (3, 4, 5, 9)
    assert first_number(room) == 3
    assert all_numbers(room) == (1, 2, 3, 4, 5, 9)


def test_all_parts_of_a_class_have_one_uid_in_common() -> None:
    assert {class_uid(with_parts(classroom(uid), PARTS)) for uid in ("aaa", "bbb")} == {"aaa"}


def test_a_class_in_one_place_has_no_parts_and_all_numbers() -> None:
    room = classroom("ccc")
    assert (parts_of(room), own_part(room), class_uid(room)) == ((), None, "ccc")
    assert numbers_of(room) == all_numbers(room) == tuple(range(1, 10))


def test_numbers_are_read_in_blocks() -> None:
    assert PARTS[1].span == "03–05, 09"
    assert with_numbers(PARTS[0], (3, 1)).numbers == (1, 2, 3)


@pytest.mark.parametrize("text", ["{}x", "[1]", '[{"uid": "a"}]', '{"a": 1}'])
def test_what_is_no_list_of_parts_is_said_to_be_none(text: str) -> None:
    with pytest.raises(ValueError, match="not the parts of a class"):
        decode_parts(text)


def test_many_seats_take_few_signs() -> None:
    assert len(encode_parts([Part("aaa", Target("docker"), tuple(range(1, 2001)))])) < 200
