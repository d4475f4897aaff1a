"""The command palette: every action of the registry, those that cannot be used now with the reason."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.content import Content

from workshop.actions import ACTIONS, Action
from workshop.tui.bindings import key_names
from workshop.tui.performing import Performer, performers

if TYPE_CHECKING:
    from workshop.tui.app import WorkshopApp


class ActionCommands(Provider):
    """Finds actions by title, help and id."""

    @property
    def _app(self) -> WorkshopApp:
        return cast("WorkshopApp", self.app)

    def _nodes(self) -> list[Performer]:
        """Who can carry out actions: what had the focus when the palette was opened, up to the app."""
        return performers(self.focused or self.screen)

    def _entries(self) -> list[tuple[Action, Performer | None, str]]:
        """Each action with who carries it out, and why it cannot be used now."""
        nodes = self._nodes()
        found: list[tuple[Action, Performer | None, str]] = []
        for node in nodes:
            found += [(action, node, node.blocked(action.id)) for action in self._app.actions_of(node)]
        here = {action.id for action, _node, _reason in found}
        for action in ACTIONS:
            if action.id not in here and not (action.changes and self._app.read_only):
                found.append((action, None, f"only in: {action.scope.value}"))
        return found

    async def discover(self) -> Hits:
        for action, node, reason in self._entries():
            if node is not None and not reason and action.scope.value not in ("tables", "logs and lists of events"):
                yield DiscoveryHit(
                    self._display(action, ""), self._run(action, node), text=action.title, help=action.help
                )
        for theme in self._app.themes.palettes.values():
            yield DiscoveryHit(f"Theme: {theme.title}", self._theme(theme.name), help="Colours of this session.")

    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        for action, node, reason in self._entries():
            score = max(matcher.match(action.title), matcher.match(action.id) * 0.9, matcher.match(action.help) * 0.4)
            if score > 0:
                if reason:
                    score *= 0.9
                yield Hit(
                    score,
                    self._display(action, reason),
                    self._run(action, node),
                    text=action.title,
                    help=reason or action.help,
                )
        for theme in self._app.themes.palettes.values():
            text = f"Theme: {theme.title}"
            if (score := matcher.match(text)) > 0:
                yield Hit(score, text, self._theme(theme.name), text=text, help="Colours of this session.")

    def _display(self, action: Action, reason: str) -> Content:
        keys = key_names(self._app.keys_of(action.id))
        style = "$text-disabled" if reason else "bold"
        return Content.assemble(
            (action.title, style), (f"  {keys}", "$text-accent" if not reason else "$text-disabled")
        )

    def _run(self, action: Action, node: Performer | None) -> Any:
        async def run() -> None:
            if node is not None:
                await node.action_perform(action.id)
            else:
                self._app.say(f"{action.title}: only in: {action.scope.value}.", level="warning")

        return run

    def _theme(self, name: str) -> Any:
        def choose() -> None:
            self._app.choose_theme(name)

        return choose
