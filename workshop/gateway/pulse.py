"""Takes the pulse of every seat without disturbing it.

Only `/api/status`, and requests with `no_track_activity=1`, leave a Jupyter server's `last_activity` alone (measured);
code-server's `/healthz` does the same there. What `/api/status` gives as `last_activity` is not the participant's: an
open JupyterLab tab asks for kernels and sessions every ten seconds and keeps it at "now" for ever (measured). Kernels
and terminals know better.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Iterable
from datetime import UTC, datetime
from typing import Any

import aiohttp

from workshop.gateway.presence import Presence
from workshop.model.classroom import OWN_SERVER_OPTION, Classroom, Ui
from workshop.model.events import PulseTaken
from workshop.model.seat import Pulse
from workshop.ports.room import ReportFact, RoomView, Upstream

log = logging.getLogger(__name__)

INTERVAL = 5.0
TIMEOUT = 4.0
AT_ONCE = 16
LARGEST_ANSWER = 2 * 1024**2
Sweep = Callable[[Iterable[int]], Awaitable[None]]
Read = Callable[[aiohttp.ClientSession, str, dict[str, str]], Awaitable[dict[str, Any]]]


async def run_pulses(
    room: RoomView,
    presence: Presence,
    report: ReportFact,
    *,
    interval: float = INTERVAL,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> None:
    """Read every ready seat each `interval` seconds, and at once where a browser came or went; until cancelled."""
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=AT_ONCE, keepalive_timeout=interval * 3),
        timeout=aiohttp.ClientTimeout(total=TIMEOUT),
        cookie_jar=aiohttp.DummyCookieJar(),
    ) as session:
        gate = asyncio.Semaphore(AT_ONCE)

        async def read(number: int) -> None:
            upstream = room.upstream(number)
            if upstream is None or not upstream.ready:
                return
            async with gate:
                pulse = await take_pulse(
                    session, room.classroom, number, upstream,
                    browsers=presence.browsers(number), visited=presence.is_visited(number),
                )  # fmt: skip
            report(PulseTaken(pulse, now()))

        async def sweep(numbers: Iterable[int]) -> None:
            await asyncio.gather(*(read(number) for number in numbers))

        async with asyncio.TaskGroup() as group:
            group.create_task(_sweep_regularly(room, sweep, interval))
            group.create_task(_sweep_on_arrival(presence, sweep))


async def _sweep_regularly(room: RoomView, sweep: Sweep, interval: float) -> None:
    while True:
        await sweep(seat.number for seat in room.snapshot().seats)
        await asyncio.sleep(interval)


async def _sweep_on_arrival(presence: Presence, sweep: Sweep) -> None:
    while True:
        await sweep(await presence.stirred())
        await asyncio.sleep(0.5)


async def take_pulse(
    session: aiohttp.ClientSession,
    classroom: Classroom,
    number: int,
    upstream: Upstream,
    *,
    browsers: int,
    visited: bool = False,
) -> Pulse:
    """One reading of one seat. Never raises for a seat that does not answer."""
    read = _reader(classroom)
    base = upstream.endpoint + ("/" if upstream.strips_prefix else classroom.seat_path(number))
    headers = {"Authorization": f"token {upstream.token}"} if upstream.token else {}
    try:
        found = await read(session, base, headers)
    except Exception as error:  # whatever a seat answers: the others are read all the same
        found = {"detail": f"does not answer ({type(error).__name__})"}
        return Pulse(number, reachable=False, browsers=browsers, visited=visited, **found)
    return Pulse(number, reachable=True, browsers=browsers, visited=visited, **found)


def _reader(classroom: Classroom) -> Read:
    if classroom.ui is Ui.VSCODE:
        return _read_code_server
    return _read_own_server if classroom.option(OWN_SERVER_OPTION) else _read_jupyter


async def _read_own_server(session: aiohttp.ClientSession, base: str, headers: dict[str, str]) -> dict[str, Any]:
    """An image's own server is asked only whether it answers: what is done in it, browsers' connections tell."""
    async with session.get(base, headers=headers, allow_redirects=False) as answer:
        if answer.status >= 500:
            raise ValueError(f"status {answer.status}")
    return {}


async def _read_jupyter(session: aiohttp.ClientSession, base: str, headers: dict[str, str]) -> dict[str, Any]:
    status = await _json(session, f"{base}api/status", headers)
    found: dict[str, Any] = {"kernels": int(status["kernels"]), "connections": int(status["connections"])}
    moments = []
    if found["kernels"]:
        sessions = await _json(session, f"{base}api/sessions?no_track_activity=1", headers)
        kernels = [entry["kernel"] for entry in sessions]
        if len(kernels) < found["kernels"]:  # some run without a notebook
            kernels = await _json(session, f"{base}api/kernels?no_track_activity=1", headers)
        found["busy"] = sum(kernel["execution_state"] == "busy" for kernel in kernels)
        found["notebook"] = _latest_notebook(sessions)
        moments = [_moment(kernel.get("last_activity")) for kernel in kernels]
    found["last_activity"] = max(filter(None, moments + await _terminals(session, base, headers)), default=None)
    return found


async def _terminals(session: aiohttp.ClientSession, base: str, headers: dict[str, str]) -> list[datetime | None]:
    """When something last moved in each terminal; none where the server has no terminals."""
    try:
        terminals = await _json(session, f"{base}api/terminals?no_track_activity=1", headers)
    except ValueError:
        return []
    return [_moment(terminal.get("last_activity")) for terminal in terminals]


def _latest_notebook(sessions: list[dict[str, Any]]) -> str:
    """The path of the notebook whose kernel did something last."""
    notebooks = [entry for entry in sessions if entry.get("type") == "notebook"]
    latest = max(notebooks, key=lambda entry: str(entry["kernel"].get("last_activity", "")), default=None)
    return str(latest["path"])[:200] if latest else ""


async def _read_code_server(session: aiohttp.ClientSession, base: str, headers: dict[str, str]) -> dict[str, Any]:
    health = await _json(session, f"{base}healthz", headers)
    beat = float(health.get("lastHeartbeat") or 0) / 1000
    return {"last_activity": datetime.fromtimestamp(beat, UTC) if beat > 0 else None}


async def _json(session: aiohttp.ClientSession, url: str, headers: dict[str, str]) -> Any:
    async with session.get(url, headers=headers, allow_redirects=False) as answer:
        if answer.status != 200:
            raise ValueError(f"status {answer.status}")
        body = bytearray()
        async for chunk in answer.content.iter_any():
            body += chunk
            if len(body) > LARGEST_ANSWER:
                raise ValueError("too long")
        return json.loads(body)


def _moment(text: object) -> datetime | None:
    if not isinstance(text, str) or not text:
        return None
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
