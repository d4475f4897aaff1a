"""Leaving while work is running."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal, Vertical
from textual.widgets import Button

from workshop.tui.screens.base import BaseDialog
from workshop.tui.screens.confirm import ESCAPE
from workshop.tui.widgets.text import Text


class QuitDialog(BaseDialog[None]):
    """Stay, wait for the end, or stop the work and leave."""

    BINDINGS: ClassVar = [
        ESCAPE,
        Binding("w", "wait", "Wait", show=False),
        Binding("y", "stop", "Stop", show=False),
        Binding("left", "app.focus_previous", "Button before", show=False),
        Binding("right", "app.focus_next", "Next button", show=False),
    ]
    AUTO_FOCUS = "#stay"

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog danger"):
            yield Text("Work is still running", classes="dialog-title")
            yield Text("", id="running", classes="dialog-text")
            with Horizontal(classes="dialog-buttons"):
                yield Button("Stay", id="stay", compact=True)
                yield Button("Leave when done (w)", id="wait", compact=True)
                yield Button("Stop it and leave (y)", id="stop", compact=True, classes="danger")

    def on_mount(self) -> None:
        titles = [f"· {job.title}" for job in self.workshop.jobs.running()]
        note = "What is stopped is put in order; the same verb finishes it later. Open classrooms stay open."
        self.query_one("#running", Text).say("\n".join([*titles, "", note]))

    def action_back(self) -> None:
        self.dismiss(None)

    @on(Button.Pressed, "#stay")
    def _stay(self) -> None:
        self.dismiss(None)

    @on(Button.Pressed, "#wait")
    def action_wait(self) -> None:
        self.query_one("#running", Text).say("Leaving when the work is done… esc stays.")
        self.work("Waiting", self._leave)

    @on(Button.Pressed, "#stop")
    def action_stop(self) -> None:
        for job in self.workshop.jobs.running():
            self.workshop.jobs.cancel(job.number)
        self.query_one("#running", Text).say("Stopping the work and putting it in order…")
        self.work("Stopping", self._leave)

    async def _leave(self) -> None:
        await self.workshop.jobs.finish()
        self.app.exit(0)
