"""Facts on their way to the screens. Intents go the other way as ids, never as objects."""

from __future__ import annotations

from textual.message import Message

from workshop.model.snapshot import Snapshot


class SnapshotChanged(Message, bubble=False):
    """A classroom looks different now. A newer one replaces an older one that was not handled yet."""

    def __init__(self, room: str, snapshot: Snapshot) -> None:
        super().__init__()
        self.room = room
        self.snapshot = snapshot

    def can_replace(self, message: Message) -> bool:
        return isinstance(message, SnapshotChanged) and message.room == self.room


class RoomGone(Message, bubble=False):
    """A watched classroom is not there any more."""

    def __init__(self, room: str) -> None:
        super().__init__()
        self.room = room


class JobChanged(Message, bubble=False):
    """Long work has something new to show."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number

    def can_replace(self, message: Message) -> bool:
        return isinstance(message, JobChanged) and message.number == self.number
