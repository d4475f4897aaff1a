"""The report of a class as it stands now, and where it was written."""

from __future__ import annotations

import asyncio
import webbrowser
from collections.abc import Iterator
from typing import ClassVar

from textual.containers import VerticalScroll
from textual.content import Content
from textual.widget import Widget

from workshop.actions import Scope
from workshop.model.amounts import format_size
from workshop.service import WrittenReport
from workshop.tui.bindings import bindings_for
from workshop.tui.places import shown
from workshop.tui.screens.base import BaseScreen
from workshop.tui.screens.seat_acts import has_graphics
from workshop.tui.widgets.plots import area
from workshop.tui.widgets.seat_panel import labelled
from workshop.tui.widgets.text import Text

LABEL = 16
HEIGHT = 4
"""Lines of a plot."""


class ReportScreen(BaseScreen[None]):
    """Written anew each time it is asked for.

    Args:
        room: the classroom's name.
    """

    SCOPES: ClassVar[tuple[Scope, ...]] = (Scope.REPORT,)
    BINDINGS: ClassVar = bindings_for(Scope.REPORT)

    def __init__(self, room: str) -> None:
        super().__init__()
        self.room = room
        self._report: WrittenReport | None = None

    def crumbs(self) -> tuple[str, ...]:
        return (self.room, "report")

    def body(self) -> Iterator[Widget]:
        yield Text("Writing the report…", id="report-head")
        frame = VerticalScroll(Text("", id="report-text"), id="report")
        frame.add_class("first-focus")
        yield frame

    def on_mount(self) -> None:
        super().on_mount()
        self.do_report_again()

    def on_resize(self) -> None:
        self._show()

    def do_report_again(self) -> None:
        self.work("Writing the report", self._write, group="report")

    async def _write(self) -> None:
        self._report = await self.workshop.service.report(self.room)
        self._show()
        self.refresh_bindings()

    def _show(self) -> None:
        report = self._report
        if report is None:
            return
        head = Content.assemble(
            ("Written, without names, to ", "$foreground"), (shown(report.markdown.parent), "bold $text-primary"),
            (f"\n{report.markdown.name}\n{report.html.name}, with plots", "$text-muted"),
        )  # fmt: skip
        self.query_one("#report-head", Text).say(head)
        width = max(30, self.query_one("#report").scrollable_content_region.width - LABEL - 2)
        self.query_one("#report-text", Text).say(report_text(report, width))

    def blocked(self, action_id: str) -> str:
        return "the report is not written yet." if action_id.startswith("report.") and self._report is None else ""

    async def do_report_copy(self) -> None:
        assert self._report is not None
        await self.workshop.copy(self._report.text, "the report as Markdown")

    async def do_report_path(self) -> None:
        assert self._report is not None
        await self.workshop.copy(str(self._report.markdown.parent), "the folder's path")

    async def do_report_browser(self) -> None:
        assert self._report is not None
        page = self._report.html
        if has_graphics(self.workshop.environment) and await asyncio.to_thread(webbrowser.open, page.as_uri()):
            self.workshop.say("The report is open in this machine's browser.")
        else:
            self.workshop.say("No browser can be opened from this terminal.", hint=str(page), level="warning")


def report_text(report: WrittenReport, width: int) -> Content:
    """The report in `width` cells beside its labels."""
    facts = report.facts
    parts = [labelled([(label, Content(text)) for label, text in report.overview], LABEL)]
    if len(facts.moments) > 1:
        joined = [float(moment.joined) for moment in facts.moments]
        memory = [float(moment.memory_bytes) for moment in facts.moments]
        parts += [
            _plot("Joined", joined, f"{max(joined):.0f}", width),
            _plot("Memory", memory, format_size(max(memory)), width),
        ]
    notebooks = [
        (f"{part.share:4.0%} run", Content(f"{part.notebook}, in {_seats(part.seats)}" + _errors(part.errors)))
        for part in facts.progress
    ]
    parts.append(
        _section("Notebooks", notebooks or [("", Content.styled("Nothing was read of notebooks.", "$text-muted"))])
    )
    incidents = [(f"{count:>4} ×", Content(words)) for words, count in facts.incidents]
    parts.append(_section("Incidents", incidents or [("", Content.styled("None.", "$text-muted"))]))
    return Content("\n\n").join(parts)


def _section(title: str, rows: list[tuple[str, Content]]) -> Content:
    return Content("\n").join([Content.styled(title, "bold $text-primary"), labelled(rows, LABEL)])


def _plot(title: str, values: list[float], top: str, width: int) -> Content:
    stretched = [values[place * len(values) // width] for place in range(width)] if len(values) < width else values
    lines = area(stretched, width, HEIGHT, top=max(values))
    edges = [top, *[""] * (HEIGHT - 2), "0"]
    return Content("\n").join(
        [Content.styled(f"{title} over time", "bold $text-primary")]
        + [
            Content.assemble(
                (f"{edge:>{LABEL - 2}}  ", "$text-muted"), (f"{line:<{width}}", "$text-primary on $surface")
            )
            for edge, line in zip(edges, lines, strict=True)
        ]
    )


def _seats(count: int) -> str:
    return "1 seat" if count == 1 else f"{count} seats"


def _errors(count: int) -> str:
    return f"; the last cell an error in {count}" if count else ""
