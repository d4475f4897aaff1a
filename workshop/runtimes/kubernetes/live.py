"""A classroom's seats as one watch sees them, and calls for single seats gathered into calls for many.

Callers ask about one seat, often and all at once; the cluster is asked about all of them, once.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping
from typing import Generic, TypeVar

from workshop.errors import WorkshopError
from workshop.model.classroom import Classroom
from workshop.model.events import SeatChanged, SeatGone, SeatsListed
from workshop.model.seat import SeatCommand, SeatRecord
from workshop.runtimes.kubernetes.client import ClusterClient
from workshop.runtimes.kubernetes.seat_watch import watch_seats

T = TypeVar("T")

IDLE = 60.0
"""Seconds without a question after which a watch ends."""
GATHER = 0.02
"""Seconds that a call waits for others of its kind."""


class LivePicture:
    """Records of one classroom, kept up to date by a watch that ends when nobody asks any more."""

    def __init__(self, client: ClusterClient, classroom: Classroom, namespace: str) -> None:
        self._client = client
        self._classroom = classroom
        self._namespace = namespace
        self._records: dict[int, SeatRecord] = {}
        self._listed = asyncio.Event()
        self._asked = 0.0
        self._task: asyncio.Task[None] | None = None

    async def record(self, number: int) -> SeatRecord | None:
        """The seat as the watch saw it last; None when there is none, or nothing answers."""
        loop = asyncio.get_running_loop()
        self._asked = loop.time()
        if self._task is None or self._task.done():
            self._listed.clear()
            self._task = loop.create_task(self._follow(), name=f"seats of {self._classroom.name}")
            loop.call_later(IDLE, self._end_if_idle, loop)
        await self._listed.wait()
        return self._records.get(number)

    async def _follow(self) -> None:
        try:
            async with contextlib.aclosing(watch_seats(self._client, self._classroom, self._namespace)) as events:
                async for event in events:
                    match event:
                        case SeatsListed(records):
                            self._records = {record.number: record for record in records}
                            self._listed.set()
                        case SeatChanged(record):
                            self._records[record.number] = record
                        case SeatGone(number):
                            self._records.pop(number, None)
        except WorkshopError:
            self._records.clear()  # a probe says "not yet"; whoever asks for seats gets the error
        finally:
            self._listed.set()

    def _end_if_idle(self, loop: asyncio.AbstractEventLoop) -> None:
        task = self._task
        if task is None or task.done():
            return
        if loop.time() - self._asked >= IDLE:
            task.cancel()
        else:
            loop.call_at(self._asked + IDLE, self._end_if_idle, loop)

    async def aclose(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)


class Shared(Generic[T]):
    """One question for all who ask at the same time; who comes while it is under way gets the next answer."""

    def __init__(self, ask: Callable[[], Awaitable[T]]) -> None:
        self._ask = ask
        self._next: asyncio.Future[T] | None = None
        self._running: asyncio.Task[None] | None = None

    async def get(self) -> T:
        loop = asyncio.get_running_loop()
        if self._next is None:
            self._next = loop.create_future()
            # Nobody may be left to hear an error when its only caller was cancelled.
            self._next.add_done_callback(lambda future: future.cancelled() or future.exception())
        if self._running is None:
            self._running = loop.create_task(self._work())
        return await asyncio.shield(self._next)

    async def _work(self) -> None:
        try:
            while (future := self._next) is not None:
                self._next = None
                try:
                    future.set_result(await self._ask())
                except Exception as error:  # handed to everyone who asked
                    future.set_exception(error)
        finally:
            self._running = None


class Creations:
    """`create` calls for single seats, gathered into one for many."""

    def __init__(self, create_all: Callable[[Mapping[int, SeatCommand]], Awaitable[Mapping[int, SeatRecord]]]) -> None:
        self._create_all = create_all
        self._gathering: tuple[dict[int, SeatCommand], asyncio.Task[Mapping[int, SeatRecord]]] | None = None
        self._one_at_a_time = asyncio.Lock()

    async def create(self, number: int, command: SeatCommand) -> SeatRecord | None:
        """A cancelled caller takes nothing from the others: what was begun for it is finished."""
        if self._gathering is None:
            commands: dict[int, SeatCommand] = {}
            self._gathering = (commands, asyncio.create_task(self._flush(commands)))
        commands, task = self._gathering
        commands[number] = command
        return (await asyncio.shield(task)).get(number)

    async def _flush(self, commands: dict[int, SeatCommand]) -> Mapping[int, SeatRecord]:
        async with self._one_at_a_time:
            await asyncio.sleep(GATHER)
            self._gathering = None
            return await self._create_all(commands)
