"""What can be done to seats, from the table as from a seat's own screen: one seat, or all marked ones."""

from __future__ import annotations

import asyncio
import sys
import webbrowser
from collections.abc import Awaitable, Callable, Mapping, Sequence

from workshop.actions import BY_ID
from workshop.model.amounts import capitalised, counted, format_size
from workshop.model.seat import LABEL_LONGEST, Seat, SeatState, seat_name
from workshop.model.snapshot import Snapshot
from workshop.present.columns import Cell, Column
from workshop.present.words import Tone
from workshop.service import ActReport, SeatSnapshot
from workshop.tui.jobs import JobKind, Report
from workshop.tui.moments import ago
from workshop.tui.room_history import RoomHistory
from workshop.tui.screens.base import News
from workshop.tui.screens.confirm import ConfirmDialog

MOST_NAMED = 12
RAISE = 1.5
"""What a seat's memory limit is multiplied with when it is raised."""
STEP = 256 * 1024**2
SNAPSHOT_COLUMNS = (
    Column("at", "Taken at", 8),
    Column("ago", "", 14),
    Column("files", "Own files", 10),
    Column("size", "Size", 9, right=True),
)
NO_SNAPSHOTS = "They are taken every ten minutes while the class is open, of seats whose files have changed."
RESTORED = "The snapshot's files take the place of those that are there now; these are archived first."
Act = Callable[[tuple[int, ...], Report], Awaitable[ActReport]]


