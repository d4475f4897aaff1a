"""Classrooms that are over or lost: found by their labels, shown, then removed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from textual import on
from textual.containers import Vertical
from textual.content import Content
from textual.widget import Widget

from workshop.actions import Scope
from workshop.model.amounts import counted
from workshop.model.snapshot import ClassroomSummary
from workshop.present.cells import one_line
from workshop.present.columns import Cell, Column
from workshop.present.words import Tone
from workshop.tui.bindings import bindings_for
from workshop.tui.jobs import JobKind, Report
from workshop.tui.screens.base import BaseScreen
from workshop.tui.screens.starting import show_job
from workshop.tui.widgets.check import Check
from workshop.tui.widgets.row_table import RowTable
from workshop.tui.widgets.text import Text
from workshop.tui.widgets.typed_word import TypedWord

COLUMNS = (
    Column("name", "Classroom", 18, grow=True),
    Column("seats", "Seats", 6, right=True),
    Column("runtime", "Runtime", 10),
    Column("detail", "Why", 24, grow=True),
)
WORD = "remove"


class CleanupScreen(BaseScreen[None]):
    """The list, a word to be typed, and the way out with the focus."""

    SCOPES: ClassVar[tuple[Scope, ...]] = (Scope.TEARDOWN,)
    BINDINGS: ClassVar = bindings_for(Scope.TEARDOWN)

    def __init__(self) -> None:
        super().__init__()
        self._found: tuple[ClassroomSummary, ...] | None = None
        self._everything = False

    def crumbs(self) -> tuple[str, ...]:
        return ("clean up",)

    def body(self) -> Iterator[Widget]:
        yield Text("Looking for classrooms that are over…", id="down-head")
        yield RowTable(COLUMNS)
        with Vertical(id="down-ask"):
            yield Text("", id="down-warning")
            yield Check("Every classroom, also those that are on", id="everything", compact=True)
            yield TypedWord(WORD, "Remove them")

    def on_mount(self) -> None:
        self.work("Looking for leftovers", self._read, group="plan")

    async def _read(self) -> None:
        self._found = await self.workshop.service.cleanup_plan(everything=self._everything)
        count = len(self._found)
        text = f"{counted(count, 'classroom')} will be removed" if count else "Nothing is left over."
        self.query_one("#down-head", Text).say(Content.styled(text, "bold"))
        self.query_one(RowTable).set_rows([(f"{room.runtime}/{room.name}", _cells(room)) for room in self._found])
        warning = self.query_one("#down-warning", Text)
        warning.say("Work in them that was not collected is collected first." if count else "")
        self._typed()

    @on(Check.Changed)
    def _everything_changed(self, event: Check.Changed) -> None:
        self._everything, self._found = event.value, None
        self._typed()
        self.work("Looking for leftovers", self._read, group="plan")

    @on(TypedWord.Changed)
    def _typed(self) -> None:
        self.query_one(TypedWord).allow(not self.blocked("teardown.go"))
        self.refresh_bindings()

    @on(TypedWord.Given)
    async def _go(self) -> None:
        await self.action_perform("teardown.go")

    @on(TypedWord.Refused)
    def _cancel(self) -> None:
        self.dismiss()

    def blocked(self, action_id: str) -> str:
        if action_id != "teardown.go":
            return ""
        if self._found is None:
            return "the list is not there yet."
        if not self._found:
            return "nothing is left over."
        return self.query_one(TypedWord).missing

    def do_teardown_go(self) -> None:
        service, everything = self.workshop.service, self._everything
        agreed = frozenset(room.uid for room in self._found or ())

        async def work(report: Report) -> object:
            return await service.cleanup(everything=everything, agreed=agreed, report=report)

        job = self.workshop.start_job(JobKind.CLEANUP, "Clean up", "", work)
        self.dismiss()
        show_job(self.workshop, job)


def _cells(room: ClassroomSummary) -> tuple[Cell, ...]:
    return (
        Cell(one_line(room.name)),
        Cell(str(room.seats)),
        Cell(room.runtime, Tone.MUTED),
        Cell(one_line(room.detail or ("it is on" if room.gateway else "")), Tone.WARN),
    )
