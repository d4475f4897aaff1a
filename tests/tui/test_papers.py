"""What is written for and about a class: cards, tables of links, its report, its cost; and choosing a snapshot."""

from __future__ import annotations

import csv
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from textual.widgets import Input

from tests.tui.scripted_service import ScriptedService
from tests.tui.support import NOW
from tests.tui.world import notices, press, screen_text, shows, until
from workshop.core.cost import Prices
from workshop.model.happening import Happening
from workshop.service import HandoutKind, Sample, SeatSnapshot
from workshop.tui.app import WorkshopApp
from workshop.tui.screens.classroom import ClassScreen
from workshop.tui.screens.handouts import HandoutDialog
from workshop.tui.screens.written import WrittenDialog

ROOM = "python-basics"
Make = Callable[..., WorkshopApp]
SIZES = pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=["80x24", "120x40"])


@SIZES
async def test_cards_and_a_table_are_written_and_the_folder_is_said(
    app: Make, scripted: ScriptedService, machine: Path, size: tuple[int, int]
) -> None:
    running = app(start=ROOM, read_only=True)  # files on this machine change no class
    async with running.run_test(size=size) as pilot:
        await shows(pilot, "22 of 24 ready")
        await press(pilot, "H")
        await shows(pilot, "For 22 seats.")
        assert "[✓] Cards to print" in screen_text(running)
        assert "[ ] QR codes" in screen_text(running)
        assert "Spare seats too (2)" in screen_text(running)
        running.screen.query_one(Input).value = str(machine / "out")
        running.screen.query_one(Input).focus()
        await press(pilot, "enter")
        await until(pilot, lambda: isinstance(running.screen, WrittenDialog))
        await shows(pilot, f"{ROOM}-cards.pdf")
        assert str(machine / "out") in screen_text(running).replace("\n", "").replace(" ", "")
        assert (machine / "out" / f"{ROOM}-cards.pdf").read_bytes().startswith(b"%PDF")
        rows = list(csv.DictReader((machine / "out" / f"{ROOM}-links.csv").open(newline="")))
        assert len(rows) == 22
        await press(pilot, "enter")
        await until(pilot, lambda: isinstance(running.screen, ClassScreen))


async def test_every_kind_of_handout_can_be_chosen_with_the_spares(
    app: Make, scripted: ScriptedService, tmp_path: Path
) -> None:
    running = app(start=ROOM)
    async with running.run_test() as pilot:
        await shows(pilot, "22 of 24 ready")
        await press(pilot, "H")
        await until(pilot, lambda: isinstance(running.screen, HandoutDialog))
        await press(pilot, "space", "down", "space", "down", "space", "down", "space", "down", "space", "down", "space")
        running.screen.query_one(Input).value = str(tmp_path)
        await pilot.click("#write")
        await until(pilot, lambda: isinstance(running.screen, WrittenDialog))
        chosen = (HandoutKind.HTML, HandoutKind.MARKDOWN, HandoutKind.CODES)
        assert scripted.called("write_handouts") == [(ROOM, tmp_path, chosen, True)]
        assert len(list((tmp_path / "qr-codes").glob("*.png"))) == 25, "every seat's and the room's"


