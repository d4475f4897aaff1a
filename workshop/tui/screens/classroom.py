"""The classroom as it is now: every seat, who needs help, what happened, and everything that can be done about it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import ClassVar

from textual import on
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widget import Widget
from textual.widgets import ContentSwitcher, Input

from workshop.actions import Scope
from workshop.errors import UnknownClassroom
from workshop.model.amounts import format_span
from workshop.model.snapshot import Snapshot
from workshop.present.rows import header, help_queue
from workshop.service import ActReport, UpReport
from workshop.tui.bindings import bindings_for
from workshop.tui.jobs import Job, JobKind, JobState
from workshop.tui.places import shown
from workshop.tui.screens.base import BaseScreen
from workshop.tui.screens.room_acts import RoomActs
from workshop.tui.screens.seat_acts import SeatActs
from workshop.tui.widgets.activity import ActivityPlots
from workshop.tui.widgets.bars import Parts, TopBar
from workshop.tui.widgets.event_list import EventList
from workshop.tui.widgets.filter_bar import FilterBar
from workshop.tui.widgets.help_queue import HelpQueue
from workshop.tui.widgets.row_table import RowTable
from workshop.tui.widgets.seat_map import SeatMap
from workshop.tui.widgets.seat_panel import SeatPanel
from workshop.tui.widgets.seat_table import SeatTable
from workshop.tui.widgets.text import Text
from workshop.tui.widgets.view_bar import ViewBar

VIEWS = ("seats", "map", "help", "activity", "events")
SOON = 15 * 60
"""Seconds before the end at which the time left is shown as a warning."""


class ClassScreen(SeatActs, RoomActs, BaseScreen[None]):
    """One classroom.

    Args:
        room: its name.
    """

    SCOPES: ClassVar[tuple[Scope, ...]] = (Scope.SEAT, Scope.CLASS)
    BINDINGS: ClassVar = bindings_for(Scope.SEAT, Scope.CLASS)

    def __init__(self, room: str) -> None:
        super().__init__()
        self.room = room
        self._gone = False
        self._selected: int | None = None

    # Frame

    def crumbs(self) -> tuple[str, ...]:
        return (self.room,)

    def facts(self) -> Parts:
        snapshot = self.snapshot if self.room in self.workshop.rooms else None
        if snapshot is None:
            return []
        classroom = snapshot.classroom
        return [(f"{classroom.runtime}  ", "$text-muted"), (classroom.workshop, "$text-muted")]

    def right_facts(self) -> Parts:
        snapshot = self.snapshot if self.room in self.workshop.rooms else None
        if snapshot is None or snapshot.ends is None:
            return []
        left = (snapshot.ends - self.workshop.now()).total_seconds()
        if left <= 0:
            return [(f"ended {format_span(-left)} ago", "bold $text-error")]
        return [(f"ends in {format_span(left)}", "bold $text-warning" if left <= SOON else "$foreground")]

    def body(self) -> Iterator[Widget]:
        yield ViewBar(VIEWS)
        yield Text("", id="stale")
        with Horizontal(id="room"):
            with Vertical(id="views"):
                with ContentSwitcher(initial="seats"):
                    table = SeatTable(id="seats")
                    table.add_class("first-focus")
                    yield table
                    yield SeatMap(id="map")
                    yield HelpQueue(id="help")
                    yield ActivityPlots(id="activity")
                    yield EventList(id="events")
                yield Text("", id="no-seats", classes="empty")
            yield SeatPanel(id="panel")
        yield FilterBar()

    def on_mount(self) -> None:
        self.workshop.watch_room(self.room)
        self.query_one("#no-seats", Text).say("Asking for the classroom…")
        self._show()

    def on_unmount(self) -> None:
        self.workshop.release_room(self.room)

    # News

    def room_changed(self, snapshot: Snapshot) -> None:
        if snapshot.classroom.name == self.room:
            self._gone = False
            if self.is_current or self.workshop.screen.is_modal:
                self._show()

    def room_gone(self, room: str) -> None:
        if room != self.room:
            return
        self._gone = True
        if self.snapshot is None:
            self.workshop.tell(UnknownClassroom(f"There is no classroom {room!r}.", hint="It may have been torn down."))
            self.go_home()
        else:
            self._show()

    def go_home(self) -> None:
        """Leave this screen, if it is still there."""
        if self in self.app.screen_stack and self.is_current:
            self.dismiss()

    def job_changed(self, job: Job) -> None:
        if job.subject != self.room or job.running or not self.is_current:
            return
        if job.kind is JobKind.ACT and job.state is JobState.DONE and isinstance(job.result, ActReport):
            self._show_result(job, job.result)
        elif job.kind is JobKind.ADD and isinstance(job.result, UpReport):
            self.workshop.say(f"{len(job.result.snapshot.seats)} seats are there now.")

    def _show_result(self, job: Job, report: ActReport) -> None:
        if len(report.results) > 1 or report.failed:
            from workshop.tui.screens.results import ResultsDialog

            self.app.push_screen(ResultsDialog(job.title, report))

    def tick(self) -> None:
        super().tick()
        self._show()

    def seen_again(self) -> None:
        self._show()

    # Showing

    @property
    def view(self) -> str:
        return str(self.query_one(ContentSwitcher).current)

    @property
    def gone(self) -> bool:
        return self._gone

    def _show(self) -> None:
        if self.room not in self.workshop.rooms:
            return
        snapshot, now = self.snapshot, self.workshop.now()
        empty = self.query_one("#no-seats", Text)
        empty.display = snapshot is None or not snapshot.seats
        self.query_one(ContentSwitcher).display = not empty.display
        if snapshot is None:
            return
        if not snapshot.seats:
            empty.say("There are no seats. Press a to add some.")
        self._show_head(snapshot)
        self._show_stale(snapshot, now)
        self._show_view(snapshot, now)

    def _show_head(self, snapshot: Snapshot) -> None:
        table = self.query_one("#seats", SeatTable)
        parts = header(snapshot)
        asking = len(help_queue(snapshot.seats))
        self.query_one(TopBar).look_again()
        self.query_one(ViewBar).show(self.view, asking, parts, len(table.marks), table.hidden_marks)

    def _show_stale(self, snapshot: Snapshot, now: datetime) -> None:
        banner = self.query_one("#stale", Text)
        reason = self.history.stale
        if self._gone:
            text = self._why_gone(snapshot, now)
        elif reason:
            taken = snapshot.taken_at or self.history.received or now
            text = f"Stale, {format_span((now - taken).total_seconds())} old. {reason}"
        else:
            text = "  ".join(snapshot.warnings)
        banner.say(Content(f"▲ {text}" if text else ""))
        banner.set_class(bool(reason) or self._gone, "-stale")
        banner.display = bool(text)

    def _why_gone(self, snapshot: Snapshot, now: datetime) -> str:
        over = snapshot.ends is not None and snapshot.ends <= now
        what = "it is over and was removed" if over else "it was torn down"
        folder = self.workshop.service.collect_folder(snapshot.classroom)
        where = f" Collected work is in {shown(folder)}." if folder.is_dir() else ""
        return f"This classroom is gone: {what}.{where} What you see is the last that was known."

    def _show_view(self, snapshot: Snapshot, now: datetime) -> None:
        table = self.query_one("#seats", SeatTable)
        table.show(snapshot.seats, now)
        if self._selected is None:
            self._selected = table.selected
        match self.view:
            case "map":
                self.query_one(SeatMap).show(snapshot.seats, now, selected=self._selected, marked=table.marked)
            case "help":
                self.query_one(HelpQueue).show(snapshot.seats, now)
            case "activity":
                self.query_one(ActivityPlots).show(self.history, now, self.workshop.local)
            case "events":
                self.query_one(EventList).show(self.history, self.workshop.local)
        bar = self.query_one(FilterBar)
        if bar.is_open:
            bar.show_count(table.shown, len(snapshot.seats))
        self._show_panel(snapshot, now)

    def _show_panel(self, snapshot: Snapshot, now: datetime) -> None:
        panel = self.query_one(SeatPanel)
        if panel.display and self.app.size.width >= 120:
            seat = snapshot.seat(self._selected) if self._selected is not None else None
            panel.show(seat, self.history, now)

    # Selection

    @property
    def selected(self) -> int | None:
        return self._selected

    def targets(self) -> tuple[int, ...]:
        marked = self.query_one("#seats", SeatTable).marked
        return marked or ((self._selected,) if self._selected is not None else ())

    def marked(self) -> tuple[int, ...]:
        return self.query_one("#seats", SeatTable).marked

    @on(RowTable.Moved)
    def _row_moved(self, event: RowTable.Moved) -> None:
        self._select(int(event.key))

    @on(SeatMap.Moved)
    def _tile_moved(self, event: SeatMap.Moved) -> None:
        self._select(event.number)

    def _select(self, number: int) -> None:
        if self.view == "seats" and self.query_one("#seats", SeatTable).selected != number:
            return
        self._selected = number
        self.query_one("#seats", SeatTable).select(number)
        if self.snapshot is not None:
            self._show_panel(self.snapshot, self.workshop.now())

    @on(RowTable.Chosen)
    async def _chosen(self) -> None:
        await self.action_perform("seat.open")

    @on(RowTable.SortAsked)
    def _sort_asked(self, event: RowTable.SortAsked) -> None:
        if event.table.id == "seats":
            self.query_one("#seats", SeatTable).sort_by(event.column)

    # Views

    @on(ViewBar.Chosen)
    def _view_chosen(self, event: ViewBar.Chosen) -> None:
        self.show_view(event.view)

    def show_view(self, view: str) -> None:
        """Show one of `VIEWS`, and put the focus there."""
        self.query_one(ContentSwitcher).current = view
        if view == "activity" and not self.history.from_the_start:
            self.work("Reading the class's history", self._read_history, group="history")
        if view == "events" and not self.history.events_from_the_start:
            self.work("Reading what happened before", self._read_events, group="events")
        target = self.query_one(f"#{view}")
        inside = (node for node in target.query("*") if node.focusable)
        (target if target.can_focus else next(inside, target)).focus()
        self._show()

    async def _read_history(self) -> None:
        """What the gateway has written down since the class began: this terminal may have come later."""
        found = await self.workshop.service.history(self.room)
        self.history.begin_with(found.samples)
        self._show()

    async def _read_events(self) -> None:
        self.history.begin_events_with(await self.workshop.service.events(self.room))
        self._show()

    def do_class_seats(self) -> None:
        self.show_view("seats")

    def do_class_map(self) -> None:
        self.show_view("map")

    def do_class_help_queue(self) -> None:
        self.show_view("help")

    def do_class_activity(self) -> None:
        self.show_view("activity")

    def do_class_events(self) -> None:
        self.show_view("events")

    def do_class_next_view(self) -> None:
        self.show_view(VIEWS[(VIEWS.index(self.view) + 1) % len(VIEWS)])

    def do_class_previous_view(self) -> None:
        self.show_view(VIEWS[(VIEWS.index(self.view) - 1) % len(VIEWS)])

    # Filter, order, marks

    def do_class_filter(self) -> None:
        if self.view != "seats":
            self.show_view("seats")
        self.query_one(FilterBar).open()
        self._show()

    @on(FilterBar.Changed)
    def _filter_changed(self, event: FilterBar.Changed) -> None:
        self.query_one("#seats", SeatTable).filter_by(event.text)
        self._show()

    @on(FilterBar.Kept)
    def _filter_kept(self) -> None:
        if not self.query_one("#seats", SeatTable).filter:
            self.query_one(FilterBar).close()  # nothing is filtered by it
        self.query_one("#seats").focus()

    def _sort(self, column: str) -> None:
        self.query_one("#seats", SeatTable).sort_by(column)

    def do_class_sort_number(self) -> None:
        self._sort("seat")

    def do_class_sort_state(self) -> None:
        self._sort("status")

    def do_class_sort_time(self) -> None:
        self._sort("last")

    def do_class_sort_memory(self) -> None:
        self._sort("memory")

    def do_seat_mark(self) -> None:
        table = self.query_one("#seats", SeatTable)
        if self._selected is not None:
            table.mark(self._selected)
            if self.view == "seats":
                table.do_table_down()
        self._show()

    def do_seat_mark_all(self) -> None:
        self.query_one("#seats", SeatTable).mark_all()
        self._show()

    def do_seat_open(self) -> None:
        from workshop.tui.screens.seat import SeatScreen

        if self._selected is not None:
            self.app.push_screen(SeatScreen(self.room, self._selected))

    def blocked(self, action_id: str) -> str:
        return self.seat_blocked(action_id) or self.room_blocked(action_id)

    def go_back(self) -> None:
        bar, table = self.query_one(FilterBar), self.query_one("#seats", SeatTable)
        if bar.is_open:
            bar.close()
            table.focus()
        elif table.marks:
            table.set_marks(())
            self._show()
        elif self.view == "events" and self.query_one(EventList).close_search():
            return
        elif not isinstance(self.focused, Input):
            self.dismiss()
