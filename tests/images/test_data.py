"""Files of `data:`, against a server that counts, breaks off and lies."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from aiohttp import web

from workshop.errors import SourceError
from workshop.images.data import fetch_data
from workshop.model.definition import DataPart
from workshop.model.events import StepFinished, StepStarted, WorkEvent
from workshop.ports.build import ignore_events

CONTENT = bytes(range(256)) * 20_000
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@dataclass
class Server:
    url: str = ""
    break_after: int = 0
    """Bytes after which the connection is cut, once."""
    ranges: bool = True
    asked: list[str] = field(default_factory=list)


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    state = Server()

    async def answer(request: web.Request) -> web.StreamResponse:
        asked = request.headers.get("Range", "")
        state.asked.append(asked)
        if request.match_info["name"] == "missing.csv":
            raise web.HTTPNotFound
        start = int(asked.removeprefix("bytes=").rstrip("-")) if asked and state.ranges else 0
        response = web.StreamResponse(status=206 if start else 200)
        response.content_length = len(CONTENT) - start
        await response.prepare(request)
        if state.break_after:
            await response.write(CONTENT[start : start + state.break_after])
            state.break_after = 0
            assert request.transport is not None
            request.transport.close()
            return response
        await response.write(CONTENT[start:])
        return response

    app = web.Application()
    app.router.add_get("/{name}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    state.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield state
    await runner.cleanup()


def part(url: str, *, sha256: str = SHA256, name: str = "") -> DataPart:
    return DataPart(url=url, sha256=sha256, name=name)


async def test_a_file_is_fetched_once_and_checked(server: Server, tmp_path: Path) -> None:
    events: list[WorkEvent] = []
    wanted = [part(f"{server.url}/a%20b.csv?x=1"), part(f"{server.url}/other", name="same.csv")]
    first, same = await fetch_data(wanted, tmp_path, report=events.append)
    assert (first.name, first.size_bytes, first.path.read_bytes() == CONTENT) == ("a b.csv", len(CONTENT), True)
    assert (same.name, same.path) == ("same.csv", first.path)
    assert not first.path.stat().st_mode & 0o222
    assert server.asked == [""]
    assert [type(event) for event in events if not hasattr(event, "level")][:1] == [StepStarted]
    assert isinstance(events[-1], StepFinished)


async def test_a_broken_download_goes_on_where_it_stopped(server: Server, tmp_path: Path) -> None:
    server.break_after = 1_500_000
    with pytest.raises(SourceError, match=r"127\.0\.0\.1 cannot be reached"):
        await fetch_data([part(f"{server.url}/x.csv")], tmp_path, report=ignore_events)
    (data,) = await fetch_data([part(f"{server.url}/x.csv")], tmp_path, report=ignore_events)
    assert data.path.read_bytes() == CONTENT
    assert server.asked[1].startswith("bytes=")


async def test_a_server_without_ranges_starts_again(server: Server, tmp_path: Path) -> None:
    server.break_after = 1_500_000
    server.ranges = False
    with pytest.raises(SourceError):
        await fetch_data([part(f"{server.url}/x.csv")], tmp_path, report=ignore_events)
    (data,) = await fetch_data([part(f"{server.url}/x.csv")], tmp_path, report=ignore_events)
    assert data.path.read_bytes() == CONTENT


@pytest.mark.parametrize("scheme", ["http", "file"])
async def test_a_wrong_checksum_is_said_and_nothing_is_kept(server: Server, tmp_path: Path, scheme: str) -> None:
    local = tmp_path / "x.csv"
    local.write_bytes(CONTENT)
    url = f"{server.url}/x.csv" if scheme == "http" else local.as_uri()
    with pytest.raises(SourceError, match="not what its checksum says") as caught:
        await fetch_data([part(url, sha256="0" * 64)], tmp_path / "cache", report=ignore_events)
    assert SHA256 in caught.value.message
    assert [path.name for path in (tmp_path / "cache").rglob("*") if path.is_file()] == [".lock"]


async def test_a_local_file_is_taken_too(tmp_path: Path) -> None:
    local = tmp_path / "x.csv"
    local.write_bytes(CONTENT)
    (data,) = await fetch_data([part(local.as_uri())], tmp_path / "cache", report=ignore_events)
    assert (data.name, data.path.read_bytes() == CONTENT) == ("x.csv", True)


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("{server}/missing.csv", "does not exist"),
        ("http://127.0.0.1:9/x.csv", "cannot be reached"),
        ("file:///nonexistent/x.csv", "cannot be read"),
        ("https://example.org/", "gives no file name"),
    ],
)
async def test_what_cannot_be_had_is_said(server: Server, tmp_path: Path, url: str, says: str) -> None:
    with pytest.raises(SourceError, match=says):
        await fetch_data([part(url.format(server=server.url))], tmp_path, report=ignore_events)


async def test_two_files_of_one_name_are_refused(server: Server, tmp_path: Path) -> None:
    wanted = [part(f"{server.url}/x.csv"), part(f"{server.url}/other", sha256="1" * 64, name="x.csv")]
    with pytest.raises(SourceError, match=r"called x\.csv"):
        await fetch_data(wanted, tmp_path, report=ignore_events)
    assert server.asked == []


async def test_two_at_once_fetch_once(server: Server, tmp_path: Path) -> None:
    wanted = [part(f"{server.url}/x.csv")]
    await asyncio.gather(*(fetch_data(wanted, tmp_path, report=ignore_events) for _ in range(3)))
    assert len(server.asked) == 1
