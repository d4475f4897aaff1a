"""What a visitor's device found out about the way to the gateway: sent by the room check page."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Trouble(StrEnum):
    """The likely cause of what did not work, best guess first."""

    NONE = "none"
    WEBSOCKET_BLOCKED = "websocket-blocked"
    """Pages load and WebSockets do not open: a proxy, a firewall or a filter in between."""
    UNSTABLE = "unstable"
    """The connection broke while it was tested: weak wifi, roaming, or devices kept apart."""
    INTERCEPTED = "intercepted"
    """Something else answered in the gateway's place: a captive portal or a filter."""
    SLOW = "slow"
    CLOCK = "clock"
    """The device's clock is off by minutes: certificates and times shown will be wrong."""


@dataclass(frozen=True, slots=True)
class RoomCheck:
    """One device's result. No address and no name: only what it measured."""

    at: datetime
    trouble: Trouble
    load_ms: float | None = None
    """From the click to the page's content."""
    echoes: int = 0
    """Answers in ten seconds of WebSocket echo."""
    lost: int = 0
    echo_ms: float | None = None
    """The median round trip."""
    download_mbit: float | None = None
    clock_seconds: float | None = None
    """How far the device's clock is ahead."""
    phone: bool = False

    @property
    def ok(self) -> bool:
        return self.trouble is Trouble.NONE

    def sentence(self) -> str:
        """`laptop: good, 4 ms, 87 Mbit/s` or what is wrong, for the instructor."""
        device = "phone" if self.phone else "laptop"
        words = {
            Trouble.NONE: "good",
            Trouble.WEBSOCKET_BLOCKED: "pages load, but WebSockets are blocked (a proxy or firewall in between)",
            Trouble.UNSTABLE: "the connection breaks (weak wifi, or devices are kept apart)",
            Trouble.INTERCEPTED: "something else answers in the gateway's place (a captive portal or filter)",
            Trouble.SLOW: "slow",
            Trouble.CLOCK: "its clock is wrong",
        }[self.trouble]
        figures = []
        if self.echo_ms is not None:
            figures.append(f"{self.echo_ms:.0f} ms")
        if self.download_mbit is not None:
            figures.append(f"{self.download_mbit:.0f} Mbit/s")
        if self.clock_seconds is not None and abs(self.clock_seconds) >= 60:
            figures.append(f"clock off by {self.clock_seconds:+.0f} s")
        return f"{device}: {', '.join((words, *figures))}"
