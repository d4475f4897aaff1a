"""Long work as it goes: steps with their times, seats as they come up, the log, and a way to stop it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from textual.containers import Vertical
from textual.content import Content
from textual.widget import Widget

from workshop.actions import Scope
from workshop.model.amounts import format_span
from workshop.present.cells import cell_width, cut, one_line
from workshop.present.words import STATES
from workshop.service import UpReport
from workshop.tui.bindings import bindings_for, key_name
from workshop.tui.jobs import Job, JobKind, JobState, Step
from workshop.tui.outcomes import result_sentence, troubles_of
from workshop.tui.screens.base import BaseScreen
from workshop.tui.screens.confirm import ConfirmDialog
from workshop.tui.tones import style_of
from workshop.tui.widgets.bars import Parts
from workshop.tui.widgets.log_view import LogView
from workshop.tui.widgets.text import Text

STEPS_SHOWN = 7
TROUBLES_SHOWN = 8
STATE_WORDS = {
    JobState.RUNNING: ("◑", "running", "$text-primary"),
    JobState.CANCELLING: ("◌", "stopping", "$text-warning"),
    JobState.DONE: ("●", "done", "$text-success"),
    JobState.FAILED: ("✗", "failed", "$text-error"),
    JobState.CANCELLED: ("■", "cancelled", "$text-warning"),
}


class JobScreen(BaseScreen[None]):
    """One job. Leaving the screen ends nothing."""

    SCOPES: ClassVar[tuple[Scope, ...]] = (Scope.JOB,)
    BINDINGS: ClassVar = bindings_for(Scope.JOB)

    def __init__(self, job: Job) -> None:
        super().__init__()
        self.job = job
        self._logged = 0

    def crumbs(self) -> tuple[str, ...]:
        return (self.job.title,)

    def facts(self) -> Parts:
        glyph, word, style = STATE_WORDS[self.job.state]
        return [(f"{glyph} {word} ", style), (format_span(self.job.seconds(self.workshop.now())), "$text-muted")]

    def body(self) -> Iterator[Widget]:
        yield Text("", id="headline")
        yield Text("", id="steps")
        yield Text("", id="seats")
        with Vertical(id="log-frame"):
            yield LogView(id="log", first_focus=True)

    def on_mount(self) -> None:
        self._show()

    def tick(self) -> None:
        super().tick()
        if self.job.running:
            self._show_steps()

    def job_changed(self, job: Job) -> None:
        if job is self.job:
            self._show()
            self.refresh_bindings()
            super().tick()
            self._lead_on()

    def _lead_on(self) -> None:
        """A classroom that came up whole is shown at once."""
        result = self.job.result
        if self.is_current and self.job.kind is JobKind.UP and isinstance(result, UpReport) and not result.failed:
            self.workshop.say(result_sentence(self.job, self.workshop.now()))
            self.do_job_open()

    # Showing

    def _show(self) -> None:
        self._show_headline()
        self._show_steps()
        self._show_seats()
        new = self.job.logged - self._logged
        if new:
            entries = list(self.job.log)[-new:]
            self.query_one(LogView).lines.add((entry.text, entry.tone) for entry in entries)
            self._logged = self.job.logged

    def _show_headline(self) -> None:
        line = self.query_one("#headline", Text)
        line.say(self._headline())

    def _headline(self) -> Content:
        job = self.job
        if job.state is JobState.FAILED and job.error is not None:
            hint = f"\n{job.error.hint}" if job.error.hint else ""
            return Content.assemble(
                ("✗ ", "$text-error"), (job.error.message, "bold $text-error"), (hint, "$foreground")
            )
        if job.state is JobState.CANCELLED:
            again = key_name(self.workshop.keys_of("job.again")[0]) if self.workshop.keys_of("job.again") else "again"
            return Content.styled(f"■ Cancelled. {again} goes on from what is there.", "$text-warning")
        if job.state is JobState.DONE:
            troubles = troubles_of(job.result)
            glyph, style = ("▲ ", "$text-warning") if troubles else ("● ", "$text-success")
            lines = [Content.assemble((glyph, style), (result_sentence(job, self.workshop.now()), "bold"))]
            lines += [Content.styled(f"  {line}", "$text-warning") for line in troubles[:TROUBLES_SHOWN]]
            return Content("\n").join(lines)
        if job.kind in (JobKind.UP, JobKind.ADD) and job.wanted:
            return Content.assemble(
                (f"{job.ready} of {job.wanted}", "bold $text-primary"), (" seats ready  ", "$foreground"), *self._bar()
            )
        if job.kind in (JobKind.DOWN, JobKind.CLEANUP) and job.removed:
            counts = ", ".join(f"{count} {kind}" for kind, count in job.removed.items())
            return Content.assemble(("Removed so far: ", "$text-muted"), (counts, "bold"))
        current = next((step for step in reversed(job.steps) if step.seconds is None), None)
        return Content.styled(current.text if current else "Beginning…", "bold")

    def _bar(self) -> list[tuple[str, str]]:
        """How many of the seats are ready, as a line: counted, never guessed."""
        width = max(10, min(40, self.size.width - 34))
        done = width * self.job.ready // max(1, self.job.wanted)
        return [("━" * done, "$text-primary"), ("━" * (width - done), "$line")]

    def _show_steps(self) -> None:
        steps = self.job.steps[-STEPS_SHOWN:]
        width = max(20, self.size.width - 4)
        self.query_one("#steps", Text).say(Content("\n").join(self._step_line(step, width) for step in steps))
        self.query_one("#steps").display = bool(steps)

    def _step_line(self, step: Step, width: int) -> Content:
        running = step.seconds is None
        glyph, style = (
            ("◑", "$text-primary") if running else ("✗", "$text-error") if step.broken else ("✓", "$text-success")
        )
        seconds = (self.workshop.now() - step.began).total_seconds() if running else step.seconds or 0.0
        time = "reused" if step.cached else _short_span(seconds)
        text = cut(one_line(step.text), width - 12)
        gap = " " * max(1, width - 2 - cell_width(text) - cell_width(time))
        return Content.assemble(
            (f"{glyph} ", style),
            (text, "bold" if running else "$foreground"),
            (gap + time, "$text-muted"),
        )

    def _show_seats(self) -> None:
        strip = self.query_one("#seats", Text)
        records = [self.job.seats[number] for number in sorted(self.job.seats)]
        strip.display = bool(records)
        parts = [
            (f"{record.number:02d}{STATES[record.state].glyph} ", style_of(STATES[record.state].tone))
            for record in records
        ]
        strip.say(Content.assemble(*parts))

    # Actions

    def blocked(self, action_id: str) -> str:
        job = self.job
        if action_id == "job.cancel" and not job.running:
            return "it has ended."
        if action_id == "job.cancel" and job.state is JobState.CANCELLING:
            return "it is being stopped."
        if action_id in ("job.again", "job.open") and job.running:
            return "it is still running; esc leaves it running and goes back."
        return ""

    def do_job_open(self) -> None:
        job = self.job
        if isinstance(job.result, UpReport):
            self.dismiss()
            self.workshop.open_room(job.result.snapshot.classroom.name)
        else:
            self.dismiss()

    def do_job_again(self) -> None:
        from workshop.tui.screens.starting import show_job

        job = self.workshop.jobs.again(self.job.number)
        self.dismiss()
        show_job(self.workshop, job)

    def do_job_cancel(self) -> None:
        self.work("Cancelling", self._cancel)

    async def _cancel(self) -> None:
        kept = {
            JobKind.BUILD: "The last good image stays; nothing half-made is left.",
            JobKind.CARRY: "A half-written file goes; the image is as it was.",
            JobKind.UP: "Seats that are there stay; opening the same classroom again goes on from them.",
            JobKind.DOWN: "What is removed is removed; tearing down again finishes it.",
        }
        text = kept.get(self.job.kind, "What is done stays; the same act again finishes it.")
        if await self.app.push_screen_wait(ConfirmDialog(f"Stop: {self.job.title}?", [text], "Stop it")):
            self.workshop.jobs.cancel(self.job.number)

    def go_back(self) -> None:
        if not self.query_one(LogView).close_search():
            self.dismiss()


def _short_span(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds < 10 else format_span(seconds)
