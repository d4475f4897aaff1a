"""Links to send round: text, CSV, Markdown."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable

from workshop.model.seat import Seat
from workshop.model.snapshot import Snapshot
from workshop.present.links import handed_out, links_csv, links_markdown, links_text

JOIN = "http://192.168.100.200:8080/"


def test_free_spares_are_kept_back(make_seat: Callable[..., Seat]) -> None:
    seats = (make_seat(1), make_seat(2, spare=True), make_seat(3, spare=True, claimed=True))
    assert [seat.number for seat in handed_out(seats)] == [1, 3]
    assert [seat.number for seat in handed_out(seats, spares=True)] == [1, 2, 3]


def test_text_has_the_rooms_address_and_a_line_for_each_seat(make_seat: Callable[..., Seat]) -> None:
    seat = make_seat(7)
    lines = links_text([seat, make_seat(8, spare=True)], JOIN).splitlines()
    assert lines[0] == f"Join: {JOIN}"
    assert lines[2] == f"07  {seat.code[:4]}-{seat.code[4:]}  {seat.link}"
    assert lines[3].endswith("(spare)")


def test_csv_is_read_back_as_it_was(make_seat: Callable[..., Seat]) -> None:
    seats = [make_seat(1), make_seat(112, label="=cmd()")]
    text = links_csv(seats)
    assert list(csv.DictReader(io.StringIO(text, newline=""))) == [
        {"seat": seat.name, "code": seat.code, "link": seat.link} for seat in seats
    ]
    assert text.endswith("\r\n")
    assert "cmd" not in text


def test_markdown_is_a_table_with_links_that_can_be_followed(make_seat: Callable[..., Seat]) -> None:
    seat = make_seat(1)
    text = links_markdown([seat], JOIN, title="A | b *c*\n# d")
    assert text.startswith("# A \\| b \\*c\\* \\# d\n")
    assert f"| 01 | `{seat.code[:4]}-{seat.code[4:]}` | <{seat.link}> |" in text


def test_names_of_participants_are_in_none(snapshot: Snapshot) -> None:
    seats = snapshot.seats
    assert all("Zoë" not in text for text in (links_text(seats, JOIN), links_csv(seats), links_markdown(seats, JOIN)))
