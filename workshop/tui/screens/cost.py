"""What a class costs, and what of the machine it takes."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical, VerticalScroll
from textual.content import Content

from workshop.model.amounts import format_size
from workshop.service import Cost, money
from workshop.tui.screens.base import BaseDialog
from workshop.tui.screens.confirm import ESCAPE
from workshop.tui.widgets.seat_panel import labelled
from workshop.tui.widgets.text import Text

EVERY = 10
"""Seconds between two readings."""
LABEL = 17
BAR, SHORT_BAR = 22, 6
WIDE = 80
"""Columns of a terminal from which the longer bar has room."""
FULL = 0.9
"""Share of the machine from which it is shown as a warning."""
PRICES = "price_cpu_hour, price_gb_hour, price_image_gb_month, currency"


class CostDialog(BaseDialog[None]):
    """Read again while it is shown.

    Args:
        room: the classroom's name.
        settings: the file in which prices are set.
    """

    BINDINGS: ClassVar = [ESCAPE, Binding("enter,i", "back", "Close", show=False)]
    AUTO_FOCUS = "#cost-frame"

    def __init__(self, room: str, settings: str) -> None:
        super().__init__()
        self._room = room
        self._settings = settings
        self._seconds = 0
        self._read_last: tuple[Cost, str] | None = None

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog wide"):
            yield Text(f"Cost and room of {self._room}", classes="dialog-title")
            with VerticalScroll(id="cost-frame"):
                yield Text("Asking…", id="cost-text")
            yield Text("↵ or esc closes", classes="dialog-foot")

    def on_mount(self) -> None:
        super().on_mount()
        self._ask()

    def tick(self) -> None:
        self._seconds += 1
        if self._seconds % EVERY == 0:
            self._ask()

    def _ask(self) -> None:
        self.work("Asking for the cost", self._read, group="cost")

    async def _read(self) -> None:
        cost = await self.workshop.service.cost(self._room)
        ends = self.workshop.rooms[self._room].snapshot
        at_end = f" ({self.workshop.local(ends.ends):%H:%M})" if ends is not None and ends.ends is not None else ""
        self._read_last = (cost, at_end)
        self._show()

    def on_resize(self) -> None:
        self._show()

    def _show(self) -> None:
        if self._read_last is not None:
            bar = BAR if self.app.size.width >= WIDE else SHORT_BAR
            self.query_one("#cost-text", Text).say(cost_text(*self._read_last, self._settings, bar))

    def action_back(self) -> None:
        self.dismiss(None)


def cost_text(cost: Cost, at_end: str, settings: str, bar: int = BAR) -> Content:
    """The bill and the shares as lines of label and value.

    Args:
        at_end: when the class ends, to stand behind that word.
        settings: the file in which prices are set.
        bar: cells of a bar.
    """
    rows: list[tuple[str, Content]] = []
    if cost.priced:
        paid = {"An hour": cost.per_hour, "So far": cost.so_far}
        if cost.at_end is not None:
            paid[f"At the end{at_end}"] = cost.at_end
        rows = [(label, Content.styled(money(amount, cost.currency), "bold")) for label, amount in paid.items()]
        rows.append(("Not taken", Content(f"{money(cost.idle_per_hour, cost.currency)} an hour for seats nobody has")))
        rows.append(
            ("If forgotten", Content.styled(f"{money(cost.forgotten_day, cost.currency)} a day", "$text-warning"))
        )
        rows.append(("", Content("")))
    rows += _shares(cost, bar)
    text = labelled(rows, max([LABEL, *(len(label) + 2 for label, _value in rows)]))
    if not cost.priced:
        hint = f"\n\nNo prices are set. With {PRICES} in {settings} the same is told in money."
        text += Content.styled(hint, "$text-muted")
    return text


def _shares(cost: Cost, bar: int) -> list[tuple[str, Content]]:
    rows: list[tuple[str, Content]] = []
    if cost.machine_memory:
        whole = format_size(cost.machine_memory)
        if cost.used_memory is not None:
            rows.append(
                (
                    "Memory now",
                    _share(cost.share_of(cost.used_memory), f"{format_size(cost.used_memory)} of {whole}", bar),
                )
            )
        if cost.idle_memory:
            rows.append(
                ("  of it not taken", _share(cost.share_of(cost.idle_memory), format_size(cost.idle_memory), bar))
            )
        if cost.memory_share is not None:
            most = format_size(round(cost.memory_share * cost.machine_memory))
            rows.append(("Memory at most", _share(cost.memory_share, f"{most} if all fill up", bar)))
    if cost.cpu_share is not None and cost.machine_cpus:
        cores = f"{cost.cpu_share * cost.machine_cpus:g} of {cost.machine_cpus:g} cores"
        rows.append(("CPU at most", _share(cost.cpu_share, cores, bar)))
    return rows or [("", Content.styled("What this class may take of its machine is not known.", "$text-muted"))]


def _share(share: float | None, words: str, bar: int) -> Content:
    """A bar, the share in percent, and what it is of."""
    if share is None:
        return Content(words)
    filled = min(bar, round(share * bar))
    style = "$text-warning" if share >= FULL else "$text-primary"
    return Content.assemble(("━" * filled, style), ("━" * (bar - filled), "$line"), (f" {share:4.0%}  ", "bold"), words)
