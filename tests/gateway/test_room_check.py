"""What a device's measurements mean, and what cannot be made to mean anything."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from tests.gateway.conftest import House, NewStudent, Student
from workshop.gateway.room_check import judged
from workshop.model.events import RoomChecked
from workshop.model.room_check import RoomCheck, Trouble

NOW = datetime(2026, 3, 1, tzinfo=UTC)
GOOD: dict[str, Any] = {
    "load_ms": 120, "socket": "ok", "echoes": 40, "lost": 0, "echo_ms": 4.2, "download_mbit": 87.0,
    "clock_seconds": 0.1,
}  # fmt: skip


@pytest.mark.parametrize(
    ("changed", "trouble"),
    [
        ({}, Trouble.NONE),
        ({"socket": "blocked", "echoes": 0}, Trouble.WEBSOCKET_BLOCKED),
        ({"socket": "dropped"}, Trouble.UNSTABLE),
        ({"lost": 6}, Trouble.UNSTABLE),
        ({"download_mbit": None}, Trouble.UNSTABLE),
        ({"intercepted": True, "socket": "blocked"}, Trouble.INTERCEPTED),
        ({"download_mbit": 1.2}, Trouble.SLOW),
        ({"echo_ms": 900}, Trouble.SLOW),
        ({"load_ms": 20_000}, Trouble.SLOW),
        ({"clock_seconds": -3600}, Trouble.CLOCK),
        ({"clock_seconds": None}, Trouble.NONE),
        ({"echoes": float("inf"), "lost": "many", "load_ms": True}, Trouble.NONE),
    ],
)
def test_the_likely_cause_is_named(changed: dict[str, Any], trouble: Trouble) -> None:
    check = judged(GOOD | changed, at=NOW, phone=False)
    assert check.trouble is trouble
    assert check.ok is (trouble is Trouble.NONE)


def test_the_instructor_reads_a_sentence() -> None:
    assert judged(GOOD, at=NOW, phone=True).sentence() == "phone: good, 4 ms, 87 Mbit/s"
    off = RoomCheck(NOW, Trouble.CLOCK, clock_seconds=3600)
    assert off.sentence() == "laptop: its clock is wrong, clock off by +3600 s"


@pytest.mark.parametrize("told", [{}, {"load_ms": 1e300, "echoes": -5}, {"socket": ["ok"], "clock_seconds": "now"}])
def test_nonsense_makes_a_result_and_no_error(told: dict[str, Any]) -> None:
    check = judged(told, at=NOW, phone=False)
    assert not check.ok
    assert check.echoes >= 0


async def _token(student: Student) -> str:
    import json
    import re

    async with student.get("/check") as page:
        found = re.search(r'id="config">(.*?)</script>', await page.text(), re.S)
    assert found
    return str(json.loads(found[1])["token"])


async def test_only_the_pages_own_results_are_taken_and_not_too_many(house: House, student_of: NewStudent) -> None:
    student = student_of(house)
    token = await _token(student)
    for headers, status in (({"X-Form-Token": "x.y"}, 403), ({"X-Form-Token": token, "Origin": "http://x"}, 403)):
        async with student.session.post("/check/result", json=GOOD, headers=headers) as answer:
            assert answer.status == status
    statuses = []
    for _ in range(125):
        async with student.session.post("/check/result", json=GOOD, headers={"X-Form-Token": token}) as answer:
            statuses.append(answer.status)
    assert statuses == [200] * 120 + [429] * 5
    assert len(house.room.told(RoomChecked)) == 120


async def test_the_echo_is_for_our_page_alone(house: House, student_of: NewStudent) -> None:
    student = student_of(house)
    socket = await student.session.ws_connect("/check/echo", headers={"Origin": house.url})
    await socket.send_str("17.5")
    assert await socket.receive_str() == "17.5"
    await socket.close()
    async with student.get("/check/echo") as answer:
        assert answer.status == 400


async def test_the_download_is_a_megabyte_that_nothing_can_shrink(house: House, student_of: NewStudent) -> None:
    async with student_of(house).get("/check/blob") as answer:
        body = await answer.read()
        assert "Content-Encoding" not in answer.headers
        assert answer.headers["X-Check"] == "workshop-room-check"
    assert len(body) == 1024 * 1024
    assert len(set(body)) == 256
