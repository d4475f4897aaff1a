"""The other UIs behind `/seat/NN/`, in a real browser."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from tests.gateway.conftest import NewStudent, OpenHouse
from tests.gateway.ui_seat import UiSeat, make_home, until_answered
from workshop.model.classroom import Ui

pytestmark = [pytest.mark.network]
OpenSeat = Callable[..., Awaitable[UiSeat]]


@pytest.fixture
async def open_seat(open_house: OpenHouse, jupyter_programs: Path, machine: Path) -> AsyncIterator[OpenSeat]:
    """Opens a classroom with one seat of a UI, and the file or address it opens with."""
    seats: list[UiSeat] = []

    async def make(ui: Ui, open_path: str = "") -> UiSeat:
        house = await open_house(seats=1, servers=0, ui=ui, open_path=open_path)
        seats.append(UiSeat(house, jupyter_programs, make_home(machine)))
        await seats[0].start()
        return seats[0]

    yield make
    for seat in seats:
        await seat.stop()


async def enter(seat: UiSeat, browser: Any) -> Any:
    context = await browser.new_context(viewport={"width": 1280, "height": 800})
    context.set_default_timeout(60_000)
    page = await context.new_page()
    await page.goto(f"{seat.house.url}/s/{seat.house.code(1)}")
    return page


@pytest.mark.browser
async def test_a_notebook_is_opened_run_and_saved_in_notebook_7(open_seat: OpenSeat, browser: Any) -> None:
    seat = await open_seat(Ui.NOTEBOOK)
    page = await enter(seat, browser)
    ui = page.frame_locator("#ui")
    async with page.context.expect_page() as opening:
        await ui.locator(".jp-DirListing-item", has_text="hello.ipynb").dblclick()
    notebook = await opening.value
    assert "/seat/01/notebooks/hello.ipynb" in notebook.url
    await notebook.locator('.jp-Notebook-ExecutionIndicator[data-status="idle"]').wait_for()
    await notebook.locator(".jp-CodeCell .cm-content").first.click()
    await notebook.keyboard.press("Control+End")
    await notebook.keyboard.insert_text("\nprint('notebook', 6 * 7)")
    await notebook.locator(".jp-CodeCell .cm-content", has_text="print('notebook'").wait_for()

    async def run() -> None:
        await notebook.locator(".jp-CodeCell .cm-content").first.click()
        await notebook.keyboard.press("Control+Enter")

    await until_answered(run, notebook.locator(".jp-OutputArea-output", has_text="notebook 42"))
    async with notebook.expect_response(lambda answer: answer.request.method == "PUT") as saving:
        await notebook.keyboard.press("Control+s")
    assert (await saving.value).status == 200
    assert "notebook 42" in (seat.home / "hello.ipynb").read_text()
    await page.context.close()


@pytest.mark.parametrize(
    ("ui", "file", "place"),
    [
        (Ui.LAB, "hello.ipynb", "lab/tree/hello.ipynb"),
        (Ui.NOTEBOOK, "hello.ipynb", "notebooks/hello.ipynb"),
    ],
)
async def test_a_student_lands_at_the_file_that_the_class_opens_with(
    open_seat: OpenSeat, student_of: NewStudent, ui: Ui, file: str, place: str
) -> None:
    seat = await open_seat(ui, file)
    student = student_of(seat.house)
    await student.enter(1)
    async with student.get("/seat/01/?ui") as answer:
        assert answer.status == 200
        assert answer.url.path == f"/seat/01/{place}"


WEB_PAGE = """<!doctype html><title>App</title><h1>A plain web app</h1><p id=said></p><p id=told></p>
<form method=post action=told enctype=multipart/form-data><input name=word value=hello><button>Send</button></form>
<script>
const socket = new WebSocket(new URL("echo", location.href).href.replace(/^http/, "ws"));
socket.onopen = () => socket.send("through the door");
socket.onmessage = event => { said.textContent = event.data; };
</script>"""


@pytest.fixture
async def web_app() -> AsyncIterator[int]:
    """A participant's own web app: a page, a form that redirects, a WebSocket; its port."""

    async def page(request: web.Request) -> web.Response:
        told = request.query.get("told", "")
        return web.Response(text=WEB_PAGE.replace("<p id=told>", f"<p id=told>{told}"), content_type="text/html")

    async def told(request: web.Request) -> web.Response:
        word = (await request.post())["word"]
        raise web.HTTPSeeOther(f"./?told={word}")

    async def echo(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        async for message in socket:
            await socket.send_str(f"heard {message.data}")
        return socket

    app = web.Application()
    app.add_routes([web.get("/", page), web.post("/told", told), web.get("/echo", echo)])
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield runner.addresses[0][1]
    await runner.cleanup()


@pytest.mark.browser
async def test_a_plain_web_app_works_with_forms_redirects_and_websockets(
    open_seat: OpenSeat, web_app: int, browser: Any
) -> None:
    page = await enter(await open_seat(Ui.WEB, f"/proxy/{web_app}/"), browser)
    ui = page.frame_locator("#ui")
    await ui.get_by_text("heard through the door").wait_for()
    await ui.get_by_role("button", name="Send").click()
    await ui.locator("#told", has_text="hello").wait_for()
    await ui.get_by_text("heard through the door").wait_for()
    await page.context.close()
