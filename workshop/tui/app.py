"""The terminal UI as a whole: screens, themes, keys, notices, long work and the classrooms that are looked at."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from functools import partial
from types import FrameType
from typing import ClassVar

from textual.app import App, SuspendNotSupported
from textual.dom import DOMNode
from textual.filter import LineFilter
from textual.worker import Worker

from workshop.actions import ACTIONS, TOGETHER, Action, Scope, of_scopes
from workshop.config.keymap import Keymap, load_keymap
from workshop.config.paths import Paths
from workshop.config.settings import save_setting
from workshop.config.themes import Themes, load_themes, themes_stamp
from workshop.errors import NoTerminal, WorkshopError
from workshop.model.snapshot import ClassroomSummary
from workshop.service import Service
from workshop.tui.bindings import bindings_for
from workshop.tui.clipboard import OSC52_LIMIT, copy_native, takes_osc52
from workshop.tui.few_colours import NearestOf256, has_all_colours
from workshop.tui.job_control import has_shell
from workshop.tui.jobs import Job, JobBoard, JobKind, JobState, Work
from workshop.tui.messages import JobChanged, RoomGone, SnapshotChanged
from workshop.tui.performing import Performer
from workshop.tui.pump import pump
from workshop.tui.room_history import RoomHistory
from workshop.tui.screens.base import News
from workshop.tui.theme import textual_theme

log = logging.getLogger(__name__)

THEMES_EVERY = 1.0
"""Seconds between looks at the theme files."""
NOTICES_KEPT = 500
NEAREST = NearestOf256()


@dataclass(frozen=True, slots=True)
class Notice:
    """Something that was said to the user."""

    at: datetime
    level: str
    text: str
    hint: str = ""


def utc_now() -> datetime:
    return datetime.now(UTC)


class WorkshopApp(Performer, App[int]):
    """
    Args:
        service: what is asked for everything.
        places: where themes are.
        theme: the name of the theme to begin with.
        start: the classroom to show first; the home screen without one.
        read_only: leaves out everything that changes a class.
        keymap: the user's keys.
        clock: the time, with a zone.
        zone: the zone in which times are shown; this machine's by default.
        environment: what the clipboard and `NO_COLOR` look at.
    """

    TITLE = "workshop"
    CSS_PATH: ClassVar = ["styles/workshop.tcss"]
    ENABLE_COMMAND_PALETTE = False  # ours is opened by an action of the registry
    SCOPES: ClassVar[tuple[Scope, ...]] = (Scope.APP,)
    BINDINGS: ClassVar = bindings_for(Scope.APP)
    HORIZONTAL_BREAKPOINTS = [(0, "-tiny"), (60, "-narrow"), (80, "-normal"), (120, "-wide")]  # noqa: RUF012
    VERTICAL_BREAKPOINTS = [(0, "-flat"), (16, "-low"), (24, "-tall"), (36, "-high")]  # noqa: RUF012

    def __init__(
        self,
        service: Service,
        *,
        places: Paths,
        theme: str = "",
        start: str | None = None,
        read_only: bool = False,
        keymap: Keymap | None = None,
        clock: Callable[[], datetime] = utc_now,
        zone: tzinfo | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._keymap_of_user = keymap or Keymap()
        self.environment: Mapping[str, str] = os.environ if environment is None else environment
        super().__init__()
        self.service = service
        self.places = places
        self.read_only = read_only
        self.now = clock
        self._zone = zone
        self._start = start
        self._theme_wanted = theme
        self.themes: Themes = load_themes(places)
        self._stamp = themes_stamp(places)
        self.jobs = JobBoard(clock, self._job_told, self.unforeseen)
        self.notices: list[Notice] = []
        self.rooms: dict[str, RoomHistory] = {}
        """What this session has seen of each watched classroom."""
        self.summaries: tuple[ClassroomSummary, ...] | None = None
        """The classrooms there are; None until they were asked for."""
        self._pumps: dict[str, tuple[Worker[None], int]] = {}
        self.broken: WorkshopError | None = None
        """What ended the program, when it was nothing foreseen."""
        self._register_themes()

    # Start and end

    async def on_mount(self) -> None:
        from workshop.tui.screens.home import HomeScreen

        changed = self._keymap_of_user.keys
        self.set_keymap({action: ",".join(keys) or "f63" for action, keys in changed.items()})
        await self.push_screen(HomeScreen())
        if self._start:
            self.open_room(self._start)
        for problem in self.themes.problems:
            self.say(f"{problem.path}: {problem.message}", hint=problem.hint, level="warning")
        if self._theme_wanted and (missing := self.themes.missing(self._theme_wanted)):
            self.say(missing.message, hint=missing.hint, level="warning")
        self.set_interval(1.0, self._tick)
        self.set_interval(THEMES_EVERY, self._look_at_themes)

    def _tick(self) -> None:
        top = self.screen_stack[-1:]  # none while the program ends
        if top and isinstance(top[0], News) and top[0].stands:
            top[0].tick()

    def do_app_quit(self) -> None:
        if not self.jobs.running():
            self.exit(0)
            return
        from workshop.tui.screens.quit import QuitDialog

        self.push_screen(QuitDialog())

    def blocked(self, action_id: str) -> str:
        if action_id == "app.suspend" and self.jobs.running():
            return "work of this session is running, and would stand still."
        if action_id == "app.suspend" and not has_shell():
            return "no shell waits for this program; tmux or another window gives you one."
        return ""

    def do_app_suspend(self) -> None:
        self.action_suspend_process()

    def action_help_quit(self) -> None:
        """ctrl+c without a selection: leave, as people expect of it."""
        self.do_app_quit()

    def _fatal_error(self) -> None:
        """Instead of a traceback on the user's terminal: the log gets it, and the caller one sentence."""
        error = self._exception
        if isinstance(error, Exception) and self.broken is None:
            self.broken = self.unforeseen(error)
        self._close_messages_no_wait()

    # Time

    def local(self, moment: datetime) -> datetime:
        """The moment in the zone in which times are shown."""
        return moment.astimezone(self._zone)

    # Actions and keys

    def actions_of(self, node: Performer) -> tuple[Action, ...]:
        """The actions of a screen or widget that this session may use."""
        return tuple(
            action
            for action in of_scopes(*node.SCOPES)
            if action.id not in node.WITHOUT and not (action.changes and self.read_only)
        )

    def keys_of(self, action_id: str) -> tuple[str, ...]:
        own = self._keymap_of_user.keys.get(action_id)
        return own if own is not None else next(action.keys for action in ACTIONS if action.id == action_id)

    def do_app_back(self) -> None:
        if isinstance(self.screen, News):
            self.screen.go_back()

    def do_app_refresh(self) -> None:
        self.start_worker(self, "Refreshing", self.read_summaries, group="summaries")
        for name in list(self._pumps):
            self._pump_again(name)

    def do_app_help(self) -> None:
        from workshop.tui.screens.help import HelpDialog

        self.push_screen(HelpDialog.of(self.screen))

    def do_app_palette(self) -> None:
        from textual.command import CommandPalette

        from workshop.tui.palette import ActionCommands

        self.push_screen(CommandPalette(providers=[ActionCommands], placeholder="What should be done?"))

    def do_app_theme(self) -> None:
        from workshop.tui.screens.themes import ThemeDialog

        self.push_screen(ThemeDialog())

    def do_app_jobs(self) -> None:
        from workshop.tui.screens.jobs import JobsScreen

        self.push_screen(JobsScreen())

    def do_app_problems(self) -> None:
        from workshop.tui.screens.notices import NoticesScreen

        self.push_screen(NoticesScreen())

    # Notices

    def say(self, text: str, *, hint: str = "", level: str = "info", title: str = "") -> None:
        """Tell the user something, in passing. `level` is `info`, `warning` or `error`."""
        self.notices.append(Notice(self.now(), level, text, hint))
        del self.notices[:-NOTICES_KEPT]
        severity = {"warning": "warning", "error": "error"}.get(level, "information")
        body = f"{text}\n{hint}" if hint else text
        self.notify(body, title=title, severity=severity, timeout=8 if hint else 5, markup=False)  # type: ignore[arg-type]

    def tell(self, error: WorkshopError, *, doing: str = "") -> None:
        """Show an error; the log has it as well."""
        log.warning("%s: %s (%s)", doing or "error", error.message, error.hint)
        self.say(error.message, hint=error.hint, level="error", title=doing)

    async def copy(self, text: str, what: str) -> None:
        """Put a text on the clipboard, and say how, or show it to be selected."""
        done = await copy_native(text, self.environment)
        if done.way:
            self.say(f"Copied {what} with {done.way}.")
        elif takes_osc52(self.environment) and len(text.encode()) <= OSC52_LIMIT:
            self.copy_to_clipboard(text)
            self.say(f"Sent {what} to the terminal's clipboard (OSC 52).", hint=done.detail)
        else:
            from workshop.tui.screens.copy import CopyDialog

            await self.push_screen(CopyDialog(text, what, done.detail))

    def unforeseen(self, error: Exception) -> WorkshopError:
        """An error that no part translated, as one that can be shown; the log has its traceback."""
        log.error("unforeseen", exc_info=error)
        reason = str(error).strip().splitlines()
        what = f"{type(error).__name__}: {reason[0]}" if reason else type(error).__name__
        return WorkshopError(f"This was not foreseen: {what}.", hint=f"The log has the details: {self.places.log_file}")

    def start_worker(
        self, owner: DOMNode, doing: str, work: Callable[[], Awaitable[object]], *, group: str = "default"
    ) -> Worker[None]:
        """Run something that waits, on behalf of a screen or of the app. Every failure becomes a notice.

        Args:
            doing: what is said to have failed.
            group: a newer worker of the same owner and group takes an older one's place.
        """

        async def guarded() -> None:
            try:
                await work()
            except WorkshopError as error:
                self.tell(error, doing=doing)
            except Exception as error:
                self.tell(self.unforeseen(error), doing=doing)

        return owner.run_worker(guarded, name=doing, group=group, exclusive=group != "default", exit_on_error=False)

    async def run_in_terminal(self, command: Sequence[str], announcement: str) -> int:
        """Give this terminal to another program until it ends; its exit code. The event loop goes on."""
        before = signal.signal(signal.SIGINT, _for_the_program)  # ctrl+c belongs to the program; it resets this itself
        try:
            with self.batch_update(), self.suspend():
                print(f"\n{announcement}", flush=True)
                outcome = await _run_program(command)
        except SuspendNotSupported as error:
            raise WorkshopError("This terminal cannot be lent to another program.") from error
        finally:
            signal.signal(signal.SIGINT, before)
        if isinstance(outcome, OSError):
            raise WorkshopError(
                f"{command[0]} cannot be run: {outcome.strerror}.", hint="`workshop doctor` says what is missing."
            )
        return outcome

    # Long work

    def start_job(self, kind: JobKind, title: str, subject: str, work: Work) -> Job:
        job = self.jobs.start(kind, title, subject, work)
        self._job_told(job.number)
        return job

    def _job_told(self, number: int) -> None:
        self.post_message(JobChanged(number))

    def on_job_changed(self, message: JobChanged) -> None:
        job = self.jobs.drain(message.number)
        for screen in self._news():
            screen.job_changed(job)
        if not job.running and not self._is_shown(job):
            self._say_end(job)

    def _is_shown(self, job: Job) -> bool:
        from workshop.tui.screens.job import JobScreen

        return any(isinstance(screen, JobScreen) and screen.job is job for screen in self.screen_stack)

    def _say_end(self, job: Job) -> None:
        if job.state is JobState.DONE:
            self.say(f"{job.title}: done.")
        elif job.state is JobState.CANCELLED:
            self.say(f"{job.title}: cancelled.", level="warning")
        elif job.error is not None:
            self.tell(job.error, doing=job.title)

    # Classrooms

    def open_room(self, name: str) -> None:
        """Show a classroom's screen; the form that it was opened from, saved by then, is left."""
        from workshop.tui.screens.classroom import ClassScreen
        from workshop.tui.screens.new import NewScreen

        while isinstance(self.screen, NewScreen):
            self.pop_screen()
        self.push_screen(ClassScreen(name))

    def leave_room(self, name: str) -> None:
        """Leave every screen on top that is about this classroom."""
        while getattr(self.screen, "room", None) == name:
            self.pop_screen()

    def watch_room(self, name: str) -> None:
        """Follow a classroom until `release_room` is called as often."""
        if name in self._pumps:
            worker, users = self._pumps[name]
            self._pumps[name] = (worker, users + 1)
            return
        self.rooms.setdefault(name, RoomHistory(name))
        self._pumps[name] = (self._pump(name), 1)

    def release_room(self, name: str) -> None:
        worker, users = self._pumps[name]
        if users > 1:
            self._pumps[name] = (worker, users - 1)
            return
        del self._pumps[name]
        worker.cancel()

    def _pump(self, name: str) -> Worker[None]:
        work = partial(pump, self.service, name, self.post_message, partial(self._room_lost, name))
        return self.start_worker(self, f"Watching {name}", work)

    def _pump_again(self, name: str) -> None:
        worker, users = self._pumps[name]
        worker.cancel()
        self._pumps[name] = (self._pump(name), users)

    def _room_lost(self, name: str, error: WorkshopError) -> None:
        log.warning("%s: %s", name, error.message)
        history = self.rooms[name]
        history.lost(error.message)
        if history.snapshot is None:
            self.tell(error, doing=name)
            return
        for screen in self._news():
            screen.room_changed(history.snapshot)

    def on_snapshot_changed(self, message: SnapshotChanged) -> None:
        history = self.rooms[message.room]
        history.take(message.snapshot, self.now())
        for screen in self._news():
            screen.room_changed(message.snapshot)

    def on_room_gone(self, message: RoomGone) -> None:
        for screen in self._news():
            screen.room_gone(message.room)
        self.start_worker(self, "Listing classrooms", self.read_summaries, group="summaries")

    async def read_summaries(self) -> None:
        """Ask again which classrooms there are."""
        self.summaries = await self.service.classrooms()
        for screen in self._news():
            screen.rooms_changed()

    def _news(self) -> list[News]:
        return [screen for screen in self.screen_stack if isinstance(screen, News) and screen.stands]

    # Themes

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return dict(textual_theme(self.themes.palette(self._theme_wanted)).variables) if hasattr(self, "themes") else {}

    def _register_themes(self) -> None:
        for palette in self.themes.palettes.values():
            self.register_theme(textual_theme(palette))
        self.theme = self.themes.palette(self._theme_wanted).name

    def _look_at_themes(self) -> None:
        stamp = themes_stamp(self.places)
        if stamp == self._stamp:
            return
        self._stamp = stamp
        before, self.themes = self.themes, load_themes(self.places)
        for palette in self.themes.palettes.values():
            if before.palettes.get(palette.name) != palette:
                self.register_theme(textual_theme(palette))
                if palette.name == self.theme:
                    self.mutate_reactive(WorkshopApp.theme)
        for problem in self.themes.problems:
            if problem not in before.problems:
                self.say(f"{problem.path}: {problem.message}", hint=problem.hint, level="warning")

    def choose_theme(self, name: str) -> None:
        """Show a theme from now on, also in later sessions."""
        self.theme = name
        try:
            save_setting(self.places, "theme", name)
        except WorkshopError as error:
            self.tell(error, doing="Remembering the theme")
        else:
            self.say(f"{self.themes.palettes[name].title}: kept for later sessions.")

    def get_line_filters(self) -> Sequence[LineFilter]:
        filters = super().get_line_filters()
        return filters if self.console.color_system != "256" or self.no_color else [*filters, NEAREST]


