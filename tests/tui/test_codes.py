"""QR codes as a camera would see them: drawn, decoded, in every theme and size."""

from __future__ import annotations

from collections.abc import Callable

import numpy
import pytest

from tests.tui.pixels import decoded, pixels
from tests.tui.scripted_service import ScriptedService
from tests.tui.support import classroom, snapshot_of
from tests.tui.world import press, screen_text, shows, until
from workshop.config.paths import paths
from workshop.config.themes import load_themes
from workshop.model.classroom import Door
from workshop.tui.app import WorkshopApp
from workshop.tui.screens.projector import ProjectorScreen
from workshop.tui.screens.seat_code import SeatCodeScreen
from workshop.tui.widgets.qr_view import QrView

ROOM = "python-basics"
JOIN = "http://192.168.1.20:8080/"
THEMES = sorted(load_themes(paths({})).palettes)


@pytest.mark.parametrize(("theme", "full"), [*((theme, False) for theme in THEMES), ("harbour", True), ("paper", True)])
async def test_the_projector_code_decodes_to_the_join_link(
    app: Callable[..., WorkshopApp], theme: str, full: bool
) -> None:
    running = app(theme=theme)
    async with running.run_test(size=(120, 40)) as pilot:
        await shows(pilot, ROOM)
        await press(pilot, "p")
        await until(pilot, lambda: isinstance(running.screen, ProjectorScreen))
        if full:
            await press(pilot, "b")
            await until(pilot, lambda: running.screen.query_one(QrView).full)
        await shows(pilot, JOIN)
        assert decoded(running) == JOIN


async def test_a_code_stays_black_on_white_without_colour(
    app: Callable[..., WorkshopApp], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    running = app()
    async with running.run_test(size=(80, 24)) as pilot:
        await shows(pilot, ROOM)
        await press(pilot, "p")
        await shows(pilot, JOIN)
        assert decoded(running) == JOIN


async def test_the_quiet_zone_is_four_modules_of_white(app: Callable[..., WorkshopApp]) -> None:
    running = app(theme="contrast")
    async with running.run_test(size=(80, 24)) as pilot:
        await shows(pilot, ROOM)
        await press(pilot, "p")
        await shows(pilot, JOIN)
        region = running.screen.query_one(QrView).region
        picture = pixels(running)
        cell = 16
        left = picture[region.y * 32 : region.bottom * 32, region.x * cell : (region.x + 4) * cell]
        assert (left == 255).all()
        top = picture[region.y * 32 : region.y * 32 + 64, region.x * cell : region.right * cell]
        assert numpy.all(top == 255)


async def test_the_code_of_a_seat_decodes_to_its_link_and_the_arrows_go_on(app: Callable[..., WorkshopApp]) -> None:
    running = app()
    room = classroom()
    async with running.run_test(size=(80, 24)) as pilot:
        await shows(pilot, ROOM)
        await press(pilot, "enter")
        await shows(pilot, "22 of 24 ready")
        await press(pilot, "down", "v")
        await until(pilot, lambda: isinstance(running.screen, SeatCodeScreen))
        await shows(pilot, room.link(2))
        assert decoded(running) == room.link(2)
        await press(pilot, "right")
        await shows(pilot, room.link(3))
        assert decoded(running) == room.link(3)


async def test_the_panel_beside_the_table_shows_the_code_of_the_selected_seat(app: Callable[..., WorkshopApp]) -> None:
    running = app()
    room = classroom()
    async with running.run_test(size=(120, 40)) as pilot:
        await shows(pilot, ROOM)
        await press(pilot, "enter")
        await shows(pilot, room.link(1))
        assert decoded(running) == room.link(1)
        await press(pilot, "down")
        await shows(pilot, room.link(2))
        assert decoded(running) == room.link(2)


@pytest.mark.parametrize("size", [(40, 12), (30, 24), (80, 12)])
async def test_a_window_that_is_too_small_says_so_and_clips_nothing(
    app: Callable[..., WorkshopApp], size: tuple[int, int]
) -> None:
    running = app()
    async with running.run_test(size=size) as pilot:
        await until(pilot, lambda: running.summaries is not None)
        await running.push_screen(ProjectorScreen(ROOM))
        await shows(pilot, "The QR code needs")
        assert "█" not in screen_text(running)
        assert "▀" not in screen_text(running)
        await pilot.resize_terminal(80, 24)
        await shows(pilot, JOIN)
        assert decoded(running) == JOIN


async def test_full_blocks_that_do_not_fit_say_that_half_blocks_do(app: Callable[..., WorkshopApp]) -> None:
    running = app()
    async with running.run_test(size=(80, 24)) as pilot:
        await shows(pilot, ROOM)
        await press(pilot, "p")
        await shows(pilot, JOIN)
        await press(pilot, "b")
        await shows(pilot, "Half blocks fit")
        await press(pilot, "b")
        await until(pilot, lambda: decoded(running) == JOIN)


async def test_the_longest_allowed_link_still_fits_80_by_24(
    app: Callable[..., WorkshopApp], scripted: ScriptedService
) -> None:
    room = classroom(door=Door("192.168.255.255", 65535))
    assert len(room.link(1)) <= 42
    scripted.rooms[ROOM] = snapshot_of(room)
    running = app()
    async with running.run_test(size=(80, 24)) as pilot:
        await shows(pilot, ROOM)
        await press(pilot, "enter")
        await shows(pilot, "22 of 24 ready")
        await press(pilot, "v")
        await shows(pilot, room.link(1))
        assert decoded(running) == room.link(1)


async def test_a_class_without_an_address_gives_out_no_codes_and_no_links(
    app: Callable[..., WorkshopApp], scripted: ScriptedService
) -> None:
    """A cluster's class has its seats before it has a gateway."""
    room = classroom(ROOM, door=Door("", 0))
    scripted.change(ROOM, snapshot_of(room, gateway=False))
    running = app(start=ROOM)
    async with running.run_test(size=(120, 40)) as pilot:
        await shows(pilot, "22 of 24 ready")
        assert running.screen.query_one(QrView).link == ""
        assert "http://" not in screen_text(running)
        for key in "pJKvco":
            await press(pilot, key)
            await until(pilot, lambda: "the class has no address yet." in running.notices[0].text.lower())
            running.notices.clear()
            assert running.screen is running.screen_stack[-1]
            assert not isinstance(running.screen, ProjectorScreen | SeatCodeScreen)
