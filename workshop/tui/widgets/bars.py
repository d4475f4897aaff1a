"""The first and the last line of every screen: where one is, and which keys lead on."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from rich.cells import cell_len
from textual import events
from textual.content import Content
from textual.screen import Screen
from textual.widget import Widget

from workshop.actions import Action, Scope
from workshop.present.cells import cut
from workshop.tui.bindings import key_name
from workshop.tui.performing import performers

if TYPE_CHECKING:
    from workshop.tui.app import WorkshopApp
    from workshop.tui.screens.base import BaseScreen

Parts = list[tuple[str, str]]
"""Texts with their styles."""


def width_of(parts: Parts) -> int:
    return sum(cell_len(text) for text, _style in parts)


class TopBar(Widget):
    """Where one is on the left; on the right what holds for the whole session."""

    DEFAULT_CSS = """
    TopBar { height: 1; background: $panel; color: $foreground; }
    """

    _painted = Content("")

    def look_again(self) -> None:
        """Paint, if there is something new to say."""
        content = self._content()
        if not content.is_same(self._painted):
            self.refresh()

    def render(self) -> Content:
        self._painted = self._content()
        return self._painted

    def _content(self) -> Content:
        screen = cast("BaseScreen[object]", self.screen)
        app = cast("WorkshopApp", self.app)
        left: Parts = [(" workshop ", "bold $text-primary")]
        for crumb in screen.crumbs():
            left += [("› ", "$text-muted"), (f"{crumb} ", "bold")]
        where = len(left)
        left += [("  ", ""), *screen.facts()] if screen.facts() else []
        right: Parts = []
        if app.read_only:
            right.append((" READ-ONLY ", "bold $on-warning on $warning"))
            right.append((" ", ""))
        right += [*screen.right_facts(), ("  ", "")] if screen.right_facts() else []
        running = len(app.jobs.running())
        if running:
            right.append((f"◌ {running} running  ", "$text-accent"))
        right.append((f"{app.local(app.now()):%H:%M} ", "$text-muted"))
        room = self.size.width - width_of(right)
        while len(left) > where and width_of(left) > room:
            left.pop()
        if len(left) > 2 and width_of(left) > room:
            left[:2] = [(" ", "")]  # the name of the class says more than that of the program
            while len(left) > 2 and width_of(left) > room:
                del left[1:3]
            text, style = left[-1]
            left[-1] = (cut(text, max(0, room - 1 - width_of(left[:-1]))), style)
        gap = max(0, room - width_of(left))
        return Content.assemble(*left, (" " * gap, ""), *right)


class KeyBar(Widget):
    """The most useful keys of what has focus. Each can be clicked; the others are under `?`."""

    MOST = 6
    DEFAULT_CSS = """
    KeyBar { height: 1; background: $panel; color: $text-muted; dock: bottom; }
    """

    _painted = Content("")

    def on_mount(self) -> None:
        self.screen.bindings_updated_signal.subscribe(self, self._bindings_updated)

    def _bindings_updated(self, _screen: Screen[object]) -> None:
        self.refresh()

    def shown(self) -> list[tuple[Action, str, bool]]:
        """The actions in the bar with their key, and whether each can be used now."""
        app = cast("WorkshopApp", self.app)
        found: list[tuple[Action, str, bool]] = []
        for node in performers(self.screen.focused or self.screen):
            for action in app.actions_of(node):
                if action.footer and all(action.id != other.id for other, _key, _can in found):
                    keys, can = app.keys_of(action.id), not node.blocked(action.id)
                    if keys and (can or not action.fleeting):
                        found.append((action, key_name(keys[0]), can))
        here = [entry for entry in found if entry[0].scope is not Scope.APP]
        anywhere = [entry for entry in found if entry[0].scope is Scope.APP]
        # what can be used for a while only is what matters now
        most = self.MOST - sum(action.fleeting for action, _key, _can in here)
        always = [action.id for action, _key, _can in here if not action.fleeting][:most]
        return [entry for entry in here if entry[0].fleeting or entry[0].id in always] + anywhere

    def _fitting(self) -> list[tuple[Action, str, str, bool]]:
        """What fits whole: the action, its key, its word, and whether it can be used now."""
        shown = self.shown()
        widths = {action.id: cell_len(key) + cell_len(action.footer) + 3 for action, key, _can in shown}
        room = self.size.width - sum(widths[action.id] for action, _k, _c in shown if action.scope is Scope.APP)
        found = []
        for action, key, can in shown:
            if action.scope is not Scope.APP:
                room -= widths[action.id]
                if room < 0:
                    continue
            found.append((action, key, action.footer, can))
        return found

    def look_again(self) -> None:
        """Paint, if other keys can be used now."""
        if not self._content().is_same(self._painted):
            self.refresh()

    def render(self) -> Content:
        self._painted = self._content()
        return self._painted

    def _content(self) -> Content:
        parts: Parts = []
        for _action, key, word, can in self._fitting():
            key_style, word_style = (
                ("bold $text-accent", "$text-muted") if can else ("$text-disabled", "$text-disabled")
            )
            parts += [(f" {key} ", key_style), (f"{word} ", word_style)]
        return Content.assemble(*parts)

    async def on_click(self, event: events.Click) -> None:
        right = 0
        for action, key, word, _can in self._fitting():
            right += cell_len(key) + cell_len(word) + 3
            if event.x < right:
                await cast("BaseScreen[object]", self.screen).action_press(action.id)
                return