async def _run_program(command: Sequence[str]) -> int | OSError:
    """Run a program to its end; its exit code, or why it could not be run. Never raises: the screen must come back."""
    try:
        process = await asyncio.create_subprocess_exec(*command)
    except OSError as error:
        return error
    return await process.wait()


def _for_the_program(_number: int, _frame: FrameType | None) -> None:
    """An interrupt that is meant for the program which has the terminal."""


def run(service: Service, *, start: str | None = None, read_only: bool = False, theme: str = "") -> int:
    """Show the terminal UI until it is left; the exit code.

    Args:
        start: the classroom to show first; the home screen without one.
        read_only: leave out everything that changes a class.
        theme: a theme's name; the setting's by default.

    Raises:
        NoTerminal: what it would draw on is no terminal, or one that only takes lines.
        SettingError: the user's keymap has problems.
        WorkshopError: something that was not foreseen ended the UI; the log has it.
    """
    if not (sys.__stderr__ and sys.__stderr__.isatty()):
        raise NoTerminal(
            "The terminal UI draws on standard error, and that is no terminal.",
            hint="Take the redirection (`2>…`) away; the log has what went wrong: `workshop paths`.",
        )
    if os.environ.get("TERM") == "dumb":
        raise NoTerminal(
            "The terminal UI cannot be drawn: this terminal is a dumb one (TERM=dumb).",
            hint="Use a verb: `workshop --help` lists them.",
        )
    if has_all_colours(os.environ):
        os.environ["COLORTERM"] = "truecolor"
    places = service.wiring.places
    app = WorkshopApp(
        service,
        places=places,
        theme=theme or service.wiring.setting("theme"),
        start=start,
        read_only=read_only,
        keymap=load_keymap(places.keymap_file, ACTIONS, together=TOGETHER),
    )
    asyncio.run(_run(app, service))
    if app.broken is not None:
        raise app.broken
    return app.return_code or 0


async def _run(app: WorkshopApp, service: Service) -> None:
    try:
        await app.run_async()
    finally:
        await service.aclose()
