"""Real JupyterLab behind the gateway: what a participant does in a day, in a real browser."""

from __future__ import annotations

import asyncio
import json
import os
import uuid
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.gateway.conftest import NewStudent, OpenHouse, until
from tests.gateway.ui_seat import UiSeat, make_home, until_answered
from workshop.gateway.pulse import take_pulse

pytestmark = [pytest.mark.network]

WIRE_LIMIT = 1_600_000


@pytest.fixture
async def lab(open_house: OpenHouse, jupyter_programs: Path, machine: Path) -> AsyncIterator[UiSeat]:
    house = await open_house(seats=1, servers=0)
    home = make_home(machine)
    seat = UiSeat(house, jupyter_programs, home)
    await seat.start()
    yield seat
    await seat.stop()


async def _open_notebook(page: Any) -> Any:
    ui = page.frame_locator("#ui")
    await ui.locator(".jp-DirListing-item", has_text="hello.ipynb").dblclick()
    await ui.get_by_text("| Idle").wait_for()
    return ui


async def _run(page: Any, ui: Any, code: str, output: str) -> None:
    """Run code in the last cell."""

    async def run() -> None:
        await ui.locator(".jp-Notebook .jp-CodeCell .cm-content").last.click()
        await page.keyboard.press("Control+a")
        await page.keyboard.insert_text(code)
        await page.keyboard.press("Control+Enter")

    await until_answered(run, ui.locator(".jp-OutputArea-output", has_text=output).last)


@pytest.mark.browser
async def test_a_participant_works_through_restarts_of_gateway_and_seat(lab: UiSeat, browser: Any) -> None:
    house = lab.house
    context = await browser.new_context(viewport={"width": 1280, "height": 800}, accept_downloads=True)
    context.set_default_timeout(30_000)
    page = await context.new_page()
    await page.goto(f"{house.url}/s/{house.code(1)}")

    ui = page.frame_locator("#ui")
    await ui.locator(".jp-LauncherCard", has_text="Terminal").click()
    await ui.locator(".jp-Terminal .xterm-helper-textarea").wait_for(state="attached")
    await ui.locator(".jp-Terminal").click()
    await page.keyboard.type("echo $((6 * 7)) > from-the-terminal\n")
    told = lab.home / "from-the-terminal"
    await until(lambda: told.exists() and told.read_text() == "42\n", seconds=30)

    ui = await _open_notebook(page)
    await _run(page, ui, "'seven times six: %d' % (6 * 7)", "seven times six: 42")

    (lab.home / "big.bin").write_bytes(os.urandom(3_000_000))
    async with page.expect_download() as coming:
        await page.frames[-1].evaluate(
            "() => { const a = document.createElement('a'); a.href = '/seat/01/files/big.bin?download=1';"
            " a.download = 'big.bin'; document.body.append(a); a.click(); }"
        )
    download = await coming.value
    assert Path(await download.path()).read_bytes() == (lab.home / "big.bin").read_bytes()

    async with page.expect_file_chooser() as choosing:
        await ui.locator("[data-command='filebrowser:upload'], [title*='Upload']").first.click()
    chooser = await choosing.value
    await chooser.set_files({"name": "data.csv", "mimeType": "text/csv", "buffer": b"a,b\n1,2\n"})
    arrived = lab.home / "data.csv"
    await until(lambda: arrived.exists() and arrived.read_bytes() == b"a,b\n1,2\n", seconds=20)

    await ui.locator(".jp-CSVViewer").wait_for()  # an uploaded file is opened
    await ui.locator(".lm-DockPanel-tabBar .lm-TabBar-tab", has_text="hello.ipynb").click()

    await house.restart()
    await page.locator("#link[data-state=good]").wait_for()
    # JupyterLab tries at once, then only after 10 to 30 seconds; its status stays "Unknown" until something runs.
    await ui.get_by_text("| Connecting").wait_for(state="hidden", timeout=60_000)
    await _run(page, ui, "'after ' + 'the restart'", "after the restart")

    await lab.stop()
    await page.locator("#link[data-state=bad]").wait_for()
    lost = ui.locator(".jp-Dialog", has_text="Server Connection Error")
    await lost.wait_for(timeout=90_000)  # JupyterLab asks its server only now and then
    await lab.start()
    await page.locator("#link[data-state=good]").wait_for()
    await lost.wait_for(state="hidden")
    await page.reload()
    ui = page.frame_locator("#ui")
    await _run(page, ui, "'in the ' + 'new life'", "in the new life")
    await context.close()


