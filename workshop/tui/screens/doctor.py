"""What is there and what is missing on this machine."""

from __future__ import annotations

from collections.abc import Iterator

from textual.containers import VerticalScroll
from textual.content import Content
from textual.widget import Widget

from workshop.service import Finding
from workshop.tui.screens.base import BaseScreen
from workshop.tui.widgets.text import Text


class DoctorScreen(BaseScreen[None]):
    """A line for each finding, with what to do."""

    def crumbs(self) -> tuple[str, ...]:
        return ("this machine",)

    def body(self) -> Iterator[Widget]:
        scroll = VerticalScroll(Text("Looking…", id="findings"), id="doctor")
        scroll.add_class("first-focus")
        yield scroll

    def on_mount(self) -> None:
        self.work("Checking this machine", self._read)

    async def _read(self) -> None:
        findings = await self.workshop.service.doctor()
        found = {finding.name for finding in findings}
        places = [(name, path) for name, path in self.workshop.places.named() if name not in found]
        width = 1 + max(len(name) for name in (*found, *(name for name, _ in places)))
        lines = [_line(finding, width) for finding in findings]
        lines += [Content.styled(f"· {name:<{width}}{path}", "$text-muted") for name, path in places]
        self.query_one("#findings", Text).say(Content("\n").join(lines))


def _line(finding: Finding, width: int) -> Content:
    glyph, style = ("●", "$text-success") if finding.ok else ("✗", "$text-error")
    hint = f"\n  {'':{width}}{finding.hint}" if finding.hint and not finding.ok else ""
    return Content.assemble(
        (f"{glyph} ", style), (f"{finding.name:<{width}}", "bold"), finding.text, (hint, "$text-muted")
    )
