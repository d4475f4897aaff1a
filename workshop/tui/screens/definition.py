"""What a workshop's definition says."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

from textual.widget import Widget

from workshop.actions import Scope
from workshop.model.classroom import Classroom
from workshop.tui.screens.base import BaseScreen
from workshop.tui.widgets.log_view import Lines, LogView


class DefinitionScreen(BaseScreen[None]):
    """
    Args:
        title: where one is.
        file: what to load; or, without it,
        text: what to show.
    """

    SCOPES: ClassVar[tuple[Scope, ...]] = ()

    def __init__(self, title: str, *, file: str = "", text: str = "") -> None:
        super().__init__()
        self._title = title
        self._file = file
        self._text = text

    @classmethod
    def of_file(cls, file: str) -> DefinitionScreen:
        return cls(Path(file).name or file, file=file)

    @classmethod
    def of_classroom(cls, classroom: Classroom) -> DefinitionScreen:
        """The definition that a classroom was opened with."""
        from workshop.config.rendering import render_definition
        from workshop.model.definition import WorkshopDefinition

        known = json.loads(classroom.definition) if classroom.definition else {}
        definition = WorkshopDefinition.model_validate({"title": classroom.workshop, **known})
        head = f"# {classroom.name} on {classroom.runtime}, commit {classroom.commit[:12]}\n# {classroom.image}\n"
        return cls(f"{classroom.name} definition", text=head + render_definition(definition))

    def crumbs(self) -> tuple[str, ...]:
        return (self._title,)

    def body(self) -> Iterator[Widget]:
        yield LogView(first_focus=True)

    def on_mount(self) -> None:
        if self._text:
            self._show(self._text)
        else:
            self.work("Reading the definition", self._read)

    async def _read(self) -> None:
        from workshop.config.rendering import render_definition

        workshop = await self.workshop.service.load(self._file)
        if workshop.path is not None:
            self._show(f"# {workshop.path}\n{workshop.path.read_text('utf-8-sig')}")
        else:
            self._show(f"# No workshop.yaml yet: made from {self._file}\n{render_definition(workshop.definition)}")

    def _show(self, text: str) -> None:
        lines = self.query_one(Lines)
        lines.set([(line, "muted" if line.lstrip().startswith("#") else "normal") for line in text.splitlines()])
        lines.do_text_first()

    def go_back(self) -> None:
        if not self.query_one(LogView).close_search():
            self.dismiss()
