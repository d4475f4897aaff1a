"""Printed cards: every QR code decodes to its link in every theme, and nothing leaves the card."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import cairosvg
import numpy as np
import pypdfium2
import pytest

from tests.support.qr_reader import read_qr, read_qr_file
from workshop.config.fonts import find_font
from workshop.config.themes import FALLBACK
from workshop.errors import WorkshopError
from workshop.model.palette import Palette
from workshop.model.seat import Seat
from workshop.present.cards_html import cards_html
from workshop.present.cards_pdf import COLUMNS, MARGIN, MM, ROWS, card_size, cards_pdf, lacking
from workshop.present.handout import Handout, handout
from workshop.present.printing import CARD_WORDS, PAPERS, Paper, Printing

DAY = date(2026, 3, 1)
JOIN = "http://192.168.100.200:8080/"


@pytest.fixture
def make_handout(make_seat: Callable[..., Seat]) -> Callable[..., Handout]:
    def make(
        count: int = 3,
        *,
        title: str = "Python basics",
        palette: Palette = FALLBACK,
        printing: Printing | None = None,
        **changes: Any,
    ) -> Handout:
        return handout(title, DAY, JOIN, [make_seat(n, **changes) for n in range(1, count + 1)], palette, printing)

    return make


def pages(document: bytes, scale: float = 3.0) -> list[np.ndarray]:
    pdf = pypdfium2.PdfDocument(document)
    try:
        return [np.asarray(page.render(scale=scale, grayscale=True).to_numpy()).squeeze() for page in pdf]
    finally:
        pdf.close()


def cards_of(page: np.ndarray, scale: float = 3.0, paper: Paper = PAPERS["a4"]) -> list[np.ndarray]:
    """The cards of a page, in reading order."""
    found = []
    width, height = card_size(paper)
    for place in range(COLUMNS * ROWS):
        left = (MARGIN + (place % COLUMNS) * width) * scale
        top = (MARGIN + (place // COLUMNS) * height) * scale
        found.append(page[int(top) : int(top + height * scale), int(left) : int(left + width * scale)])
    return found


def text_of(document: bytes) -> str:
    pdf = pypdfium2.PdfDocument(document)
    try:
        return "\n".join(page.get_textpage().get_text_range() for page in pdf)
    finally:
        pdf.close()


class TestPdf:
    def test_every_code_decodes_in_every_theme(self, make_handout: Callable[..., Handout], palette: Palette) -> None:
        cards = make_handout(10, palette=palette)
        found = [card for page in pages(cards_pdf(cards)) for card in cards_of(page)]
        assert [read_qr(picture) for picture in found[:10]] == [card.link for card in cards.cards]

    def test_ten_seats_take_two_sheets_and_the_rest_of_the_second_is_white(
        self, make_handout: Callable[..., Handout]
    ) -> None:
        sheets = pages(cards_pdf(make_handout(10)))
        assert len(sheets) == 2
        assert cards_of(sheets[1])[6].min() > 100

    def test_seat_code_link_title_and_date_stand_on_it_as_text(self, make_handout: Callable[..., Handout]) -> None:
        cards = make_handout(2)
        text = text_of(cards_pdf(cards))
        for words in ("Python basics", "1 March 2026", "Name", JOIN, *(f"{c.code}|{c.link}" for c in cards.cards)):
            for word in words.split("|"):
                assert word in text

    @pytest.mark.parametrize("language", list(CARD_WORDS))
    @pytest.mark.parametrize("paper", list(PAPERS.values()), ids=list(PAPERS))
    def test_cards_are_printed_on_the_paper_and_in_the_language_that_are_wanted(
        self, make_handout: Callable[..., Handout], paper: Paper, language: str
    ) -> None:
        cards = make_handout(8, title="Einführung in Python: " + "x" * 60, printing=Printing(paper.name, language))
        document = cards_pdf(cards)
        (page,) = pages(document)
        assert page.shape == (round(paper.height * MM * 3), round(paper.width * MM * 3))
        assert [read_qr(card) for card in cards_of(page, paper=paper)] == [card.link for card in cards.cards]
        text = text_of(document)
        assert not lacking(text.replace("\r", "").replace("\n", ""))
        words = CARD_WORDS[language]
        for word in (words.seat, words.name, words.or_type.format(address=JOIN), words.day(DAY)):
            assert word in text
        assert f'lang="{language}"' in cards_html(cards)

    def test_labels_of_seats_are_not_printed(self, make_handout: Callable[..., Handout]) -> None:
        cards = make_handout(1, label="Zoe-in-row-two")
        assert "Zoe" not in text_of(cards_pdf(cards)) + cards_html(cards)

    @pytest.mark.parametrize("host", ["h" * 60, "h" * 120])
    def test_a_long_link_is_printed_whole_and_decodes(self, make_handout: Callable[..., Handout], host: str) -> None:
        link = f"https://{host}.example.org/s/ABCDEFGH"
        cards = make_handout(1)
        cards = Handout(cards.title, cards.date, JOIN, (type(cards.cards[0])("01", "ABCD-EFGH", link),), cards.colours)
        document = cards_pdf(cards)
        assert read_qr(cards_of(pages(document)[0])[0]) == link
        assert link in re.sub(r"\s", "", text_of(document))

    def test_a_long_title_stays_on_its_card(self, make_handout: Callable[..., Handout]) -> None:
        document = cards_pdf(make_handout(2, title="Introduction to very long titles " * 2 + "W" * 60))
        line = [picture[:, -40:] for picture in cards_of(pages(document)[0])[:2]]
        assert "…" in text_of(document)
        assert all(edge.min() > 100 for edge in (line[0][80:, :30], line[1][80:, :30]))

    def test_no_seats_make_an_empty_document_that_opens(self, make_handout: Callable[..., Handout]) -> None:
        assert len(pages(cards_pdf(make_handout(0)))) == 1

    def test_the_same_cards_are_the_same_bytes(self, make_handout: Callable[..., Handout]) -> None:
        assert cards_pdf(make_handout()) == cards_pdf(make_handout())


class TestLetters:
    def test_western_letters_need_no_font(self) -> None:
        assert lacking("Einführung – “naïve” Łódž, 100 €") == ""

    def test_letters_that_are_lacking_are_told_once_each(self) -> None:
        assert lacking("Привет ПП") == "Привет"

    def test_scripts_that_need_shaping_are_not_printed_wrong(self) -> None:
        assert lacking("مرحبا") == "مرحبا"

    def test_a_title_that_cannot_be_printed_is_an_error_that_names_html(
        self, make_handout: Callable[..., Handout]
    ) -> None:
        with pytest.raises(WorkshopError, match="prints П") as caught:
            cards_pdf(make_handout(1, title="Привет"))
        assert "HTML" in caught.value.hint

    @pytest.mark.parametrize("font", [b"no font", b"OTTO" + bytes(100), bytes(1000), b"\x00\x01\x00\x00\xff\xff"])
    def test_a_broken_font_prints_nothing_and_is_passed_over(self, font: bytes) -> None:
        assert lacking("Привет", font) == "Привет"

    def test_a_font_of_this_machine_prints_other_alphabets(self, make_handout: Callable[..., Handout]) -> None:
        title = "Введение в Python: příliš"
        font = find_font(lambda data: not lacking(title, data))
        if not font:
            pytest.skip("no font with Cyrillic letters on this machine")
        document = cards_pdf(make_handout(1, title=title), font=font)
        assert title in text_of(document)

    def test_no_font_is_found_where_none_fits(self) -> None:
        assert find_font(lambda data: False) == b""


class TestHtml:
    def svgs(self, page: str) -> list[str]:
        return [found.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ')
                for found in re.findall(r"<svg .*?</svg>", page, re.DOTALL)]  # fmt: skip

    def test_every_code_decodes_in_every_theme(self, make_handout: Callable[..., Handout], palette: Palette) -> None:
        cards = make_handout(3, palette=palette)
        page = cards_html(cards)
        assert palette.paper.accent in page
        pictures = [cairosvg.svg2png(bytestring=text.encode(), output_width=300) for text in self.svgs(page)]
        found = [read_qr_file(data) for data in pictures]
        assert found == [card.link for card in cards.cards]

    def test_nothing_is_fetched_and_nothing_runs(self, make_handout: Callable[..., Handout]) -> None:
        page = cards_html(make_handout(2))
        assert not re.search(r"<script|<link |<img|<iframe|@import|url\(|src=", page)

    def test_titles_and_links_are_escaped(self, make_handout: Callable[..., Handout]) -> None:
        page = cards_html(make_handout(1, title='<script>alert("x")</script> & more'))
        assert "<script" not in page
        assert "&lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt; &amp; more" in page

    @pytest.mark.browser
    @pytest.mark.parametrize("paper", list(PAPERS.values()), ids=list(PAPERS))
    async def test_a_browser_shows_and_prints_codes_that_decode(
        self, make_handout: Callable[..., Handout], browser: Any, tmp_path: Path, paper: Paper
    ) -> None:
        title = "A title that is long enough to take all of two lines on every card"
        cards = make_handout(9, title=title, printing=Printing(paper.name))
        (tmp_path / "cards.html").write_text(cards_html(cards))
        page = await browser.new_page(viewport={"width": 900, "height": 1400}, device_scale_factor=2)
        await page.goto((tmp_path / "cards.html").as_uri())
        shown = [await card.screenshot() for card in await page.query_selector_all(".card")]
        links = [read_qr_file(data) for data in shown]
        assert links == [card.link for card in cards.cards]
        clipped = await page.eval_on_selector_all(
            ".card", "cards => cards.filter(c => c.scrollHeight > c.clientHeight)"
        )
        assert clipped == []
        sheets = pages(await page.pdf(prefer_css_page_size=True))
        await page.close()
        assert len(sheets) == 2
        printed = [read_qr(card) for card in cards_of(sheets[0], paper=paper)]
        assert printed == [card.link for card in cards.cards[:8]]


@pytest.mark.parametrize(
    ("language", "first", "last"),
    [
        ("en", "1 March 2026", "31 December 2026"),
        ("de", "1. März 2026", "31. Dezember 2026"),
        ("fr", "1er mars 2026", "31 décembre 2026"),
        ("es", "1 de marzo de 2026", "31 de diciembre de 2026"),
    ],
)
def test_dates_are_read_the_same_everywhere(language: str, first: str, last: str) -> None:
    assert [CARD_WORDS[language].day(day) for day in (DAY, date(2026, 12, 31))] == [first, last]
