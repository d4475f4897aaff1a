"""The keys of what has focus, of the screen, and everywhere: made from the registry. Enter runs a line."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.screen import Screen

from workshop.actions import BY_ID, Action
from workshop.model.amounts import capitalised
from workshop.present.columns import Cell, Column
from workshop.present.words import Tone
from workshop.tui.bindings import key_names
from workshop.tui.performing import Performer, performers
from workshop.tui.screens.base import BaseDialog
from workshop.tui.screens.confirm import ESCAPE
from workshop.tui.widgets.row_table import RowTable
from workshop.tui.widgets.text import Text

COLUMNS = (Column("keys", "Keys", 12), Column("title", "Does", 22), Column("help", "", 24, grow=True))


class HelpDialog(BaseDialog[None]):
    """
    Args:
        groups: titles, and who carries out which actions.
    """

    BINDINGS: ClassVar = [ESCAPE, Binding("question_mark,f1,q", "back", "Close", show=False),
                          Binding("enter", "run", "Run", show=False)]  # fmt: skip
    AUTO_FOCUS = "RowTable"
    BESIDE = 12

    def __init__(self, groups: list[tuple[str, Performer, tuple[Action, ...]]]) -> None:
        super().__init__()
        self._groups = groups

    @classmethod
    def of(cls, screen: Screen[object]) -> HelpDialog:
        """Help for what has the focus on a screen."""
        app = screen.app
        assert isinstance(app, Performer)
        groups = []
        for node in performers(screen.focused or screen):
            actions = app.workshop.actions_of(node)
            if actions:
                title = "Anywhere" if node is app else capitalised(actions[0].scope.value)
                groups.append((title, node, actions))
        return cls(groups)

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog wide"):
            yield Text("Keys", classes="dialog-title")
            yield RowTable(COLUMNS, header=False)
            yield Text("", id="help-text", classes="dialog-text")
            yield Text("↵ does it, esc closes", classes="dialog-foot")

    def on_mount(self) -> None:
        table = self.query_one(RowTable)
        rows = []
        for number, (title, node, actions) in enumerate(self._groups):
            rows.append((f"-{number}", (Cell(title, Tone.BUSY), Cell(""), Cell(""))))
            for action in actions:
                keys = key_names(self.workshop.keys_of(action.id))
                reason = node.blocked(action.id)
                tone = Tone.MUTED if reason else Tone.NORMAL
                rows.append(
                    (action.id, (Cell(keys, Tone.ACCENT), Cell(action.title, tone), Cell(action.help, Tone.MUTED)))
                )
        table.set_rows(rows)
        table.be_as_tall_as_its_rows(self.BESIDE)
        table.do_table_down()

    @on(RowTable.Moved)
    def _moved(self, event: RowTable.Moved) -> None:
        node = self._node(event.key)
        reason = node.blocked(event.key) if node is not None else ""
        text = BY_ID[event.key].help if event.key in BY_ID else ""
        self.query_one("#help-text", Text).say(f"{text} Now: {reason}" if reason else text)

    def _node(self, action_id: str) -> Performer | None:
        return next((node for _t, node, actions in self._groups if any(a.id == action_id for a in actions)), None)

    @on(RowTable.Chosen)
    async def action_run(self) -> None:
        key = self.query_one(RowTable).cursor_key or ""
        node = self._node(key)
        if node is not None:
            self.dismiss()
            self.app.call_later(node.action_perform, key)

    def action_back(self) -> None:
        self.dismiss()
