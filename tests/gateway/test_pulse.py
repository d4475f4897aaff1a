"""Readings of seats: true, cheap, and without effect on what is read."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from tests.gateway.conftest import NewStudent, OpenHouse, until
from workshop.gateway.pulse import take_pulse
from workshop.model.classroom import Classroom, Door, Ui, new_key, new_uid
from workshop.model.seat import Pulse
from workshop.ports.room import Upstream

BEAT = "2026-03-01T09:30:15.123456Z"


def _classroom(ui: Ui = Ui.LAB) -> Classroom:
    return Classroom(
        name="p", uid=new_uid(), key=new_key(), workshop="P", runtime="fake", image="", commit="", seats=1,
        door=Door("127.0.0.1", 1), created=datetime.now(UTC), ui=ui,
    )  # fmt: skip


class Jupyter:
    """The addresses of a Jupyter server that a pulse reads, with the answers a test wants."""

    def __init__(self) -> None:
        self.status: Any = {"connections": 0, "kernels": 0, "last_activity": BEAT, "started": BEAT}
        self.sessions: Any = []
        self.kernels: Any = []
        self.terminals: Any = []
        self.asked: list[str] = []
        self.delay = 0.0

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        self.asked.append(request.raw_path)
        await asyncio.sleep(self.delay)
        assert request.headers.get("Authorization") == "token secret"
        path = request.raw_path.removeprefix("/seat/01/")
        found = {
            "api/status": self.status,
            "api/sessions?no_track_activity=1": self.sessions,
            "api/kernels?no_track_activity=1": self.kernels,
            "api/terminals?no_track_activity=1": self.terminals,
            "/healthz": self.status,
        }[path]
        return found if isinstance(found, web.Response) else web.json_response(found)


@pytest.fixture
async def jupyter() -> Jupyter:
    return Jupyter()


@pytest.fixture
async def upstream(jupyter: Jupyter) -> AsyncIterator[Upstream]:
    runner = web.ServerRunner(web.Server(jupyter.answer), shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    yield Upstream(f"http://127.0.0.1:{runner.addresses[0][1]}", "secret", ready=True)
    await runner.cleanup()


async def _pulse(upstream: Upstream, ui: Ui = Ui.LAB) -> Pulse:
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=1)) as session:
        return await take_pulse(session, _classroom(ui), 1, upstream, browsers=2)


def _session(path: str, state: str, active: str, kind: str = "notebook") -> dict[str, Any]:
    return {"path": path, "type": kind, "kernel": {"execution_state": state, "last_activity": active}}


async def test_a_seat_without_kernels_is_asked_little(jupyter: Jupyter, upstream: Upstream) -> None:
    pulse = await _pulse(upstream)
    assert pulse == Pulse(1, reachable=True, browsers=2)
    assert len(jupyter.asked) <= 2


async def test_activity_is_that_of_kernels_and_terminals(jupyter: Jupyter, upstream: Upstream) -> None:
    jupyter.status |= {"kernels": 1}
    jupyter.sessions = [_session("a.ipynb", "idle", "2026-03-01T09:30:00Z")]
    jupyter.terminals = [{"name": "1", "last_activity": "2026-03-01T09:31:00Z"}]
    assert (await _pulse(upstream)).last_activity == datetime(2026, 3, 1, 9, 31, tzinfo=UTC)
    jupyter.terminals = web.Response(status=404)
    assert (await _pulse(upstream)).last_activity == datetime(2026, 3, 1, 9, 30, tzinfo=UTC)


async def test_busy_kernels_and_the_notebook_used_last_are_seen(jupyter: Jupyter, upstream: Upstream) -> None:
    jupyter.status |= {"kernels": 3, "connections": 2}
    jupyter.sessions = [
        _session("old.ipynb", "idle", "2026-03-01T09:00:00Z"),
        _session("ü/new.ipynb", "busy", "2026-03-01T09:30:00Z"),
        _session("console-1", "busy", "2026-03-01T09:31:00Z", "console"),
    ]
    pulse = await _pulse(upstream)
    assert (pulse.kernels, pulse.busy, pulse.connections, pulse.notebook) == (3, 2, 2, "ü/new.ipynb")


async def test_kernels_without_a_notebook_count_too(jupyter: Jupyter, upstream: Upstream) -> None:
    jupyter.status |= {"kernels": 2}
    jupyter.sessions = [_session("a.ipynb", "idle", BEAT)]
    jupyter.kernels = [{"execution_state": "idle"}, {"execution_state": "busy"}]
    assert (await _pulse(upstream)).busy == 1


async def test_every_question_leaves_the_seats_activity_alone(jupyter: Jupyter, upstream: Upstream) -> None:
    jupyter.status |= {"kernels": 2}
    await _pulse(upstream)
    assert all(path.endswith(("api/status", "no_track_activity=1")) for path in jupyter.asked)
    assert len(jupyter.asked) >= 3


@pytest.mark.parametrize(
    "answer",
    [
        web.Response(status=500),
        web.Response(text="<html>"),
        web.json_response([]),
        web.json_response({"kernels": "x"}),
        web.json_response({"kernels": 1, "connections": float("inf")}),
        web.Response(text="[" * 100_000),
    ],
)
async def test_a_seat_that_answers_nonsense_does_not_answer(
    jupyter: Jupyter, upstream: Upstream, answer: web.Response
) -> None:
    jupyter.status = answer
    pulse = await _pulse(upstream)
    assert not pulse.reachable
    assert pulse.detail.startswith("does not answer")


async def test_terminals_that_are_none_make_no_error(jupyter: Jupyter, upstream: Upstream) -> None:
    jupyter.terminals = ["x"]
    assert not (await _pulse(upstream)).reachable


async def test_a_seat_that_is_silent_or_gone_does_not_answer(jupyter: Jupyter, upstream: Upstream) -> None:
    jupyter.delay = 30
    assert not (await _pulse(upstream)).reachable
    assert not (await _pulse(Upstream("http://127.0.0.1:9", ready=True))).reachable


async def test_vs_code_is_asked_for_its_heartbeat(jupyter: Jupyter, upstream: Upstream) -> None:
    jupyter.status = {"status": "alive", "lastHeartbeat": 1772357415000}
    pulse = await _pulse(Upstream(upstream.endpoint, "secret", strips_prefix=True, ready=True), Ui.VSCODE)
    assert pulse.last_activity == datetime.fromtimestamp(1772357415, UTC)
    assert jupyter.asked == ["/healthz"]


async def test_the_gateway_reads_its_seats_and_hears_at_once_who_comes(
    open_house: OpenHouse, student_of: NewStudent
) -> None:
    house = await open_house(pulse_interval=0.2)
    await until(lambda: house.room.pulse(3))
    pulse = house.room.pulse(1)
    assert pulse is not None
    assert not pulse.reachable, "the small server of this test is no Jupyter"
    student = student_of(house)
    await student.enter(1)
    socket = await student.session.ws_connect("/seat/01/socket", headers={"Origin": house.url})
    await until(lambda: house.room.pulse(1).browsers == 1)
    await socket.close()
    await until(lambda: house.room.pulse(1).browsers == 0)
