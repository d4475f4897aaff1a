"""What all screens share: the two bars, the way back, news from the app, and a word when the terminal is too small."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from typing import ClassVar, TypeVar

from textual.app import ComposeResult
from textual.content import Content
from textual.screen import ModalScreen, Screen
from textual.widget import Widget

from workshop.actions import Scope
from workshop.model.snapshot import Snapshot
from workshop.tui.jobs import Job
from workshop.tui.performing import Performer, performers
from workshop.tui.widgets.bars import KeyBar, Parts, TopBar
from workshop.tui.widgets.row_table import RowTable

R = TypeVar("R")
A = TypeVar("A")
LEAST_WIDTH, LEAST_HEIGHT = 60, 16
FLAT_SAVES = 4
"""Lines of a dialog that the style sheet saves in a terminal that is less high."""


class TooSmall(Widget):
    """Says that the terminal is smaller than what the screens are made for. Hidden by the style sheet otherwise."""

    def render(self) -> Content:
        size = self.app.size
        text = f"{size.width}×{size.height} is small: {LEAST_WIDTH}×{LEAST_HEIGHT} shows more."
        return Content.styled(text, "$text-warning")


class News(Performer):
    """What the app tells screens; each takes what concerns it. Covered screens paint when they are seen again."""

    _composed = False

    def on_mount(self) -> None:
        self._composed = True

    @property
    def stands(self) -> bool:
        """Whether its widgets are there: not yet before it is composed, no longer once it is taken down."""
        return self._composed and self.app.is_running and self.is_attached and bool(self.children)

    def room_changed(self, snapshot: Snapshot) -> None:
        """A watched classroom looks different."""

    def room_gone(self, room: str) -> None:
        """A watched classroom is not there any more."""

    def job_changed(self, job: Job) -> None:
        """Long work has something new."""

    def rooms_changed(self) -> None:
        """The list of classrooms was read again."""

    def tick(self) -> None:
        """A second has passed."""

    def go_back(self) -> None:
        """Leave what is innermost: the filter, the marks, then the screen."""
        raise NotImplementedError

    async def action_press(self, action_id: str) -> None:
        """Carry out an action as if its key was pressed: for clicks in the bar and for the palette."""
        for node in performers(self.screen.focused or self.screen):
            if action_id in {action.id for action in self.workshop.actions_of(node)}:
                await node.action_perform(action_id)
                return

    def ask_first(self, doing: str, dialog: BaseDialog[A], then: Callable[[A], Awaitable[object]]) -> None:
        """Show a question at once, so that keys typed ahead cannot act on what lies below it; go on with its answer.

        Args:
            doing: what is said to have failed.
            then: takes the answer; left out when there is none, or it is no.
        """

        def answered(answer: A | None) -> None:
            if answer is not None and answer is not False:
                self.work(doing, lambda: then(answer))

        self.app.push_screen(dialog, answered)

    def work(self, doing: str, work: Callable[[], Awaitable[object]], *, group: str = "default") -> None:
        """Run something that waits; it ends with the screen, and a failure is told. `doing` says what failed."""
        self.workshop.start_worker(self, doing, work, group=group)


class BaseScreen(News, Screen[R]):
    """A whole screen."""

    SCOPES: ClassVar[tuple[Scope, ...]] = ()
    AUTO_FOCUS = ".first-focus"

    def compose(self) -> ComposeResult:
        yield TopBar()
        yield from self.body()
        yield TooSmall()
        yield KeyBar()

    def body(self) -> Iterator[Widget]:
        """Everything between the two bars."""
        raise NotImplementedError

    def crumbs(self) -> tuple[str, ...]:
        """Where one is."""
        return ()

    def facts(self) -> Parts:
        """What stands after it in the first line."""
        return []

    def right_facts(self) -> Parts:
        """What stands at the end of the first line, and stays when the rest does not fit."""
        return []

    def tick(self) -> None:
        self.query_one(TopBar).look_again()
        self.query_one(KeyBar).look_again()

    def go_back(self) -> None:
        self.dismiss()

    def on_screen_resume(self) -> None:
        if self.stands:
            self.query_one(TopBar).look_again()
            self.query_one(KeyBar).refresh()
            self.seen_again()

    def seen_again(self) -> None:
        """The screen is on top again: catch up with what it missed."""


class BaseDialog(News, ModalScreen[R]):
    """A question over a screen. Escape leaves it without doing anything."""

    SCOPES: ClassVar[tuple[Scope, ...]] = ()
    BESIDE: ClassVar[int] = 0
    """Lines of the terminal that the rows of its table leave free; where there are few, it is drawn without gaps."""

    def on_resize(self) -> None:
        gaps = FLAT_SAVES if self.app.size.height < LEAST_HEIGHT else 0
        for table in self.query(RowTable):
            table.be_as_tall_as_its_rows(self.BESIDE - gaps)

    def go_back(self) -> None:
        self.dismiss(None)
