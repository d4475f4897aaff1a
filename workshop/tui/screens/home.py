"""Where the program begins: the classrooms that are open, the workshops there are, and a line for a link."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

from textual import events, on
from textual.containers import Vertical
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Input

from workshop.actions import Scope
from workshop.errors import WorkshopError
from workshop.model.amounts import format_span
from workshop.model.snapshot import ClassroomSummary
from workshop.present.cells import one_line
from workshop.present.columns import Cell, Column
from workshop.present.words import Tone
from workshop.service import UpRequest, WorkshopEntry
from workshop.tui.bindings import bindings_for
from workshop.tui.jobs import Job, JobKind
from workshop.tui.moments import ago
from workshop.tui.screens.base import BaseScreen
from workshop.tui.screens.starting import begin_build, begin_rehearsal, begin_up
from workshop.tui.widgets.bars import Parts
from workshop.tui.widgets.row_table import RowTable
from workshop.tui.widgets.text import Text

log = logging.getLogger(__name__)

REFRESH_EVERY = 5.0
NEWER_EVERY = 600.0
"""Repositories are asked for newer commits so seldom: it is their hosts' time too."""
NEWER_ASKED = 10
"""Of how many workshops, the latest used."""
ROOMS = (
    Column("name", "Classroom", 16, grow=True),
    Column("ready", "Ready", 9, right=True),
    Column("ends", "Ends", 14),
    Column("runtime", "Runtime", 10, priority=1),
    Column("workshop", "Workshop", 20, priority=2, grow=True),
    Column("join", "Join", 26, priority=4),
)
WORKSHOPS = (
    Column("title", "Workshop", 24, grow=True),
    Column("used", "Last used", 13),
    Column("file", "From", 30, priority=1, grow=True),
)


