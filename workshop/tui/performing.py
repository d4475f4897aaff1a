"""How screens and widgets carry out actions of the registry: one way for keys, clicks and the palette."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, ClassVar, cast

from textual.dom import DOMNode

from workshop.actions import BY_ID, Scope

if TYPE_CHECKING:
    from workshop.tui.app import WorkshopApp

    _Node = DOMNode
else:
    _Node = object  # a mixin: the style rules of a widget are inherited along its DOM bases alone


def method_name(action_id: str) -> str:
    """The method that carries an action out: `seat.restart` → `do_seat_restart`."""
    return f"do_{action_id.replace('.', '_')}"


class Performer(_Node):
    """Mixed into whatever has actions. An action of its scopes is a method named by `method_name`."""

    SCOPES: ClassVar[tuple[Scope, ...]] = ()
    WITHOUT: ClassVar[frozenset[str]] = frozenset()
    """Actions of the scopes that make no sense here."""

    @property
    def workshop(self) -> WorkshopApp:
        """The app, as what it is."""
        return cast("WorkshopApp", self.app)

    def blocked(self, action_id: str) -> str:
        """Why the action cannot be used now; empty when it can."""
        return ""

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Textual's question whether a binding is there at all: not in a read-only session if it changes things."""
        if action != "perform":
            return True
        known = BY_ID.get(str(parameters[0]))
        if known is not None and known.id in self.WITHOUT:
            return False
        return not (known is not None and known.changes and self.workshop.read_only)

    async def action_perform(self, action_id: str) -> None:
        """Carry out one action, or say why not."""
        known = BY_ID[action_id]
        if known.changes and self.workshop.read_only:
            self.workshop.say(f"{known.title}: this session is read-only.", level="warning")
            return
        reason = self.blocked(action_id)
        if reason:
            self.workshop.say(f"{known.title}: {reason}", level="warning")
            return
        outcome = getattr(self, method_name(action_id))()
        if inspect.isawaitable(outcome):
            await outcome


def performers(start: DOMNode) -> list[Performer]:
    """What has actions, from a node up to the app; a modal screen ends the way."""
    found = []
    for node in start.ancestors_with_self:
        if isinstance(node, Performer):
            found.append(node)
        if node.is_modal:
            break
    return found
