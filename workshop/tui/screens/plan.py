"""What `up` would make, before it makes it: seats, address, image, whether it fits. Then it is done, or not."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import ClassVar

from textual import on
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Button, Input, Select

from workshop.actions import Scope
from workshop.errors import UsageError, WorkshopError
from workshop.model.amounts import capitalised, format_size, format_span, parse_span
from workshop.service import UpPlan, UpRequest
from workshop.tui.bindings import bindings_for
from workshop.tui.screens.base import BaseScreen
from workshop.tui.screens.starting import begin_up
from workshop.tui.widgets.form import Field
from workshop.tui.widgets.text import Text

VERDICTS = {
    "fits": ("●", "$text-success"),
    "tight": ("▲", "$text-warning"),
    "does not fit": ("✗", "$text-error"),
}
RUNTIMES = ("docker", "kubernetes", "process")
ENDS = (("collect and remove", True), ("leave it open", False))
"""What happens when the class is over: asked until somebody has answered, for all classes."""


class PlanScreen(BaseScreen[None]):
    """
    Args:
        file: what `up` takes.
        title: the workshop's title.
    """

    SCOPES: ClassVar[tuple[Scope, ...]] = (Scope.PLAN,)
    BINDINGS: ClassVar = bindings_for(Scope.PLAN)

    def __init__(self, file: str, title: str) -> None:
        super().__init__()
        self._file = file
        self._title = title
        self._plan: UpPlan | None = None
        self._planned: UpRequest | None = None
        self._error: WorkshopError | None = None

    def crumbs(self) -> tuple[str, ...]:
        return (self._title, "open a classroom")

    def body(self) -> Iterator[Widget]:
        with VerticalScroll(id="plan"):
            with Horizontal(classes="fields"):
                yield Field("Name", Input(placeholder="from the title", id="name", compact=True))
                count = Input(placeholder="as defined", id="count", compact=True, type="integer")
                yield Field("Seats", count, classes="short")
                yield Field("Length", Input(placeholder="as defined", id="length", compact=True), classes="short")
                yield Field(
                    "Runs on",
                    Select([(name, name) for name in RUNTIMES], prompt="best there is", id="runtime", compact=True),
                )
            over = Select(ENDS, value=True, allow_blank=False, id="end", compact=True)
            yield Field("When classes are over", over, classes="asked-once fields")
            yield Text("", id="plan-text")
            with Horizontal(classes="buttons"):
                yield Button("Open it", id="go", compact=True, classes="first-focus", disabled=True)
                yield Button("Not now", id="leave", compact=True)

    def on_mount(self) -> None:
        self.query_one(".asked-once").display = False
        self._ask()

    # The plan

    @property
    def request(self) -> UpRequest:
        """What is asked for by the fields as they are."""
        count = self.query_one("#count", Input).value
        runtime = self.query_one("#runtime", Select).value
        return UpRequest(
            file=self._file,
            name=self.query_one("#name", Input).value.strip(),
            seats=int(count) if count.strip().isdecimal() else None,
            length=self._length()[0],
            runtime=str(runtime) if runtime in RUNTIMES else "",
        )

    def _length(self) -> tuple[timedelta | None, str]:
        """The length that is asked for, None for the definition's; and what is wrong with what was written."""
        text = self.query_one("#length", Input).value.strip()
        try:
            span = parse_span(text) if text else None
        except ValueError as error:
            return None, f"{capitalised(str(error))}."
        if span is not None and span <= timedelta():
            return None, "A class needs some time."
        return span, ""

    @property
    def _asks_end(self) -> bool:
        return self._plan is not None and not self._plan.exists and not self._plan.end.decided

    def _ask(self) -> None:
        self._plan = self._planned = self._error = None
        self.query_one("#go", Button).disabled = True
        if wrong := self._length()[1]:
            self._error = UsageError(wrong, hint="Write 3h, 90m or 1h30m.")
            self._show("")
            return
        self._show("Finding out what would be made…")
        self.work("Planning", self._read, group="plan")

    async def _read(self) -> None:
        request = self.request
        try:
            plan = await self.workshop.service.plan(request)
        except WorkshopError as error:
            self._error = error
            self._show("")
            return
        if request != self.request:
            return
        self._plan, self._planned = plan, request
        self.query_one(".asked-once").display = self._asks_end
        self.query_one("#go", Button).disabled = bool(self.blocked("plan.go"))
        self._show("")
        if not isinstance(self.focused, Input | Select):
            self.query_one("#go").focus()
        self.refresh_bindings()

    def _show(self, waiting: str) -> None:
        text = self.query_one("#plan-text", Text)
        if waiting:
            text.say(Content.styled(waiting, "$text-muted"))
        elif self._error is not None:
            text.say(error_text(self._error))
        elif self._plan is not None:
            text.say(plan_text(self._plan))

    @on(Input.Submitted)
    @on(Input.Blurred)
    @on(Select.Changed)
    def _changed(self) -> None:
        if self.request != self._planned or self._length()[1]:
            self._ask()

    # Actions

    def blocked(self, action_id: str) -> str:
        if action_id != "plan.go":
            return ""
        if self._error is not None:
            return self._error.message
        if self._plan is None or self.request != self._planned:
            return "the plan is not there yet."
        if self._plan.fits.verdict == "does not fit":
            return self._plan.fits.sentence
        return ""

    def do_plan_again(self) -> None:
        self._ask()

    def do_plan_go(self) -> None:
        assert self._plan is not None
        request, name = self.request, self._plan.classroom.name
        if self._asks_end:
            try:
                self.workshop.service.decide_end(by_itself=self.query_one("#end", Select).value is True)
            except WorkshopError as error:
                self._error = error
                self._show("")
                return
        self.dismiss()
        begin_up(self.workshop, request, name)

    @on(Button.Pressed, "#go")
    async def _go(self) -> None:
        await self.action_perform("plan.go")

    @on(Button.Pressed, "#leave")
    def _leave(self) -> None:
        self.dismiss()


