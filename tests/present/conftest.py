from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from workshop.config.paths import paths
from workshop.config.themes import load_themes
from workshop.model.classroom import Classroom, Door
from workshop.model.palette import Palette
from workshop.model.seat import Activity, Seat, SeatState
from workshop.model.snapshot import Snapshot

NOW = datetime(2026, 3, 1, 10, 0, tzinfo=UTC)
KEY = "5a" * 32
THEMES = sorted(path.stem for path in (Path(__file__).resolve().parents[2] / "themes").glob("*.yaml"))


@pytest.fixture
def now() -> datetime:
    return NOW


@pytest.fixture
def room() -> Classroom:
    return Classroom(
        name="python-basics",
        uid="a1b2c3d4e5f6",
        key=KEY,
        workshop="Python basics",
        runtime="docker",
        image="sha256:0",
        commit="0" * 40,
        seats=10,
        door=Door("192.168.100.200", 8080),
        created=NOW - timedelta(hours=1),
        ends=NOW + timedelta(minutes=125),
    )


@pytest.fixture
def make_seat(room: Classroom) -> Callable[..., Seat]:
    """A ready seat of the room, with whatever else is said of it."""

    def make(number: int, **changes: Any) -> Seat:
        changes.setdefault("state", SeatState.READY)
        return Seat(number, room.code(number), room.link(number), **changes)

    return make


@pytest.fixture
def snapshot(room: Classroom, make_seat: Callable[..., Seat]) -> Snapshot:
    """A class in the middle of the morning: something of everything."""
    gigabyte = 1024**3
    seats = (
        make_seat(1, claimed=True, activity=Activity.RUNNING, last_active=NOW, memory_bytes=gigabyte // 2,
                  memory_limit=gigabyte, cpu_percent=97.4),
        make_seat(2, claimed=True, activity=Activity.IDLE, last_active=NOW - timedelta(minutes=12),
                  memory_bytes=920 * 1024**2, memory_limit=gigabyte, cpu_percent=0.2, label="Zoë, row 2",
                  help_since=NOW - timedelta(minutes=3)),
        make_seat(3, activity=Activity.NEVER_OPENED),
        make_seat(4, state=SeatState.STARTING),
        make_seat(5, state=SeatState.FAILED, detail="the image has no jupyter-lab"),
        make_seat(6, claimed=True, activity=Activity.OUT_OF_MEMORY, last_active=NOW - timedelta(seconds=20),
                  memory_bytes=gigabyte, memory_limit=gigabyte, warnings=("the kernel was killed",)),
        make_seat(112, activity=Activity.NEVER_OPENED, spare=True),
    )  # fmt: skip
    return Snapshot(classroom=room, seats=seats, taken_at=NOW, ends=room.ends, gateway=True)


@pytest.fixture(params=THEMES)
def palette(request: pytest.FixtureRequest) -> Palette:
    """Each bundled theme."""
    return load_themes(paths()).palettes[request.param]
