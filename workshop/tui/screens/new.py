"""From a link to a workshop: what is in the repository, what is wrong, which choices there are, and whether it fits."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

from textual import on
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Input, Select

from workshop.actions import Scope
from workshop.errors import WorkshopError
from workshop.model.amounts import format_size, parse_size
from workshop.model.classroom import Ui
from workshop.model.definition import WorkshopDefinition
from workshop.present.cells import one_line
from workshop.service import CheckReport
from workshop.service.fitting import fit_of_definition
from workshop.tui.bindings import bindings_for
from workshop.tui.definition_file import default_file, write_definition
from workshop.tui.jobs import Job, JobKind
from workshop.tui.screens.ask import AskDialog
from workshop.tui.screens.base import BaseScreen
from workshop.tui.screens.confirm import ConfirmDialog
from workshop.tui.screens.plan import VERDICTS, PlanScreen, error_text
from workshop.tui.screens.starting import begin_build, begin_rehearsal
from workshop.tui.widgets.form import Field
from workshop.tui.widgets.seat_panel import labelled
from workshop.tui.widgets.text import Text

UI_TITLES = {
    Ui.LAB: "JupyterLab",
    Ui.NOTEBOOK: "Notebook 7",
    Ui.VSCODE: "VS Code",
    Ui.RSTUDIO: "RStudio",
    Ui.WEB: "web app",
}
LEVELS = {"error": ("✗", "$text-error"), "warning": ("▲", "$text-warning")}


class NewScreen(BaseScreen[None]):
    """
    Args:
        link: what to look at first: a link, a folder or a workshop.yaml; empty to be asked for one.
    """

    SCOPES: ClassVar[tuple[Scope, ...]] = (Scope.NEW,)
    BINDINGS: ClassVar = bindings_for(Scope.NEW)

    def __init__(self, link: str) -> None:
        super().__init__()
        self._link = link
        self._report: CheckReport | None = None
        self._file = ""
        """What build and up take: the link, until it is saved."""
        self._saved: WorkshopDefinition | None = None
        self._outdated = False
        """An image was built since the repository was looked at."""

    def crumbs(self) -> tuple[str, ...]:
        title = self._report.workshop.definition.title if self._report and self._report.workshop else "new workshop"
        return (title,)

    def body(self) -> Iterator[Widget]:
        with VerticalScroll(id="new", classes="first-focus" if self._link else ""):
            link = Input(self._link, placeholder="A Git URL, a mybinder.org link, or a folder", id="link", compact=True)
            if not self._link:
                link.add_class("first-focus")
            yield Field("Repository", link, classes="line")
            with Horizontal(classes="fields", id="choices"):
                yield Field("Title", Input(id="title", compact=True))
                choices = [(name, ui.value) for ui, name in UI_TITLES.items()]
                yield Field(
                    "Students see",
                    Select(choices, value="lab", allow_blank=False, id="ui", compact=True),
                    classes="choice",
                )
                yield Field("Seats", Input(id="count", compact=True, type="integer"), classes="small")
                yield Field(
                    "Spare", Input(id="spares", placeholder="10 %", compact=True, type="integer"), classes="small"
                )
                yield Field("Memory", Input(id="memory", compact=True), classes="half")
                yield Field("CPUs", Input(id="cpus", compact=True, type="number"), classes="small")
            yield Text("", id="verdict")
            yield Text("", id="found")

    def on_mount(self) -> None:
        self.query_one("#choices").display = False
        if self._link:
            self.query_one("#new").focus()
            self._look()
        else:
            self._say("Paste a link and press ↵: nothing is built, it is only looked at.")

    def job_changed(self, job: Job) -> None:
        if not job.running and job.kind in (JobKind.BUILD, JobKind.UP):
            self._outdated = True

    def seen_again(self) -> None:
        if self._outdated and self._report is not None and self.definition_or_none() == self._saved:
            self._outdated = False
            self.work("Checking", self._check, group="check")

    # Looking at the repository

    def _say(self, text: str) -> None:
        self.query_one("#found", Text).say(Content.styled(text, "$text-muted"))

    def _look(self) -> None:
        self._link = self.query_one("#link", Input).value.strip()
        if self._link:
            self._report = None
            self._say("Looking at the repository…")
            self.query_one("#verdict", Text).say("")
            self.refresh_bindings()
            self.work("Checking", self._check, group="check")

    async def _check(self) -> None:
        link = self._link
        try:
            report = await self.workshop.service.check(link)
        except WorkshopError as error:
            self.query_one("#found", Text).say(error_text(error))
            return
        self._report, self._file = report, link
        if report.workshop is not None:
            self._saved = report.workshop.definition
            self._fill(report.workshop.definition)
        self.query_one("#choices").display = report.workshop is not None
        self._show_found()
        self._show_verdict()
        self.tick()
        self.refresh_bindings()

    def _fill(self, definition: WorkshopDefinition) -> None:
        self.query_one("#title", Input).value = definition.title
        self.query_one("#ui", Select).value = definition.ui.value
        self.query_one("#count", Input).value = str(definition.seats)
        self.query_one("#spares", Input).value = "" if definition.spares is None else str(definition.spares)
        self.query_one("#memory", Input).value = format_size(definition.memory_bytes)
        self.query_one("#cpus", Input).value = f"{definition.limits.cpus:g}"

    def _show_found(self) -> None:
        report = self._report
        assert report is not None
        parts = [labelled(_found_rows(report))] if report.source is not None else []
        order = sorted(report.problems, key=lambda problem: problem.level != "error")
        for problem in order:
            glyph, style = LEVELS.get(problem.level, LEVELS["warning"])
            parts.append(
                Content.assemble(
                    "" if parts and problem is not order[0] else "\n",
                    (f"{glyph} ", style), (f"{one_line(problem.path)}: ", "bold"), (problem.message, style),
                    (f"\n  {problem.hint}" if problem.hint else "", "$text-muted"),
                )
            )  # fmt: skip
        if not report.problems:
            parts.append(Content.styled("● Nothing is wrong with it.", "$text-success"))
        self.query_one("#found", Text).say(Content("\n").join(parts))

    # The choices

    def definition(self) -> WorkshopDefinition:
        """The definition with the choices made here.

        Raises:
            ValueError: a field cannot be used; the message names it.
        """
        if self._saved is None:
            raise ValueError("there is no workshop yet")
        base = self._saved
        seats, spares = self._number("count", "Seats", 1, 2000), self._number("spares", "Spare", 0, 200, empty=True)
        try:
            memory = parse_size(self.query_one("#memory", Input).value)
        except ValueError as error:
            raise ValueError(f"Memory: {error}; write 1 GB or 512 MB.") from error
        cpus = self.query_one("#cpus", Input).value
        if not _is_number(cpus) or not 0 < float(cpus) <= 256:
            raise ValueError("CPUs: a number above 0, like 1 or 0.5.")
        title = self.query_one("#title", Input).value.strip()
        if not 1 <= len(title) <= 80:
            raise ValueError("Title: 1 to 80 signs.")
        limits = base.limits.model_copy(update={"cpus": float(cpus)})
        if memory != base.memory_bytes:
            limits = limits.model_copy(update={"memory": memory})
        ui = Ui(str(self.query_one("#ui", Select).value))
        changes = {"title": title, "ui": ui, "seats": seats, "spares": spares, "limits": limits}
        return base.model_copy(update=changes)

    def definition_or_none(self) -> WorkshopDefinition | None:
        """The definition with the choices made here; None while a field cannot be used."""
        try:
            return self.definition()
        except ValueError:
            return None

    def _number(self, field: str, name: str, least: int, most: int, *, empty: bool = False) -> int | None:
        text = self.query_one(f"#{field}", Input).value.strip()
        if not text and empty:
            return None
        if not text.isdecimal() or not least <= int(text) <= most:
            raise ValueError(f"{name}: a number from {least} to {most}.")
        return int(text)

    def _show_verdict(self) -> None:
        verdict = self.query_one("#verdict", Text)
        try:
            definition = self.definition()
        except ValueError as error:
            verdict.say(Content.styled(f"✗ {error}" if self._saved else "", "$text-error"))
            return
        report = self._report
        if report is None or report.facts is None:
            verdict.say("")
            return
        # several targets were asked when it was checked; one engine is reckoned with while one types
        asked = report.fits if len(definition.targets) > 1 else None
        fits = asked or fit_of_definition(report.facts, definition)
        glyph, style = VERDICTS[fits.verdict]
        unsaved = "" if definition == self._saved else "  Not saved yet."
        verdict.say(Content.assemble((f"{glyph} {fits.sentence}", style), (unsaved, "$text-muted")))

    @on(Input.Changed)
    @on(Select.Changed)
    def _choice_changed(self, event: Input.Changed | Select.Changed) -> None:
        if event.control is not self.query_one("#link") and self._report is not None:
            self._show_verdict()

    @on(Input.Submitted, "#link")
    def _link_given(self) -> None:
        self._look()

    # Actions

    def blocked(self, action_id: str) -> str:
        if action_id == "new.check":
            return "" if self.query_one("#link", Input).value.strip() else "paste a link first."
        if self._report is None or self._report.workshop is None:
            return "there is no workshop yet."
        try:
            self.definition()
        except ValueError as error:
            return str(error)
        if action_id in ("new.build", "new.rehearse", "new.up") and not self._report.ok:
            errors = [problem for problem in self._report.problems if problem.level == "error"]
            return errors[0].message
        return ""

    def do_new_check(self) -> None:
        self._look()

    def do_new_save(self) -> None:
        self.work("Saving", self._save)

    def do_new_build(self) -> None:
        self.work("Building", self._build)

    def do_new_rehearse(self) -> None:
        self.work("Rehearsing", self._rehearse)

    async def _rehearse(self) -> None:
        if await self._saved_or_unchanged():
            begin_rehearsal(self.workshop, self._file, self.definition().title)

    def do_new_up(self) -> None:
        self.work("Opening", self._up)

    async def _build(self) -> None:
        if await self._saved_or_unchanged():
            begin_build(self.workshop, self._file, self.definition().title)

    async def _up(self) -> None:
        if await self._saved_or_unchanged():
            self.app.push_screen(PlanScreen(self._file, self.definition().title))

    async def _saved_or_unchanged(self) -> bool:
        """Whether what is on disk, or behind the link, is what the fields say; asks to save it where it is not."""
        return self.definition() == self._saved or await self._save()

    async def _save(self) -> bool:
        report = self._report
        assert report is not None
        assert report.workshop is not None
        definition = self.definition()
        given = await self.app.push_screen_wait(
            AskDialog(
                "Save the workshop as",
                "A workshop.yaml to be kept: everything else can be made from it again.",
                value=str(default_file(report.workshop)),
                check=lambda text: "" if text.strip() else "A file is needed.",
            )
        )
        if given is None:
            return False
        file = Path(given.strip()).expanduser().absolute()
        if file.is_dir():
            file /= "workshop.yaml"
        if file.exists() and not await self.app.push_screen_wait(
            ConfirmDialog(f"Replace {file.name}?", [f"{file} is there; comments in it are lost."], "Replace")
        ):
            return False
        write_definition(file, definition, report.workshop.repository)
        self._saved, self._file = definition, str(file)
        self.query_one("#link", Input).value = str(file)
        self._link = str(file)
        self._show_verdict()
        self.workshop.say(f"Saved {file}.")
        return True


def _found_rows(report: CheckReport) -> list[tuple[str, Content]]:
    """What was found in the repository, as labels and values."""
    source, detected = report.source, report.detected
    assert source is not None
    ref = f" ({source.ref})" if source.ref else ""
    rows = [("Commit", Content.assemble((source.commit[:12], "bold"), (ref, "$text-muted")))]
    if detected is not None:
        rows.append(("Found", Content(detected.sentence())))
        if detected.ignored:
            rows.append(("Not used", Content.styled(", ".join(detected.ignored), "$text-muted")))
        count = len(detected.notebooks)
        names = ", ".join(detected.notebooks[:4]) + (f" and {count - 4} more" if count > 4 else "")
        rows.append(("Notebooks", Content(one_line(names) if count else "none")))
    if report.facts is not None:
        facts = report.facts
        free = f", {format_size(facts.memory_free_bytes)} free" if facts.memory_free_bytes else ""
        machine = f"{facts.runtime}: {facts.cpus:g} cores, {format_size(facts.memory_bytes)}{free}"
        several = report.workshop is not None and len(report.workshop.definition.targets) > 1
        rows.append(("Runs on", Content(report.runtime if several else machine)))
    rows.append(("Image", Content(f"{report.image.reference} is there" if report.image else "not built yet")))
    return rows


def _is_number(text: str) -> bool:
    try:
        return float(text) == float(text)
    except ValueError:
        return False
