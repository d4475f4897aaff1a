"""Every QR code that we draw is read back by a decoder as exactly the link."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import cairosvg
import cv2
import numpy as np
import pytest

from tests.support.qr_reader import read_qr, read_qr_file
from workshop.model.classroom import Classroom, Door
from workshop.model.code import ALPHABET, seat_code
from workshop.model.seat import Seat
from workshop.present.handout import qr_files
from workshop.present.qr import (
    QUIET,
    QrCode,
    ansi_lines,
    blocks,
    cell_size,
    full_blocks,
    half_blocks,
    png,
    qr_code,
    svg,
    too_small,
)

SHORT = "http://10.0.0.5/s/23456789"
LONGEST_LAN = "http://192.168.100.200:58080/s/" + ALPHABET[-8:] + "X" * 3
LONG = "https://hub.example-university.org/workshops/spring-2026/s/" + ALPHABET[:8]
LINKS = [SHORT, "http://192.168.1.20:8080/s/ABCDEFGH", "http://[fd00::1]:8080/s/ABCDEFGH", LONGEST_LAN, LONG,
         "https://bücher.example/s/ABCDEFGH"]  # fmt: skip


def painted(lines: Sequence[str], *, cell: tuple[int, int] = (8, 16)) -> np.ndarray:
    """Block signs as a terminal paints them, black on white."""
    wide, high = cell
    picture = np.full((len(lines) * high, len(lines[0]) * wide), 255, np.uint8)
    for y, line in enumerate(lines):
        for x, sign in enumerate(line):
            place = picture[y * high : (y + 1) * high, x * wide : (x + 1) * wide]
            if sign in "█▀":
                place[: high // 2] = 0
            if sign in "█▄":
                place[high // 2 :] = 0
    return picture


@pytest.mark.parametrize("link", LINKS)
@pytest.mark.parametrize("full", [False, True], ids=["half", "full"])
def test_terminal_lines_decode_to_the_link(link: str, full: bool) -> None:
    assert read_qr(painted(blocks(qr_code(link), full=full))) == link


@pytest.mark.parametrize("link", LINKS)
def test_png_and_svg_decode_to_the_link(link: str) -> None:
    code = qr_code(link)
    assert read_qr_file(png(code)) == link
    pixels = cairosvg.svg2png(bytestring=svg(code, title="seat <07>").encode(), output_width=400)
    assert read_qr_file(pixels) == link


def test_codes_of_a_whole_class_decode() -> None:
    for number in range(1, 101):
        link = f"http://192.168.100.200:8080/s/{seat_code('c3' * 32, number)}"
        assert read_qr(painted(half_blocks(qr_code(link)))) == link


class TestSize:
    def test_a_link_of_42_bytes_fits_80_by_24(self) -> None:
        assert len(LONGEST_LAN) == 42
        code = qr_code(LONGEST_LAN)
        assert code.version == 3
        lines = half_blocks(code)
        assert (len(lines), {len(line) for line in lines}) == (19, {37})
        assert cell_size(code).fits(80, 24)
        assert too_small(code, 80, 24) == ""

    def test_the_longest_link_of_a_private_address_has_at_most_42_bytes(self, room: Classroom) -> None:
        door = Door("192.168.255.255", 65535)
        link = Classroom(**{name: getattr(room, name) for name in room.__dataclass_fields__} | {"door": door}).link(999)
        assert len(link.encode()) <= 42
        assert qr_code(link).version <= 3

    @pytest.mark.parametrize("link", LINKS)
    @pytest.mark.parametrize("full", [False, True])
    def test_the_size_that_is_told_is_the_size_that_is_drawn(self, link: str, full: bool) -> None:
        code = qr_code(link)
        lines = blocks(code, full=full)
        size = cell_size(code, full=full)
        assert (size.columns, size.rows) == (len(lines[0]), len(lines))

    def test_a_place_that_is_too_small_is_told_with_what_is_needed(self) -> None:
        code = qr_code(LONGEST_LAN)
        assert "37×19 cells; here are 36×19" in too_small(code, 36, 19)
        assert "Half blocks fit" in too_small(code, 80, 24, full=True)
        assert "Enlarge" in too_small(code, 20, 10, full=True)
        assert too_small(code, 74, 37, full=True) == ""

    def test_a_text_that_no_code_can_hold_is_refused(self) -> None:
        with pytest.raises(ValueError, match="longer than"):
            qr_code("x" * 3000)


class TestDrawing:
    @pytest.mark.parametrize("link", LINKS)
    def test_four_modules_around_are_white(self, link: str) -> None:
        code = qr_code(link)
        inside = range(QUIET, code.size - QUIET)
        edge = [
            module
            for y, row in enumerate(code.rows)
            for x, module in enumerate(row)
            if y not in inside or x not in inside
        ]
        assert not any(edge)
        assert code.rows[QUIET][QUIET]

    def test_both_block_drawings_show_the_same_modules(self) -> None:
        code = qr_code(SHORT)
        half = painted(half_blocks(code), cell=(2, 4))[: code.size * 2]
        full = painted(full_blocks(code), cell=(1, 2))
        assert np.array_equal(half, full)

    @pytest.mark.parametrize("full", [False, True])
    def test_terminal_lines_set_black_on_white_and_put_everything_back(self, full: bool) -> None:
        code = qr_code(SHORT)
        for line, plain in zip(ansi_lines(code, full=full), blocks(code, full=full), strict=True):
            match = re.fullmatch(r"\x1b\[38;2;0;0;0;48;2;255;255;255m([ ▀▄█]*)\x1b\[0m", line)
            assert match is not None
            assert match[1] == plain

    def test_colour_settings_of_the_terminal_change_nothing(self, monkeypatch: pytest.MonkeyPatch) -> None:
        before = ansi_lines(qr_code(SHORT))
        monkeypatch.setenv("NO_COLOR", "1")
        monkeypatch.setenv("TERM", "dumb")
        qr_code.cache_clear()
        assert ansi_lines(qr_code(SHORT)) == before

    def test_svg_is_black_on_white_with_an_escaped_title(self) -> None:
        text = svg(qr_code(SHORT), title="<Seat> & 7")
        assert "<title>&lt;Seat&gt; &amp; 7</title>" in text
        assert set(re.findall(r'fill="(.*?)"', text)) == {"#ffffff", "#000000"}

    def test_a_png_has_whole_pixels_for_each_module(self) -> None:
        code: QrCode = qr_code(SHORT)
        picture = cv2.imdecode(np.frombuffer(png(code, scale=3), np.uint8), cv2.IMREAD_GRAYSCALE)
        assert picture.shape == (code.size * 3, code.size * 3)
        assert np.array_equal(picture[1::3, 1::3] == 0, np.array(code.rows))


def test_files_of_a_class_are_named_by_seat_and_decode(make_seat: Callable[..., Seat]) -> None:
    seats = [make_seat(1), make_seat(112)]
    files = qr_files(seats, "http://192.168.1.20:8080/")
    assert sorted(files) == [
        "join.png", "join.svg", "seat-01.png", "seat-01.svg", "seat-112.png", "seat-112.svg",
    ]  # fmt: skip
    for name, link in (("seat-01", seats[0].link), ("seat-112", seats[1].link), ("join", "http://192.168.1.20:8080/")):
        pictures = [files[f"{name}.png"], cairosvg.svg2png(bytestring=files[f"{name}.svg"], output_width=400)]
        for data in pictures:
            assert read_qr_file(data) == link