async def test_handouts_need_a_kind_and_a_folder_that_can_be_written(app: Make, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    running = app(start=ROOM)
    async with running.run_test() as pilot:
        await shows(pilot, "22 of 24 ready")
        await press(pilot, "H")
        await until(pilot, lambda: isinstance(running.screen, HandoutDialog))
        await press(pilot, "space", "down", "down", "space")
        await pilot.click("#write")
        await shows(pilot, "Choose at least one.")
        running.screen.query_one("#csv").toggle()  # type: ignore[attr-defined]
        running.screen.query_one(Input).value = str(tmp_path / "file" / "below")
        running.screen.query_one(Input).focus()
        await press(pilot, "enter")
        await until(pilot, lambda: any("cannot be written" in text for text in notices(running)))
        assert isinstance(running.screen, ClassScreen)


async def test_escape_writes_nothing(app: Make, scripted: ScriptedService) -> None:
    running = app(start=ROOM)
    async with running.run_test() as pilot:
        await shows(pilot, "22 of 24 ready")
        await press(pilot, "H", "escape")
        await until(pilot, lambda: isinstance(running.screen, ClassScreen))
        assert scripted.called("write_handouts") == []


@SIZES
async def test_the_report_is_shown_with_its_plots_and_where_it_was_written(app: Make, size: tuple[int, int]) -> None:
    running = app(start=ROOM)
    async with running.run_test(size=size) as pilot:
        await shows(pilot, "22 of 24 ready")
        await press(pilot, "E")
        await shows(pilot, "/home/instructor/.local/state/workshop/reports")
        await shows(pilot, f"{ROOM}-20260302-0849.html, with plots")
        await shows(pilot, "24 made, 18 used")
        await press(pilot, "end")
        await shows(pilot, "02-loops.ipynb, in 12 seats; the last cell an error in 1")
        await shows(pilot, "2 × ")
        await press(pilot, "escape")
        await until(pilot, lambda: isinstance(running.screen, ClassScreen))


@SIZES
async def test_the_cost_is_told_by_the_hour_so_far_at_the_end_and_forgotten(
    app: Make, scripted: ScriptedService, size: tuple[int, int]
) -> None:
    scripted.prices = Prices(cpu_hour=0.04, gb_hour=0.005)
    running = app(start=ROOM)
    async with running.run_test(size=size) as pilot:
        await shows(pilot, "22 of 24 ready")
        await press(pilot, "i")
        await shows(pilot, "If forgotten")
        text = " ".join(screen_text(running).split())
        for words in (
            "An hour 1.08 EUR",
            "So far 0.94 EUR",
            "At the end (11:49) 3.24 EUR",
            "0.27 EUR an hour for seats nobody has",
            "25.92 EUR a day",
            "75% 24 GB if all fill up",
            "24 of 8 cores",
        ):
            assert words in text


async def test_without_prices_the_share_of_the_machine_is_told_and_where_prices_are_set(app: Make) -> None:
    running = app(start=ROOM)
    async with running.run_test() as pilot:
        await shows(pilot, "22 of 24 ready")
        await press(pilot, "i")
        await shows(pilot, "4.9 GB of 32 GB")
        await shows(pilot, "No prices are set.")
        assert "price_gb_hour" in screen_text(running)
        assert "config.yaml" in screen_text(running)


def kept(number: int, minutes: int, files: int) -> SeatSnapshot:
    at = NOW - timedelta(minutes=minutes)
    return SeatSnapshot(number, f"{at:%Y%m%dT%H%M%SZ}", at, files, files * 1024, Path("/nowhere"))


async def test_one_seat_is_restored_from_the_snapshot_that_was_chosen(app: Make, scripted: ScriptedService) -> None:
    scripted.kept = (kept(1, 30, 2), kept(1, 20, 3), kept(1, 10, 1))
    running = app(start=ROOM)
    async with running.run_test() as pilot:
        await shows(pilot, "22 of 24 ready")
        await press(pilot, "U")
        await shows(pilot, "Restore seat 01 from which snapshot?")
        rows = [" ".join(line.split()) for line in screen_text(running).splitlines() if "min ago" in line]
        newest_first = ("09:31 10 min ago 1 file", "09:21 20 min ago 3 files", "09:11 30 min ago 2 files")
        assert [row in line for row, line in zip(newest_first, rows, strict=True)] == [True] * 3
        await press(pilot, "down", "enter")
        await shows(pilot, "Restore seat 01 as it was at 09:21?")
        await press(pilot, "enter")
        assert scripted.called("restore") == [], "enter alone restores nothing"
        await press(pilot, "U")
        await shows(pilot, "which snapshot?")
        await press(pilot, "down", "enter")
        await shows(pilot, "as it was at 09:21?")
        await press(pilot, "y")
        await until(pilot, lambda: scripted.called("restore") == [(ROOM, (1,), kept(1, 20, 3).id)])


async def test_marked_seats_are_restored_each_from_its_latest(app: Make, scripted: ScriptedService) -> None:
    scripted.kept = (kept(1, 30, 2), kept(1, 20, 3), kept(2, 10, 1))
    running = app(start=ROOM)
    async with running.run_test() as pilot:
        await shows(pilot, "22 of 24 ready")
        await press(pilot, "space", "space", "U")
        await shows(pilot, "Restore 2 seats, each from its latest snapshot?")
        assert "seat 01  09:21, 3 files" in screen_text(running)
        assert "seat 02  09:31, 1 file" in screen_text(running)
        await press(pilot, "y")
        await until(pilot, lambda: scripted.called("restore") == [(ROOM, (1, 2), "")])


async def test_a_seat_without_snapshots_is_said_and_nothing_is_asked(app: Make, scripted: ScriptedService) -> None:
    running = app(start=ROOM)
    async with running.run_test() as pilot:
        await shows(pilot, "22 of 24 ready")
        await press(pilot, "U")
        await until(pilot, lambda: "Seat 01 has no snapshots yet." in notices(running))
        assert isinstance(running.screen, ClassScreen)


async def test_a_terminal_that_comes_later_sees_the_curves_from_the_beginning(
    app: Make, scripted: ScriptedService
) -> None:
    began = NOW - timedelta(minutes=50)
    scripted.samples = tuple(
        Sample(began + n * timedelta(seconds=30), 24, n // 10, n // 20, 0, 1.0, 1024**3) for n in range(90)
    )
    running = app(start=ROOM)
    async with running.run_test() as pilot:
        await shows(pilot, "22 of 24 ready")
        await press(pilot, "4")
        await shows(pilot, "08:51")
        assert "50 min" in screen_text(running)
        await press(pilot, "1", "4")
        assert len(scripted.called("history")) == 1


async def test_a_terminal_that_comes_later_is_told_what_happened_before(app: Make, scripted: ScriptedService) -> None:
    scripted.happened = (
        Happening(NOW - timedelta(minutes=50), "taken", "taken", (1, 2, 3, 7)),
        Happening(NOW - timedelta(minutes=20), "oom", "memory full", (2,)),
        Happening(NOW + timedelta(minutes=5), "restart", "restarted", (9,)),
    )
    running = app(start=ROOM)
    async with running.run_test() as pilot:
        await shows(pilot, "22 of 24 ready")
        await press(pilot, "5")
        await shows(pilot, "seats 01–03, 07 taken")
        screen = screen_text(running)
        assert screen.index("seat 02 memory full") < screen.index("22 of 24 seats are ready")
        assert "seat 09 restarted" not in screen_text(running)  # this terminal has watched since
        await press(pilot, "1", "5")
        assert len(scripted.called("events")) == 1
        assert screen_text(running).count("memory full") == 1
