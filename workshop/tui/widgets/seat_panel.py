"""The selected seat beside the table: link, QR code, and what is known of it."""

from __future__ import annotations

from datetime import datetime

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content

from workshop.model.amounts import format_size, format_span
from workshop.model.seat import Seat
from workshop.present.cells import one_line
from workshop.present.rows import grouped
from workshop.present.words import HELP, SPARE, seat_words
from workshop.tui.room_history import RoomHistory
from workshop.tui.tones import style_of
from workshop.tui.widgets.plots import sparkline
from workshop.tui.widgets.qr_view import QrView
from workshop.tui.widgets.text import Text

LABEL = 11


class SeatPanel(VerticalScroll, can_focus=False):
    """One seat. Shown from 120 columns on."""

    def compose(self) -> ComposeResult:
        yield Text("", id="panel-head")
        yield QrView(id="panel-qr")
        yield Text("", id="panel-link")
        yield Text("", id="panel-facts")

    def show(self, seat: Seat | None, history: RoomHistory, now: datetime) -> None:
        head, link, facts = (self.query_one(f"#panel-{name}", Text) for name in ("head", "link", "facts"))
        if seat is None:
            head.say(Content.styled("No seat is selected.", "$text-muted"))
            self.query_one(QrView).show("")
            link.say("")
            facts.say("")
            return
        head.say(seat_headline(seat, now))
        self.query_one(QrView).show(seat.link)
        link.say(Content.assemble((seat.link, "bold $text-primary")))
        facts.say(seat_facts(seat, history, now, width=max(20, self.scrollable_content_region.width - LABEL)))


def seat_headline(seat: Seat, now: datetime) -> Content:
    """`Seat 07  ● ready  ⚑ help 4 min`."""
    words = seat_words(seat, now)
    parts = [(f"Seat {seat.name}  ", "bold"), (words.text(), style_of(words.tone))]
    if seat.help_since is not None:
        parts.append((f"  {HELP.text()} {format_span(now - seat.help_since)}", style_of(HELP.tone)))
    if seat.spare:
        parts.append((f"  {SPARE.word}", style_of(SPARE.tone)))
    if seat.label:
        parts.append((f"  {one_line(seat.label)}", "italic"))
    return Content.assemble(*parts)


def seat_facts(seat: Seat, history: RoomHistory, now: datetime, *, width: int) -> Content:
    """Labels and values, with curves where there are readings."""
    rows: list[tuple[str, Content]] = [("Code", Content.styled(grouped(seat.code), "bold"))]
    if seat.target:
        rows.append(("Target", Content(seat.target)))
    rows.append(("First seen", Content(_ago(seat.first_seen, now))))
    rows.append(("Active", Content(_ago(seat.last_active, now))))
    if seat.notebook:
        rows.append(("Notebook", Content(one_line(seat.notebook))))
    curve = max(8, min(30, width - 18))
    if seat.memory_bytes is not None:
        limit = f" of {format_size(seat.memory_limit)}" if seat.memory_limit else ""
        line = sparkline(history.memory(seat.number), curve, top=seat.memory_limit)
        rows.append(("Memory", Content.assemble(f"{format_size(seat.memory_bytes)}{limit}\n", (line, "$text-primary"))))
    if seat.cpu_percent is not None:
        line = sparkline(history.cpu(seat.number), curve, top=max(100.0, *history.cpu(seat.number), 100.0))
        rows.append(("CPU", Content.assemble(f"{seat.cpu_percent:.0f}%\n", (line, "$text-accent"))))
    if seat.disk_bytes is not None:
        rows.append(("Disk", Content(format_size(seat.disk_bytes))))
    if seat.pids is not None:
        rows.append(("Processes", Content(str(seat.pids))))
    if seat.visited:
        rows.append(("Visited", Content("the instructor is there")))
    if seat.browsers > 1:
        rows.append(("Browsers", Content.styled(f"{seat.browsers} different ones", "$text-warning")))
    if seat.restarts or seat.kernel_restarts:
        rows.append(("Restarts", Content(f"{seat.restarts} of the seat, {seat.kernel_restarts} of kernels")))
    for part in seat.progress:
        stuck = f", an error for {format_span(now - part.error_since)}" if part.error_since else ""
        rows.append(("Progress", Content.assemble(
            f"{part.run} of {part.cells} in {one_line(part.notebook)}", (stuck, "$text-warning"))))  # fmt: skip
    for warning in seat.warnings:
        rows.append(("Warning", Content.styled(one_line(warning), "$text-warning")))
    if seat.detail:
        rows.append(("Detail", Content(one_line(seat.detail))))
    return labelled(rows)


def labelled(rows: list[tuple[str, Content]], label: int = LABEL) -> Content:
    """Labels in a column of their own; values of several lines stand below each other."""
    lines: list[Content] = []
    for name, value in rows:
        first, *rest = value.split("\n")
        lines.append(Content.styled(f"{name:<{label}}", "$text-muted") + first)
        lines += [Content(" " * label) + line for line in rest]
    return Content("\n").join(lines)


def _ago(moment: datetime | None, now: datetime) -> str:
    return f"{format_span(max(0.0, (now - moment).total_seconds()))} ago" if moment is not None else "never"
