"""A student in a real browser: from the QR code on the instructor's screen to the output of a cell."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.journey.conftest import Program, on_docker
from tests.support.qr_reader import read_qr_file
from workshop.config.paths import paths
from workshop.service import Service

if TYPE_CHECKING:
    from playwright.async_api import Browser, FrameLocator, Page

pytestmark = pytest.mark.browser
PATIENCE = 120_000
"""Milliseconds: JupyterLab's first page costs a small machine many seconds."""


async def screen_with_code(name: str) -> str:
    """The terminal UI's picture of the first seat's QR code, in a terminal of 80×24."""
    from workshop.tui.app import WorkshopApp

    app = WorkshopApp(Service({}), places=paths({}), start=name)
    try:
        async with app.run_test(size=(80, 24)) as pilot:
            while "1 of 1 ready" not in app.export_screenshot().replace("&#160;", " "):
                await pilot.pause(0.1)
            await pilot.press("v")
            while "▀" not in (picture := app.export_screenshot()):
                await pilot.pause(0.1)
            return picture
    finally:
        await app.service.aclose()


async def photograph(browser: Browser, picture: str, file: Path) -> bytes:
    """The picture as pixels, as a camera sees them."""
    file.write_text(picture)
    page = await browser.new_page(viewport={"width": 1400, "height": 1000})
    try:
        await page.goto(file.as_uri())
        return await page.screenshot()
    finally:
        await page.close()


async def run_first_cell(page: Page, notebook: str) -> str:
    """Open a notebook in the JupyterLab of the page, run its first cell, and read what comes out."""
    lab: FrameLocator = page.frame_locator("#ui")
    await lab.locator(f'.jp-DirListing-item[title*="{notebook}"]').dblclick(timeout=PATIENCE)
    await lab.locator('.jp-Notebook-ExecutionIndicator[data-status="idle"]').wait_for(timeout=PATIENCE)
    await send_first_cell(page, lab)
    output = lab.locator(".jp-Notebook .jp-OutputArea-output").first
    await output.wait_for(timeout=PATIENCE)
    return await output.inner_text()


async def send_first_cell(page: Page, lab: FrameLocator) -> None:
    """Press Shift+Enter until the cell says it was sent: JupyterLab passes over a key in the instant it gets ready."""
    from playwright.async_api import TimeoutError as NotYet

    cell = lab.locator(".jp-Notebook .jp-CodeCell").first
    sent = cell.locator(".jp-InputPrompt").filter(has_not_text="[ ]")
    for last in (False, False, False, True):
        await cell.locator(".cm-content").click()
        await page.keyboard.press("Shift+Enter")
        try:
            return await sent.wait_for(timeout=PATIENCE / 12)
        except NotYet:
            if last:
                raise


@on_docker
async def test_a_student_follows_the_code_on_the_screen_and_runs_a_cell(
    program: Program, repository: Path, unique_name: str, browser: Browser, tmp_path: Path
) -> None:
    opened = program.up(repository, unique_name, seats=1)
    picture = await photograph(browser, await screen_with_code(unique_name), tmp_path / "screen.svg")
    link = read_qr_file(picture)
    assert link == opened["seats"][0]["link"]

    page = await browser.new_page(viewport={"width": 1280, "height": 800})
    await page.goto(link)
    assert opened["seats"][0]["code"] not in page.url
    assert page.url.endswith("/seat/01/")
    assert "hello 42" in await run_first_cell(page, "lesson.ipynb")
    seat = program("status", unique_name)["seats"][0]
    assert seat["claimed"] is True
    assert seat["activity"] in ("open", "running", "idle")
