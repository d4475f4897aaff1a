"""What can be done to a classroom as a whole."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from workshop.actions import BY_ID
from workshop.model.amounts import counted, format_span, parse_span
from workshop.model.snapshot import Snapshot
from workshop.present.links import handed_out, links_text
from workshop.service import PushSource, UpRequest
from workshop.tui.places import shown
from workshop.tui.screens.ask import AskDialog
from workshop.tui.screens.base import News
from workshop.tui.screens.confirm import ConfirmDialog
from workshop.tui.screens.starting import begin_add, begin_collect, begin_push, begin_up

if TYPE_CHECKING:
    from workshop.tui.screens.handouts import Handouts

_ROOM = ("class.room_check", "class.addresses")
NEEDS_CLASS = ("class.projector", "class.handouts", "class.report", "class.cost", *_ROOM)
"""Harmless, but of no use when the class is gone."""
NEEDS_ADDRESS = ("class.projector", "class.handouts", "class.room_check", "class.copy_join", "class.copy_links")
"""What gives out links: there are none before a cluster has made the class's gateway."""
MOST_ADDED = 500
LONGEST_MESSAGE = 500
MOST_TOLD = 8
"""Seats that are named when a hand-out is shown before it is done."""


class RoomActs(News):
    """Mixed into screens that know a classroom."""

    room: str

    @property
    def snapshot(self) -> Snapshot | None:
        raise NotImplementedError

    @property
    def gone(self) -> bool:
        return False

    def room_blocked(self, action_id: str) -> str:
        """Why an act on the classroom cannot be used now."""
        if not action_id.startswith("class."):
            return ""
        if self.gone and (BY_ID[action_id].changes or action_id in NEEDS_CLASS):
            return "the classroom is gone."
        needs = (*NEEDS_CLASS, "class.collect", "class.copy_join", "class.copy_links", "class.definition")
        if self.snapshot is None and action_id in needs:
            return "the classroom is not known yet."
        if action_id in NEEDS_ADDRESS and self.snapshot is not None and not self.snapshot.classroom.door.known:
            return "the class has no address yet."
        if action_id == "class.say" and self.snapshot is not None and not self.snapshot.gateway:
            return "its gateway does not run."
        if action_id == "class.start" and self.snapshot is not None and _runs(self.snapshot):
            return "all of it runs."
        return ""

    def do_class_projector(self) -> None:
        from workshop.tui.screens.projector import ProjectorScreen

        self.app.push_screen(ProjectorScreen(self.room))

    def do_class_room_check(self) -> None:
        from workshop.tui.screens.room_check import RoomCheckScreen

        self.app.push_screen(RoomCheckScreen(self.room))

    def do_class_addresses(self) -> None:
        from workshop.tui.screens.addresses import AddressesScreen

        self.app.push_screen(AddressesScreen(self.room))

    def do_class_definition(self) -> None:
        from workshop.tui.screens.definition import DefinitionScreen

        assert self.snapshot is not None
        self.app.push_screen(DefinitionScreen.of_classroom(self.snapshot.classroom))

    async def do_class_copy_join(self) -> None:
        assert self.snapshot is not None
        await self.workshop.copy(self.snapshot.classroom.join_url(), "the join link")

    async def do_class_copy_links(self) -> None:
        assert self.snapshot is not None
        seats = handed_out(self.snapshot.seats)
        await self.workshop.copy(links_text(seats, self.snapshot.classroom.join_url()), f"{len(seats)} links")

    def do_class_say(self) -> None:
        dialog = AskDialog(
            "Say to the class",
            "It appears on every seat page.",
            placeholder="We go on at 10:45",
            check=_message_problem,
        )
        self.ask_first("Saying it", dialog, self._say)

    async def _say(self, text: str) -> None:
        await self.workshop.service.say(self.room, text.strip())
        self.workshop.say("Said to the class.")

    def do_class_extend(self) -> None:
        ends = self.snapshot.ends if self.snapshot else None
        now = f"It ends at {self.workshop.local(ends):%H:%M}. " if ends else ""
        text = f"{now}By how much: 30m, 1h, 1h30m"
        self.ask_first("Extending", AskDialog("Extend the class", text, value="30m", check=_span_problem), self._extend)

    async def _extend(self, text: str) -> None:
        span = parse_span(text)
        new = await self.workshop.service.extend(self.room, span)
        self.workshop.say(f"Extended by {format_span(span)}: it ends at {self.workshop.local(new):%H:%M}.")

    def do_class_start(self) -> None:
        begin_up(self.workshop, UpRequest(name=self.room), self.room)

    def do_class_add(self) -> None:
        there = len(self.snapshot.seats) if self.snapshot else 0
        text = f"{counted(there, 'seat')} there. The new ones come up while the others work."
        self.ask_first("Adding seats", AskDialog("Add seats", text, value="1", check=_count_problem), self._add)

    async def _add(self, text: str) -> None:
        begin_add(self.workshop, self.room, int(text))

    # Break, files

    def marked(self) -> tuple[int, ...]:
        """The marked seats; empty for all."""
        return ()

    def do_class_pause(self) -> None:
        if self.snapshot is not None and self.snapshot.break_until is not None:
            self.work("The break", self._end_break)
            return
        text = "Nobody counts as idle until it is over. How long: 15m, 1h"
        self.ask_first("The break", AskDialog("A break", text, value="15m", check=_span_problem), self._begin_break)

    async def _end_break(self) -> None:
        await self.workshop.service.break_(self.room, None)
        self.workshop.say("The break is over.")

    async def _begin_break(self, text: str) -> None:
        until = await self.workshop.service.break_(self.room, parse_span(text))
        self.workshop.say(f"A break until {self.workshop.local(until):%H:%M}." if until else "The break is over.")

    def do_class_collect(self) -> None:
        assert self.snapshot is not None
        seats = self.marked()
        whose = counted(len(seats), "marked seat") if seats else "every seat that was used"
        dialog = AskDialog(
            "Collect the work",
            f"An archive for {whose}, with a manifest, into the folder",
            value=shown(self.workshop.service.collect_folder(self.snapshot.classroom)),
            check=lambda given: "" if given.strip() else "A folder is needed.",
            wide=True,
        )

        async def collect(text: str) -> None:
            begin_collect(self.workshop, self.room, Path(text.strip()).expanduser(), seats)

        self.ask_first("Collecting", dialog, collect)

    def do_class_push(self) -> None:
        seats = self.marked()
        dialog = AskDialog(
            "Hand out files",
            "Files or folders of this machine, with spaces between them; `newer` for a newer commit. Shown first.",
            placeholder="solutions/03.ipynb",
            check=_files_problem,
            wide=True,
        )
        self.ask_first("Handing out", dialog, lambda text: self._push(text, seats))

    async def _push(self, text: str, seats: tuple[int, ...]) -> None:
        words = shlex.split(text)
        newer = words == ["newer"]
        files = () if newer else tuple(str(Path(word).expanduser()) for word in words)
        source = PushSource(files=files, newer=newer)
        self.workshop.say("Looking at what would change in each seat…")
        plan = await self.workshop.service.push_plan(self.room, source, seats=seats or None)
        lines = [plan.sentence, *plan.notes]
        lines += [f"seat {seat.number:02d}: {seat.sentence}" for seat in plan.seats[:MOST_TOLD]]
        lines += ["…"] if len(plan.seats) > MOST_TOLD else []
        what = "the newer commit" if newer else ", ".join(Path(file).name for file in files)
        if await self.app.push_screen_wait(ConfirmDialog(f"Hand out {what}?", lines, "Hand out", danger=False)):
            begin_push(self.workshop, self.room, source, seats)

    # Papers

    def do_class_handouts(self) -> None:
        from workshop.tui.screens.handouts import HandoutDialog

        assert self.snapshot is not None
        given = len(handed_out(self.snapshot.seats))
        folder = self.workshop.places.handouts / self.room
        dialog = HandoutDialog(folder, given, len(self.snapshot.seats) - given)
        self.ask_first("Writing cards", dialog, self._write_handouts)

    async def _write_handouts(self, asked: Handouts) -> None:
        from workshop.tui.screens.written import WrittenDialog

        app = self.workshop
        palette = app.themes.palette(app.theme)
        written = await app.service.write_handouts(self.room, asked.folder, asked.kinds, palette, spares=asked.spares)
        note = "They hold the seats' links: only you can read them. Never leave cards lying in an open room."
        await app.push_screen(WrittenDialog("Cards and tables are written", asked.folder, written, note))

    def do_class_report(self) -> None:
        from workshop.tui.screens.report import ReportScreen

        self.app.push_screen(ReportScreen(self.room))

    def do_class_cost(self) -> None:
        from workshop.tui.screens.cost import CostDialog

        self.app.push_screen(CostDialog(self.room, shown(self.workshop.places.config_file)))

    def do_class_down(self) -> None:
        from workshop.tui.screens.teardown import TeardownScreen

        self.app.push_screen(TeardownScreen(self.room))


def _runs(snapshot: Snapshot) -> bool:
    """Whether its gateway does, and no seat is missing."""
    return snapshot.gateway and len(snapshot.seats) >= snapshot.classroom.seats


def _files_problem(text: str) -> str:
    try:
        words = shlex.split(text)
    except ValueError as error:
        return f"{error}."
    if not words:
        return "A file is needed."
    missing = [word for word in words if word != "newer" and not Path(word).expanduser().exists()]
    return f"There is no {missing[0]}." if missing else ""


def _message_problem(text: str) -> str:
    if not text.strip():
        return "There is nothing to say yet."
    return f"At most {LONGEST_MESSAGE} signs." if len(text.strip()) > LONGEST_MESSAGE else ""


def _span_problem(text: str) -> str:
    try:
        return "" if parse_span(text).total_seconds() > 0 else "It has to be more than nothing."
    except ValueError:
        return "Write it as 30m, 1h or 1h30m."


def _count_problem(text: str) -> str:
    if not text.strip().isdecimal() or not 1 <= int(text) <= MOST_ADDED:
        return f"A number from 1 to {MOST_ADDED}."
    return ""