@pytest.mark.browser
async def test_the_first_page_is_small_on_the_wire_for_the_first_and_every_next_student(
    lab: UiSeat, browser: Any
) -> None:
    for _ in range(2):
        context = await browser.new_context(viewport={"width": 1280, "height": 800})
        page = await context.new_page()
        wire = await context.new_cdp_session(page)
        await wire.send("Network.enable")
        sizes: list[float] = []
        wire.on("Network.loadingFinished", lambda event, sizes=sizes: sizes.append(event["encodedDataLength"]))
        await page.goto(f"{lab.house.url}/s/{lab.house.code(1)}")
        await page.frame_locator("#ui").locator(".jp-Launcher").wait_for(timeout=60_000)
        await page.wait_for_load_state("networkidle")
        assert len(sizes) > 40
        assert sum(sizes) < WIRE_LIMIT, f"{sum(sizes):.0f} bytes"
        await context.close()


async def _kernel(lab: UiSeat, student: Any) -> tuple[str, aiohttp.ClientWebSocketResponse]:
    headers = {"Accept": "*/*", "Origin": lab.house.url}
    async with student.session.post("/seat/01/api/kernels", headers=headers) as answer:
        name = (await answer.json())["id"]
    return name, await student.session.ws_connect(f"/seat/01/api/kernels/{name}/channels", headers=headers)


async def _execute(socket: aiohttp.ClientWebSocketResponse, code: str) -> str:
    name = uuid.uuid4().hex
    header = {"msg_id": name, "msg_type": "execute_request", "username": "", "session": "t", "version": "5.3"}
    content = {"code": code, "silent": False, "store_history": False, "user_expressions": {}}
    message = {"header": header, "parent_header": {}, "metadata": {}, "content": content, "channel": "shell"}
    await socket.send_str(json.dumps(message))
    return name


async def _replied(socket: aiohttp.ClientWebSocketResponse, name: str) -> None:
    """Wait until the kernel has answered and is idle again."""
    missing = {"execute_reply", "idle"}
    while missing:
        told = await socket.receive_json(timeout=30)
        if told["parent_header"].get("msg_id") == name:
            missing -= {told["msg_type"], told["content"].get("execution_state")}


async def test_pulses_change_nothing_and_a_silent_cell_is_busy(lab: UiSeat, student_of: NewStudent) -> None:
    student = student_of(lab.house)
    await student.enter(1)
    _, socket = await _kernel(lab, student)
    await _replied(socket, await _execute(socket, "1+1"))
    upstream = replace(lab.house.room.upstreams[1])

    async def activity(session: aiohttp.ClientSession) -> str:
        headers = {"Authorization": f"token {upstream.token}"}
        async with session.get(f"{upstream.endpoint}/seat/01/api/status", headers=headers) as answer:
            return str((await answer.json())["last_activity"])

    async with aiohttp.ClientSession() as session:

        async def pulse() -> Any:
            return await take_pulse(session, lab.house.room.classroom, 1, upstream, browsers=0)

        async def busy(wanted: int) -> None:
            async with asyncio.timeout(10):
                while (await pulse()).busy != wanted:
                    pass  # each look is a request: nothing spins

        await busy(0)  # the reply comes before the kernel says that it is idle
        before = await activity(session)
        quiet = [await pulse() for _ in range(5)]
        assert await activity(session) == before
        assert [(one.kernels, one.busy) for one in quiet] == [(1, 0)] * 5
        running = await _execute(socket, "import time; time.sleep(2)")
        await busy(1)
        await _replied(socket, running)
        await busy(0)
    await socket.close()
