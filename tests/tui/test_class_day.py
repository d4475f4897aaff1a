"""The whole way from a workshop to "0 left", on the real service."""

from __future__ import annotations

import pytest
from textual.widgets import Input

from tests.tui.world import World, notices, press, screen_text, shows, type_text, until
from workshop.runtimes.fake import FakeScript
from workshop.service import UpRequest
from workshop.tui.screens.classroom import ClassScreen
from workshop.tui.screens.home import HomeScreen
from workshop.tui.screens.plan import PlanScreen
from workshop.tui.screens.teardown import TeardownScreen

SIZES = [(80, 24), (120, 40)]


async def link_to(world: World) -> str:
    return str(world.repository() / "workshop.yaml")


async def paste_link(pilot: object, link: str) -> None:
    app = pilot.app  # type: ignore[attr-defined]
    app.screen.query_one("#link", Input).focus()
    app.screen.query_one("#link", Input).value = link
    await press(pilot, "enter")  # type: ignore[arg-type]


@pytest.mark.parametrize("size", SIZES, ids=["80x24", "120x40"])
async def test_a_class_day_from_the_link_to_zero_left(world: World, size: tuple[int, int]) -> None:
    link = await link_to(world)
    app = world.app()
    async with app.run_test(size=size) as pilot:
        await shows(pilot, "None is open")
        await paste_link(pilot, link)
        await shows(pilot, "requirements.txt")
        await shows(pilot, "4 seats of 512 MB fit")

        await press(pilot, "f6")
        await shows(pilot, "done")
        assert "numpy==2.2.1" in screen_text(app), "the log is shown, without its escape codes"
        await press(pilot, "enter")

        await press(pilot, "f7")
        await until(pilot, lambda: isinstance(app.screen, PlanScreen))
        await shows(pilot, "4 to make")
        assert not world.engine.rooms, "a plan makes nothing"
        await press(pilot, "enter")
        await until(pilot, lambda: isinstance(app.screen, ClassScreen))
        await shows(pilot, "4 of 4 ready")
        assert [type(screen) for screen in app.screen_stack[-2:]] == [HomeScreen, ClassScreen], "the form is left"
        first = world.classroom("python-basics")
        assert first.code(1)[:4] in screen_text(app)

        await press(pilot, "ctrl+d")
        await until(pilot, lambda: isinstance(app.screen, TeardownScreen))
        await shows(pilot, "will be removed")
        await press(pilot, "enter")
        await until(pilot, lambda: isinstance(app.screen, ClassScreen), "enter alone leaves")
        assert "python-basics" in world.engine.rooms

        await press(pilot, "ctrl+d")
        await shows(pilot, "will be removed")
        app.screen.query_one("#typed", Input).focus()
        await type_text(pilot, "python-basics")
        await press(pilot, "enter")
        await shows(pilot, "0 left")
        assert not world.engine.rooms
        await press(pilot, "escape")
        await until(pilot, lambda: not isinstance(app.screen, ClassScreen), "the gone classroom's screen is left")


async def test_a_gateway_that_does_not_run_is_started_again_with_one_key(world: World) -> None:
    links = await opened(world)
    await world.wiring.doors.stop(world.classroom("lesson"))
    app = world.app(start="lesson")
    async with app.run_test(size=(80, 24)) as pilot:
        await shows(pilot, "u Start")
        await press(pilot, "u")
        await until(pilot, lambda: isinstance(app.screen, ClassScreen) and "Stale" not in screen_text(app))
        await until(pilot, lambda: "u Start" not in screen_text(app), "nothing is to be started any more")
        picture = await world.service.status("lesson")
        assert picture.gateway
        assert [seat.link for seat in picture.seats] == links


async def opened(world: World) -> list[str]:
    """Have a class of two; its links."""
    report = await world.service.up(UpRequest(str(world.repository()), name="lesson", seats=2))
    return [seat.link for seat in report.snapshot.seats]


async def test_a_build_goes_on_when_its_screen_is_left(world: World) -> None:
    import asyncio

    world.builder.gate = asyncio.Event()
    link = await link_to(world)
    app = world.app()
    async with app.run_test() as pilot:
        await paste_link(pilot, link)
        await shows(pilot, "requirements.txt")
        await press(pilot, "f6")
        await shows(pilot, "Installing 3 packages")
        await press(pilot, "escape", "escape")
        await shows(pilot, "1 running")
        world.builder.gate.set()
        await until(pilot, lambda: any("done" in text for text in notices(app)), "the end is told")
        assert world.builder.built


async def test_a_cancelled_build_leaves_no_image_and_can_be_tried_again(world: World) -> None:
    import asyncio

    world.builder.gate = asyncio.Event()
    link = await link_to(world)
    app = world.app()
    async with app.run_test() as pilot:
        await paste_link(pilot, link)
        await shows(pilot, "requirements.txt")
        await press(pilot, "f6")
        await shows(pilot, "Installing 3 packages")
        await press(pilot, "ctrl+x")
        await shows(pilot, "The last good image stays")
        await press(pilot, "enter")
        assert not world.builder.cancelled, "enter alone cancels nothing"
        await press(pilot, "ctrl+x")
        await press(pilot, "y")
        await shows(pilot, "Cancelled")
        assert world.builder.cancelled
        assert not world.builder.built
        world.builder.gate.set()
        await press(pilot, "f5")
        await until(pilot, lambda: bool(world.builder.built))
        await shows(pilot, "done")


async def test_a_failed_build_shows_the_lines_that_matter(world: World) -> None:
    from workshop.errors import BuildFailed

    world.builder.error = BuildFailed(
        "numpy==99 does not exist.", hint="Correct requirements.txt.", details=("ERROR: no matching distribution",)
    )
    link = await link_to(world)
    app = world.app()
    async with app.run_test() as pilot:
        await paste_link(pilot, link)
        await shows(pilot, "requirements.txt")
        await press(pilot, "f6")
        await shows(pilot, "numpy==99 does not exist.")
        assert "no matching distribution" in screen_text(app)
        assert "Correct requirements.txt." in screen_text(app)


async def test_seats_that_fail_are_named_and_the_others_are_open(world: World) -> None:
    from workshop.errors import SeatFailed

    world.engine.script = FakeScript(create_failures={3: [SeatFailed("No room for seat 03.")] * 3})
    link = await link_to(world)
    app = world.app()
    async with app.run_test() as pilot:
        await paste_link(pilot, link)
        await shows(pilot, "requirements.txt")
        await press(pilot, "f7")
        await shows(pilot, "4 to make")
        await press(pilot, "enter")
        await shows(pilot, "not 03")


async def test_opening_more_seats_than_fit_is_refused_before_anything_is_made(world: World) -> None:
    world.engine.memory_bytes = 4 * 1024**3
    link = await link_to(world)
    app = world.app()
    async with app.run_test() as pilot:
        await paste_link(pilot, link)
        await shows(pilot, "requirements.txt")
        await press(pilot, "f7")
        await until(pilot, lambda: isinstance(app.screen, PlanScreen))
        app.screen.query_one("#count", Input).focus()
        await type_text(pilot, "900")
        await press(pilot, "enter")
        await shows(pilot, "900 seats do not fit")
        await press(pilot, "f7")
        assert isinstance(app.screen, PlanScreen)
        assert not world.engine.rooms
