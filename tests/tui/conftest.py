"""Apps for tests: on the real service with a fake engine, or on a scripted stand-in."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.tui.scripted_service import ScriptedService
from tests.tui.support import NOW, Clock, classroom, snapshot_of
from tests.tui.world import World, app_on, make_world
from workshop.config.paths import paths
from workshop.service import WorkshopEntry
from workshop.tui.app import WorkshopApp

ENTRIES = (
    WorkshopEntry("Python basics", "/srv/courses/python-basics/workshop.yaml", last_used=NOW - timedelta(days=2)),
    WorkshopEntry("Data analysis", "https://github.com/example/data-analysis", last_used=NOW - timedelta(days=9)),
    WorkshopEntry("Web app in VS Code", "/usr/share/workshop/sample_workshops/web-app", sample=True),
)
ROOM = "python-basics"


@pytest.fixture
async def world(machine: Path) -> AsyncIterator[World]:
    """The real service on a fake engine."""
    found = make_world(machine)
    try:
        yield found
    finally:
        await found.close()


@pytest.fixture
def scripted(machine: Path) -> ScriptedService:
    """A stand-in with three workshops and one class in full swing."""
    return ScriptedService(entries=ENTRIES, rooms={ROOM: snapshot_of(classroom())}, clock=Clock())


@pytest.fixture
def app(scripted: ScriptedService) -> Callable[..., WorkshopApp]:
    """Makes an app on the stand-in."""

    def make(**options: Any) -> WorkshopApp:
        return app_on(scripted, paths({}), scripted.clock, **options)

    return make