def plan_text(plan: UpPlan) -> Content:
    """The plan as lines of label and value."""
    classroom = plan.classroom
    glyph, style = VERDICTS.get(plan.fits.verdict, ("·", "$foreground"))
    rows: list[tuple[str, Content]] = [
        ("Classroom", Content.assemble((classroom.name, "bold"), (f" on {classroom.runtime}", "$text-muted"))),
        ("Seats", Content(_seats(plan))),
        ("Fits", Content.assemble((f"{glyph} {plan.fits.sentence}", style))),
        ("Students", Content.styled(f"come in at {_way_in(plan)}", "$foreground")),
        ("Image", Content(_image(plan))),
        *_newer(plan),
        *([("Careful", Content.styled(f"▲ {plan.warning}", "$text-warning"))] if plan.warning else []),
        ("Each seat", Content(f"{format_size(classroom.limits.memory_bytes)}, {classroom.limits.cpus:g} CPU")),
    ]
    if classroom.ends is not None:
        length = format_span(classroom.ends - classroom.created)
        rows.append(("Length", Content(f"{length} from now" if not plan.exists else f"{length} in all")))
    if plan.end.sentence:
        rows.append(("Then", Content(plan.end.sentence)))
    lines = [Content.assemble((f"{label:<11}", "$text-muted")) + value for label, value in rows]
    return Content("\n").join(lines)


def _way_in(plan: UpPlan) -> str:
    return plan.classroom.join_url() or "an address that is given out when it is open"


def _seats(plan: UpPlan) -> str:
    spares = plan.classroom.spares
    extra = f", {spares} of them spare" if spares else ""
    if plan.exists or plan.keep:
        return f"{len(plan.create)} to make, {len(plan.keep)} there already{extra}"
    return f"{len(plan.create)} to make{extra}"


def _image(plan: UpPlan) -> str:
    if plan.image is not None:
        return f"{plan.image.reference} is there"
    return "is there" if plan.exists else "has to be built first"


def _newer(plan: UpPlan) -> list[tuple[str, Content]]:
    if not plan.newer:
        return []
    text = f"▲ a newer commit, {plan.newer[:7]}, is there; build it to take it"
    return [("Not taken", Content.styled(text, "$text-warning"))]


def error_text(error: WorkshopError) -> Content:
    """An error with its details and what to do next."""
    parts = [Content.assemble(("✗ ", "$text-error"), (error.message, "bold $text-error"))]
    parts += [Content.styled(f"  {line}", "$text-muted") for line in error.details]
    if error.hint:
        parts.append(Content.styled(f"  {error.hint}", "$foreground"))
    return Content("\n").join(parts)