class SeatActs(News):
    """Mixed into screens that know a classroom and which seats an act is for."""

    room: str

    @property
    def history(self) -> RoomHistory:
        return self.workshop.rooms[self.room]

    @property
    def snapshot(self) -> Snapshot | None:
        return self.history.snapshot

    @property
    def selected(self) -> int | None:
        """The seat under the cursor."""
        raise NotImplementedError

    def targets(self) -> tuple[int, ...]:
        """The seats an act is for: the marked ones, else the selected one."""
        raise NotImplementedError

    @property
    def gone(self) -> bool:
        """The classroom is not there any more."""
        return False

    def seats(self) -> tuple[Seat, ...]:
        """The seats an act is for, as they are now."""
        snapshot = self.snapshot
        found = (snapshot.seat(number) for number in self.targets()) if snapshot else ()
        return tuple(seat for seat in found if seat is not None)

    def seat_blocked(self, action_id: str) -> str:
        """Why an act on seats cannot be used now."""
        if not action_id.startswith("seat.") or action_id == "seat.mark_all":
            return ""
        if self.gone and BY_ID[action_id].changes:
            return "the classroom is gone."
        seats = self.seats()
        if not seats:
            return "no seat is selected."
        if action_id in ("seat.qr", "seat.browser", "seat.logs", "seat.shell", "seat.open") and self.selected is None:
            return "no seat is selected."
        if action_id in ("seat.qr", "seat.copy", "seat.browser") and not seats[0].link:
            return "the class has no address yet."
        if action_id == "seat.help_done" and not any(seat.help_since for seat in seats):
            return "nobody asked for help there."
        if action_id == "seat.free" and not any(seat.claimed for seat in seats):
            return "it is free already."
        if action_id == "seat.shell" and seats[0].state not in (SeatState.READY, SeatState.STARTING):
            return f"the seat is {seats[0].state.value}."
        return ""

    # Looking

    def do_seat_qr(self) -> None:
        from workshop.tui.screens.seat_code import SeatCodeScreen

        if self.selected is not None:
            self.app.push_screen(SeatCodeScreen(self.room, self.selected))

    def do_seat_logs(self) -> None:
        from workshop.tui.screens.seat_logs import SeatLogsScreen

        if self.selected is not None:
            self.app.push_screen(SeatLogsScreen(self.room, self.selected))

    async def do_seat_copy(self) -> None:
        seats = self.seats()
        if len(seats) == 1:
            await self.workshop.copy(seats[0].link, f"the link of seat {seats[0].name}")
        else:
            lines = "\n".join(f"{seat.name}  {seat.link}" for seat in seats)
            await self.workshop.copy(lines, f"the links of {len(seats)} seats")

    # Acting

    def do_seat_browser(self) -> None:
        self.workshop.start_worker(self, "Opening the seat", self._visit)

    async def _visit(self) -> None:
        number = self.selected
        assert number is not None
        found = await self.workshop.service.visit(self.room, number)
        name = seat_name(number)
        if not has_graphics(self.workshop.environment):
            self.workshop.say("No browser can be opened from this terminal.", hint=found.notice, level="warning")
            await self.workshop.copy(found.link, f"your own link into seat {name}")
        elif await asyncio.to_thread(webbrowser.open, found.link):
            self.workshop.say(f"Seat {name} is open in this machine's browser.", hint=found.notice)
        else:
            self.workshop.say("No browser could be opened.", hint=found.link, level="warning")

    def do_seat_restart(self) -> None:
        lines = ["Files, link and code stay. Cells that are running are lost."]
        self._confirmed("Restart", lines, lambda numbers, report: self._restart(numbers, report))

    def do_seat_reset(self) -> None:
        lines = ["A fresh seat under the same link. The files are archived first, then taken away from the seat."]
        self._confirmed("Reset", lines, lambda numbers, report: self._reset(numbers, report))

    def do_seat_move(self) -> None:
        lines = ["Number, link, code and the participant's own files stay. Cells that are running are lost."]
        self._confirmed("Move", lines, lambda numbers, report: self._move(numbers, report))

    def do_seat_restore(self) -> None:
        self.work("Restoring", self._choose_snapshot)

    async def _choose_snapshot(self) -> None:
        numbers = self.targets()
        found = await self.workshop.service.snapshots(self.room, numbers)
        missing = sorted(set(numbers) - {snapshot.number for snapshot in found})
        if missing:
            which = capitalised(self.named(missing))
            has = "has" if len(missing) == 1 else "have"
            self.workshop.say(f"{which} {has} no snapshots yet.", hint=NO_SNAPSHOTS, level="warning")
            return
        if len(numbers) == 1:
            await self._restore_one(numbers[0], found)
            return
        latest = {snapshot.number: snapshot for snapshot in found}
        lines = [f"seat {number:02d}  {self._snapshot_line(latest[number])}" for number in numbers[:MOST_NAMED]]
        lines += ["…"] if len(numbers) > MOST_NAMED else []
        question = f"Restore {len(numbers)} seats, each from its latest snapshot?"
        if await self.app.push_screen_wait(ConfirmDialog(question, [*lines, "", RESTORED], "Restore")):
            self._begin("Restore", numbers, lambda wanted, report: self._restore(wanted, "", report))

    async def _restore_one(self, number: int, found: Sequence[SeatSnapshot]) -> None:
        from workshop.tui.screens.choose import ChooseDialog

        by_id = {snapshot.id: snapshot for snapshot in reversed(found)}
        dialog = ChooseDialog(
            f"Restore seat {number:02d} from which snapshot?",
            "Nothing is changed yet.",
            SNAPSHOT_COLUMNS,
            [(snapshot.id, self._snapshot_cells(snapshot)) for snapshot in by_id.values()],
        )
        chosen = await self.app.push_screen_wait(dialog)
        if chosen is None:
            return
        at = f"{self.workshop.local(by_id[chosen].at):%H:%M}"
        question = f"Restore seat {number:02d} as it was at {at}?"
        if await self.app.push_screen_wait(ConfirmDialog(question, [RESTORED], "Restore")):
            self._begin("Restore", (number,), lambda wanted, report: self._restore(wanted, chosen, report))

    def _snapshot_cells(self, snapshot: SeatSnapshot) -> tuple[Cell, ...]:
        return (
            Cell(f"{self.workshop.local(snapshot.at):%H:%M}"),
            Cell(ago(self.workshop.now() - snapshot.at), Tone.MUTED),
            Cell(counted(snapshot.files, "file")),
            Cell(format_size(snapshot.size_bytes), Tone.MUTED),
        )

    def _snapshot_line(self, snapshot: SeatSnapshot) -> str:
        return f"{self.workshop.local(snapshot.at):%H:%M}, {counted(snapshot.files, 'file')}"

    def do_seat_free(self) -> None:
        lines = ["Whoever has it now loses it; the next one to come sees the files that are in it. Reset clears them."]
        self._confirmed("Free", lines, lambda numbers, report: self._act("free", numbers, report))

    def do_seat_help_done(self) -> None:
        numbers = tuple(seat.number for seat in self.seats() if seat.help_since is not None)
        self._begin("Help given", numbers, lambda wanted, report: self._act("help-done", wanted, report))

    def do_seat_pause(self) -> None:
        paused = all(seat.state is SeatState.PAUSED for seat in self.seats())
        verb, title = ("resume", "Go on") if paused else ("pause", "Pause")
        self._begin(title, self.targets(), lambda wanted, report: self._act(verb, wanted, report))

    def do_seat_memory(self) -> None:
        seats = self.seats()
        limit = max(seat.memory_limit or 0 for seat in seats) or STEP
        wanted = -(-int(limit * RAISE) // STEP) * STEP
        dialog = ConfirmDialog(
            f"Raise memory of {self.named(tuple(seat.number for seat in seats))}?",
            [f"From {format_size(limit)} to {format_size(wanted)}. Nothing is restarted."],
            "Raise",
            danger=False,
        )

        async def raise_memory(_yes: bool) -> None:
            numbers = tuple(seat.number for seat in seats)
            self._begin("Raise memory", numbers, lambda n, report: self._act("memory", n, report, bytes=wanted))

        self.ask_first("Raising memory", dialog, raise_memory)

    def do_seat_label(self) -> None:
        from workshop.tui.screens.ask import AskDialog

        seats = self.seats()
        numbers = tuple(seat.number for seat in seats)
        dialog = AskDialog(
            f"Label of {self.named(numbers)}",
            "A name or a note; empty takes it away. It never leaves this machine.",
            value=seats[0].label,
            check=lambda given: f"At most {LABEL_LONGEST} signs." if len(given.strip()) > LABEL_LONGEST else "",
        )

        async def label(text: str) -> None:
            self._begin("Label", numbers, lambda n, report: self._act("label", n, report, text=text.strip()))

        self.ask_first("Labelling", dialog, label)

    def do_seat_shell(self) -> None:
        # the app's worker: a screen that closes must not take the terminal from the shell
        self.workshop.start_worker(self.app, "Opening a shell", self._shell)

    async def _shell(self) -> None:
        number = self.selected
        assert number is not None
        command = await self.workshop.service.shell_command(self.room, number)
        code = await self.workshop.run_in_terminal(command, f"Shell in seat {number:02d}; `exit` comes back.")
        if code not in (0, 130):
            self.workshop.say(f"The shell in seat {number:02d} ended with {code}.", level="warning")

    # The way of every act

    def named(self, numbers: Sequence[int]) -> str:
        """`seat 07`, or `4 seats (07, 09, 11, 12)`."""
        if len(numbers) == 1:
            return f"seat {numbers[0]:02d}"
        shown = ", ".join(f"{number:02d}" for number in numbers[:MOST_NAMED])
        more = ", …" if len(numbers) > MOST_NAMED else ""
        return f"{len(numbers)} seats ({shown}{more})"

    def _confirmed(self, verb: str, lines: list[str], act: Act) -> None:
        numbers = self.targets()
        taken = sum(seat.claimed for seat in self.seats())
        if taken and len(numbers) > 1:
            lines = [*lines, f"{taken} of them are taken by somebody."]

        async def begin(_yes: bool) -> None:
            self._begin(verb, numbers, act)

        self.ask_first(verb, ConfirmDialog(f"{verb} {self.named(numbers)}?", lines, verb), begin)

    def _begin(self, title: str, numbers: tuple[int, ...], act: Act) -> None:
        """Do it as a job, which goes on when the screen is left; its end is told with a result per seat."""

        async def work(report: Report) -> object:
            return await act(numbers, report)

        self.workshop.start_job(JobKind.ACT, f"{title}: {self.named(numbers)}", self.room, work)

    async def _restart(self, numbers: tuple[int, ...], report: Report) -> ActReport:
        return await self.workshop.service.restart(self.room, numbers, report=report)

    async def _reset(self, numbers: tuple[int, ...], report: Report) -> ActReport:
        return await self.workshop.service.reset(self.room, numbers, report=report)

    async def _move(self, numbers: tuple[int, ...], report: Report) -> ActReport:
        return await self.workshop.service.move(self.room, numbers, report=report)

    async def _restore(self, numbers: tuple[int, ...], snapshot: str, report: Report) -> ActReport:
        return await self.workshop.service.restore(self.room, numbers, snapshot=snapshot, report=report)

    async def _act(self, verb: str, numbers: tuple[int, ...], report: Report, **arguments: object) -> ActReport:
        return await self.workshop.service.act(self.room, verb, numbers, report=report, **arguments)


def has_graphics(environment: Mapping[str, str]) -> bool:
    """Whether a browser would open a window of its own, and not take over this terminal."""
    return sys.platform in ("darwin", "win32") or any(
        environment.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "WSL_DISTRO_NAME")
    )
