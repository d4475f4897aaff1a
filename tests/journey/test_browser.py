"""A student in a real browser: from the QR code on the instructor's screen to the output of a cell."""

from __future__ import annotations

import asyncio
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.journey.conftest import Program, commit, on_docker
from tests.support.qr_reader import read_qr_file
from workshop.config.paths import paths
from workshop.service import Service

if TYPE_CHECKING:
    from playwright.async_api import Browser, FrameLocator, Page

pytestmark = pytest.mark.browser
SAMPLES = Path(__file__).resolve().parents[2] / "sample_workshops"
PATIENCE = 120_000
"""Milliseconds: JupyterLab's first page costs a small machine many seconds."""


async def screen_when(name: str, *shown: str, size: tuple[int, int] = (80, 24)) -> str:
    """The class's screen in the terminal UI, as a picture.

    Args:
        shown: texts to wait for one after the other; after each but the last, `v` is pressed.
    """
    from workshop.tui.app import WorkshopApp

    app = WorkshopApp(Service({}), places=paths({}), start=name)
    picture = ""
    try:
        async with app.run_test(size=size) as pilot, asyncio.timeout(PATIENCE / 1000):
            for number, text in enumerate(shown):
                if number:
                    await pilot.press("v")
                while text not in (picture := app.export_screenshot()).replace("&#160;", " "):
                    await pilot.pause(0.1)
            return picture
    finally:
        await app.service.aclose()


async def screen_with_code(name: str) -> str:
    """The terminal UI's picture of the first seat's QR code, in a terminal of 80×24."""
    return await screen_when(name, "1 of 1 ready", "▀")


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
    """Press Shift+Enter until the cell says it was sent: JupyterLab passes over a key in the instant it gets ready.

    On a busy machine the key comes before the list of kernels, and JupyterLab asks for one.
    """
    from playwright.async_api import TimeoutError as NotYet

    cell = lab.locator(".jp-Notebook .jp-CodeCell").first
    sent = cell.locator(".jp-InputPrompt").filter(has_not_text="[ ]")
    asked = lab.locator("dialog.jp-Dialog", has_text="Select Kernel").locator(".jp-mod-accept")
    for last in (False, False, False, True):
        if await asked.count():
            await asked.click()
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

    await page.get_by_role("button", name="I need help").click()
    await page.get_by_role("button", name="Help is coming").wait_for(timeout=PATIENCE)
    await screen_when(unique_name, "1 asks for help", size=(120, 40))

    assert program.down(unique_name)["left"] == []
    await page.get_by_text("No connection").or_(page.get_by_text("This class is over")).first.wait_for(timeout=PATIENCE)
    await page.close()


@on_docker
async def test_vs_code_edits_saves_and_runs_behind_its_seat(
    program: Program, built_images: str, unique_name: str, browser: Browser, tmp_path: Path
) -> None:
    repository = tmp_path / "vscode"
    shutil.copytree(SAMPLES / "web-app-vscode", repository)
    definition = repository / "workshop.yaml"
    title = f"title: {built_images} vscode\nruntime: docker\nspares: 0\n"
    definition.write_text(title + re.sub(r"(?m)^title:.*\n", "", definition.read_text()))
    commit(repository, "The sample", first=True)
    opened = program.up(repository, unique_name, seats=1)

    page = await browser.new_page(viewport={"width": 1280, "height": 800})
    page.set_default_timeout(PATIENCE)
    await page.goto(opened["seats"][0]["link"])
    ui = page.frame_locator("#ui")
    await ui.get_by_role("treeitem", name="app.py").dblclick()
    editor = ui.locator(".monaco-editor[data-uri$='/app.py']")
    await editor.locator(".view-lines").click()
    await page.keyboard.press("Control+Home")
    await page.keyboard.type("# edited-here\n")
    await page.keyboard.press("Control+s")
    await ui.locator(".tab.dirty").wait_for(state="detached")
    await page.keyboard.press("Control+Shift+Backquote")
    await ui.locator(".terminal .xterm-helper-textarea").first.wait_for(state="attached")
    await page.keyboard.type("touch lines-$(grep -c edited-here app.py)\n")
    await ui.get_by_role("treeitem", name="lines-1").wait_for()
    await page.close()