class HomeScreen(BaseScreen[None]):
    """Classrooms above, workshops below."""

    SCOPES: ClassVar[tuple[Scope, ...]] = (Scope.HOME,)
    BINDINGS: ClassVar = bindings_for(Scope.HOME)

    def __init__(self) -> None:
        super().__init__()
        self._entries: dict[str, WorkshopEntry] = {}
        self._rooms: dict[str, ClassroomSummary] = {}
        self._newer: dict[str, str] = {}
        """By workshop: the commit that its repository has moved to since its image was built."""

    def body(self) -> Iterator[Widget]:
        yield Text("Open classrooms", classes="section")
        yield RowTable(ROOMS, id="rooms")
        yield Text("Looking for classrooms…", id="no-rooms", classes="empty")
        yield Text("Workshops", classes="section")
        workshops = RowTable(WORKSHOPS, id="workshops")
        workshops.add_class("first-focus")
        yield workshops
        yield Text("", id="no-workshops", classes="empty")
        yield Text("", id="unreachable", classes="warning")
        yield Text("", id="about")
        yield LinkLine()

    def on_mount(self) -> None:
        self._show_workshops()
        self._show_rooms()
        self.call_after_refresh(self._ask_for_newer)
        self.set_interval(REFRESH_EVERY, self._look_again)
        self.set_interval(NEWER_EVERY, self._ask_for_newer)

    def _look_again(self) -> None:
        if self.is_current:
            self.work("Listing classrooms", self.workshop.read_summaries, group="summaries")

    def seen_again(self) -> None:
        self._show_workshops()
        self.call_after_refresh(self._look_again)  # what is known is painted before the engines are asked

    def tick(self) -> None:
        super().tick()
        self._show_rooms()

    def rooms_changed(self) -> None:
        self._show_rooms()

    def job_changed(self, job: Job) -> None:
        if not job.running:
            self._show_workshops()
            if job.kind is JobKind.BUILD:
                self._ask_for_newer()

    def _ask_for_newer(self) -> None:
        self.work("Asking for newer commits", self._find_newer, group="newer")

    async def _find_newer(self) -> None:
        """Ask the repositories of the workshops used last; one that cannot be asked now is told of by `check`."""
        files = [entry.file for entry in self._entries.values() if entry.last_used][:NEWER_ASKED]
        found = {}
        for file in files:
            try:
                found[file] = await self.workshop.service.newer_commit(file)
            except WorkshopError as error:
                log.info("%s was not asked for a newer commit: %s", file, error.message)
        self._newer = {file: commit for file, commit in found.items() if commit}
        self._show_workshops()
        self._show_about()

    def facts(self) -> Parts:
        return []

    # Showing

    def _show_rooms(self) -> None:
        table, empty = self.query_one("#rooms", RowTable), self.query_one("#no-rooms", Text)
        summaries = self.workshop.summaries
        if summaries is not None:
            first = not self._rooms and summaries
            self._rooms = {f"{room.runtime}/{room.name}": room for room in summaries}
            table.set_rows([(key, self._room_cells(room)) for key, room in self._rooms.items()])
            empty.say("None is open. Choose a workshop below and press u.")
            if first and self.focused is self.query_one("#workshops"):
                table.focus()
        table.styles.height = min(len(self._rooms) + 1, max(3, self.size.height // 2 - 4))
        table.display = bool(self._rooms)
        self._show_about()
        empty.display = not self._rooms
        sentences = self.workshop.service.unreachable() if summaries is not None else ()
        warning = self.query_one("#unreachable", Text)
        warning.say(Content("\n".join(f"▲ {sentence}" for sentence in sentences)))
        warning.display = bool(sentences)

    def _room_cells(self, room: ClassroomSummary) -> tuple[Cell, ...]:
        whole = room.ready >= room.seats
        glyph, tone = ("●", Tone.GOOD) if room.gateway else ("▲", Tone.WARN)
        return (
            Cell(f"{glyph} {one_line(room.name)}", tone),
            Cell(f"{room.ready} of {room.seats}", Tone.NORMAL if whole else Tone.WARN),
            self._ends_cell(room),
            Cell(room.runtime, Tone.MUTED),
            Cell(one_line(room.detail or room.workshop), Tone.WARN if room.detail else Tone.MUTED),
            Cell(room.join, Tone.MUTED),
        )

    def _ends_cell(self, room: ClassroomSummary) -> Cell:
        if room.ends is None:
            return Cell("no end", Tone.MUTED)
        left = room.ends - self.workshop.now()
        if left.total_seconds() <= 0:
            return Cell(f"{format_span(-left)} ago", Tone.WARN)
        return Cell(f"in {format_span(left)}", Tone.NORMAL)

    def _show_workshops(self) -> None:
        now = self.workshop.now()
        self._entries = {entry.file: entry for entry in self.workshop.service.workshops()}
        rows = []
        for file, entry in self._entries.items():
            used = ago(now - entry.last_used) if entry.last_used else "sample" if entry.sample else ""
            rows.append(
                (
                    file,
                    (
                        Cell(one_line(entry.title)),
                        Cell(used, Tone.ACCENT if entry.sample and not entry.last_used else Tone.MUTED),
                        self._detail_cell(entry),
                    ),
                )
            )
        self.query_one("#workshops", RowTable).set_rows(rows)
        self.query_one("#workshops").display = bool(rows)
        empty = self.query_one("#no-workshops", Text)
        empty.say("None was used yet. Paste a link to a repository, or press n.")
        empty.display = not rows

    def _detail_cell(self, entry: WorkshopEntry) -> Cell:
        newer = self._newer.get(entry.file)
        where = one_line(entry.detail or _short(entry.file))
        if newer:
            return Cell(f"▲ newer commit {newer[:7]} · {where}", Tone.WARN)
        return Cell(where, Tone.MUTED, keep_end=not entry.detail)

    def _show_about(self) -> None:
        """One line on what is under the cursor."""
        room, entry = self._room, self._entry
        if room is not None:
            text = f"{room.name}: students come in at {room.join}" if room.gateway else f"{room.name}: {room.detail}"
        elif entry is not None and (newer := self._newer.get(entry.file)):
            text = f"Its repository has a newer commit, {newer[:7]}: b builds it. Classes keep the built one."
        elif entry is not None:
            text = _short(entry.file)
        else:
            text = ""
        self.query_one("#about", Text).say(Content(text))

    @on(RowTable.Moved)
    def _moved(self) -> None:
        self._show_about()
        self.refresh_bindings()

    def on_descendant_focus(self) -> None:
        self._show_about()

    # What is under the cursor

    @property
    def _room(self) -> ClassroomSummary | None:
        table = self.query_one("#rooms", RowTable)
        return self._rooms.get(table.cursor_key or "") if table.has_focus else None

    @property
    def _entry(self) -> WorkshopEntry | None:
        table = self.query_one("#workshops", RowTable)
        return self._entries.get(table.cursor_key or "") if table.has_focus else None

    @on(RowTable.Left)
    def _other_table(self, event: RowTable.Left) -> None:
        if event.table.id == "rooms" and event.down:
            self.query_one("#workshops", RowTable).focus()
        elif event.table.id == "workshops" and not event.down and self._rooms:
            self.query_one("#rooms", RowTable).focus()

    @on(RowTable.Chosen)
    def _chosen(self) -> None:
        self.do_home_open()

    # Actions

    def blocked(self, action_id: str) -> str:
        if action_id == "home.up" and self._room is not None and not self._room.gateway:
            return ""
        if action_id in ("home.up", "home.build", "home.rehearse", "home.definition") and self._entry is None:
            return "choose a workshop first."
        if action_id in ("home.down", "home.projector") and self._room is None:
            return "choose an open classroom first."
        if action_id in ("home.copy", "home.open") and self._room is None and self._entry is None:
            return "choose a classroom or a workshop first."
        return ""

    def do_home_open(self) -> None:
        if self._room is not None:
            self.workshop.open_room(self._room.name)
        elif self._entry is not None:
            self._new(self._entry.file)

    def do_home_new(self) -> None:
        self._new("")

    def _new(self, link: str) -> None:
        from workshop.tui.screens.new import NewScreen

        self.app.push_screen(NewScreen(link))

    def do_home_up(self) -> None:
        from workshop.tui.screens.plan import PlanScreen

        if self._entry is not None:
            self.app.push_screen(PlanScreen(self._entry.file, self._entry.title))
        elif self._room is not None:
            begin_up(self.workshop, UpRequest(name=self._room.name), self._room.name)

    def do_home_build(self) -> None:
        if self._entry is not None:
            begin_build(self.workshop, self._entry.file, self._entry.title)

    def do_home_rehearse(self) -> None:
        if self._entry is not None:
            begin_rehearsal(self.workshop, self._entry.file, self._entry.title)

    def do_home_definition(self) -> None:
        from workshop.tui.screens.definition import DefinitionScreen

        if self._entry is not None:
            self.app.push_screen(DefinitionScreen.of_file(self._entry.file))

    async def do_home_copy(self) -> None:
        if self._room is not None:
            await self.workshop.copy(self._room.join, "the join link")
        elif self._entry is not None:
            await self.workshop.copy(self._entry.file, "where the workshop is")

    def do_home_projector(self) -> None:
        from workshop.tui.screens.projector import ProjectorScreen

        if self._room is not None:
            self.app.push_screen(ProjectorScreen(self._room.name))

    def do_home_down(self) -> None:
        from workshop.tui.screens.teardown import TeardownScreen

        if self._room is not None:
            self.app.push_screen(TeardownScreen(self._room.name))

    def do_home_cleanup(self) -> None:
        from workshop.tui.screens.cleanup import CleanupScreen

        self.app.push_screen(CleanupScreen())

    def do_home_images(self) -> None:
        from workshop.tui.screens.images import ImagesScreen

        self.app.push_screen(ImagesScreen())

    def do_home_doctor(self) -> None:
        from workshop.tui.screens.doctor import DoctorScreen

        self.app.push_screen(DoctorScreen())

    def go_back(self) -> None:
        if isinstance(self.focused, Input):
            self.query_one(Input).value = ""
            self.query_one("#workshops", RowTable).focus()

    # A link

    @on(Input.Submitted)
    def _link_given(self, event: Input.Submitted) -> None:
        link = event.value.strip()
        if link:
            event.input.value = ""
            self._new(link)

    def on_paste(self, event: events.Paste) -> None:
        """A link pasted anywhere on this screen is meant for the line at its end."""
        if event.text.strip() and not isinstance(self.focused, Input):
            self._new(event.text.strip().splitlines()[0])


class LinkLine(Vertical):
    """The line for a link or a path."""

    def compose(self) -> Iterator[Widget]:
        yield Text("❯ ", classes="prompt")
        yield Input(placeholder="Paste a link to a repository, or a path, then ↵", compact=True, id="link")


def _short(file: str) -> str:
    """A path below the home folder as `~/…`."""
    home = str(Path.home())
    return "~" + file.removeprefix(home) if file.startswith(home + "/") else file
