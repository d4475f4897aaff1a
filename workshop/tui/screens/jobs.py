"""Long work of this session, running and finished."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from textual import on
from textual.binding import Binding
from textual.widget import Widget

from workshop.model.amounts import format_span
from workshop.present.cells import one_line
from workshop.present.columns import Cell, Column
from workshop.present.words import Tone
from workshop.tui.jobs import Job, JobState
from workshop.tui.screens.base import BaseScreen
from workshop.tui.widgets.row_table import RowTable
from workshop.tui.widgets.text import Text

COLUMNS = (
    Column("state", "State", 12),
    Column("title", "Work", 24, grow=True),
    Column("time", "Time", 12, right=True),
    Column("last", "Last", 24, priority=1, grow=True),
)
STATES = {
    JobState.RUNNING: ("◑", Tone.BUSY),
    JobState.CANCELLING: ("◌", Tone.WARN),
    JobState.DONE: ("●", Tone.GOOD),
    JobState.FAILED: ("✗", Tone.BAD),
    JobState.CANCELLED: ("■", Tone.WARN),
}


class JobsScreen(BaseScreen[None]):
    """Enter shows one of them."""

    BINDINGS: ClassVar = [Binding("enter", "open", "Open", show=False)]

    def crumbs(self) -> tuple[str, ...]:
        return ("work",)

    def body(self) -> Iterator[Widget]:
        table = RowTable(COLUMNS)
        table.add_class("first-focus")
        yield table
        yield Text("No work was begun in this session.", id="no-jobs", classes="empty")

    def on_mount(self) -> None:
        self._show()

    def tick(self) -> None:
        super().tick()
        self._show()

    def job_changed(self, job: Job) -> None:
        self._show()

    def _show(self) -> None:
        jobs, now = self.workshop.jobs.all(), self.workshop.now()
        rows = []
        for job in jobs:
            glyph, tone = STATES[job.state]
            last = job.log[-1].text if job.log else ""
            rows.append(
                (
                    str(job.number),
                    (
                        Cell(f"{glyph} {job.state.value}", tone),
                        Cell(one_line(job.title)),
                        Cell(format_span(job.seconds(now)), Tone.MUTED),
                        Cell(one_line(last), Tone.MUTED),
                    ),
                )
            )
        self.query_one(RowTable).set_rows(rows)
        self.query_one(RowTable).display = bool(rows)
        self.query_one("#no-jobs").display = not rows

    @on(RowTable.Chosen)
    def action_open(self) -> None:
        from workshop.tui.screens.job import JobScreen

        key = self.query_one(RowTable).cursor_key
        if key:
            self.app.push_screen(JobScreen(self.workshop.jobs.find(int(key))))
