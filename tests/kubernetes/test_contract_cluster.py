"""The runtimes' contract on a real cluster: the same body as every runtime, and what differs in the open."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.runtimes.test_contract import *  # noqa: F403
from tests.runtimes.test_contract_inside import *  # noqa: F403
from tests.runtimes.worlds import server_command, until
from workshop.model.classroom import Classroom
from workshop.model.seat import SeatState
from workshop.ports.runtime import Runtime

pytestmark = pytest.mark.cluster
CLUSTER = "real"


async def test_errors_are_ours(world: Any, runtime: Runtime, room: Classroom) -> None:
    """A cluster says only later that a program is missing: in the seat's state and its log."""
    await runtime.create(room, 1, replace(server_command(room, 1), argv=("no-such-program",)))

    async def failed() -> bool:
        (record,) = await runtime.seats(room)
        return record.state is SeatState.FAILED and "code 127" in record.detail

    await until(failed, "the seat says that its program does not start", 60)
    assert "no-such-program" in await runtime.logs(room, 1)


async def test_usage_is_read_for_running_seats_alone(world: Any, runtime: Runtime, room: Classroom, ready: Any) -> None:
    """Without the count of processes, which neither the metrics API nor every kubelet tells."""
    for number in (1, 2):
        await ready(number)
    await runtime.stop(room, 2)

    async def read() -> bool:
        usage = await runtime.usage(room)
        return list(usage) == [1] and bool(usage[1].memory_bytes) and bool(usage[1].cpu_seconds)

    await until(read, "memory and CPU of the running seat are known", 60)
    usage = await runtime.usage(room)
    assert 1024**2 < (usage[1].memory_bytes or 0) < 1024**3
