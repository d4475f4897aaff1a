"""Our own pages in a real browser: on a phone and on a laptop, with keyboard and screen reader in mind."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.gateway.conftest import House, NewStudent, OpenHouse, until
from workshop.config.paths import paths
from workshop.config.themes import load_themes
from workshop.model import events
from workshop.model.room_check import Trouble
from workshop.model.visit import visit_link

pytestmark = pytest.mark.browser

LAPTOP: dict[str, Any] = {"viewport": {"width": 1280, "height": 800}}
PHONE: dict[str, Any] = {
    "viewport": {"width": 390, "height": 844}, "device_scale_factor": 2, "is_mobile": True, "has_touch": True,
    "user_agent": "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148",
}  # fmt: skip
NewPage = Callable[..., Awaitable[Any]]


@pytest.fixture
async def new_page(browser: Any) -> AsyncIterator[NewPage]:
    """A window of a browser of its own; what it complains about fails the test."""
    complaints: list[str] = []
    contexts = []

    async def make(device: dict[str, Any] = LAPTOP, **options: Any) -> Any:
        context = await browser.new_context(**{"locale": "en-GB"} | device | options)
        context.set_default_timeout(10_000)
        contexts.append(context)
        page = await context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on(
            "console",
            lambda line: (
                complaints.append(line.text) if line.type == "error" and "Failed to load" not in line.text else None
            ),
        )
        return page

    yield make
    for context in contexts:
        await context.close()
    assert [line for line in complaints if "WebSocket connection" not in line] == []


async def see_ui(page: Any) -> None:
    await page.frame_locator("#ui").get_by_text("The UI of the seat").wait_for()


async def connected(page: Any) -> None:
    await page.locator("#link[data-state=good]").wait_for()


@pytest.mark.parametrize("device", [LAPTOP, PHONE], ids=["laptop", "phone"])
async def test_a_student_takes_a_seat_with_two_clicks_at_most(
    house: House, new_page: NewPage, device: dict[str, Any]
) -> None:
    page = await new_page(device)
    await page.goto(house.url)
    await page.get_by_role("button", name="Take a seat").click()
    if device is PHONE:
        code = house.code(1)
        await page.get_by_text(f"{code[:4]} {code[4:]}").wait_for()
        await page.get_by_role("link", name="Open here instead").click()
    await see_ui(page)
    assert page.url == f"{house.url}/seat/01/"
    await connected(page)
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    height = await page.locator("#bar").evaluate("bar => bar.offsetHeight")
    assert height <= 48


async def test_a_code_seen_on_the_phone_is_typed_on_the_laptop(house: House, new_page: NewPage) -> None:
    phone, laptop = await new_page(PHONE), await new_page()
    await phone.goto(f"{house.url}/s/{house.code(2)}")
    shown = (await phone.locator(".big-code span").first.inner_text()).strip()
    await laptop.goto(house.url)
    await laptop.get_by_label("Seat code").press_sequentially(shown.lower().replace(" ", ""))
    assert await laptop.get_by_label("Seat code").input_value() == shown
    await laptop.keyboard.press("Enter")
    await see_ui(laptop)
    assert laptop.url == f"{house.url}/seat/02/"


async def test_the_same_browser_gets_its_own_seat_again_from_anywhere(house: House, new_page: NewPage) -> None:
    page = await new_page()
    await page.goto(house.url)
    await page.get_by_role("button", name="Take a seat").click()
    await see_ui(page)
    for _ in range(3):
        await page.goto(house.url)
        assert page.url == f"{house.url}/seat/01/"
    other = await page.context.new_page()
    await other.goto(house.url)
    assert other.url == f"{house.url}/seat/01/"
    await page.go_back()
    await page.reload()
    assert [claim.number for claim in house.store.claims(house.uid)] == [1]


async def test_help_is_asked_for_with_the_keyboard_and_taken_back(house: House, new_page: NewPage) -> None:
    page = await new_page()
    await page.goto(f"{house.url}/s/{house.code(1)}")
    await connected(page)
    button = page.get_by_role("button", name="I need help")
    await page.get_by_label("Your name").focus()
    for _ in range(6):
        await page.keyboard.press("Tab")
        if await button.evaluate("button => document.activeElement === button"):
            break
    await page.keyboard.press("Enter")
    await until(lambda: house.room.told(events.HelpAsked))
    pressed = page.get_by_role("button", name="Help is coming")
    await pressed.wait_for()
    assert await pressed.get_attribute("aria-pressed") == "true"
    assert await page.locator("#news").inner_text() == "Your instructor sees that you need help."
    await page.keyboard.press("Space")
    await until(lambda: house.room.told(events.HelpDone))
    await button.wait_for()


async def test_the_instructor_taking_care_of_it_is_seen_at_once(house: House, new_page: NewPage) -> None:
    page = await new_page()
    await page.goto(f"{house.url}/s/{house.code(1)}")
    await page.get_by_role("button", name="I need help").click()
    await until(lambda: house.room.told(events.HelpAsked))
    house.room.report(events.HelpDone(1))
    await page.get_by_role("button", name="I need help").wait_for()


async def test_a_message_is_shown_and_once_read_stays_read(house: House, new_page: NewPage) -> None:
    page = await new_page()
    await page.goto(f"{house.url}/s/{house.code(1)}")
    await connected(page)
    house.room.say("<b>Break</b> until 11")
    await page.locator("#strip-text", has_text="<b>Break</b> until 11").wait_for()
    await page.locator("#strip-done").click()
    await page.reload()
    await connected(page)
    assert not await page.locator("#strip").is_visible()
    await page.get_by_role("button", name="Messages").click()
    await page.locator("#message-items", has_text="until 11").wait_for()
    await page.keyboard.press("Escape")
    assert not await page.locator("#message-list").is_visible()


async def test_without_javascript_the_join_page_says_what_is_needed_and_works(house: House, new_page: NewPage) -> None:
    page = await new_page(java_script_enabled=False)
    await page.goto(house.url)
    await page.locator("noscript p").get_by_text("Your seat needs JavaScript").wait_for(state="attached")
    await page.get_by_role("button", name="Take a seat").click()
    await page.wait_for_url("**/seat/01/")


async def test_an_instructors_tab_says_when_the_visit_went_on_and_works_again_with_a_new_link(
    house: House, new_page: NewPage
) -> None:
    def way_in(number: int) -> str:
        return visit_link(house.room.classroom, number, datetime.now(UTC) + timedelta(hours=1))

    first = await new_page()
    await first.goto(way_in(1))
    await first.get_by_text("You are here as the instructor").wait_for()
    second = await first.context.new_page()
    await second.goto(way_in(2))
    await first.locator("#link").get_by_text("You went on to another seat").wait_for()
    stolen = "fetch('/seat/01/echo').then(answer => answer.status)"
    assert await second.evaluate(stolen) == 403, "what runs in seat 2 reaches seat 1 through the instructor"
    again = await first.context.new_page()
    await again.goto(way_in(1))
    await first.get_by_text("You are here as the instructor").wait_for()
    await second.locator("#link").get_by_text("You went on to another seat").wait_for()


async def test_a_name_reaches_the_instructor(house: House, new_page: NewPage) -> None:
    page = await new_page()
    await page.goto(f"{house.url}/s/{house.code(1)}")
    await connected(page)
    await page.get_by_label("Your name").fill("Zoë")
    await page.keyboard.press("Enter")
    await until(lambda: house.room.told(events.SeatLabelled))
    await page.reload()
    assert await page.get_by_label("Your name").input_value() == "Zoë"


async def test_the_time_left_is_told_and_warned_of(house: House, new_page: NewPage) -> None:
    page = await new_page()
    house.room.ends = datetime.now(UTC) + timedelta(minutes=14, seconds=50)
    house.room.notify()
    await page.goto(f"{house.url}/s/{house.code(1)}")
    await page.locator("#time[data-state=soon]", has_text="15 min left").wait_for()
    house.room.ends = datetime.now(UTC) + timedelta(hours=3, minutes=4, seconds=30)
    house.room.notify()
    await page.locator("#time", has_text="3 h 05 min left").wait_for()


async def test_the_page_comes_back_by_itself_when_the_gateway_does(house: House, new_page: NewPage) -> None:
    page = await new_page()
    await page.goto(f"{house.url}/s/{house.code(1)}")
    await connected(page)
    await page.evaluate("window.stillTheSame = true")
    await house.gateway.stop()
    await page.locator("#link[data-state=bad]").wait_for()
    await house.restart()
    await connected(page)
    assert await page.evaluate("window.stillTheSame")
    house.room.say("welcome back")
    await page.locator("#strip-text", has_text="welcome back").wait_for()


async def test_a_network_that_goes_away_is_told_at_once_and_the_page_comes_back_with_it(
    house: House, new_page: NewPage
) -> None:
    page = await new_page()
    await page.goto(f"{house.url}/s/{house.code(1)}")
    await connected(page)
    await page.context.set_offline(True)
    await page.locator("#link[data-state=bad]").get_by_text("No connection").wait_for()
    await page.context.set_offline(False)
    await connected(page)
    await until(lambda: len(house.gateway._seat_page._sockets) == 1)


async def test_a_network_that_goes_away_without_a_word_is_noticed(house: House, new_page: NewPage) -> None:
    page = await new_page()
    opened: list[Any] = []
    page.on("websocket", lambda socket: opened.append(socket))
    await page.clock.install()
    await page.goto(f"{house.url}/s/{house.code(1)}")
    await connected(page)
    assert len(opened) == 1
    await page.clock.fast_forward(40_000)
    assert len(opened) == 1, "the gateway has time to speak"
    async with page.expect_event("websocket"):
        await page.clock.fast_forward(70_000)
    await connected(page)


async def test_a_seat_that_restarts_under_the_page_is_told_and_comes_back(house: House, new_page: NewPage) -> None:
    page = await new_page()
    await page.goto(f"{house.url}/s/{house.code(1)}")
    await connected(page)
    house.room.down(1)
    await page.get_by_text("Your seat is restarting").first.wait_for()
    await page.reload()
    await page.get_by_role("heading", name="Seat 01 is getting ready").wait_for()
    house.room.ready(1, house.servers[1].endpoint)
    await see_ui(page)
    await connected(page)


async def test_a_class_that_ends_says_so_on_every_open_page(house: House, new_page: NewPage) -> None:
    page = await new_page()
    await page.goto(f"{house.url}/s/{house.code(1)}")
    await connected(page)
    house.room.closed = True
    await page.get_by_role("heading", name="This class is over").wait_for()


async def test_the_waiting_room_lets_in_by_itself(
    open_house: OpenHouse, new_page: NewPage, student_of: NewStudent
) -> None:
    house = await open_house(seats=1)
    await student_of(house).take()
    page = await new_page()
    await page.goto(house.url)
    await page.get_by_role("button", name="Take a seat").click()
    await page.get_by_role("heading", name="All seats are taken").wait_for()
    house.store.free(house.uid, 1)
    await see_ui(page)


async def test_two_browsers_at_one_seat_both_work_and_know_of_each_other(house: House, new_page: NewPage) -> None:
    first, second = await new_page(), await new_page()
    for page in (first, second):
        await page.goto(f"{house.url}/s/{house.code(1)}")
        await connected(page)
    assert house.gateway.presence.browsers(1) == 2
    for page in (first, second):
        await page.locator("#link-text", has_text="also from another browser").wait_for()
    await second.close()
    await first.get_by_text("Connected", exact=True).wait_for()


async def test_the_bar_can_be_hidden_and_stays_so(house: House, new_page: NewPage) -> None:
    page = await new_page()
    await page.goto(f"{house.url}/s/{house.code(1)}")
    await page.get_by_role("button", name="Hide this bar").click()
    await page.reload()
    await see_ui(page)
    assert not await page.locator("#bar").is_visible()
    await page.get_by_role("button", name="Show the bar").click()
    assert await page.locator("#bar").is_visible()


async def test_the_room_check_measures_and_reports(house: House, new_page: NewPage) -> None:
    page = await new_page(PHONE)
    await page.goto(f"{house.url}/check")
    await page.locator("body[data-trouble=none]").wait_for(timeout=25_000)
    assert "ready for the class" in await page.locator("#verdict").inner_text()
    check = house.room.told(events.RoomChecked)[0].check
    assert (check.trouble, check.phone) == (Trouble.NONE, True)
    assert check.echoes >= 30
    assert check.download_mbit > 2
    assert check.load_ms is not None


async def test_the_room_check_finds_blocked_websockets(house: House, new_page: NewPage) -> None:
    page = await new_page()
    await page.add_init_script(
        "window.WebSocket = class extends EventTarget { constructor() { super();"
        " setTimeout(() => this.dispatchEvent(new Event('error')), 50); } close() {} }"
    )
    await page.goto(f"{house.url}/check")
    await page.locator("body[data-trouble=websocket-blocked]").wait_for()
    assert "live connections are blocked" in await page.locator("#verdict").inner_text()
    assert house.room.told(events.RoomChecked)[0].check.trouble is Trouble.WEBSOCKET_BLOCKED


async def test_the_room_check_finds_a_portal_that_answers_instead(
    house: House, new_page: NewPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workshop.gateway.room_check.ECHO_SECONDS", 1)
    page = await new_page()
    portal = {"status": 200, "content_type": "text/html", "body": "<h1>Please log in to the wifi</h1>"}
    await page.route("**/check/blob", lambda route: route.fulfill(**portal))
    await page.goto(f"{house.url}/check")
    await page.locator("body[data-trouble=intercepted]").wait_for(timeout=25_000)


# Accessibility


@pytest.fixture(scope="session")
def axe(tmp_path_factory: pytest.TempPathFactory) -> str:
    """axe-core's script: from `WORKSHOP_TEST_AXE`, or fetched with npm."""
    named = os.environ.get("WORKSHOP_TEST_AXE", "")
    if named:
        return Path(named).read_text("utf-8")
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("no npm to fetch axe-core with (set WORKSHOP_TEST_AXE to axe.min.js)")
    folder = tmp_path_factory.mktemp("axe")
    fetched = subprocess.run(
        [npm, "install", "--prefix", str(folder), "--no-audit", "--no-fund", "axe-core@4"],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    if fetched.returncode:
        pytest.skip(f"axe-core could not be fetched: {fetched.stderr[-200:]}")
    return (folder / "node_modules/axe-core/axe.min.js").read_text("utf-8")


RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


async def violations(page: Any, axe: str, rules: list[str] = RULES) -> list[str]:
    """What axe finds on the page itself (the seat's UI in the frame is not ours)."""
    await page.evaluate(axe)
    options = {"iframes": False, "resultTypes": ["violations"], "runOnly": rules}
    found = await page.evaluate("options => axe.run(document, options)", options)
    return [
        f"{entry['id']} ({entry['impact']}): {[node['html'] for node in entry['nodes']]}"
        for entry in found["violations"]
    ]


@pytest.mark.parametrize(("device", "scheme"), [(LAPTOP, "light"), (PHONE, "dark")], ids=["laptop", "phone"])
async def test_axe_finds_nothing_on_any_of_our_pages(
    open_house: OpenHouse, new_page: NewPage, student_of: NewStudent, axe: str, device: dict[str, Any], scheme: str
) -> None:
    house, full = await open_house(pin="1234"), await open_house(seats=1)
    await student_of(full).take()
    found: dict[str, list[str]] = {}

    async def look(page: Any, name: str) -> None:
        if problems := await violations(page, axe):
            found[name] = problems

    page = await new_page(device, color_scheme=scheme)
    for path in ("/join", "/join?why=seat", "/s/AAAAAAAA", "/nothing", "/check"):
        await page.goto(house.url + path)
        await look(page, path)
    await page.goto(full.url)
    await page.get_by_role("button", name="Take a seat").click()
    await page.get_by_role("heading", name="All seats are taken").wait_for()
    await look(page, "waiting")
    await page.goto(f"{house.url}/s/{house.code(1)}")
    if device is PHONE:
        await look(page, "card")
        await page.get_by_role("link", name="Open here instead").click()
    await connected(page)
    await look(page, "seat")
    house.room.say("A message to everybody in the room")
    await page.locator("#strip").wait_for()
    await look(page, "seat with a message")
    await page.locator("#help").click()
    await page.locator("#messages").click()
    house.room.ends = datetime.now(UTC) + timedelta(minutes=4)
    house.room.down(1)
    await page.locator("#link[data-state=bad]").wait_for()
    await page.locator("#time[data-state=soon]").wait_for()
    await look(page, "seat with help asked for")
    await page.locator("#hide").click()
    await look(page, "seat with the bar hidden")
    await page.goto(f"{house.url}/seat/01/")
    await look(page, "starting")
    house.room.closed = True
    await page.get_by_role("heading", name="This class is over").wait_for()
    await look(page, "over")
    assert found == {}


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_every_theme_can_be_read(open_house: OpenHouse, new_page: NewPage, axe: str, scheme: str) -> None:
    themes = load_themes(paths()).palettes
    assert len(themes) >= 8
    for palette in themes.values():
        house = await open_house(settings={"palette": palette}, seats=1)
        house.room.say("Hello")
        house.room.ends = datetime.now(UTC) + timedelta(minutes=4)
        house.room.notify()
        page = await new_page(color_scheme=scheme)
        await page.goto(house.url + "/s/AAAAAAAA")
        assert await violations(page, axe, ["color-contrast"]) == [], palette.name
        await page.goto(f"{house.url}/s/{house.code(1)}")
        await page.locator("#time[data-state=soon]").wait_for()
        await page.locator("#help").click()
        await page.get_by_role("button", name="Help is coming").wait_for()
        assert await violations(page, axe, ["color-contrast"]) == [], palette.name
        await page.context.close()


async def test_motion_stops_for_those_who_ask_for_it(house: House, new_page: NewPage) -> None:
    page = await new_page(reduced_motion="reduce")
    house.room.down(1)
    await page.goto(f"{house.url}/s/{house.code(1)}")
    await page.get_by_role("heading", name="is getting ready").wait_for()
    names = await page.locator(".pulse span").evaluate_all(
        "dots => dots.map(dot => getComputedStyle(dot).animationName)"
    )
    assert set(names) == {"none"}


async def test_two_hundred_percent_text_still_fits(house: House, new_page: NewPage) -> None:
    page = await new_page({"viewport": {"width": 640, "height": 400}})
    for path in ("/join", "/check"):
        await page.goto(house.url + path)
        assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
