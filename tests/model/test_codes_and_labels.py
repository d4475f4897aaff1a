"""Codes, amounts, names and labels: what has to come out the same on every machine."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from workshop.model.amounts import format_size, format_span, parse_size, parse_span
from workshop.model.classroom import Classroom, Door, decode_classroom, encode_classroom, new_key
from workshop.model.code import ALPHABET, normalise_code, seat_code
from workshop.model.labels import classroom_of, is_ours, room_labels, seat_labels
from workshop.model.names import slug
from workshop.model.seat import parse_seat_name, seat_name

ROOM = Classroom(
    name="demo", uid="ab12", key="0f" * 32, workshop="Démo", runtime="docker", image="sha256:1", commit="c" * 40,
    seats=2, door=Door("192.168.178.255", 8080), created=datetime(2026, 3, 1, tzinfo=UTC),
    ends=datetime(2026, 3, 1, 4, tzinfo=UTC), options=(("subnet", "10.1.0.0/24"),),
)  # fmt: skip


def test_a_code_has_eight_signs_that_cannot_be_mistaken() -> None:
    codes = {seat_code(new_key(), number) for number in range(1, 200)}
    assert len(codes) == 199
    assert all(len(code) == 8 and set(code) <= set(ALPHABET) for code in codes)
    assert not set("01OIL") & set(ALPHABET)


def test_the_same_key_and_number_always_give_the_same_code() -> None:
    assert seat_code("0f" * 32, 7) == seat_code("0f" * 32, 7) != seat_code("0f" * 32, 8)


@pytest.mark.parametrize("typed", ["abcd-efgh", " ABCD EFGH ", "AbCdEfGh", "abcd.efgh"])
def test_a_code_may_be_typed_in_any_case_with_separators(typed: str) -> None:
    assert normalise_code(typed) == "ABCDEFGH"


@pytest.mark.parametrize("typed", ["", "ABCDEFG", "ABCDEFGHJ", "ABCDEFG0", "ÄBCDEFGH", "../../.."])
def test_what_cannot_be_a_code_is_none(typed: str) -> None:
    assert normalise_code(typed) is None


def test_a_link_with_the_longest_private_address_has_at_most_42_bytes() -> None:
    assert len(ROOM.link(1).encode()) <= 42


def test_a_classroom_survives_its_label() -> None:
    assert decode_classroom(encode_classroom(ROOM)) == ROOM
    assert classroom_of(room_labels(ROOM, "network")) == ROOM


def test_a_label_of_a_later_version_is_still_read() -> None:
    text = encode_classroom(ROOM).replace('"uid":', '"novelty":1,"uid":')
    assert decode_classroom(text) == ROOM


@pytest.mark.parametrize("text", ["", "{}", "[]", "null", '{"name":"x"}'])
def test_what_is_no_label_of_ours_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the message is the JSON library's own
        decode_classroom(text)


def test_every_object_says_whose_it_is_and_when_it_expires() -> None:
    labels = seat_labels(ROOM, 7, generation=2)
    assert is_ours(labels)
    assert not is_ours({})
    assert (labels["io.workshop.seat"], labels["io.workshop.generation"]) == ("7", "2")
    assert labels["io.workshop.expires"] == "2026-03-01T04:00:00+00:00"


def test_seats_with_other_limits_have_another_spec() -> None:
    from dataclasses import replace

    from workshop.model.seat import Limits

    assert replace(ROOM, limits=Limits(memory_bytes=1)).spec_hash != ROOM.spec_hash


@pytest.mark.parametrize(
    ("text", "size"), [("1 GB", 1024**3), ("512M", 512 * 1024**2), ("1.5GiB", 3 * 1024**3 // 2), (4096, 4096)]
)
def test_sizes_are_read_as_people_write_them(text: str | int, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "much", "-1 GB", "1 XB", 0, True])
def test_what_is_no_size_is_refused(text: str | int) -> None:
    with pytest.raises(ValueError, match="size"):
        parse_size(text)


def test_sizes_are_written_short() -> None:
    assert [format_size(n) for n in (512, 1024**2, 1536 * 1024**2)] == ["512 B", "1 MB", "1.5 GB"]


def test_spans_are_read_and_written() -> None:
    assert parse_span("1h30m") == timedelta(minutes=90) == parse_span("90")
    assert parse_span("2 h") == timedelta(hours=2)
    assert [format_span(s) for s in (12, 300, 7500, -90)] == ["12 s", "5 min", "2 h 05 min", "-1 min"]
    with pytest.raises(ValueError, match="span"):
        parse_span("soon")


@pytest.mark.parametrize(
    ("title", "name"),
    [("Python basics", "python-basics"), ("  Ärger & Spaß! ", "arger-spass"), ("a" * 40, "a" * 40)],
)
def test_titles_become_names(title: str, name: str) -> None:
    assert slug(title) == name


def test_titles_that_are_cut_or_have_no_letters_stay_different() -> None:
    assert slug("日本") != slug("中国")
    assert slug("x" * 50) != slug("x" * 51)
    assert all(len(slug(title)) <= 40 for title in ("x" * 99, "日本" * 30))


def test_seat_numbers_are_read_in_any_form() -> None:
    assert [parse_seat_name(text) for text in ("7", "07", "seat 7", "112", "x", "0", "")] == [
        7,
        7,
        7,
        112,
        None,
        None,
        None,
    ]
    assert [seat_name(n) for n in (7, 112)] == ["07", "112"]


@pytest.mark.parametrize(
    ("door", "known"),
    [
        (Door("", 0), False),
        (Door("10.0.0.5", 0), False),
        (Door("10.0.0.5", 8080), True),
        (Door("", 0, "https://class.example.org"), True),
    ],
)
def test_a_door_is_known_when_links_can_name_it(door: Door, known: bool) -> None:
    assert door.known is known


def test_a_class_without_an_address_has_no_links() -> None:
    room = replace(ROOM, door=Door("", 0))
    assert (room.link(1), room.join_url(), room.check_url()) == ("", "", "")
