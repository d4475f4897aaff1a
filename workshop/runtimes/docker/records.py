"""What the engine says of a container, as a seat's record. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from workshop.model import labels
from workshop.model.seat import SeatRecord, SeatState
from workshop.runtimes.docker.objects import PORT

RESTARTS_UNTIL_FAILED = 3
"""A server that the engine has restarted so often in a row does not come up by itself."""

_FRACTION = re.compile(r"\.(\d{1,6})\d*")


def seat_number(of: Mapping[str, str]) -> int | None:
    """The number in a seat's labels; None for what is no seat of ours."""
    text = of.get(labels.SEAT, "")
    return int(text) if labels.is_ours(of) and text.isdigit() else None


def seat_generation(of: Mapping[str, str]) -> int:
    text = of.get(labels.GENERATION, "1")
    return int(text) if text.isdigit() else 1


def newest(containers: Iterable[Mapping[str, Any]]) -> dict[int, Mapping[str, Any]]:
    """Of listed containers the one of the highest generation, by seat number."""
    found: dict[int, Mapping[str, Any]] = {}
    for container in containers:
        of = container.get("Labels") or {}
        number = seat_number(of)
        if number is None:
            continue
        if number not in found or seat_generation(of) > seat_generation(found[number]["Labels"]):
            found[number] = container
    return found


def record_of(inspected: Mapping[str, Any]) -> SeatRecord:
    """One seat, from what `inspect` says of its container."""
    of = inspected["Config"]["Labels"]
    state = inspected["State"]
    running = state["Status"] == "running"
    return SeatRecord(
        number=seat_number(of) or 0,
        state=_state(state, inspected.get("RestartCount", 0)),
        object_id=inspected["Id"],
        endpoint=_endpoint(inspected, of.get(PORT, "8888")) if running or state["Status"] == "paused" else "",
        started_at=parse_time(state.get("StartedAt", "")) if running else None,
        memory_limit=inspected["HostConfig"].get("Memory") or 0,
        restarts=inspected.get("RestartCount", 0),
        generation=seat_generation(of),
        exit_code=None if running else state.get("ExitCode"),
        detail=_detail(state, inspected.get("RestartCount", 0)),
    )


def parse_time(text: str) -> datetime | None:
    """The engine's times have nanoseconds and a year 1 for never."""
    if not text or text.startswith("0001-"):
        return None
    return datetime.fromisoformat(_FRACTION.sub(r".\1", text).replace("Z", "+00:00")).astimezone(UTC)


def _state(state: Mapping[str, Any], restarts: int) -> SeatState:
    match state["Status"]:
        case "running":
            return SeatState.STARTING
        case "restarting":
            return SeatState.FAILED if restarts >= RESTARTS_UNTIL_FAILED else SeatState.STARTING
        case "paused":
            return SeatState.PAUSED
        case "created":
            return SeatState.FAILED if state.get("Error") else SeatState.CREATING
        case "removing":
            return SeatState.REMOVING
        case "exited":
            return SeatState.FAILED if state.get("Error") else SeatState.STOPPED
        case _:
            return SeatState.FAILED


def _detail(state: Mapping[str, Any], restarts: int) -> str:
    if state.get("Error"):
        return str(state["Error"])
    if state["Status"] == "restarting":
        ended = f"the server ended with code {state.get('ExitCode')}"
        return f"{ended} for the {restarts + 1}th time" if restarts > 2 else f"{ended} and was started again"
    if state["Status"] == "exited" and state.get("OOMKilled"):
        return "the server was killed because the seat's memory was full"
    if state["Status"] == "exited":
        return f"stopped; the server ended with code {state.get('ExitCode')}"
    return ""


def _endpoint(inspected: Mapping[str, Any], port: str) -> str:
    settings = inspected["NetworkSettings"]
    for binding in (settings.get("Ports") or {}).get(f"{port}/tcp") or ():
        return f"http://127.0.0.1:{binding['HostPort']}"
    for network in (settings.get("Networks") or {}).values():
        if network.get("IPAddress"):
            return f"http://{network['IPAddress']}:{port}"
    return ""
