"""The demo: a bundled sample workshop from its folder to a running cell, on the best runtime of this machine."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from time import monotonic
from typing import Any

from workshop.errors import (
    BuildFailed,
    NameInUse,
    RuntimeRefused,
    RuntimeUnreachable,
    SeatFailed,
    UnknownClassroom,
    WorkshopError,
)
from workshop.model.events import Noted
from workshop.model.snapshot import Removal
from workshop.ports.build import Report
from workshop.service.opening import failure_of
from workshop.service.reports import DemoReport, UpReport, UpRequest
from workshop.service.service import Service
from workshop.service.student import Student

SAMPLE = "python-basics"
HEADLESS_NAME = "demo-headless"
"""Another class than the one that somebody may have kept from a demo with a terminal: it is removed at the end."""
CELL = (
    "import pathlib\n"
    "print(6 * 7, 'and', len(list(pathlib.Path().rglob('*.ipynb'))), 'notebooks in', pathlib.Path().resolve())"
)
ANSWER = "42 and "
BASE_TIMEOUT = 20.0
"""Seconds for the question whether a base image can be fetched."""


@dataclass(frozen=True, slots=True)
class Choice:
    """The runtime that the demo takes, and why."""

    runtime: str
    reason: str
    loud: bool = False
    """The reason has to be read: seats are not isolated."""


async def choose_runtime(service: Service, asked: str) -> Choice:
    """Docker, if an engine answers and a base image can be had; else plain processes."""
    wiring = service.wiring
    if asked and asked != "auto":
        return Choice(asked, f"Seats run on {asked}, as asked.", loud=asked == "process")
    try:
        facts = await wiring.runtime("docker").facts()
    except WorkshopError as error:
        return _processes(error.message)
    if wiring.config.is_default("image_base"):
        base = wiring.setting("image_base")
        if (missing := await _base_missing(service, base)) != "":
            return _processes(f"Docker {facts.version} answers, and {missing}")
    return Choice("docker", f"Seats run on Docker {facts.version}.")


def _processes(why: str) -> Choice:
    return Choice(
        "process",
        f"Seats run as plain processes of yours, WITHOUT ANY ISOLATION: good for a look, not for a class. Why: {why}",
        loud=True,
    )


async def _base_missing(service: Service, base: str) -> str:
    """Why the base image cannot be had; empty when it is there or its registry has it."""

    def look(client: Any) -> None:
        import docker.errors

        try:
            client.images.get(base)
        except docker.errors.ImageNotFound:
            client.images.get_registry_data(base)

    try:
        await asyncio.wait_for(service.wiring.docker.call(look), BASE_TIMEOUT)
    except (RuntimeRefused, RuntimeUnreachable) as error:
        return f"the base image {base} cannot be fetched ({error.message})"
    except TimeoutError:
        return f"the registry of the base image {base} does not answer within {BASE_TIMEOUT:.0f} s."
    return ""


class Demo:
    """One demo. `open` brings the class up; `headless` also takes part in it and takes it down again.

    Args:
        runtime: empty for the best there is.
    """

    def __init__(self, service: Service, *, name: str, seats: int, runtime: str, report: Report) -> None:
        self.name = name
        self._service = service
        self._seats = seats
        self._asked = runtime
        self._report = report
        self._seconds: dict[str, float] = {}
        self._image = ""
        self._was_there = False
        """Whether the class is older than this demo: then it is not removed when something fails."""

    @property
    def seconds(self) -> Mapping[str, float]:
        """How long each part took."""
        return self._seconds

    async def open(self) -> UpReport:
        """Build the sample and open a class on it; after a failure nothing is left of what was begun here.

        Run again, it goes on with what is there.

        Raises:
            WorkshopError: it could not be built or opened, on any runtime that may be tried.
        """
        self._was_there = await self._is_there()
        try:
            return await self._open()
        except BaseException:
            await self._close_after_failure()
            raise

    async def _is_there(self) -> bool:
        try:
            await self._service.classroom(self.name)
        except UnknownClassroom:
            return False
        return True

    async def _open(self) -> UpReport:
        choice = await choose_runtime(self._service, self._asked)
        self._say(choice)
        try:
            return await self._open_on(choice.runtime)
        except (BuildFailed, RuntimeRefused) as error:
            if choice.runtime != "docker" or self._asked == "docker" or self._was_there:
                raise
            await self.close()
            last = " ".join(error.details[-1:])
            self._say(_processes(f"on Docker it did not work. {error.message} {last}".strip()))
            return await self._open_on("process")

    async def _open_on(self, runtime: str) -> UpReport:
        sample = self._service.wiring.samples / SAMPLE
        if not sample.is_dir():
            raise WorkshopError(f"The sample workshop is not in {sample}.", hint="Install this program again.")
        began = monotonic()
        image = await self._service.build(str(sample), runtime=runtime, report=self._report)
        self._image = image.reference
        self._seconds["build"] = monotonic() - began
        began = monotonic()
        request = UpRequest(file=str(sample), name=self.name, seats=self._seats, runtime=runtime)
        report = await self._service.up(request, report=self._report)
        self._seconds["up"] = monotonic() - began
        if report.first_ready_seconds is not None:
            self._seconds["first seat"] = report.first_ready_seconds
        if (error := failure_of(report)) is not None:
            raise error
        return report

    async def headless(self) -> DemoReport:
        """Open, enter a seat by its link, run a cell in it, close. What was opened is closed also after a failure.

        Raises:
            NameInUse: somebody's class has this name: it would be removed at the end.
            SeatFailed: the seat could not be entered, or the cell did not print what it must.
            PartlyDone: not every seat came up.
        """
        if self.name != HEADLESS_NAME and await self._is_there():
            raise NameInUse(
                f"A classroom named {self.name} is there, and this demo would remove it at its end.",
                hint="Give the demo another name with `--name`, or leave `--name` out.",
            )
        report = await self.open()
        self._was_there = False  # what an earlier run of this demo left is its own
        try:
            began = monotonic()
            seat = report.snapshot.seats[0]
            async with Student() as student:
                page = await student.enter(seat.link)
                self._seconds["link"] = monotonic() - began
                began = monotonic()
                result = await student.run_cell(CELL)
                self._seconds["cell"] = monotonic() - began
            if result.error or not result.output.startswith(ANSWER):
                raise SeatFailed(f"The cell ended otherwise: {result.error or result.output!r}.")
        except BaseException:
            await self._close_after_failure()
            raise
        began = monotonic()
        removal = await self.close()
        self._seconds["down"] = monotonic() - began
        return DemoReport(
            runtime=report.snapshot.classroom.runtime,
            image=self._image,
            seats=len(report.snapshot.seats),
            link=page,
            cell=CELL,
            output=result.output,
            removal=removal,
            seconds=dict(self._seconds),
        )

    async def close(self) -> Removal:
        """Remove what the demo has opened; nothing there is nothing left."""
        try:
            return (await self._service.down(self.name, discard=True, report=self._report)).removal
        except UnknownClassroom:
            return Removal()

    async def _close_after_failure(self) -> None:
        """The first error is the one to be told; a second one is said beside it."""
        if self._was_there:
            return
        try:
            await self.close()
        except WorkshopError as error:
            self._report(Noted(f"The demo's class could not be removed: {error.message} {error.hint}", level="error"))

    def _say(self, choice: Choice) -> None:
        self._report(Noted(choice.reason, level="warning" if choice.loud else "info"))
