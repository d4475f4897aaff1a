"""The end of a class: exactly what would be removed, what would be lost, and the classroom's name to be typed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

from textual import on
from textual.containers import Vertical
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Input

from workshop.actions import Scope
from workshop.errors import WorkshopError
from workshop.model.amounts import counted
from workshop.model.seat import seat_name
from workshop.present.columns import Cell, Column
from workshop.present.words import Tone
from workshop.service import TeardownPlan
from workshop.tui.bindings import bindings_for
from workshop.tui.jobs import JobKind, Report
from workshop.tui.places import shown
from workshop.tui.screens.base import BaseScreen
from workshop.tui.screens.starting import show_job
from workshop.tui.widgets.check import Check
from workshop.tui.widgets.row_table import RowTable
from workshop.tui.widgets.text import Text
from workshop.tui.widgets.typed_word import TypedWord

COLUMNS = (Column("kind", "Kind", 12), Column("name", "What is removed", 30, grow=True))
MOST_NAMED = 15


class TeardownScreen(BaseScreen[None]):
    """
    Args:
        room: the classroom's name.
    """

    SCOPES: ClassVar[tuple[Scope, ...]] = (Scope.TEARDOWN,)
    BINDINGS: ClassVar = bindings_for(Scope.TEARDOWN)

    def __init__(self, room: str) -> None:
        super().__init__()
        self.room = room
        self._plan: TeardownPlan | None = None

    def crumbs(self) -> tuple[str, ...]:
        return (self.room, "tear down")

    def body(self) -> Iterator[Widget]:
        yield Text("Finding out what would be removed…", id="down-head")
        yield RowTable(COLUMNS, id="objects")
        with Vertical(id="down-ask"):
            yield Text("", id="down-warning")
            with Vertical(id="down-collect"):
                yield Check("Collect the work first, into", value=True, id="collect", compact=True)
                yield Input(id="folder", compact=True)
            yield Text("", id="down-question")
            yield TypedWord(self.room, "Remove everything")

    def on_mount(self) -> None:
        self.query_one("#down-ask").display = False
        self.work("Planning the teardown", self._read)

    async def _read(self) -> None:
        try:
            self._plan = await self.workshop.service.teardown_plan(self.room)
        except WorkshopError:
            self.dismiss()
            raise
        plan = self._plan
        self.query_one("#folder", Input).value = shown(self.workshop.service.collect_folder(plan.classroom))
        self.query_one("#down-head", Text).say(
            Content.assemble(
                (f"{counted(len(plan.objects), 'thing')} of ", "$foreground"),
                (plan.classroom.name, "bold $text-error"),
                (f" on {plan.classroom.runtime} will be removed", "$foreground"),
            )
        )
        rows = [(f"{n}", (Cell(kind, Tone.MUTED), Cell(name))) for n, (kind, name) in enumerate(plan.objects)]
        self.query_one(RowTable).set_rows(rows)
        self._show_warning()
        self.query_one("#down-ask").display = True
        self.query_one(TypedWord).focus_cancel()

    def _show_warning(self) -> None:
        plan = self._plan
        assert plan is not None
        keeps = bool(plan.claimed)
        self.query_one("#down-collect").display = keeps
        collecting = keeps and self.query_one("#collect", Check).value
        if plan.uncollected and not collecting:
            text = f"▲ The work of {_named(plan.uncollected)} was not collected and will be lost."
        elif plan.uncollected:
            text = f"▲ The work of {_named(plan.uncollected)} was not collected yet."
        elif plan.claimed:
            taken = "seat that was taken" if len(plan.claimed) == 1 else "seats that were taken"
            text = f"No work in the {len(plan.claimed)} {taken} is uncollected."
        else:
            text = "Nobody has taken a seat: there is no work to lose."
        if plan.unsure:
            text += f"\n▲ {_named(plan.unsure)} cannot be asked."
        warning = self.query_one("#down-warning", Text)
        warning.say(Content(text))
        warning.set_class(plan.loses, "-warns")
        self.query_one("#folder", Input).disabled = not collecting

    @on(Check.Changed, "#collect")
    def _collect_changed(self) -> None:
        if self._plan is not None:
            self._show_warning()
            self._typed()

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
        if self._plan is None:
            return "the list is not there yet."
        if missing := self.query_one(TypedWord).missing:
            return missing
        if self._collecting and not self.query_one("#folder", Input).value.strip():
            return "name a folder for the work."
        return ""

    @property
    def _collecting(self) -> bool:
        return self._plan is not None and bool(self._plan.claimed) and self.query_one("#collect", Check).value

    def do_teardown_go(self) -> None:
        folder = Path(self.query_one("#folder", Input).value.strip()).expanduser() if self._collecting else None
        service, room = self.workshop.service, self.room
        # what the screen has not said to be lost is not given up: somebody may have begun to work since
        gives_up = folder is None and self._plan is not None and self._plan.loses

        async def work(report: Report) -> object:
            return await service.down(room, collect_to=folder, discard=gives_up, report=report)

        app = self.workshop
        job = app.start_job(JobKind.DOWN, f"Tear down {room}", room, work)
        app.leave_room(room)
        show_job(app, job)


def _named(numbers: tuple[int, ...]) -> str:
    names = ", ".join(seat_name(number) for number in numbers[:MOST_NAMED])
    more = f" and {len(numbers) - MOST_NAMED} more" if len(numbers) > MOST_NAMED else ""
    return f"{counted(len(numbers), 'seat')} ({names}{more})"
