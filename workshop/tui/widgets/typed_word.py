"""A word to be typed before something is removed: Cancel has the focus, and the word's letters find their field."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from textual import events, on
from textual.containers import Horizontal
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Button, Input


class TypedWord(Horizontal):
    """A field, Cancel, and the button that does it.

    Args:
        word: what has to be typed.
        verb: what the button says.
    """

    class Refused(Message):
        """Cancel was chosen."""

    class Given(Message):
        """The button was pressed, or enter in the field."""

    @dataclass
    class Changed(Message):
        """Something was typed."""

    def __init__(self, word: str, verb: str) -> None:
        super().__init__(classes="buttons")
        self._word = word
        self._verb = verb

    def compose(self) -> Iterator[Widget]:
        yield Input(placeholder=f"type {self._word} to confirm", id="typed", compact=True, select_on_focus=False)
        yield Button("Cancel", id="cancel", compact=True, classes="first-focus")
        yield Button(self._verb, id="go", compact=True, classes="danger", disabled=True)

    @property
    def missing(self) -> str:
        """What is to be done first; empty when the word stands there."""
        return "" if self._field.value.strip() == self._word else f"type {self._word} first."

    def allow(self, allowed: bool) -> None:
        self.query_one("#go", Button).disabled = not allowed

    def focus_cancel(self) -> None:
        self.query_one("#cancel").focus()

    def on_key(self, event: events.Key) -> None:
        """What goes on with the word is typed, also while a button has the focus; other keys do what they always do."""
        field = self._field
        if event.character and not field.has_focus and self._word.startswith(field.value + event.character):
            event.stop()
            field.focus()
            field.insert_text_at_cursor(event.character)

    @on(Input.Changed, "#typed")
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        self.post_message(self.Changed())

    @on(Input.Submitted, "#typed")
    @on(Button.Pressed, "#go")
    def _given(self, event: Message) -> None:
        event.stop()
        self.post_message(self.Given())

    @on(Button.Pressed, "#cancel")
    def _refused(self, event: Button.Pressed) -> None:
        event.stop()
        self.post_message(self.Refused())

    @property
    def _field(self) -> Input:
        return self.query_one("#typed", Input)
