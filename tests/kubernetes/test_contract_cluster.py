"""The runtimes' contract on a real cluster: the same body as every runtime, and what differs in the open."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.runtimes.test_contract import *  # noqa: F403
from tests.runtimes.worlds import server_command, until
from workshop.model.classroom import Classroom
from workshop.model.seat import SeatState
from workshop.ports.runtime import Runtime

pytestmark = pytest.mark.cluster


async def test_errors_are_ours(world: Any, runtime: Runtime, room: Classroom) -> None:
    """A cluster says only later that a program is missing: in the seat's state and its log."""
    await runtime.create(room, 1, replace(server_command(room, 1), argv=("no-such-program",)))

    async def failed() -> bool:
        (record,) = await runtime.seats(room)
        return record.state is SeatState.FAILED and "code 127" in record.detail

    await until(failed, "the seat says that its program does not start", 60)
    assert "no-such-program" in await runtime.logs(room, 1)
