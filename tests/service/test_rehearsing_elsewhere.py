"""A rehearsal whose seats run on other machines starts from the image that these can have, and is found when killed."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from workshop.config.paths import paths
from workshop.config.settings import settings
from workshop.model.image import Image
from workshop.model.snapshot import Fit
from workshop.ports.runtime import ExecResult
from workshop.runtimes.fake import FakeEngine, FakeRuntime, FakeScript
from workshop.service import Service, building
from workshop.service.near_doors import NearDoors
from workshop.service.wiring import Wiring

BUILT = Image("workshop/algebra:1", "sha256:of-this-machine", commit="c" * 40, recipe="r", runtime="fake")
PUSHED = "registry.example.org/team/algebra@sha256:of-the-registry"


class Elsewhere:
    """The other machines' side: what was asked of it, in its order."""

    def __init__(self, wiring: Wiring) -> None:
        self.wiring = wiring
        self.asked: list[str] = []

    async def refuse_early(self, _definition: Any) -> None:
        self.asked.append("refuse early")

    async def deliver(self, image: Image, *_: Any, **__: Any) -> Image:
        self.asked.append(f"deliver {image.digest}")
        return replace(image, digest=PUSHED)

    async def fetch(self, classroom: Any, **_: Any) -> None:
        known = [room.uid for room in self.wiring.store.remembered()]
        self.asked.append(f"fetch {classroom.image}, remembered: {known == [classroom.uid]}")

    async def fit(self, _classroom: Any, seats: int, *, there: int = 0) -> Fit:
        return Fit(seats, 40, "fits", f"fits beside {there}")


async def test_the_seats_start_from_what_was_delivered_and_nothing_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = json.dumps({"done": True, "ok": True, "seconds": 1.0, "peak_memory_bytes": 1}).encode()
    runtime = FakeRuntime(FakeEngine(FakeScript(run=lambda _seat, _argv: ExecResult(0, done))))
    wiring = Wiring(settings({}), paths({}), runtimes={"fake": runtime}, doors=NearDoors())
    side = Elsewhere(wiring)
    monkeypatch.setattr(runtime, "remote", side, raising=False)

    async def look(*_: Any, **__: Any) -> Any:
        return SimpleNamespace(request=SimpleNamespace(detected=SimpleNamespace(notebooks=("one.ipynb",))))

    async def image_of(*_: Any, **__: Any) -> Image:
        return BUILT

    monkeypatch.setattr(building, "look", look)
    monkeypatch.setattr(building, "image_of", image_of)
    service = Service(wiring=wiring)
    found = await service.rehearse(str(tmp_path), runtime="fake")
    assert (found.ok, found.fits.sentence) == (True, "fits beside 1")
    assert side.asked == ["refuse early", f"deliver {BUILT.digest}", f"fetch {PUSHED}, remembered: True"]
    assert await runtime.classrooms() == ()
    assert wiring.store.remembered() == ()
    await service.aclose()
