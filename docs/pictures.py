"""Makes the README's picture from the program itself: `python docs/pictures.py`.

The real terminal UI draws a made-up class, with a clock that stands still; so the picture never lies about the program
and comes out the same on every machine.
"""

from __future__ import annotations

import asyncio
import sys
from datetime import UTC
from pathlib import Path
from typing import Any, cast

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPOSITORY))

from tests.tui.scripted_service import ScriptedService  # noqa: E402
from tests.tui.support import classroom, snapshot_of  # noqa: E402
from workshop.config.paths import paths  # noqa: E402
from workshop.tui.app import WorkshopApp  # noqa: E402

FOLDER = Path(__file__).with_suffix("")
SIZE = (120, 36)


async def class_screen() -> str:
    """The class screen in full swing: seats, activities, and the QR code of the selected seat."""
    room = classroom()
    service = ScriptedService(rooms={room.name: snapshot_of(room)})
    app = WorkshopApp(
        cast(Any, service), places=paths({}, {}), start=room.name, clock=service.clock, zone=UTC,
        environment={"TERM": "xterm-256color"},
    )  # fmt: skip
    async with app.run_test(size=SIZE) as pilot:
        async with asyncio.timeout(30):
            while "▀" not in app.export_screenshot():  # the code is drawn last
                await pilot.pause(0.05)
        return app.export_screenshot(title="workshop", simplify=True)


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / "class.svg").write_text(asyncio.run(class_screen()), "utf-8")


if __name__ == "__main__":
    main()
